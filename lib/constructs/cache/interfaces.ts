import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** A cache as other constructs see it: its address, its network access and its user. */
export interface IRegionalCache extends IConstruct, ec2.IConnectable {
  /**
   * The id of the replication group. An IAM token is signed for this name, not for the endpoint.
   */
  readonly replicationGroupId: string;
  /** The endpoint from which clients discover the cluster's topology. TLS only. */
  readonly configurationEndpoint: CacheEndpoint;
  /**
   * The user that applications log in as. With IAM authentication, user id and user name are the
   * same.
   */
  readonly userName: string;
  /**
   * Allows a role to log in as the application user. The network must admit it as well: see
   * `connections`.
   *
   * A token lives for 15 minutes, and ElastiCache closes a connection 12 hours after its last
   * authentication. A client must therefore fetch a token for each connection and authenticate
   * again in time.
   */
  grantConnect(grantee: iam.IGrantable): iam.Grant;
  /**
   * A metric over all primaries, such as `EngineCPUUtilization`.
   *
   * @default - the average over 5 minutes
   */
  metric(metricName: string, props?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * A metric of one node: ElastiCache publishes most metrics per node only.
   *
   * @param shard the number of the shard, from 1
   * @param node the number of the node within the shard, from 1
   *
   * @default - the average over 5 minutes
   */
  metricNode(
    metricName: string,
    shard: number,
    node: number,
    props?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric;
  /**
   * CPU of the engine thread over all primaries, in percent: the metric that scaling follows.
   *
   * @default - the average over 5 minutes
   */
  metricEngineCpu(props?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** An address and a port. */
export interface CacheEndpoint {
  readonly hostname: string;
  readonly port: number;
}

/** What identifies an existing cache. */
export interface RegionalCacheAttributes {
  readonly replicationGroupId: string;
  /** The host name of the configuration endpoint. */
  readonly configurationEndpointAddress: string;
  /**
   * The port of the configuration endpoint.
   *
   * @default 6379
   */
  readonly port?: number;
  /** The user that applications log in as by IAM; user id and user name are the same. */
  readonly userName: string;
  /** The security groups of the nodes. */
  readonly securityGroups: ec2.ISecurityGroup[];
}
