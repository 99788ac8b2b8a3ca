import type { IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** A load balancer and its targets, such as a `ServiceFleet`. */
export interface OriginTarget {
  readonly loadBalancer: elbv2.IApplicationLoadBalancer;
  readonly targetGroup: elbv2.IApplicationTargetGroup;
}

/** A fleet as other constructs see it: its load balancer, its instances and its role. */
export interface IServiceFleet extends IConstruct, OriginTarget, ec2.IConnectable, iam.IGrantable {
  readonly autoScalingGroup: IAutoScalingGroup;
}
