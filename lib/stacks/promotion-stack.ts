import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type { Construct } from 'constructs';
import { PromotionFence, type PromotionRecord, ReplicaPromotion } from '../constructs/database';
import { DATABASE_ROLES } from '../model/config';
import type { DatabaseStack } from './database-stack';
import { RegionStack, type RegionStackProps } from './region-stack';
import type { ServiceStack } from './service-stack';

export interface PromotionStackProps extends RegionStackProps {
  readonly vpc: ec2.IVpc;
  readonly key: kms.IKey;
  readonly database: DatabaseStack;
  readonly service: ServiceStack;
}

/**
 * The resources of a promotion: in every region a fence for the old primary, and outside the
 * primary region the document that promotes the hub. The stack depends on the database and the
 * fleet, to both of which a promotion redirects writes.
 */
export class PromotionStack extends RegionStack {
  constructor(scope: Construct, id: string, props: PromotionStackProps) {
    super(scope, id, props, { description: 'Taking over from the primary' });
    new PromotionFence(this, 'Fence', {
      vpc: props.vpc,
      groupName: this.names.promotionFence,
      removalPolicy: this.removalPolicy,
    });
    const { replicas } = props.database;
    if (replicas?.hub === undefined) return;
    new ReplicaPromotion(this, 'Promotion', {
      vpc: props.vpc,
      hub: { instance: replicas.hub, access: replicas, user: DATABASE_ROLES.promotionProbe },
      hubIdentifier: replicas.instanceIdentifiers[0] as string,
      oldPrimary: {
        region: this.deployment.primaryRegion,
        instanceIdentifier: this.names.primaryInstance,
      },
      fenceGroupName: this.names.promotionFence,
      writeRecords: this.writeRecords(props.service),
      documentName: this.names.promotionDocument(props.region),
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    });
  }

  /**
   * The write record of the primary region, redirected to the load balancer of this region. With
   * VPC origins, there is no such record.
   */
  private writeRecords({ fleet, records }: ServiceStack): PromotionRecord[] {
    if (records === undefined) return [];
    const { domain, primaryRegion } = this.deployment;
    return [
      {
        zone: route53.HostedZone.fromHostedZoneAttributes(this, 'Zone', {
          hostedZoneId: domain.hostedZoneId,
          zoneName: domain.hostedZoneName,
        }),
        name: this.names.writeOrigin,
        target: {
          loadBalancer: {
            dnsName: fleet.loadBalancer.loadBalancerDnsName,
            hostedZoneId: fleet.loadBalancer.loadBalancerCanonicalHostedZoneId,
          },
        },
        latency: { setIdentifier: primaryRegion, region: primaryRegion },
        healthCheckId: records.healthCheck.healthCheckId,
      },
    ];
  }
}
