import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as route53 from 'aws-cdk-lib/aws-route53';
import { LoadBalancerTarget } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { acknowledge } from '../house-rules';

/** A load balancer and its targets, such as a `ServiceFleet`. */
export interface OriginTarget {
  readonly loadBalancer: elbv2.IApplicationLoadBalancer;
  readonly targetGroup: elbv2.IApplicationTargetGroup;
}

export interface OriginRecordsProps {
  /** The hosted zone of the names, by its attributes: `HostedZone.fromHostedZoneAttributes`. */
  readonly zone: route53.IHostedZone;
  /** Where the names lead in this region. */
  readonly target: OriginTarget;
  /**
   * The name of the nearest healthy region, the same in every region. The load balancer's
   * certificate must cover it.
   */
  readonly readName: string;
  /**
   * The name of the region that takes writes. Give it in the primary region only: with two, each
   * viewer's writes would go to the nearer one. The load balancer's certificate must cover it.
   *
   * @default this region takes no writes
   */
  readonly writeName?: string;

  /**
   * The name under which CloudFront asks for batch work, in the region that does it. The load
   * balancer's certificate must cover it.
   *
   * @default this region does no batch work
   */
  readonly batchName?: string;
}

/**
 * The records that lead CloudFront to one region: a latency record under the read name, and where
 * the region takes them, one under the write name and one under the batch name.
 *
 * A region leaves the answers when either of two checks fails. Route 53 evaluates the load
 * balancer's targets itself, at once; and a health check follows a CloudWatch alarm on the same
 * targets, where people see it, and who inverts it drains the region. (Disabling it would not:
 * Route 53 takes a disabled check for a healthy one.) Route 53's own HTTPS checkers cannot be used:
 * they come from addresses that the load balancer, open to CloudFront only, refuses. When every
 * region fails, Route 53 answers as if all were healthy.
 *
 * IPv4 only, as the load balancer is.
 */
export class OriginRecords extends Construct {
  public readonly healthCheck: route53.HealthCheck;
  /** No healthy target for two minutes. */
  public readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: OriginRecordsProps) {
    super(scope, id);
    this.checkName(props.zone, 'readName', props.readName);
    if (props.writeName !== undefined) this.checkName(props.zone, 'writeName', props.writeName);
    if (props.batchName !== undefined) this.checkName(props.zone, 'batchName', props.batchName);
    if (props.readName === props.writeName) {
      throw invalidValue(this, {
        property: 'writeName',
        value: props.writeName,
        allowed: 'another name than readName',
        rule: 'Reads go to the nearest region, writes to the primary: one name cannot do both.',
        fix: 'Use two names, such as read.origin.example.com and write.origin.example.com.',
      });
    }
    const { region } = Stack.of(this);

    // Route 53 reads the alarm's data stream, not its state: it knows neither metric math nor "m of
    // n" nor high resolution.
    this.alarm = new cloudwatch.Alarm(this, 'NoHealthyTarget', {
      alarmDescription: `${this.node.path} has no healthy target: Route 53 takes the region out of the answers.`,
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
      'The reader of this alarm is the Route 53 health check beside it, which needs no action to follow it. Alarms for people are made with the objectives.',
      'NIST.800.53.R5-CloudWatchAlarmAction',
    );

    this.healthCheck = new route53.HealthCheck(this, 'HealthCheck', {
      type: route53.HealthCheckType.CLOUDWATCH_METRIC,
      alarmIdentifier: { name: this.alarm.alarmName, region },
      // Metrics that arrive late must not empty a region. An empty fleet, which reports none, is
      // caught by the target evaluation.
      insufficientDataHealthStatus: route53.InsufficientDataHealthStatusEnum.LAST_KNOWN_STATUS,
    });

    this.addRecord('Read', props, props.readName, region);
    if (props.writeName !== undefined) this.addRecord('Write', props, props.writeName, region);
    if (props.batchName !== undefined) this.addRecord('Batch', props, props.batchName, region);
  }

  /**
   * The write name is a latency record too, though only one region has it: at a failover, the new
   * primary adds its own before the old one is removed, which two simple records of one name could
   * not do.
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

  private checkName(zone: route53.IHostedZone, property: string, name: string): void {
    if (Token.isUnresolved(name) || Token.isUnresolved(zone.zoneName)) return;
    if (name !== zone.zoneName && !name.endsWith(`.${zone.zoneName}`)) {
      throw invalidValue(this, {
        property,
        value: name,
        allowed: `${zone.zoneName} or a name below it, without a dot at the end`,
        rule: 'Route 53 keeps a record only in the zone of its name.',
        fix: 'Correct the name, or give the zone that holds it.',
      });
    }
  }
}
