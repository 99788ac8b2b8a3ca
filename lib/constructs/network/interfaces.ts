import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { IConstruct } from 'constructs';

/** The network of one region as other constructs see it. */
export interface IRegionNetwork extends IConstruct {
  /** The VPC, with subnet groups `Public`, `Isolated` and, with NAT gateways, `Private`. */
  readonly vpc: ec2.IVpc;
  /** The names of the zones, in the order of the layout. */
  readonly availabilityZones: readonly string[];
  /** The flow logs; undefined if an imported network does not name them. */
  readonly flowLogGroup?: logs.ILogGroup;
  /** The security group of all interface endpoints; undefined without interface endpoints. */
  readonly endpointSecurityGroup?: ec2.ISecurityGroup;
}

/**
 * What identifies an existing network: the VPC with its zones and subnets, and optionally its flow
 * logs and endpoints.
 */
export interface RegionNetworkAttributes extends ec2.VpcAttributes {
  /**
   * The name of the log group of the flow logs.
   *
   * @default - `flowLogGroup` is undefined
   */
  readonly flowLogGroupName?: string;
  /**
   * The id of the security group of the interface endpoints.
   *
   * @default - `endpointSecurityGroup` is undefined
   */
  readonly endpointSecurityGroupId?: string;
}
