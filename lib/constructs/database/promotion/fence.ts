import { RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { type RemovableProps, withFixedName } from '../../house-rules';

/** The group cannot be deleted while an instance uses it. */
export interface PromotionFenceProps extends RemovableProps {
  /** The network of the primary. */
  readonly vpc: ec2.IVpc;
  /** The group's name, by which the automation of other regions finds it. */
  readonly groupName: string;
}

/**
 * The closed security group that an old primary is moved into when another region takes over. It
 * allows no traffic in or out.
 *
 * It is created in advance, in each region that may be left, because a failover is no moment to
 * create resources in a failing region. It stops applications and poolers. It does not stop
 * replication, which RDS carries past security groups, so replicas of the old primary still answer
 * reads with the data they have.
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
