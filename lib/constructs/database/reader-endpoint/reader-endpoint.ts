import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as rds from 'aws-cdk-lib/aws-rds';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { acknowledge, keptLogGroup } from '../../house-rules';
import type { PostgresSourceInRegion } from '../primary';
import { type ReaderEndpointSettings, WRITER } from './api';
import {
  checkMinutes,
  checkName,
  checkReplayDelays,
  checkReplicas,
  checkThresholds,
  checkTtl,
} from './checks';
import { PERIOD, readerEndpointFunction } from './function';
import type { IReaderInstances } from './instances';

export interface ReaderEndpointProps {
  /** The network in which the name is known. */
  readonly vpc: ec2.IVpc;

  /** The replicas of this region. */
  readonly replicas: IReaderInstances;

  /**
   * The primary, wherever it is: while nobody writes to it, the lag of its replicas means nothing.
   */
  readonly primary: PostgresSourceInRegion;

  /** The name, such as `readers.market.internal`. */
  readonly name: string;

  /**
   * The private hosted zone of the name, associated with the VPC.
   *
   * @default - a new one of what follows the name's first dot; the VPC must have no other zone of
   * that name
   */
  readonly zone?: route53.IHostedZone;

  /**
   * The host name of the writer, which then answers readers while no replica is fit. It must be
   * reachable from the network, and strong enough to answer all of them.
   *
   * @default - the replicas that still answer go on, stale as they are
   */
  readonly fallBackToWriter?: string;

  /**
   * How long clients may keep an answer, 1 to 60 seconds. It is also how long they may still
   * connect to a replica that was dropped.
   *
   * @default Duration.seconds(5)
   */
  readonly ttl?: Duration;

  /**
   * The lag past which a replica is dropped. Above the `maxStandbyStreamingDelay` of the replicas,
   * or one slow query drops its replica.
   *
   * @default Duration.seconds(60)
   */
  readonly dropLag?: Duration;

  /**
   * The lag at which a dropped replica is fresh again. Below `dropLag`.
   *
   * @default Duration.seconds(20)
   */
  readonly restoreLag?: Duration;

  /**
   * How long a dropped replica must have been fresh before it is named again, from 1 minute on.
   *
   * @default Duration.minutes(5)
   */
  readonly hold?: Duration;

  /**
   * How long the last verdict on a replica stands while there are no metrics of it, from 1 minute
   * on. Afterwards it counts as failed.
   *
   * @default Duration.minutes(5)
   */
  readonly unknownFor?: Duration;

  /**
   * Who hears that the records have not been kept for five minutes.
   *
   * @default - nobody; the alarm exists all the same
   */
  readonly alarmTopic?: sns.ITopic;

