import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as route53 from 'aws-cdk-lib/aws-route53';
import * as sns from 'aws-cdk-lib/aws-sns';
import { PromotionFence } from '../../../../lib/constructs/database/promotion/fence';
import {
  ReplicaPromotion,
  type ReplicaPromotionProps,
} from '../../../../lib/constructs/database/promotion/replica-promotion';
import { testStack } from '../../../test-stack';
import { closedAccess, databaseVpc, importedInstance } from '../fixture';

function promotion(
  props: Partial<ReplicaPromotionProps> = {},
  stack = testStack('eu-west-1'),
): ReplicaPromotion {
  const vpc = databaseVpc(stack, 2);
  const instance = importedInstance(stack, 'market-eu-west-1-hub');
  const access = closedAccess(stack, vpc);
  return new ReplicaPromotion(stack, 'Promotion', {
    vpc,
    hub: { instance, access, user: 'probe' },
    hubIdentifier: 'market-eu-west-1-hub',
    oldPrimary: { region: 'us-east-1', instanceIdentifier: 'market-primary' },
    fenceGroupName: 'market-fence',
    writeRecords: [
      {
        zone: route53.HostedZone.fromHostedZoneAttributes(stack, 'Zone', {
          hostedZoneId: 'Z0EXAMPLE',
          zoneName: 'example.com',
        }),
        name: 'write.origin.example.com',
        target: {
          loadBalancer: {
            dnsName: 'lb.eu-west-1.elb.amazonaws.com',
            hostedZoneId: 'Z32O12XQLNTSW2',
          },
        },
        latency: { setIdentifier: 'us-east-1', region: 'us-east-1' },
        healthCheckId: 'check-of-eu-west-1',
      },
    ],
    documentName: 'market-promote-eu-west-1',
    ...props,
  });
}

interface Step {
  name: string;
  action: string;
  nextStep?: string;
  inputs: {
    Choices?: { NextStep: string }[];
    Default?: string;
    InputPayload?: Record<string, unknown>;
    Approvers?: string[];
  };
}

function stepsOf(template: Template): Step[] {
  const [document] = Object.values(template.findResources('AWS::SSM::Document'));
  return document?.Properties.Content.mainSteps;
}

describe('a promotion', () => {
  const template = Template.fromStack(Stack.of(promotion()));
  const steps = stepsOf(template);
  const at = (name: string) => steps.find((step) => step.name === name);

  test('is an automation document that runs a drill by default', () => {
    template.hasResourceProperties('AWS::SSM::Document', {
      DocumentType: 'Automation',
      Name: 'market-promote-eu-west-1',
      UpdateMethod: 'NewVersion',
      Content: {
        schemaVersion: '0.3',
        parameters: {
          Drill: { default: true },
          AcceptedLossSeconds: { default: 30 },
          AllowUnfenced: { default: false },
        },
      },
    });
  });

  test('leads from every step to an existing one, and asks for no approval', () => {
    const names = steps.map(({ name }) => name);
    expect(names).not.toContain('approve');
    const targets = steps.flatMap(({ nextStep, inputs }) => [
      nextStep,
      inputs.Default,
      ...(inputs.Choices ?? []).map((c) => c.NextStep),
    ]);
    expect(targets.filter((target) => target !== undefined && !names.includes(target))).toEqual([]);
    expect(at('isDrill')?.inputs).toEqual({
      Choices: [{ NextStep: 'fence', Variable: '{{ Drill }}', BooleanEquals: false }],
      Default: 'report',
    });
    expect(at('isFenced')?.inputs).toMatchObject({
      Choices: [{ NextStep: 'promote', StringEquals: 'unreachable' }],
      Default: 'catchUp',
    });
  });

  test('changes the record under its identifier, to the new region and its health check', () => {
    expect(at('repoint')?.inputs.InputPayload?.Records).toEqual([
      {
        zone: 'Z0EXAMPLE',
        set: {
          Name: 'write.origin.example.com.',
          Type: 'A',
          AliasTarget: {
            DNSName: 'dualstack.lb.eu-west-1.elb.amazonaws.com',
            HostedZoneId: 'Z32O12XQLNTSW2',
            EvaluateTargetHealth: true,
          },
          SetIdentifier: 'us-east-1',
          Region: 'us-east-1',
          HealthCheckId: 'check-of-eu-west-1',
        },
      },
    ]);
  });

  test('may promote only the hub, and fence only the old primary', () => {
    const [policy] = Object.values(
      template.findResources('AWS::IAM::ManagedPolicy', {
        Properties: { Description: Match.stringLikeRegexp('promotion') },
      }),
    );
    const granted = JSON.stringify(policy?.Properties.PolicyDocument.Statement);
    expect(granted).not.toContain('rds:*');
    expect(granted).not.toContain('rds:Delete');
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['rds:DescribeDBInstances', 'rds:PromoteReadReplica'],
            Resource: {
              'Fn::Join': [
                '',
                Match.arrayWith([
                  Match.stringLikeRegexp(':rds:eu-west-1:'),
                  ':db:market-eu-west-1-hub',
                ]),
              ],
            },
          }),
          Match.objectLike({
            Action: 'route53:ChangeResourceRecordSets',
            Condition: {
              'ForAllValues:StringEquals': {
                'route53:ChangeResourceRecordSetsNormalizedRecordNames': [
                  'write.origin.example.com',
                ],
                'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
              },
            },
          }),
        ]),
      },
    });
  });

  test('probes the hub inside its network, by IAM, and with the certificates of RDS', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'] },
      Environment: {
        Variables: { DATABASE_USER: 'probe', NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' },
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'rds-db:connect' })]),
      },
    });
  });
});

