/** Milliseconds until a password source that failed is called again. */
const RETRY_MS = 2_000;

export interface CacheCredentialsOptions {
  /**
   * The password, or a source that returns the latest one.
   *
   * @default - no password
   */
  readonly password?: string | (() => string | Promise<string>);
  /** Milliseconds between two calls of the source. */
  readonly passwordRefreshMs: number;
  readonly onError: (error: unknown) => void;
  /** Called when the source has returned a password: established connections use an older one. */
  readonly onRenewed: () => void;
}

/**
 * The password for the next connection. Clients read it synchronously when they connect, so it is
 * fetched ahead of time.
 */
export class CacheCredentials {
  public current: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private fetching: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly options: CacheCredentialsOptions) {
    if (typeof options.password === 'string') this.current = options.password;
  }

  /** Whether the passwords come from a source, and so change. */
  public get changing(): boolean {
    return typeof this.options.password === 'function';
  }

  /**
   * Calls the source, if there is one. Resolves even if the source fails; it is called again after
   * two seconds.
   */
  public async refresh(): Promise<void> {
    if (!this.changing || this.closed) return;
    this.fetching ??= this.fetch().finally(() => {
      this.fetching = undefined;
    });
    await this.fetching;
  }

  private async fetch(): Promise<void> {
    const { password, passwordRefreshMs, onError, onRenewed } = this.options;
    clearTimeout(this.timer);
    let nextMs = passwordRefreshMs;
    try {
      this.current = await (password as () => string | Promise<string>)();
      if (!this.closed) onRenewed();
    } catch (error) {
      nextMs = Math.min(RETRY_MS, passwordRefreshMs);
      onError(error);
    }
    if (!this.closed) this.timer = setTimeout(() => void this.refresh(), nextMs).unref();
  }

  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
