/** What generated requests of many users found. */
export interface Isolation {
  readonly requests: number;
  /** Requests that were answered from the cache: without many of them, the check says nothing. */
  readonly hits: number;
  readonly bypasses: number;
  /** Answers that were made for another user or tenant, or that contain text of another request. */
  readonly leaks: number;
  /** The first leaks, as text. */
  readonly examples: readonly string[];
}
