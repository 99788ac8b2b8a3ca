import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as rds from 'aws-cdk-lib/aws-rds';
import * as route53 from 'aws-cdk-lib/aws-route53';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { acknowledge, type LoggedProps, loggedGroup } from '../../house-rules';
import type { DatabaseEndpoint, IReaderEndpoint, IReaderInstances } from '../interfaces';
import type { PostgresSourceInRegion } from '../primary';
import { type ReaderEndpointSettings, WRITER } from './api';
import { checkName, checkReplicas, checkTimes } from './checks';
import { PERIOD, readerEndpointFunction } from './function';

/** The function's log is kept for three months by default. Nothing else here holds data. */
export interface ReaderEndpointProps extends LoggedProps {
  /** The network in which the name resolves. */
  readonly vpc: ec2.IVpc;

  /** The replicas of this region. */
  readonly replicas: IReaderInstances;

  /**
   * The primary, in any region. While nothing is written to it, the lag of its replicas has no
   * meaning.
   */
  readonly primary: PostgresSourceInRegion;

  /** The name, such as `readers.market.internal`. */
  readonly name: string;

  /**
   * The private hosted zone of the name, associated with the VPC.
   *
   * @default - a new zone, whose name is the part after the first dot of `name`; the VPC must have
   * no other zone of that name
   */
  readonly zone?: route53.IHostedZone;

  /**
   * The host name of the writer, which answers readers while no replica is fresh. It must be
   * reachable from the network, and large enough for all of them.
   *
   * @default - replicas that still answer stay, although they are stale
   */
  readonly fallBackToWriter?: string;

  /**
   * How long clients may cache an answer, 1 to 60 seconds. They may connect to a dropped replica
   * for as long.
   *
   * @default Duration.seconds(5)
   */
  readonly ttl?: Duration;

  /**
   * The lag above which a replica is dropped. It must exceed the `maxStandbyStreamingDelay` of the
   * replicas; otherwise one slow query drops its replica.
   *
   * @default Duration.seconds(60)
   */
  readonly dropLag?: Duration;

  /**
   * The lag at which a dropped replica is fresh again. It must be below `dropLag`.
   *
   * @default Duration.seconds(20)
   */
  readonly restoreLag?: Duration;

  /**
   * How long a dropped replica must have been fresh before it returns, at least 1 minute.
   *
   * @default Duration.minutes(5)
   */
  readonly hold?: Duration;

  /**
   * How long the last verdict on a replica stands while it has no metrics, at least 1 minute.
   * Afterwards it counts as failed.
   *
   * @default Duration.minutes(5)
   */
  readonly unknownFor?: Duration;

  /**
   * The topic of the alarm that the records have not been updated for five minutes.
   *
   * @default - none; the alarm exists without an action
   */
  readonly alarmTopic?: sns.ITopic;
}

/** What another stack must know of a reader endpoint that it did not create. */
export interface ReaderEndpointAttributes {
  /** The name, such as `readers.market.internal`. */
  readonly name: string;
  /**
   * The port of the replicas.
   *
   * @default 5432
   */
  readonly port?: number;
}

const NAMESPACE = 'Isochrone/ReaderEndpoint';

/** The metrics of a reader endpoint, created here or imported. */
abstract class ReaderEndpointBase extends Construct implements IReaderEndpoint {
  public abstract readonly name: string;
  public abstract readonly endpoint: DatabaseEndpoint;

  public metricTargets(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Targets', { statistic: cloudwatch.Stats.MINIMUM, ...options });
  }

  public metricDropped(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Dropped', { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  public metricOnWriter(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OnWriter', { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  private metric(metricName: string, options: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: NAMESPACE,
      metricName,
      dimensionsMap: { Endpoint: this.name },
      period: PERIOD,
      ...options,
    });
  }
}

class ImportedReaderEndpoint extends ReaderEndpointBase {
  public readonly name: string;
  public readonly endpoint: DatabaseEndpoint;

  constructor(scope: Construct, id: string, { name, port = 5432 }: ReaderEndpointAttributes) {
    super(scope, id);
    this.name = name;
    this.endpoint = { hostname: name, port };
  }
}

/**
 * One private name for the replicas of a region that answer and are not far behind: a weighted
 * CNAME record for each, which a function updates every minute.
 *
 * CloudFormation creates the records with weight 1, so that the name resolves from the first
 * minute. The function sets weights to 0 or 1, and changes nothing else. If it fails, the records
 * stay as they are, and an alarm goes off. Its memory is an SSM parameter of a few bytes. A record
 * beside the others would be read and written with them, but CloudFormation could not remove a
 * record whose text has changed, nor the zone that holds it.
 *
 * @throws IsochroneError for a name without a zone, or thresholds in the wrong order
 */
export class ReaderEndpoint extends ReaderEndpointBase {
  /** A reader endpoint that another stack or app created. */
  public static fromReaderEndpointAttributes(
    scope: Construct,
    id: string,
    attributes: ReaderEndpointAttributes,
  ): IReaderEndpoint {
    return new ImportedReaderEndpoint(scope, id, attributes);
  }

  /** The host name that readers connect to, at the port of the replicas. */
  public readonly name: string;
  public readonly endpoint: DatabaseEndpoint;
  public readonly zone: route53.IHostedZone;
  public readonly function: lambda.Function;
  public readonly logGroup: logs.LogGroup;
  /** Goes off after five minutes without a successful run. */
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
    checkTimes(this, { ttl, dropLag, restoreLag, hold, unknownFor }, props.replicas);
    const { instanceIdentifiers, endpoints } = props.replicas;
    const { region } = Stack.of(this);
    this.name = props.name;
    this.endpoint = { hostname: props.name, port: (endpoints[0] as rds.Endpoint).port };
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
    this.logGroup = loggedGroup(this, 'Log', {
      ...props,
      defaultRetention: logs.RetentionDays.THREE_MONTHS,
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
      // The function as well: if its settings named a replica that RDS is still creating, it would
      // fail until the record exists.
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
   * Each successful run reports its targets. A failing, a throttled and a disabled function have in
   * common that they report nothing.
   */
  private createAlarm(topic: sns.ITopic | undefined): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, 'NotKept', {
      alarmDescription:
        `The records of ${this.name} have not been kept for five minutes: they stay as they are, ` +
        'whatever becomes of the replicas.',
      metric: this.metricTargets({ statistic: cloudwatch.Stats.SAMPLE_COUNT }),
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
        'Whoever composes this stack gave no `alarmTopic`; the alarm is seen in the console and ' +
          'can be followed by others.',
        'NIST.800.53.R5-CloudWatchAlarmAction',
      );
    }
    return alarm;
  }
}
