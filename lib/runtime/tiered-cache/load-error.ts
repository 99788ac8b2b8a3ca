/**
 * The error of an earlier load, cached because `cacheError` returned true. The caller of that load
 * got the error itself. This error has its name, message and code, but no stack, because the load
 * may have run in another process.
 */
export class CachedLoadError extends Error {
  public override readonly name: string;
  /** The `code` of the error, if it was text or a number. */
  public readonly code: string | number | undefined;

  constructor(cached: CachedErrorValue) {
    super(cached.message);
    this.name = cached.name;
    this.code = cached.code;
    this.stack = `${this.name}: ${this.message}\n    (remembered by the cache)`;
  }
}

/** The value of an entry of the kind `error`. */
export interface CachedErrorValue {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
}

/** What is cached of an error. A loader may throw any value: other values are cached as text. */
export function cachedErrorValue(error: unknown): CachedErrorValue {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  };
}

/** @param value the value of an entry of the kind `error`, which may come from another process */
export function cachedLoadError(value: unknown): CachedLoadError {
  const { name, message, code } = (value ?? {}) as Partial<CachedErrorValue>;
  return new CachedLoadError({
    name: String(name ?? 'Error'),
    message: String(message ?? ''),
    ...(code === undefined ? {} : { code }),
  });
}
