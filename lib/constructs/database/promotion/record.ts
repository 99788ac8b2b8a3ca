import type { Duration } from 'aws-cdk-lib';
import type * as route53 from 'aws-cdk-lib/aws-route53';
import type { RecordSet } from './document';

/**
 * A record that leads writes to the old primary's region, and where it is to lead: the record is
 * turned, under its own identifier. A second one beside it would leave a moment with two answers,
 * and would be in the way of the next deployment, which makes its own.
 */
export interface PromotionRecord {
  readonly zone: route53.IHostedZone;
  /** The name, such as `write.origin.example.com`. */
  readonly name: string;
  /**
   * Where it is to lead: a load balancer of this region, or an address such as that of a pooler or
   * of the hub.
   */
  readonly target:
    | { readonly loadBalancer: { readonly dnsName: string; readonly hostedZoneId: string } }
    | { readonly address: string; readonly ttl: Duration };
  /**
   * The identifier and the region of the record, if it is a latency record: those of the *old*
   * region, as `OriginRecords` made it.
   *
   * @default - a simple record
   */
  readonly latency?: { readonly setIdentifier: string; readonly region: string };
  /**
   * The health check of this region that the record follows from then on.
   *
   * @default - none: the old region's no longer says anything about it
   */
  readonly healthCheckId?: string;
}

/** The record as Route 53's API takes it. */
export function recordSet({ name, target, latency, healthCheckId }: PromotionRecord): RecordSet {
  return {
    Name: `${name}.`,
    ...('loadBalancer' in target
      ? {
          Type: 'A',
          // `dualstack.` as CDK's own alias records have it.
          AliasTarget: {
            DNSName: `dualstack.${target.loadBalancer.dnsName}`,
            HostedZoneId: target.loadBalancer.hostedZoneId,
            EvaluateTargetHealth: true,
          },
        }
      : {
          Type: 'CNAME',
          TTL: target.ttl.toSeconds(),
          ResourceRecords: [{ Value: target.address }],
        }),
    ...(latency && { SetIdentifier: latency.setIdentifier, Region: latency.region }),
    ...(healthCheckId && { HealthCheckId: healthCheckId }),
  };
}
