import { Duration, Lazy, RemovalPolicy, Size, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type { IPostgresPrimary } from '../../../../lib/constructs/database/interfaces';
import {
  PostgresPrimary,
  type PostgresPrimaryAttributes,
  type PostgresPrimaryProps,
} from '../../../../lib/constructs/database/primary/postgres-primary';
import { testStack } from '../../../test-stack';
import { databaseVpc } from '../fixture';

function primary(stack: Stack, props: Partial<PostgresPrimaryProps> = {}): PostgresPrimary {
  return new PostgresPrimary(stack, 'Primary', {
    vpc: databaseVpc(stack),
    instanceIdentifier: 'market-primary',
    ...props,
  });
}

describe('by default', () => {
  const stack = testStack('us-east-1');
  const built = primary(stack);
  const template = Template.fromStack(stack);
  const instance = Object.values(template.findResources('AWS::RDS::DBInstance'))[0];

  test('it runs PostgreSQL 17 in two zones on gp3, and leaves the minor version to RDS', () => {
    expect(instance?.Properties).toMatchObject({
      DBInstanceIdentifier: 'market-primary',
      Engine: 'postgres',
      EngineVersion: '17',
      AllowMajorVersionUpgrade: false,
      AutoMinorVersionUpgrade: true,
      MultiAZ: true,
      DBInstanceClass: 'db.r6g.large',
      StorageType: 'gp3',
      AllocatedStorage: '100',
      MaxAllocatedStorage: 1024,
      CACertificateIdentifier: 'rds-ca-rsa2048-g1',
      CopyTagsToSnapshot: true,
    });
  });

  test('it keeps backups for 14 days, and is protected from deletion', () => {
    expect(instance?.Properties).toMatchObject({
      BackupRetentionPeriod: 14,
      DeletionProtection: true,
      DeleteAutomatedBackups: false,
    });
    expect(instance?.DeletionPolicy).toBe('Retain');
    template.hasResource('AWS::KMS::Key', { DeletionPolicy: 'Retain' });
    template.hasResource('AWS::SecretsManager::Secret', { DeletionPolicy: 'RetainExceptOnCreate' });
  });

  test('one rotated key encrypts storage, Performance Insights and the secret', () => {
    const key = Object.keys(
      template.findResources('AWS::KMS::Key', { Properties: { EnableKeyRotation: true } }),
    )[0];
    const arn = { 'Fn::GetAtt': [key, 'Arn'] };
    expect(instance?.Properties).toMatchObject({
      StorageEncrypted: true,
      KmsKeyId: arn,
      PerformanceInsightsKMSKeyId: arn,
    });
    template.hasResourceProperties('AWS::SecretsManager::Secret', { KmsKeyId: arn });
  });

  test('no client can reach it', () => {
    expect(instance?.Properties).toMatchObject({
      PubliclyAccessible: false,
      EnableIAMDatabaseAuthentication: true,
    });
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
    });
  });

  test('Database Insights is free, and a role for this instance reports every minute', () => {
    expect(instance?.Properties).toMatchObject({
      DatabaseInsightsMode: 'standard',
      PerformanceInsightsRetentionPeriod: 7,
      MonitoringInterval: 60,
    });
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          Match.objectLike({
            Condition: Match.objectLike({
              ArnLike: {
                'aws:SourceArn': [{ 'Fn::Join': ['', Match.arrayWith([':db:market-primary'])] }],
              },
            }),
          }),
        ],
      },
    });
  });

  test('the log groups exist before the instance, without a custom resource', () => {
    const groups = template.findResources('AWS::Logs::LogGroup', {
      Properties: { RetentionInDays: 365 },
    });
    expect(Object.values(groups).map((group) => group.Properties.LogGroupName)).toEqual([
      '/aws/rds/instance/market-primary/postgresql',
      '/aws/rds/instance/market-primary/upgrade',
    ]);
    expect(instance?.DependsOn).toEqual(expect.arrayContaining(Object.keys(groups)));
    expect(instance?.Properties.EnableCloudwatchLogsExports).toEqual(['postgresql', 'upgrade']);
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });

  test('the password is not managed by RDS, which would exclude read replicas', () => {
    expect(instance?.Properties.ManageMasterUserPassword).toBeUndefined();
    template.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: {
        PasswordLength: 30,
        ExcludeCharacters: Match.stringLikeRegexp('.*:.*/.*@.*'),
      },
      ReplicaRegions: Match.absent(),
    });
    template.resourceCountIs('AWS::SecretsManager::SecretTargetAttachment', 1);
    expect(stack.resolve(built.masterSecret.secretArn)).toEqual({
      Ref: expect.stringContaining('Attachment'),
    });
  });

  test('it has a parameter group of its own', () => {
    template.hasResourceProperties('AWS::RDS::DBParameterGroup', {
      Family: 'postgres17',
      Parameters: Match.objectLike({ 'rds.force_ssl': '1', max_connections: '500' }),
    });
  });
});

