import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** A cache as other constructs see it: where it is, who may reach it and who may log in. */
export interface IRegionalCache extends IConstruct, ec2.IConnectable {
  /**
   * The id of the replication group. An IAM token is signed for this name, not for the endpoint.
   */
  readonly replicationGroupId: string;
  /** Where clients begin: the cluster's topology is asked here. TLS only. */
  readonly configurationEndpoint: CacheEndpoint;
  /**
   * The user that applications log in as. With IAM authentication, user id and user name are the
   * same.
   */
  readonly userName: string;
  /**
   * Allow a role to log in as the application user. The network must let it through as well: see
   * `connections`.
   *
   * A token lives for 15 minutes, and ElastiCache closes a connection 12 hours after its last
   * authentication, so a client must be able to fetch a token for each connection and authenticate
   * again.
   */
  grantConnect(grantee: iam.IGrantable): iam.Grant;
}

/** An address and a port. */
export interface CacheEndpoint {
  readonly hostname: string;
  readonly port: number;
}
