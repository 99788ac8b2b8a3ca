import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { RegionNetwork } from '../constructs/network';
import { RegionStack, type RegionStackProps, regionSettings } from './region-stack';

export interface NetworkStackProps extends RegionStackProps {
  readonly key: kms.IKey;
}

/** The network of a region. */
export class NetworkStack extends RegionStack {
  public readonly vpc: ec2.IVpc;

  constructor(scope: Construct, id: string, props: NetworkStackProps) {
    super(scope, id, props, { description: 'Network' });
    const { cidr, availabilityZones, natGateways } = regionSettings(props);
    const { interfaceEndpoints, flowLogRetentionDays } = this.deployment.network;
    this.vpc = new RegionNetwork(this, 'Network', {
      cidr,
      availabilityZones,
      natGateways,
      interfaceEndpoints,
      logRetention: flowLogRetentionDays,
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    }).vpc;
  }
}
