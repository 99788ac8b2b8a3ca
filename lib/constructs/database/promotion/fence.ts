import { RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { withFixedName } from '../../house-rules';

export interface PromotionFenceProps {
  /** The network of the primary. */
  readonly vpc: ec2.IVpc;
  /** The group's name, by which automation in other regions finds it. */
  readonly groupName: string;
  /**
   * What happens to the group when it leaves the stack. An instance that is behind it keeps it from
   * being deleted.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The closed security group that an old primary is moved behind when another region takes over:
 * nobody in, nobody out.
 *
 * It is made ahead, in each region that may be left, because a failover is no moment to create
 * things in a region that is failing. It stops applications and poolers. It does not stop
 * replication, which RDS carries past security groups, so replicas of the old primary go on
 * answering reads with what they have.
 */
export class PromotionFence extends Construct {
  public readonly securityGroup: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, props: PromotionFenceProps) {
    super(scope, id);
    this.securityGroup = new ec2.SecurityGroup(this, 'Group', {
      vpc: props.vpc,
      securityGroupName: props.groupName,
      description: 'Closed: an old primary that must take no writes',
      allowAllOutbound: false,
    });
    this.securityGroup.applyRemovalPolicy(
      withFixedName(props.removalPolicy ?? RemovalPolicy.RETAIN),
    );
  }
}
