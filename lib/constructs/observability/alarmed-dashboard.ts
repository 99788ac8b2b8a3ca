import { Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { DefaultDashboardFactory, MonitoringFacade, notifySns } from 'cdk-monitoring-constructs';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { AlarmTopic } from './alarm-topic';

/** Props of every dashboard with alarms. */
export interface AlarmedDashboardProps {
  /**
   * The first part of the dashboard's name: at most 200 letters, digits, `_` and `-`. The region or
   * `edge` follows it, because dashboards of all regions of an account share their names.
   */
  readonly name: string;
  /**
   * The first part of each alarm's name. It must differ from the prefixes of other observability
   * constructs in the same account and region: an alarm replaces another alarm of the same name. It
   * must not be a token, because it is part of logical IDs.
   *
   * @default - `name`
   */
  readonly alarmNamePrefix?: string;
  /**
   * The topic of all alarms, in the same region. Its policies must let CloudWatch publish to it and
   * use its key.
   *
   * @default - a topic of its own, encrypted with `encryptionKey`
   */
  readonly alarmTopic?: sns.ITopic;
  /**
   * The customer-managed key of the construct's own topic, in the same region.
   *
   * @default - `alarmTopic` must be given
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Addresses that receive each alarm of the own topic by mail, after they confirm the
   * subscription.
   *
   * @default - no addresses
   */
  readonly alarmEmails?: readonly string[];
}

/**
 * Dashboard names have at most 255 characters ("PutDashboard", Amazon CloudWatch API reference);
 * the rest is for the region and the alarm.
 */
const NAME = /^[a-zA-Z0-9_-]{1,200}$/;

/**
 * One dashboard, and alarms that notify one topic when they ring and when they stop.
 *
 * @throws IsochroneError if CloudWatch does not accept a name, or unless exactly one of
 * `alarmTopic` and `encryptionKey` is given
 */
export abstract class AlarmedDashboard extends Construct {
  /** The topic of all alarms. */
  public readonly topic: sns.ITopic;
  /**
   * The facade behind the dashboard and the alarms. Further monitors appear on the same dashboard
   * and notify the same topic.
   */
  public readonly monitoring: MonitoringFacade;
  public readonly dashboard: cloudwatch.Dashboard;

  constructor(scope: Construct, id: string, place: string, props: AlarmedDashboardProps) {
    super(scope, id);
    const alarmNamePrefix = props.alarmNamePrefix ?? props.name;
    this.checkName('name', props.name);
    this.checkName('alarmNamePrefix', alarmNamePrefix);
    this.checkDestination(props);
    this.checkRegion('alarmTopic', props.alarmTopic);
    this.checkRegion('encryptionKey', props.encryptionKey);

    this.topic = props.alarmTopic ?? this.ownTopic(props);
    const dashboards = new DefaultDashboardFactory(this, 'Dashboards', {
      dashboardNamePrefix: `${props.name}-${place}`,
    });
    this.dashboard = dashboards.dashboard as cloudwatch.Dashboard;
    this.monitoring = new MonitoringFacade(this, 'Monitoring', {
      alarmFactoryDefaults: {
        alarmNamePrefix,
        actionsEnabled: true,
        action: notifySns(this.topic, this.topic),
      },
      dashboardFactory: dashboards,
    });
  }

  /** The alarms so far, in the order in which they were added. */
  public get alarms(): readonly cloudwatch.AlarmBase[] {
    return this.monitoring.createdAlarms().map(({ alarm }) => alarm);
  }

  /** Checks that a watched resource or a topic is in the region of the alarms. */
  protected checkRegion(
    property: string,
    resource: { readonly env: { readonly region: string } } | undefined,
  ): void {
    const here = Stack.of(this).region;
    const there = resource?.env.region ?? here;
    if (Token.isUnresolved(here) || Token.isUnresolved(there) || here === there) return;
    throw invalidValue(this, {
      property,
      value: there,
      allowed: `in ${here}, the region of its stack`,
      rule: 'A CloudWatch alarm can only use metrics and topics of its own region.',
      fix: `Watch it from a stack in ${there}.`,
    });
  }

  /** Checks a count that must be positive. */
  protected checkCount(property: string, value: number): void {
    if (Token.isUnresolved(value) || (Number.isInteger(value) && value >= 1)) return;
    throw invalidValue(this, {
      property,
      value,
      allowed: 'a whole number of at least 1',
      rule: 'It is the divisor or the threshold of an alarm.',
      fix: `Remove \`${property}\` for its default.`,
    });
  }

  private checkName(property: string, value: string): void {
    if (!Token.isUnresolved(value) && NAME.test(value)) return;
    throw invalidValue(this, {
      property,
      value,
      allowed: '1 to 200 letters, digits, `_` and `-`, known at synthesis',
      rule:
        'CloudWatch allows no other characters in the name of a dashboard, ' +
        'and alarm names are part of logical IDs.',
      fix: 'Choose another name, such as `market-production`.',
    });
  }

  private checkDestination({
    alarmTopic,
    encryptionKey,
    alarmEmails = [],
  }: AlarmedDashboardProps): void {
    if ((alarmTopic === undefined) === (encryptionKey === undefined)) {
      throw invalidValue(this, {
        property: 'alarmTopic',
        value: alarmTopic?.node.path,
        allowed: 'given if `encryptionKey` is not, and left out if it is',
        rule:
          'An alarm without an action notifies no one, ' +
          'and alarms can only publish to a topic with a customer-managed key.',
        fix: 'Give `encryptionKey` for a new topic, or an existing topic.',
      });
    }
    if (alarmTopic !== undefined && alarmEmails.length > 0) {
      throw invalidValue(this, {
        property: 'alarmEmails',
        value: alarmEmails,
        allowed: 'left out if `alarmTopic` is given',
        rule: 'The owner of an existing topic manages its subscriptions.',
        fix: 'Subscribe the addresses where the topic is created.',
      });
    }
  }

  private ownTopic({ encryptionKey, alarmEmails }: AlarmedDashboardProps): sns.ITopic {
    return new AlarmTopic(this, 'AlarmTopic', {
      encryptionKey: encryptionKey as kms.IKey,
      emails: alarmEmails,
    }).topic;
  }
}
