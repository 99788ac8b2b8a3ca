import { Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { PostgresPrimary } from '../../../../lib/constructs/database/primary/postgres-primary';
import { PostgresSource } from '../../../../lib/constructs/database/primary/source';
import {
  WriterProxy,
  type WriterProxyProps,
} from '../../../../lib/constructs/database/primary/writer-proxy';
import { PostgresReplicas } from '../../../../lib/constructs/database/replicas/postgres-replicas';
import { testStack } from '../../../test-stack';
import { databaseVpc } from '../fixture';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:market/orders-AbCdEf';

function proxyIn(
  stack: Stack,
  props: (stack: Stack, primary: PostgresPrimary) => Partial<WriterProxyProps> = () => ({}),
): WriterProxy {
  const vpc = databaseVpc(stack, 2);
  const primary = new PostgresPrimary(stack, 'Primary', {
    vpc,
    instanceIdentifier: 'market-primary',
  });
  return new WriterProxy(stack, 'Proxy', {
    vpc,
    writer: primary.instance,
    writerConnections: primary.connections,
    proxyName: 'market-writer',
    iamUsers: ['orders_app'],
    ...props(stack, primary),
  });
}

describe('by default', () => {
  const stack = testStack();
  const proxy = proxyIn(stack);
  const client = new ec2.Connections({
    securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Fleet', 'sg-0123456789abcdef0')],
  });
  client.allowToDefaultPort(proxy);
  proxy.grantConnect(new iam.ManagedPolicy(stack, 'Client'), 'orders_app');
  const template = Template.fromStack(stack);

  test('it accepts TLS only, and uses IAM on both hops, without a password', () => {
    template.hasResourceProperties('AWS::RDS::DBProxy', {
      DBProxyName: 'market-writer',
      EngineFamily: 'POSTGRESQL',
      RequireTLS: true,
      DefaultAuthScheme: 'IAM_AUTH',
      Auth: Match.absent(),
      DebugLogging: false,
      IdleClientTimeout: 1800,
      VpcSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'rds-db:connect' })] },
      Roles: [{ Ref: Match.stringLikeRegexp('^ProxyRole') }],
    });
  });

  test('grantConnect lets a role log in as that user', () => {
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'rds-db:connect' })] },
    });
  });

  test('it takes half of the connections of the writer, and a quarter when they are idle', () => {
    template.hasResourceProperties('AWS::RDS::DBProxyTargetGroup', {
      TargetGroupName: 'default',
      DBInstanceIdentifiers: [{ Ref: Match.stringLikeRegexp('^PrimaryInstance') }],
      ConnectionPoolConfigurationInfo: {
        MaxConnectionsPercent: 50,
        MaxIdleConnectionsPercent: 25,
        ConnectionBorrowTimeout: 10,
      },
    });
  });

  test('its log group exists before it, and is retained', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { LogGroupName: '/aws/rds/proxy/market-writer', RetentionInDays: 90 },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    const [log] = Object.keys(
      template.findResources('AWS::Logs::LogGroup', {
        Properties: { LogGroupName: '/aws/rds/proxy/market-writer' },
      }),
    );
    template.hasResource('AWS::RDS::DBProxy', { DependsOn: Match.arrayWith([log]) });
  });

  test('clients reach the proxy, and the proxy reaches the writer', () => {
    expect(proxy.endpoint.port).toBe(5432);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 5432,
      SourceSecurityGroupId: 'sg-0123456789abcdef0',
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      FromPort: 5432,
      GroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^ProxySecurityGroup'), 'GroupId'] },
    });
  });
});

test('users with a password log in by SCRAM, with a secret that the role may read', () => {
  const stack = testStack();
  proxyIn(stack, () => ({
    iamUsers: undefined,
    secrets: [secretsmanager.Secret.fromSecretCompleteArn(stack, 'Orders', SECRET)],
    maxConnectionsPercent: 80,
    borrowTimeout: Duration.seconds(30),
    removalPolicy: RemovalPolicy.DESTROY,
  }));
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::RDS::DBProxy', {
    DefaultAuthScheme: 'NONE',
    Auth: [
      {
        AuthScheme: 'SECRETS',
        ClientPasswordAuthType: 'POSTGRES_SCRAM_SHA_256',
        IAMAuth: 'DISABLED',
        SecretArn: SECRET,
      },
    ],
  });
  template.hasResourceProperties('AWS::RDS::DBProxyTargetGroup', {
    ConnectionPoolConfigurationInfo: {
      MaxConnectionsPercent: 80,
      MaxIdleConnectionsPercent: 40,
      ConnectionBorrowTimeout: 30,
    },
  });
  template.hasResourceProperties('AWS::IAM::Policy', {
    PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Resource: SECRET })]) },
  });
});

describe('checks', () => {
  const seconds = Duration.seconds;
  test.each<[string, Partial<WriterProxyProps>]>([
    ['iamUsers and secrets must be one user at least', { iamUsers: [] }],
    ['maxConnectionsPercent must be 1 to 100, whole, got 0', { maxConnectionsPercent: 0 }],
    ['maxConnectionsPercent must be 1 to 100, whole, got 101', { maxConnectionsPercent: 101 }],
    ['borrowTimeout must be 0 to 300 whole seconds, got 301', { borrowTimeout: seconds(301) }],
    ['idleClientTimeout must be 1 to 28800 whole seconds', { idleClientTimeout: seconds(28_801) }],
    ['proxyName must be', { proxyName: 'Market' }],
  ])('refuses: %s', (message, props) => {
    expect(() => proxyIn(testStack(), () => props)).toThrow(message);
  });

  test.each<[string, Partial<WriterProxyProps>]>([
    ['one user', { iamUsers: ['a'] }],
    ['the least share', { maxConnectionsPercent: 1 }],
    ['all connections', { maxConnectionsPercent: 100 }],
    ['the longest wait', { borrowTimeout: seconds(300), idleClientTimeout: Duration.hours(8) }],
  ])('%s passes', (_name, props) => {
    expect(() => proxyIn(testStack(), () => props)).not.toThrow();
  });

  test('a read replica is refused, whichever construct created it', () => {
    const replicaOf = (stack: Stack, primary: PostgresPrimary): rds.IDatabaseInstance | undefined =>
      new PostgresReplicas(stack, 'Replicas', {
        vpc: stack.node.findChild('Vpc') as unknown as ec2.IVpc,
        source: PostgresSource.inThisRegion(primary.instance),
        identifierPrefix: 'market',
        encryptionKey: primary.encryptionKey,
        leaves: 1,
      }).instances[0];
    expect(() =>
      proxyIn(testStack(), (stack, primary) => ({ writer: replicaOf(stack, primary) })),
    ).toThrow('writer must be the primary, not a read replica, got "Test/Replicas/Leaf1"');
  });
});
