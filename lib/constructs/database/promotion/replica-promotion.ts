import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as route53 from 'aws-cdk-lib/aws-route53';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { isWholeNumber, type Rule } from '../../../model/rules';
import { acknowledge, checkRule, wildcardFinding } from '../../house-rules';
import {
  DatabaseFunction,
  type DatabaseFunctionSettings,
  type DatabaseLogin,
} from '../database-function';
import { checkIdentifier, instanceArn } from '../primary';
import { promotionDocument, type RecordSet } from './document';

/**
 * A record that leads writes to the region of the old primary, and its new target. The promotion
 * changes the record under its own identifier. A second record beside it would leave a moment with
 * two answers, and would conflict with the next deployment, which creates its own.
 */
export interface PromotionRecord {
  readonly zone: route53.IHostedZone;
  /** The name, such as `write.origin.example.com`. */
  readonly name: string;
  /**
   * The new target: a load balancer of this region, or an address such as that of a pooler or of
   * the hub.
   */
  readonly target:
    | { readonly loadBalancer: { readonly dnsName: string; readonly hostedZoneId: string } }
    | { readonly address: string; readonly ttl: Duration };
  /**
   * The identifier and the region of the record if it is a latency record: those of the *old*
   * region, as `OriginRecords` created it.
   *
   * @default - a simple record
   */
  readonly latency?: { readonly setIdentifier: string; readonly region: string };
  /**
   * The health check of this region that the record follows after the promotion.
   *
   * @default - none: the health check of the old region no longer applies
   */
  readonly healthCheckId?: string;
}

/** The approval of a promotion. A drill needs none. */
export interface PromotionApproval {
  /** ARNs of users or roles, or names of users; 1 to 10. */
  readonly approvers: readonly string[];
  /**
   * How many of them must approve.
   *
   * @default 1
   */
  readonly required?: number;
  /**
   * How long the document waits for them.
   *
   * @default Duration.minutes(30)
   */
  readonly timeout?: Duration;
  /**
   * The topic of the request. Its name must begin with `Automation`, or its policy must allow the
   * document's role to publish. An imported key of the topic must allow the role to decrypt and to
   * generate data keys.
   *
   * @default - only the console shows it
   */
  readonly topic?: sns.ITopic;
}

export interface ReplicaPromotionProps extends DatabaseFunctionSettings {
  /** The hub of this region, which becomes the primary. */
  readonly hub: DatabaseLogin;
  /** Its identifier, as text: `instanceIdentifiers[0]` of `PostgresReplicas`. */
  readonly hubIdentifier: string;
  /** The primary that the hub follows and takes over from. */
  readonly oldPrimary: { readonly region: string; readonly instanceIdentifier: string };
  /** The name of the closed security group in that region, of its `PromotionFence`. */
  readonly fenceGroupName: string;
  /**
   * The records that lead writes to the old region.
   *
   * @default - none: the promotion ends with a primary that no name leads to, until a deployment or
   * a person changes the names
   */
  readonly writeRecords?: readonly PromotionRecord[];
  /**
   * The name of the document, which starts it.
   *
   * @default - generated
   */
  readonly documentName?: string;
  /**
   * The loss that is accepted by default, as the time span of the lost commits. A parameter of the
   * document overrides it.
   *
   * @default Duration.seconds(30)
   */
  readonly acceptedLoss?: Duration;
  /**
   * The approval between the checks and the first change.
   *
   * @default - none: everybody who may start the document may promote
   */
  readonly approval?: PromotionApproval;
}

/** A number of approvals, given how many approvers there are. */
const REQUIRED_APPROVALS: Rule<number, { readonly approvers: number }> = {
  // "aws:approve – Pause an automation for manual approval", AWS Systems Manager user guide.
  allows: (required, { approvers }) =>
    isWholeNumber(approvers, { min: 1, max: 10 }) && required >= 1 && required <= approvers,
  allowed: (_, { approvers }) =>
    `1 to the number of approvers, which is ${approvers} and may be 1 to 10`,
  rule: 'Systems Manager waits for this number of approvals, and accepts at most ten approvers.',
  fix: 'Name more approvers, or ask for fewer approvals.',
};

/** The region of the old primary, given the region of the hub. */
const OLD_REGION: Rule<string, { readonly here: string }> = {
  allows: (region, { here }) => region !== here,
  allowed: 'another region than that of the hub',
  rule:
    'Within a region, RDS fails over a Multi-AZ primary by itself, without loss and under the ' +
    'same name.',
  fix: 'Put the promotion beside the hub of another region.',
};

/**
 * The automation document that makes this region's hub the primary. It is in this region, because
 * the other one may have failed.
 *
 * By default it runs a drill that changes nothing. Without `Drill`, it checks, asks for approval,
 * fences the old primary, waits for the hub to catch up, promotes it, verifies a write through a
 * connection of its own, and then changes the write names. Every failure stops it. A new run
 * continues where it stopped. RDS replicates between regions asynchronously: a planned promotion
 * loses nothing, and an unplanned one loses the records that the hub had not received.
 *
 * @throws IsochroneError for an old primary of this region, approvals that cannot be given, or an
 * identifier that RDS does not accept
 */
export class ReplicaPromotion extends Construct {
  public readonly document: ssm.CfnDocument;
  /** The role of the document. Starting the document needs `iam:PassRole` on it. */
  public readonly role: iam.Role;
  /** The function that queries the hub itself. */
  public readonly probe: DatabaseFunction;

