/** By how much the estimate rises for a time above it, and falls for one below it. */
const RISE = 1.2;
const FALL = 0.99;

/**
 * An estimate of the time that something usually takes: about the 95th percentile of the latest
 * times. Each time above the estimate raises it by a fifth, and each time below it lowers it by a
 * hundredth; both balance where one time in twenty is above. It is one number, follows a change
 * within some dozen times, and one very long time hardly moves it.
 */
export class UsualTime {
  private estimate: number | undefined;

  /** In milliseconds; undefined before the first time is added. */
  public get ms(): number | undefined {
    return this.estimate;
  }

  public add(ms: number): void {
    // A clock that has not moved would keep the estimate at zero for good.
    const time = Math.max(ms, 0.1);
    if (this.estimate === undefined) this.estimate = time * RISE;
    else this.estimate *= time > this.estimate ? RISE : FALL;
  }
}
