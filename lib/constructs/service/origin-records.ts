import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as route53 from 'aws-cdk-lib/aws-route53';
import { LoadBalancerTarget } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { type Rule, regionRules } from '../../model/rules';
import { acknowledge, checkRule } from '../house-rules';
import type { OriginTarget } from './interfaces';

const writeNameApart: Rule<string | undefined, { readonly readName: string }> = {
  allows: (writeName, { readName }) => writeName !== readName,
  allowed: 'another name than readName',
  rule: 'Reads go to the nearest region, writes to the primary: one name cannot do both.',
  fix: 'Use two names, such as read.origin.example.com and write.origin.example.com.',
};

export interface OriginRecordsProps {
  /** The hosted zone of the names, from `HostedZone.fromHostedZoneAttributes`. */
  readonly zone: route53.IHostedZone;
  /** The load balancer of this region, and its targets. */
  readonly target: OriginTarget;
  /**
   * The name of the nearest healthy region, the same in every region. The load balancer's
   * certificate must cover it.
   */
  readonly readName: string;
  /**
   * The name of the region that takes writes. Give it in the primary region only: with two regions,
   * each viewer's writes would go to the nearer one. The load balancer's certificate must cover it.
   *
   * @default - this region takes no writes
   */
  readonly writeName?: string;
  /**
   * The name to which CloudFront sends batch work, in the region that does it. The load balancer's
   * certificate must cover it.
   *
   * @default - this region does no batch work
   */
  readonly batchName?: string;
}

/**
 * The DNS records that lead CloudFront to one region: a latency record for the read name and, if
 * given, one each for the write name and the batch name.
 *
 * Route 53 removes a region from its answers when either of two checks fails. It evaluates the load
 * balancer's targets itself, at once. A health check also follows a CloudWatch alarm on the same
 * targets, where operators see it; inverting that health check drains the region. (Disabling it
 * would not: Route 53 treats a disabled check as healthy.) Route 53's own HTTPS checkers cannot be
 * used: the load balancer, open to CloudFront only, refuses their addresses. When every region
 * fails, Route 53 answers as if all were healthy.
 *
 * IPv4 only, like the load balancer.
 *
 * @throws IsochroneError for a name outside the hosted zone, or one name for reads and writes
 */
export class OriginRecords extends Construct {
  public readonly healthCheck: route53.HealthCheck;
  /** Rings after two minutes without a healthy target. */
  public readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: OriginRecordsProps) {
    super(scope, id);
    const { zone, readName, writeName, batchName } = props;
    for (const [property, name] of Object.entries({ readName, writeName, batchName })) {
      if (name === undefined) continue;
      checkRule(this, property, regionRules.NAME_IN_ZONE, name, { zoneName: zone.zoneName });
    }
    checkRule(this, 'writeName', writeNameApart, writeName, { readName });
    const { region } = Stack.of(this);

    // Route 53 reads the alarm's data stream, not its state: it supports neither metric math, nor
    // "m out of n", nor high resolution.
    this.alarm = new cloudwatch.Alarm(this, 'NoHealthyTarget', {
      alarmDescription:
        `${this.node.path} has no healthy target: Route 53 takes the region out of the ` +
        'answers.',
      metric: props.target.targetGroup.metrics.healthyHostCount({
        statistic: cloudwatch.Stats.MAXIMUM,
        period: Duration.minutes(1),
      }),
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 2,
    });
    acknowledge(
      this.alarm,
      'The reader of this alarm is the Route 53 health check beside it, which needs no ' +
        'action to follow it. Alarms for people are made with the objectives.',
      'NIST.800.53.R5-CloudWatchAlarmAction',
    );

    this.healthCheck = new route53.HealthCheck(this, 'HealthCheck', {
      type: route53.HealthCheckType.CLOUDWATCH_METRIC,
      alarmIdentifier: { name: this.alarm.alarmName, region },
      // Late metrics must not remove a region. The evaluation of targets covers an empty fleet,
      // which reports no metrics.
      insufficientDataHealthStatus: route53.InsufficientDataHealthStatusEnum.LAST_KNOWN_STATUS,
    });

    this.addRecord('Read', props, readName, region);
    if (writeName !== undefined) this.addRecord('Write', props, writeName, region);
    if (batchName !== undefined) this.addRecord('Batch', props, batchName, region);
  }

  /**
   * Adds a latency record. The write name has one too, although only one region has it: at a
   * failover, the new primary adds its record before the old one is removed, which two simple
   * records of one name could not do.
   */
  private addRecord(id: string, props: OriginRecordsProps, name: string, region: string): void {
    new route53.ARecord(this, id, {
      zone: props.zone,
      recordName: `${name}.`,
      target: route53.RecordTarget.fromAlias(
        new LoadBalancerTarget(props.target.loadBalancer, { evaluateTargetHealth: true }),
      ),
      region,
      setIdentifier: region,
      healthCheck: this.healthCheck,
    });
  }
}
