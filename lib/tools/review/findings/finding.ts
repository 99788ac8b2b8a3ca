/** What a reviewer should know about a change beyond the list of it. */

/**
 * `high` is red: open to everybody, or a safety net gone. `low` is said shortly: the change narrows
 * something.
 */
export type Severity = 'high' | 'medium' | 'low';

export interface Finding {
  /**
   * `protection`: data are less safe than before. The others: more may be done, by more, or from
   * more places, than before.
   */
  readonly topic: 'protection' | 'permissions' | 'network' | 'exposure';
  readonly severity: Severity;
  /** The path of the stack. */
  readonly stack: string;
  /** The path of the construct. */
  readonly path: string;
  /** What changes, as a sentence without its full stop; the path is its subject. */
  readonly message: string;
}

export const SEVERITIES: readonly Severity[] = ['high', 'medium', 'low'];
