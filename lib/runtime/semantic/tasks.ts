import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import type { SemanticMetrics } from '../metrics';

/** Concurrent background tasks. Further ones are dropped and counted: an answer can be remade. */
const MAX_BACKGROUND_TASKS = 100;

/**
 * Runs tasks that may fail or hang, within a time limit: look-ups before an answer, writes in the
 * background after it. No method rejects.
 */
export class SemanticTasks {
  private readonly background = new Set<Promise<void>>();

  constructor(
    private readonly timeoutMs: number,
    private readonly metrics: SemanticMetrics,
  ) {}

  /**
   * Runs a task. Its signal aborts when the task ends or the time is up.
   *
   * @returns what the task resolves to; undefined if it fails or exceeds the time limit
   */
  public async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const controller = new AbortController();
    try {
      const result = await withTimeLimit(this.timeoutMs, task(controller.signal));
      if (result !== TIMED_OUT) return result;
      this.countFailure('timeout');
    } catch (error) {
      this.countFailure(error instanceof Error ? error.name : 'unknown');
    } finally {
      controller.abort();
    }
    return undefined;
  }

  /** Starts a task in the background. */
  public runInBackground(task: () => Promise<void>): void {
    if (this.background.size >= MAX_BACKGROUND_TASKS) {
      this.metrics.count('semantic_dropped_total', { reason: 'too-many-writes' });
      return;
    }
    const running: Promise<void> = this.run(task).then(() => {
      this.background.delete(running);
    });
    this.background.add(running);
  }

  /** Resolves when no task runs in the background. */
  public async drained(): Promise<void> {
    while (this.background.size > 0) await Promise.all(this.background);
  }

  private countFailure(kind: string): void {
    this.metrics.count('semantic_failures_total', { kind });
  }
}
