/** What became of one path. */
export interface EdgePathOutcome {
  readonly path: string;
  /** Why the path was not taken; absent if it was. */
  readonly error?: string;
}

/**
 * Ends the copies that a content delivery network keeps. It never rejects: what was not taken is in
 * the answer.
 */
export interface EdgeInvalidator {
  /**
   * @param paths as `edgePath` makes them
   * @param reference tells this request from every other one: a second one with the same paths does
   * nothing
   */
  invalidate(paths: readonly string[], reference: string): Promise<readonly EdgePathOutcome[]>;
  /**
   * From now on, each request is tried once; what waits for another try is answered as not taken.
   */
  close(): Promise<void>;
}
