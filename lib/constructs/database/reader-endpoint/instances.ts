import type { Duration } from 'aws-cdk-lib';
import type * as rds from 'aws-cdk-lib/aws-rds';

/** Instances that answer readers, such as a `PostgresReplicas`. */
export interface IReaderInstances {
  readonly instanceIdentifiers: readonly string[];
  /** In the same order. */
  readonly endpoints: readonly rds.Endpoint[];
  /**
   * How long replay on each waits for a query at most, in the same order.
   *
   * @default - not known, and not checked against `dropLag`
   */
  readonly replayDelays?: readonly (Duration | undefined)[];
}
