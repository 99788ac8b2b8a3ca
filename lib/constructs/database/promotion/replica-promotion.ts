import { ArnFormat, Duration, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { acknowledge, wildcardFinding } from '../../house-rules';
import {
  DatabaseFunction,
  type DatabaseFunctionSettings,
  type DatabaseLogin,
} from '../database-function';
import { checkIdentifier, instanceArn } from '../primary';
import { promotionDocument } from './document';
import { type PromotionRecord, recordSet } from './record';

/** Who must approve a promotion. A drill asks nobody. */
export interface PromotionApproval {
  /** ARNs of users or roles, or names of users; 1 to 10. */
  readonly approvers: readonly string[];
  /** @default 1 */
  readonly required?: number;
  /** @default Duration.minutes(30) */
  readonly timeout?: Duration;
  /**
   * Where the request is sent. Its name must begin with `Automation`, or its policy must let the
   * document's role publish. An imported key of the topic must let the role decrypt and generate
   * data keys.
   *
   * @default - only the console shows it
   */
  readonly topic?: sns.ITopic;
}

export interface ReplicaPromotionProps extends DatabaseFunctionSettings {
  /** The hub of this region: what becomes the primary. */
  readonly hub: DatabaseLogin;
  /** Its identifier, as text: `instanceIdentifiers[0]` of `PostgresReplicas`. */
  readonly hubIdentifier: string;
  /** The primary that it follows, and takes over from. */
  readonly oldPrimary: { readonly region: string; readonly instanceIdentifier: string };
  /** The name of the closed group in that region: that of its `PromotionFence`. */
  readonly fenceGroupName: string;
  /**
   * The records that lead writes to the old region.
   *
   * @default - none: the promotion ends with a primary that nobody is sent to, and a deployment or
   * a person sends them
   */
  readonly writeRecords?: readonly PromotionRecord[];
  /**
   * The name of the document, by which it is started.
   *
   * @default - generated
   */
  readonly documentName?: string;
  /**
   * How much may be lost without anybody saying so: commits of at most so long. Who starts the
   * document can say otherwise.
   *
   * @default Duration.seconds(30)
   */
  readonly acceptedLoss?: Duration;
  /**
   * Who must approve, between the checks and the first change.
   *
   * @default - nobody: who may start the document may promote
   */
  readonly approval?: PromotionApproval;
}

/**
 * The way by which this region's hub becomes the primary: an automation document, in this region,
 * since the other one may be what failed.
 *
 * Started as it is, it is a drill that changes nothing. Without `Drill`, it checks, asks for
 * approval, fences the old primary, waits for the hub to catch up, promotes it, writes through a
 * connection of its own, and then turns the write names. Every failure stops it; it can be started
 * again, and goes on where it was. RDS replicates between regions asynchronously: what a planned
 * promotion loses is nothing, and what an unplanned one loses is what the hub had not received.
 *
 * @throws IsochroneError for an old primary of this region, approvals that nobody can give, or an
 * identifier that RDS does not take
 */
export class ReplicaPromotion extends Construct {
  public readonly document: ssm.CfnDocument;
  /** What the document acts as. Who starts it needs `iam:PassRole` on it. */
  public readonly role: iam.Role;
  /** What asks the hub itself. */
  public readonly probe: DatabaseFunction;

  constructor(scope: Construct, id: string, props: ReplicaPromotionProps) {
    super(scope, id);
    const { oldPrimary, approval } = props;
    const stack = Stack.of(this);
    const acceptedLoss = props.acceptedLoss ?? Duration.seconds(30);
    checkIdentifier(this, 'hubIdentifier', props.hubIdentifier);
    checkIdentifier(this, 'oldPrimary.instanceIdentifier', oldPrimary.instanceIdentifier);
    this.checkRegion(oldPrimary.region);
    if (approval !== undefined) this.checkApproval(approval);

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
      // Another document under the same name would be a replacement, and its name is taken.
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

  /** Everything the scripts call, and on what. */
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
      'Describing security groups takes no resource. A change of Route 53 has an id that Route 53 gives it when it is made; reading whether it has spread shows nothing else.',
      'AwsSolutions-IAM5[Resource::*]',
      wildcardFinding(this, change),
    );
  }

  private checkRegion(region: string): void {
    const here = Stack.of(this).region;
    if (Token.isUnresolved(here) || Token.isUnresolved(region) || here !== region) return;
    throw invalidValue(this, {
      property: 'oldPrimary.region',
      value: region,
      allowed: 'another region than that of the hub',
      rule: 'Within a region, RDS fails a Multi-AZ primary over by itself, without loss and under the same name.',
      fix: 'Put the promotion beside the hub of another region.',
    });
  }

  /** "aws:approve – Pause an automation for manual approval", AWS Systems Manager user guide. */
  private checkApproval({ approvers, required = 1 }: PromotionApproval): void {
    if (
      approvers.length >= 1 &&
      approvers.length <= 10 &&
      required >= 1 &&
      required <= approvers.length
    )
      return;
    throw invalidValue(this, {
      property: 'approval.required',
      value: required,
      allowed: `1 to the number of approvers, which is ${approvers.length} and may be 1 to 10`,
      rule: 'Systems Manager waits for so many of the approvers, and takes ten at most.',
      fix: 'Name more approvers, or ask for fewer approvals.',
    });
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