  constructor(scope: Construct, id: string, props: ReplicaPromotionProps) {
    super(scope, id);
    const { oldPrimary, approval } = props;
    const stack = Stack.of(this);
    const acceptedLoss = props.acceptedLoss ?? Duration.seconds(30);
    checkIdentifier(this, 'hubIdentifier', props.hubIdentifier);
    checkIdentifier(this, 'oldPrimary.instanceIdentifier', oldPrimary.instanceIdentifier);
    checkRule(this, 'oldPrimary.region', OLD_REGION, oldPrimary.region, { here: stack.region });
    if (approval !== undefined) {
      checkRule(this, 'approval.required', REQUIRED_APPROVALS, approval.required ?? 1, {
        approvers: approval.approvers.length,
      });
    }

    this.probe = new DatabaseFunction(this, 'Probe', {
      ...pickSettings(props),
      login: props.hub,
      handler: 'replica-promotion',
      description: `Asks ${props.hubIdentifier} how far it is and whether it takes writes`,
      timeout: Duration.seconds(20),
    });
    this.role = new iam.Role(this, 'Role', {
      description: `Promotes ${props.hubIdentifier}`,
      assumedBy: new iam.ServicePrincipal('ssm.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnLike: {
            'aws:SourceArn': stack.formatArn({
              service: 'ssm',
              resource: 'automation-execution',
              resourceName: '*',
            }),
          },
        },
      }),
    });
    const records = props.writeRecords ?? [];
    const statements = this.statements(props, records);
    this.allow(statements);
    this.document = new ssm.CfnDocument(this, 'Document', {
      name: props.documentName,
      documentType: 'Automation',
      documentFormat: 'JSON',
      // Replacing the document would fail, because its name is taken.
      updateMethod: 'NewVersion',
      content: promotionDocument({
        roleArn: this.role.roleArn,
        hub: props.hubIdentifier,
        oldRegion: oldPrimary.region,
        oldPrimary: oldPrimary.instanceIdentifier,
        fenceGroup: props.fenceGroupName,
        probe: this.probe.function.functionName,
        records: records.map((record) => ({
          zone: record.zone.hostedZoneId,
          set: recordSet(record),
        })),
        permissions: statements.flatMap(({ actions, resources }) =>
          resources.map((resource) => [actions, resource] as const),
        ),
        acceptedLossSeconds: acceptedLoss.toSeconds(),
        approval: approval && {
          approvers: approval.approvers,
          required: approval.required ?? 1,
          timeoutSeconds: (approval.timeout ?? Duration.minutes(30)).toSeconds(),
          topicArn: approval.topic?.topicArn,
        },
      }),
    });
  }

  /** The permissions of the scripts: actions and their resources. */
  private statements(props: ReplicaPromotionProps, records: readonly PromotionRecord[]) {
    const stack = Stack.of(this);
    const topic = props.approval?.topic;
    const hub = instanceArn(this, stack.region, props.hubIdentifier);
    const old = instanceArn(this, props.oldPrimary.region, props.oldPrimary.instanceIdentifier);
    const zones = [...new Set(records.map(({ zone }) => zone.hostedZoneArn))];
    return [
      { actions: ['rds:DescribeDBInstances', 'rds:PromoteReadReplica'], resources: [hub] },
      {
        actions: ['rds:DescribeDBInstances', 'rds:ModifyDBInstance', 'rds:RebootDBInstance'],
        resources: [old],
      },
      { actions: ['ec2:DescribeSecurityGroups'], resources: ['*'] },
      { actions: ['lambda:InvokeFunction'], resources: [this.probe.function.functionArn] },
      { actions: ['iam:SimulatePrincipalPolicy'], resources: [this.role.roleArn] },
      ...(zones.length === 0
        ? []
        : [
            {
              actions: ['route53:ChangeResourceRecordSets'],
              resources: zones,
              conditions: {
                'ForAllValues:StringEquals': {
                  'route53:ChangeResourceRecordSetsNormalizedRecordNames': records.map(
                    ({ name }) => name,
                  ),
                  'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
                },
              },
            },
            {
              actions: ['route53:GetChange'],
              resources: [
                stack.formatArn({
                  service: 'route53',
                  region: '',
                  account: '',
                  resource: 'change',
                  resourceName: '*',
                }),
              ],
            },
          ]),
      ...(topic === undefined ? [] : [{ actions: ['sns:Publish'], resources: [topic.topicArn] }]),
      ...(topic?.masterKey === undefined
        ? []
        : [
            {
              actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
              resources: [topic.masterKey.keyArn],
            },
          ]),
    ];
  }

  private allow(
    statements: readonly { actions: string[]; resources: string[]; conditions?: object }[],
  ): void {
    const policy = new iam.ManagedPolicy(this, 'Policy', {
      description: 'What a promotion does, on what it does it.',
      roles: [this.role],
      statements: statements.map(
        (statement) =>
          new iam.PolicyStatement({ ...statement, conditions: { ...statement.conditions } }),
      ),
    });
    const change = Stack.of(this).formatArn({
      service: 'route53',
      region: '',
      account: '',
      resource: 'change',
      resourceName: '*',
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    acknowledge(
      policy,
      'Describing security groups takes no resource. A change of Route 53 has an id that Route ' +
        '53 gives it when it is made; reading whether it has spread shows nothing else.',
      'AwsSolutions-IAM5[Resource::*]',
      wildcardFinding(this, change),
    );
  }
}

function pickSettings({
  vpc,
  vpcSubnets,
  logRetention,
  logEncryptionKey,
  removalPolicy,
}: DatabaseFunctionSettings): DatabaseFunctionSettings {
  return { vpc, vpcSubnets, logRetention, logEncryptionKey, removalPolicy };
}

/** The record in the form of Route 53's API. */
function recordSet({ name, target, latency, healthCheckId }: PromotionRecord): RecordSet {
  return {
    Name: `${name}.`,
    ...('loadBalancer' in target
      ? {
          Type: 'A',
          // `dualstack.`, as in CDK's alias records.
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
