import { Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';

/** Properties of an {@link AlarmTopic}. */
export interface AlarmTopicProps {
  /**
   * The key that encrypts the messages. It must be customer-managed and in the topic's region:
   * CloudWatch may not use the AWS-managed key of SNS. The construct adds the required statement to
   * a key of the same app; the policy of an imported key must let `cloudwatch.amazonaws.com` call
   * `kms:Decrypt` and `kms:GenerateDataKey*`.
   */
  readonly encryptionKey: kms.IKey;
  /**
   * Addresses that receive each alarm by mail, after they confirm the subscription.
   *
   * @default - no addresses: subscribe to `topic` yourself
   */
  readonly emails?: readonly string[];
}

/**
 * An encrypted SNS topic to which the alarms of this account may publish, over TLS only.
 *
 * @throws IsochroneError for a malformed address
 */
export class AlarmTopic extends Construct {
  public readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, props: AlarmTopicProps) {
    super(scope, id);
    for (const email of props.emails ?? []) {
      if (Token.isUnresolved(email) || /^[^\s@]+@[^\s@]+$/.test(email)) continue;
      throw invalidValue(this, {
        property: 'emails',
        value: email,
        allowed: 'addresses such as `on-call@example.com`',
        rule: 'SNS sends a confirmation to each address before the first alarm.',
        fix: 'Correct the address.',
      });
    }
    const cloudWatch = new iam.ServicePrincipal('cloudwatch.amazonaws.com');
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    this.topic = new sns.Topic(this, 'Topic', { masterKey: props.encryptionKey, enforceSSL: true });
    // A custom topic policy replaces the default one, which lets the account's alarms publish.
    this.topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AllowAlarmsOfThisAccount',
        principals: [cloudWatch],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: ofThisAccount,
      }),
    );
    // Without it, CloudWatch drops the messages because it cannot encrypt them.
    props.encryptionKey.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [cloudWatch],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: ofThisAccount,
      }),
      true,
    );
    for (const email of props.emails ?? [])
      this.topic.addSubscription(new EmailSubscription(email));
  }
}