describe('with other props', () => {
  const stack = testStack('us-east-1');
  const key = (id: string) => new kms.Key(stack, id, { enableKeyRotation: true });
  const built = primary(stack, {
    engineVersion: rds.PostgresEngineVersion.VER_18,
    upgradingFrom: rds.PostgresEngineVersion.VER_17,
    databaseName: 'market',
    multiAz: false,
    allocatedStorage: Size.gibibytes(400),
    storageIops: 16_000,
    storageThroughput: 1000,
    databaseInsights: rds.DatabaseInsightsMode.ADVANCED,
    encryptionKey: key('DatabaseKey'),
    secretEncryptionKey: key('SecretKey'),
    logEncryptionKey: key('LogKey'),
    secretName: 'market/master',
    secretReplicaRegions: [
      { region: 'ap-southeast-1', encryptionKey: 'alias/market-secrets' },
      {
        region: 'eu-west-1',
        encryptionKey: 'arn:aws:kms:eu-west-1:111111111111:alias/market-secrets',
      },
    ],
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const client = new ec2.SecurityGroup(stack, 'Client', { vpc: built.instance.vpc });
  built.connections.allowDefaultPortFrom(client);
  const template = Template.fromStack(stack);

  test('the secret is copied to other regions, each under a key of that region', () => {
    template.hasResourceProperties('AWS::SecretsManager::Secret', {
      Name: 'market/master',
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('SecretKey'), 'Arn'] },
      ReplicaRegions: [
        { Region: 'ap-southeast-1', KmsKeyId: 'alias/market-secrets' },
        {
          Region: 'eu-west-1',
          KmsKeyId: 'arn:aws:kms:eu-west-1:111111111111:alias/market-secrets',
        },
      ],
    });
  });

  test('advanced Database Insights keeps Performance Insights for 15 months', () => {
    template.hasResourceProperties('AWS::RDS::DBInstance', {
      DatabaseInsightsMode: 'advanced',
      PerformanceInsightsRetentionPeriod: 465,
    });
  });

  test('a major upgrade creates the parameter group of the new version', () => {
    template.hasResourceProperties('AWS::RDS::DBInstance', {
      EngineVersion: '18',
      AllowMajorVersionUpgrade: true,
    });
    template.hasResourceProperties('AWS::RDS::DBParameterGroup', { Family: 'postgres18' });
  });

  test('removalPolicy DESTROY turns protection off', () => {
    template.hasResource('AWS::RDS::DBInstance', {
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtection: false, DeleteAutomatedBackups: true, MultiAZ: false },
    });
    template.hasResource('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
  });

  test('CloudWatch Logs may use the key of the logs', () => {
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('LogKey'), 'Arn'] },
    });
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({ Principal: { Service: 'logs.us-east-1.amazonaws.com' } }),
        ]),
      },
    });
  });

  test('only clients that `connections` adds can connect', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 5432,
      ToPort: 5432,
      SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('Client'), 'GroupId'] },
    });
  });
});

