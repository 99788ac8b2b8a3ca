import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import { RegionKey } from '../../../lib/constructs/keys/region-key';
import { AlarmTopic } from '../../../lib/constructs/observability/alarm-topic';
import { testStack } from '../../test-stack';
import { importedKey } from './resources';

const alarmsMay = (...actions: string[]) =>
  Match.objectLike({
    Effect: 'Allow',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
    Action: actions.length === 1 ? actions[0] : actions,
    Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  });

describe('AlarmTopic', () => {
  const stack = testStack();
  new AlarmTopic(stack, 'AlarmTopic', {
    encryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }),
    emails: ['on-call@example.com'],
  });
  const template = Template.fromStack(stack);

  test('lets alarms of the account publish, over TLS only', () => {
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Effect: 'Deny',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          alarmsMay('sns:Publish'),
        ],
      },
    });
  });

  test('lets alarms use the key, without which they publish nothing', () => {
    template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: { Statement: Match.arrayWith([alarmsMay('kms:Decrypt', 'kms:GenerateDataKey*')]) },
    });
  });

  test('subscribes the addresses', () => {
    template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'on-call@example.com',
    });
  });
});

test('the key of a region already has the statement, which is not repeated', () => {
  const stack = testStack();
  new AlarmTopic(stack, 'AlarmTopic', {
    encryptionKey: new RegionKey(stack, 'RegionKey', { aliasName: 'market' }).key,
  });
  const [key] = Object.values(Template.fromStack(stack).findResources('AWS::KMS::Key'));
  expect(key?.Properties.KeyPolicy.Statement).toHaveLength(3);
});

test('the key may be in another stack', () => {
  const keys = testStack('us-east-1', 'Keys');
  const alarms = new Stack(keys.node.scope, 'Alarms', { env: { region: 'us-east-1' } });
  new AlarmTopic(alarms, 'AlarmTopic', {
    encryptionKey: new RegionKey(keys, 'RegionKey', { aliasName: 'market' }).key,
  });
  Template.fromStack(alarms).hasResourceProperties('AWS::SNS::Topic', {
    KmsMasterKeyId: { 'Fn::GetStackOutput': Match.anyValue() },
  });
});

test.each(['on-call', '@example.com', 'a b@example.com'])('the address %j is refused', (email) => {
  const stack = testStack();
  expect(
    () =>
      new AlarmTopic(stack, 'AlarmTopic', { encryptionKey: importedKey(stack), emails: [email] }),
  ).toThrow('AlarmTopic at Test/AlarmTopic: emails must be addresses such as');
});
