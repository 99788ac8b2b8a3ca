import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { PgbouncerDatabase, PgbouncerFigures } from '../../../tools/postgres';

export interface ConnectionPoolerProps {
  readonly vpc: ec2.IVpc;

  /**
   * The subnets of the load balancer and the instances, in two zones at least. The instances need a
   * way out: to Debian's mirrors, S3, Amazon's trust store and the AWS services.
   *
   * @default - the private subnets with egress
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Where the poolers lead, by the name of the database that clients ask for. Let them in there
   * with `poolers`.
   */
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;

  /**
   * The server connections that one PostgreSQL instance has for the poolers of this region: its
   * max_connections less a reserve. It is divided by the poolers that may run at once, which are
   * two more than `instances` while one is replaced.
   */
  readonly connectionBudget: number;

  /**
   * The users: a secret of this region that holds a JSON object of SCRAM verifiers by user name,
   * each the very one that PostgreSQL has. Instances read it when they boot and every five minutes.
   * Users that are granted `rds_iam` cannot log in with a password.
   */
  readonly users: secretsmanager.ISecret;

  /**
   * A certificate for clients that verify whom they speak to: a secret whose JSON has
   * `certificate`, with its chain, and `privateKey`, both PEM. Instances read it when they boot.
   *
   * @default - each instance makes one for itself: encrypted, but nothing that clients could verify
   */
  readonly certificate?: secretsmanager.ISecret;

  /**
   * How the servers prove who they are. `verify-full` wants the host of `databases` in the
   * certificate, as RDS's own endpoint names are. `verify-ca` takes any certificate of RDS, for a
   * name of your own that leads there.
   *
   * @default 'verify-full'
   */
  readonly serverIdentity?: 'verify-full' | 'verify-ca';

  /**
   * Sizes and times of each pooler. Of `maxDatabaseConnections`, it gets no more than its share of
   * the budget.
   *
   * @default - see PGBOUNCER_DEFAULTS
   */
  readonly figures?: Partial<PgbouncerFigures>;

  /**
   * Parameters that clients send at log-in and that PgBouncer may ignore, beside
   * extra_float_digits. It refuses the others.
   *
   * @default - none
   */
  readonly ignoredStartupParameters?: readonly string[];

  /**
   * Poolers, 1 to 20. One per zone survives the loss of a zone.
   *
   * @default 3
   */
  readonly instances?: number;

  /**
   * The instance type. Its architecture chooses the image. PgBouncer uses one core; the second is
   * for everything else.
   *
   * @default c7g.large
   */
  readonly instanceType?: ec2.InstanceType;

  /**
   * The port that clients connect to.
   *
   * @default 5432
   */
  readonly port?: number;

  /**
   * The age at which an instance is replaced by a fresh one, with the newest packages of Debian, 1
   * to 365 days.
   *
   * @default Duration.days(14)
   */
  readonly maxInstanceLifetime?: Duration;

  /**
   * How long PgBouncer's log and the poolers' reports are kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * A key of this region for the log. A key of this app is told to let CloudWatch Logs use it; an
   * imported one must do so already.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to the log when it leaves the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether the load balancer refuses to be deleted.
   *
   * @default - true, unless `removalPolicy` is DESTROY
   */
  readonly deletionProtection?: boolean;
}