test('a promotion asks for approval between the checks and the first change', () => {
  const template = Template.fromStack(
    Stack.of(
      promotion({
        approval: { approvers: ['arn:aws:iam::111122223333:role/Operator'] },
        acceptedLoss: Duration.seconds(5),
      }),
    ),
  );
  const steps = stepsOf(template);
  expect(steps.find(({ name }) => name === 'isDrill')?.inputs.Choices?.[0]?.NextStep).toBe(
    'approve',
  );
  expect(steps.find(({ name }) => name === 'approve')).toMatchObject({
    action: 'aws:approve',
    nextStep: 'fence',
    timeoutSeconds: 1800,
    inputs: { MinRequiredApprovals: 1, Approvers: ['arn:aws:iam::111122223333:role/Operator'] },
  });
});

test('a promotion may publish to an encrypted topic for approvals', () => {
  const stack = testStack('eu-west-1');
  const masterKey = kms.Key.fromKeyArn(
    stack,
    'Key',
    'arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555',
  );
  const topic = new sns.Topic(stack, 'Topic', { masterKey, enforceSSL: true });
  const template = Template.fromStack(
    Stack.of(promotion({ approval: { approvers: ['a'], topic } }, stack)),
  );
  template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({ Action: 'sns:Publish' }),
        Match.objectLike({
          Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
          Resource: masterKey.keyArn,
        }),
      ]),
    },
  });
});

test('the fence allows no traffic in or out, and has a fixed name', () => {
  const stack = testStack('us-east-1');
  new PromotionFence(stack, 'Fence', { vpc: databaseVpc(stack, 2), groupName: 'market-fence' });
  const [group] = Object.values(Template.fromStack(stack).findResources('AWS::EC2::SecurityGroup'));
  expect(group).toMatchObject({
    DeletionPolicy: 'RetainExceptOnCreate',
    Properties: { GroupName: 'market-fence' },
  });
  expect(group?.Properties.SecurityGroupIngress).toBeUndefined();
  expect(group?.Properties.SecurityGroupEgress).toEqual([
    expect.objectContaining({ CidrIp: '255.255.255.255/32' }),
  ]);
});

describe('checks', () => {
  const operators = ['a', 'b'];
  test.each<[string, Partial<ReplicaPromotionProps>, Partial<ReplicaPromotionProps>]>([
    [
      'oldPrimary.region must be another region than that of the hub',
      { oldPrimary: { region: 'eu-west-1', instanceIdentifier: 'p' } },
      { oldPrimary: { region: 'eu-west-2', instanceIdentifier: 'p' } },
    ],
    [
      'approval.required must be 1 to the number of approvers',
      { approval: { approvers: operators, required: 3 } },
      { approval: { approvers: operators, required: 2 } },
    ],
    [
      'approval.required must be 1 to the number of approvers',
      { approval: { approvers: [] } },
      { approval: { approvers: ['a'] } },
    ],
    ['hubIdentifier must be at most 63', { hubIdentifier: 'Hub' }, { hubIdentifier: 'hub' }],
  ])('a value is refused if %s', (message, bad, good) => {
    expect(() => promotion(bad)).toThrow(message);
    expect(() => promotion(good)).not.toThrow();
  });
});
