import { withTimeLimit } from '../../model/time-limit';

/**
 * How long `close` waits for tasks that do not end, such as a loader that ignores its signal, in
 * milliseconds.
 */
const MAX_CLOSE_MS = 2000;

/** Tasks that continue after the callers have their values, such as writes and renewals. */
export class PendingTasks {
  private readonly running = new Set<Promise<unknown>>();

  /** @param task must not reject */
  public add(task: Promise<unknown>): void {
    this.running.add(task);
    void task.finally(() => this.running.delete(task));
  }

  /** Waits for the running tasks, for at most two seconds. */
  public async settled(): Promise<void> {
    if (this.running.size === 0) return;
    await withTimeLimit(MAX_CLOSE_MS, Promise.all(this.running));
  }
}
