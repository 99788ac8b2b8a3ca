/** The databases of a region as other constructs see them. */
import type { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as rds from 'aws-cdk-lib/aws-rds';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { IConstruct } from 'constructs';

/** An address and a port. */
export interface DatabaseEndpoint {
  readonly hostname: string;
  readonly port: number;
}

/**
 * The instance that takes the writes of a deployment: a `PostgresPrimary`, or the hub of a
 * `PostgresReplicas` that was promoted.
 */
export interface IPostgresWriter extends ec2.IConnectable {
  readonly instance: rds.IDatabaseInstance;
  /** The identifier of the instance, known at synthesis. */
  readonly instanceIdentifier: string;
}

/** A PostgreSQL primary: its endpoint, its network access, its logins and its metrics. */
export interface IPostgresPrimary extends IConstruct, IPostgresWriter {
  /** Host and port of the instance. */
  readonly endpoint: DatabaseEndpoint;
  /**
   * Master user and password.
   *
   * @default - not known of an imported primary
   */
  readonly masterSecret?: secretsmanager.ISecret;
  /**
   * Lets a role log in by IAM as a user of PostgreSQL that has `rds_iam`. The network must let it
   * through as well: see `connections`.
   *
   * @throws Error if the primary was imported without `instanceResourceId`
   */
  grantConnect(grantee: iam.IGrantable, user: string): iam.Grant;
  /** CPU in use, in percent. Average over 5 minutes by default. */
  metricCpu(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Open connections. Maximum over 1 minute by default. */
  metricConnections(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Free storage, in bytes. Minimum over 5 minutes by default. */
  metricFreeStorage(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Bytes written to disk per second. Average over 1 minute by default. */
  metricWriteThroughput(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Instances that answer reads, such as a `PostgresReplicas`. */
export interface IReaderInstances {
  readonly instanceIdentifiers: readonly string[];
  /** Host and port of the instances, in the same order. */
  readonly endpoints: readonly rds.Endpoint[];
  /**
   * How long replay on each instance waits for a query at most, in the same order.
   *
   * @default - not known, and not checked against `dropLag`
   */
  readonly replayDelays?: readonly (Duration | undefined)[];
}

/** The name under which the replicas of a region answer. */
export interface IReaderEndpoint extends IConstruct {
  /** The DNS name. */
  readonly name: string;
  /** The name and the port of the replicas. */
  readonly endpoint: DatabaseEndpoint;
  /** Instances that the name leads to. Minimum over 1 minute by default. */
  metricTargets(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Replicas that the name does not lead to. Maximum over 1 minute by default. */
  metricDropped(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** 1 while the name leads to the writer, otherwise 0. Maximum over 1 minute by default. */
  metricOnWriter(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** The connection poolers of a region. */
export interface IConnectionPooler extends IConstruct, ec2.IConnectable {
  /** Host and port for clients. */
  readonly endpoint: DatabaseEndpoint;
  /**
   * Lets a role read the secret that holds its user and password. PgBouncer does not accept IAM
   * tokens, so a client needs nothing else of IAM. The network must let it through as well: see
   * `connections`.
   */
  grantConnect(grantee: iam.IGrantable, credentials: secretsmanager.ISecret): iam.Grant;
}
