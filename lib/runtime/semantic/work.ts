import type { SemanticMetrics } from '../metrics';

/** Writes at a time. More are dropped and counted: answers can be made again. */
const MAX_WRITES = 100;

/**
 * Runs what may fail or hang: with a time limit before an answer, in the background after it.
 * Nothing here rejects.
 */
export class SemanticWork {
  private readonly writes = new Set<Promise<void>>();

  constructor(
    private readonly timeoutMs: number,
    private readonly metrics: SemanticMetrics,
  ) {}

  /**
   * What the work resolves to, or nothing if it fails or takes too long; then its signal aborts.
   */
  public async bounded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        this.failed('timeout');
        resolve(undefined);
      }, this.timeoutMs);
    });
    try {
      return await Promise.race([work(controller.signal), timeout]);
    } catch (error) {
      this.failed(error instanceof Error ? error.name : 'unknown');
      return undefined;
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  /** Runs in the background. */
  public later(work: () => Promise<void>): void {
    if (this.writes.size >= MAX_WRITES) {
      this.metrics.count('semantic_dropped_total', { reason: 'too-many-writes' });
      return;
    }
    const running: Promise<void> = this.bounded(work).then(() => {
      this.writes.delete(running);
    });
    this.writes.add(running);
  }

  /** When nothing runs in the background any more. */
  public async done(): Promise<void> {
    while (this.writes.size > 0) await Promise.all(this.writes);
  }

  private failed(kind: string): void {
    this.metrics.count('semantic_failures_total', { kind });
  }
}
