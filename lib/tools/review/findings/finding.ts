/** What a reviewer should know about a change beyond the list of changed resources. */

/**
 * `high`: open to everyone, or a safeguard removed; shown in red. `medium`: wider than before.
 * `low`: narrower than before; listed briefly.
 */
export type Severity = 'high' | 'medium' | 'low';

export interface Finding {
  /**
   * `protection`: data is less safe than before. The other topics: more actions are possible, by
   * more principals or from more places.
   */
  readonly topic: 'protection' | 'permissions' | 'network' | 'exposure';
  readonly severity: Severity;
  /** The path of the stack. */
  readonly stack: string;
  /** The path of the construct. */
  readonly path: string;
  /** What changes, as a sentence without its full stop. The path is its subject. */
  readonly message: string;
}

/** The severities in descending order. */
export const SEVERITIES: readonly Severity[] = ['high', 'medium', 'low'];
