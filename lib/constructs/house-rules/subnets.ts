/** Constructs in the isolated subnets of a VPC. */
import * as ec2 from 'aws-cdk-lib/aws-ec2';

/** Props of a construct in a VPC that needs no route to the internet. */
export interface IsolatedProps {
  /** The VPC of the construct. */
  readonly vpc: ec2.IVpc;

  /**
   * The subnets of the construct.
   *
   * @default - the isolated subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;
}

export function isolatedSubnets(props: IsolatedProps): ec2.SubnetSelection {
  return props.vpcSubnets ?? { subnetType: ec2.SubnetType.PRIVATE_ISOLATED };
}