  /**
   * How long the function's log is kept.
   *
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * A key of this region for the log.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to the log when this is removed from the stack. Nothing else here holds data.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * One private name for the replicas of a region that answer and are not far behind: a weighted
 * CNAME record for each, which a function keeps every minute.
 *
 * The records are made with weight 1 by CloudFormation, so that the name answers from the first
 * minute; the function turns weights between 0 and 1, and nothing else. When it cannot, the records
 * stay as they are, and an alarm goes off. Its memory is an SSM parameter of a few bytes: a record
 * beside the others would be read and written with them, but CloudFormation could not remove a
 * record whose text has changed, nor the zone that holds it.
 *
 * @throws IsochroneError for a name without a zone, or thresholds in the wrong order
 */
export class ReaderEndpoint extends Construct {
  /** What readers connect to, at the port of the replicas. */
  public readonly name: string;
  public readonly zone: route53.IHostedZone;
  public readonly function: lambda.Function;
  public readonly logGroup: logs.LogGroup;
  /** No successful run for five minutes. */
  public readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: ReaderEndpointProps) {
    super(scope, id);
    const ttl = props.ttl ?? Duration.seconds(5);
    const dropLag = props.dropLag ?? Duration.seconds(60);
    const restoreLag = props.restoreLag ?? Duration.seconds(20);
    const hold = props.hold ?? Duration.minutes(5);
    const unknownFor = props.unknownFor ?? Duration.minutes(5);
    checkName(this, props.name, props.zone);
    checkReplicas(this, props.replicas);
    checkTtl(this, ttl);
    checkThresholds(this, dropLag, restoreLag);
    checkReplayDelays(this, dropLag, props.replicas);
    checkMinutes(this, { hold, unknownFor });
    const { instanceIdentifiers, endpoints } = props.replicas;
    const { region } = Stack.of(this);
    this.name = props.name;
    this.zone =
      props.zone ??
      new route53.PrivateHostedZone(this, 'Zone', {
        vpc: props.vpc,
        zoneName: props.name.slice(props.name.indexOf('.') + 1),
      });

    const memory = new ssm.StringParameter(this, 'Memory', {
      description: `Since when replicas behind ${props.name} have been fresh or unknown.`,
      stringValue: '{}',
    });
    this.logGroup = keptLogGroup(this, 'Log', {
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    });
    const settings: ReaderEndpointSettings = {
      name: props.name,
      hostedZoneId: this.zone.hostedZoneId,
      memoryParameter: memory.parameterName,
      replicas: instanceIdentifiers,
      fallBackToWriter: props.fallBackToWriter !== undefined,
      primary: props.primary,
      region,
      dropLagSeconds: dropLag.toSeconds(),
      restoreLagSeconds: restoreLag.toSeconds(),
      holdSeconds: hold.toSeconds(),
      unknownSeconds: unknownFor.toSeconds(),
    };
    this.function = readerEndpointFunction(this, settings, {
      zone: this.zone,
      memory,
      logGroup: this.logGroup,
    });
    const schedule = new events.Rule(this, 'EveryMinute', {
      description: `Keeps the records of ${props.name}.`,
      schedule: events.Schedule.rate(PERIOD),
      targets: [
        new targets.LambdaFunction(this.function, { retryAttempts: 0, maxEventAge: PERIOD }),
      ],
    });
    const record = (
      recordId: string,
      setIdentifier: string,
      domainName: string,
      weight: number,
    ) => {
      const cname = new route53.CnameRecord(this, recordId, {
        zone: this.zone,
        recordName: `${props.name}.`,
        domainName,
        ttl,
        weight,
        setIdentifier,
      });
      // The function too: told of a replica that RDS is still making, it would fail until there is
      // a record.
      for (const after of [schedule, this.function]) after.node.addDependency(cname);
    };
    for (const [index, identifier] of instanceIdentifiers.entries()) {
      record(`Record-${identifier}`, identifier, (endpoints[index] as rds.Endpoint).hostname, 1);
    }
    if (props.fallBackToWriter !== undefined)
      record('WriterRecord', WRITER, props.fallBackToWriter, 0);
    this.alarm = this.createAlarm(props.alarmTopic);
    this.alarm.node.addDependency(schedule);
  }

  /**
   * Each successful run reports its targets; nothing at all is what a failing, throttled or
   * disabled function has in common.
   */
  private createAlarm(topic: sns.ITopic | undefined): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, 'NotKept', {
      alarmDescription: `The records of ${this.name} have not been kept for five minutes: they stay as they are, whatever becomes of the replicas.`,
      metric: new cloudwatch.Metric({
        namespace: 'Isochrone/ReaderEndpoint',
        metricName: 'Targets',
        dimensionsMap: { Endpoint: this.name },
        statistic: cloudwatch.Stats.SAMPLE_COUNT,
        period: PERIOD,
      }),
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 5,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
    if (topic !== undefined) {
      alarm.addAlarmAction(new SnsAction(topic));
    } else {
      acknowledge(
        alarm,
        'Whoever composes this stack gave no `alarmTopic`; the alarm is seen in the console and can be followed by others.',
        'NIST.800.53.R5-CloudWatchAlarmAction',
      );
    }
    return alarm;
  }
}
