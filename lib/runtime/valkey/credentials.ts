/** Milliseconds until a source of passwords that failed is asked again. */
const RETRY_MS = 2_000;

export interface CacheCredentialsOptions {
  readonly password?: string | (() => string | Promise<string>);
  readonly passwordRefreshMs: number;
  readonly onError: (error: unknown) => void;
  /** A new password is there, which standing connections do not know. */
  readonly onRenewed: () => void;
}

/**
 * The password that the next connection uses: clients ask for it in the moment they connect and
 * cannot wait for it.
 */
export class CacheCredentials {
  public current: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly options: CacheCredentialsOptions) {
    if (typeof options.password === 'string') this.current = options.password;
  }

  /** Whether passwords come from a source and change. */
  public get changing(): boolean {
    return typeof this.options.password === 'function';
  }

  /**
   * Asks the source, if there is one; resolves also when it fails, and then it is asked again soon.
   */
  public async refresh(): Promise<void> {
    if (!this.changing || this.closed) return;
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
    });
    await this.asking;
  }

  private async ask(): Promise<void> {
    const { password, passwordRefreshMs, onError, onRenewed } = this.options;
    clearTimeout(this.timer);
    let next = passwordRefreshMs;
    try {
      this.current = await (password as () => string | Promise<string>)();
      if (!this.closed) onRenewed();
    } catch (error) {
      next = Math.min(RETRY_MS, passwordRefreshMs);
      onError(error);
    }
    if (!this.closed) this.timer = setTimeout(() => void this.refresh(), next).unref();
  }

  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