describe('checks', () => {
  const days = (retention: Duration) => ({ backupRetention: retention });
  const DAYS = 'backupRetention must be 1 to 35 whole days, got';
  test.each<[string, Partial<PostgresPrimaryProps>, string]>([
    ['no backups', days(Duration.days(0)), `${DAYS} 0.\nRDS for PostgreSQL replicates only from`],
    ['36 days of backups', days(Duration.days(36)), `${DAYS} 36`],
    ['half a day of backups', days(Duration.hours(12)), `${DAYS} 0.5`],
    ['19 GiB', { allocatedStorage: Size.gibibytes(19) }, 'allocatedStorage must be 20 to 1024 GiB'],
    [
      'more than the limit',
      { allocatedStorage: Size.tebibytes(2) },
      'allocatedStorage must be 20 to 1024 GiB',
    ],
    [
      'a limit beyond gp3',
      { maxAllocatedStorage: Size.tebibytes(65) },
      'maxAllocatedStorage must be 20 to 65536 GiB',
    ],
    [
      'IOPS for 399 GiB',
      { allocatedStorage: Size.gibibytes(399), storageIops: 12_000 },
      'storageIops must be left out below 400 GiB',
    ],
    [
      'throughput for 100 GiB',
      { storageThroughput: 500 },
      'storageThroughput must be left out below 400 GiB',
    ],
    [
      'an odd interval',
      { monitoringInterval: Duration.seconds(20) },
      'monitoringInterval must be 1, 5, 10, 15, 30, 60 seconds, got 20',
    ],
    ['no monitoring', { monitoringInterval: Duration.seconds(0) }, 'monitoringInterval must be'],
    [
      'upper case',
      { instanceIdentifier: 'Market' },
      'instanceIdentifier must be at most 63 lower-case letters',
    ],
    ['two hyphens', { instanceIdentifier: 'market--primary' }, 'instanceIdentifier must be'],
    ['64 characters', { instanceIdentifier: 'm'.repeat(64) }, 'instanceIdentifier must be'],
    [
      'an upgrade from the version itself',
      { upgradingFrom: rds.PostgresEngineVersion.VER_17 },
      'upgradingFrom must be a major version below 17, that of `engineVersion`, got "17".\nA ' +
        'major upgrade starts from this version',
    ],
    [
      'a downgrade',
      { upgradingFrom: rds.PostgresEngineVersion.VER_18 },
      'upgradingFrom must be a major version below 17',
    ],
    [
      'max_connections of 5',
      { parameters: { maxConnections: 5 } },
      'parameters.maxConnections must be',
    ],
    [
      'the secret in its own region',
      { secretReplicaRegions: [{ region: 'us-east-1', encryptionKey: 'alias/a' }] },
      'secretReplicaRegions[0].region must be a region that does not have the secret yet, got ' +
        '"us-east-1"',
    ],
    [
      'a region twice',
      {
        secretReplicaRegions: [1, 2].map(() => ({ region: 'eu-west-1', encryptionKey: 'alias/a' })),
      },
      'secretReplicaRegions[1].region must be',
    ],
  ])('%s is refused', (_, props, message) => {
    expect(() => primary(testStack('us-east-1'), props)).toThrow(message);
  });

  test.each<[string, Partial<PostgresPrimaryProps>]>([
    ['an upgrade over two versions', { upgradingFrom: rds.PostgresEngineVersion.VER_15 }],
    ['one day of backups', { backupRetention: Duration.days(1) }],
    ['35 days', { backupRetention: Duration.days(35) }],
    [
      'backups known only at deployment',
      { backupRetention: Duration.days(Lazy.number({ produce: () => 14 })) },
    ],
    [
      'an interval known only at deployment',
      { monitoringInterval: Duration.seconds(Lazy.number({ produce: () => 60 })) },
    ],
    ['20 GiB', { allocatedStorage: Size.gibibytes(20) }],
    ['64 TiB', { maxAllocatedStorage: Size.tebibytes(64) }],
    ['IOPS for 400 GiB', { allocatedStorage: Size.gibibytes(400), storageIops: 12_000 }],
    ['30 seconds', { monitoringInterval: Duration.seconds(30) }],
    ['63 characters', { instanceIdentifier: 'm'.repeat(63) }],
  ])('%s passes', (_, props) => {
    expect(() => primary(testStack('us-east-1'), props)).not.toThrow();
  });
});

