/**
 * The error of an earlier load, remembered because `cacheError` said so. The caller whose load it
 * was got the error itself; this has its name, its message and its code, and no stack, because it
 * may come from another process.
 */
export class CachedLoadError extends Error {
  public override readonly name: string;
  /** The `code` of the error, if it had one that is text or a number. */
  public readonly code: string | number | undefined;

  constructor(remembered: RememberedError) {
    super(remembered.message);
    this.name = remembered.name;
    this.code = remembered.code;
    this.stack = `${this.name}: ${this.message}\n    (remembered by the cache)`;
  }
}

/** What is remembered of an error. */
export interface RememberedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
}

/**
 * Keys hold values of applications: an error of another kind than `Error` is remembered by its
 * text.
 */
export function rememberError(error: unknown): RememberedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  };
}

/** @param value what an entry of the kind `error` holds */
export function recallError(value: unknown): CachedLoadError {
  const { name, message, code } = (value ?? {}) as Partial<RememberedError>;
  return new CachedLoadError({
    name: String(name ?? 'Error'),
    message: String(message ?? ''),
    ...(code === undefined ? {} : { code }),
  });
}
