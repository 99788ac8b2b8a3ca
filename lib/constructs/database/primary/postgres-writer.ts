/** The instance that takes the writes, however it came to be. */
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as rds from 'aws-cdk-lib/aws-rds';

/**
 * The primary of a deployment: a `PostgresPrimary`, or the hub of a `PostgresReplicas` that was
 * promoted.
 */
export interface IPostgresWriter extends ec2.IConnectable {
  readonly instance: rds.IDatabaseInstance;
  /** Its name, known at synthesis. */
  readonly instanceIdentifier: string;
}