/** An import with the required attributes and some more. */
function importedPrimary(
  stack: Stack,
  attributes: Partial<PostgresPrimaryAttributes> = {},
): IPostgresPrimary {
  return PostgresPrimary.fromPostgresPrimaryAttributes(stack, 'Imported', {
    instanceIdentifier: 'market-primary',
    endpointAddress: 'market-primary.example.com',
    securityGroup: ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0'),
    ...attributes,
  });
}

describe('an imported primary', () => {
  const stack = testStack('us-east-1');
  const imported = importedPrimary(stack, {
    port: 6432,
    instanceResourceId: 'db-ABCDEFGHIJKL',
    masterSecret: secretsmanager.Secret.fromSecretNameV2(stack, 'Secret', 'market/master'),
  });
  const client = new ec2.SecurityGroup(stack, 'Client', { vpc: databaseVpc(stack) });
  imported.connections.allowDefaultPortFrom(client);
  imported.grantConnect(new iam.ManagedPolicy(stack, 'Policy'), 'orders_app');
  const template = Template.fromStack(stack);

  test('knows its endpoint, its identifier and its secret', () => {
    expect(imported.endpoint).toEqual({ hostname: 'market-primary.example.com', port: 6432 });
    expect(imported.instanceIdentifier).toBe('market-primary');
    expect(imported.instance.dbInstanceEndpointAddress).toBe('market-primary.example.com');
    expect(imported.masterSecret?.secretName).toBe('market/master');
  });

  test('lets clients in by a rule of its security group', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: 'sg-0123456789abcdef0',
      FromPort: 6432,
      ToPort: 6432,
    });
  });

  test('grants the login of one user of this instance', () => {
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'rds-db:connect',
            Resource: {
              'Fn::Join': [
                '',
                [
                  'arn:aws:rds-db:us-east-1:',
                  { Ref: 'AWS::AccountId' },
                  ':dbuser:db-ABCDEFGHIJKL/orders_app',
                ],
              ],
            },
          },
        ],
      },
    });
  });

  test('has port 5432 by default, and without its resource id grants nothing', () => {
    const least = importedPrimary(testStack('us-east-1'));
    expect(least.endpoint.port).toBe(5432);
    expect(() => least.grantConnect(new iam.AccountRootPrincipal(), 'orders_app')).toThrow(
      'instanceResourceId',
    );
  });
});

test('the metrics have the dimension of the instance, here and imported, and take options', () => {
  const imported = importedPrimary(testStack('us-east-1'));
  const metrics = (of: IPostgresPrimary) =>
    [
      of.metricCpu(),
      of.metricConnections(),
      of.metricFreeStorage(),
      of.metricWriteThroughput({ period: Duration.minutes(10) }),
    ].map(({ metricName, statistic, period }) => [metricName, statistic, period.toMinutes()]);
  expect(metrics(imported)).toEqual([
    ['CPUUtilization', 'Average', 5],
    ['DatabaseConnections', 'Maximum', 1],
    ['FreeStorageSpace', 'Minimum', 5],
    ['WriteThroughput', 'Average', 10],
  ]);
  const built = primary(testStack('us-east-1'));
  expect(metrics(built)).toEqual(metrics(imported));
  expect(built.metricCpu().dimensions).toEqual({
    DBInstanceIdentifier: built.instance.instanceIdentifier,
  });
});
