import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as rds from 'aws-cdk-lib/aws-rds';
import { PostgresSource } from '../../../../lib/constructs/database/primary/source';
import {
  PostgresReplicas,
  type PostgresReplicasProps,
} from '../../../../lib/constructs/database/replicas/postgres-replicas';
import { testStack } from '../../../test-stack';
import { databaseVpc, importedInstance, namesAndStatistics } from '../fixture';

const IN_VIRGINIA = PostgresSource.inRegion({
  region: 'us-east-1',
  instanceIdentifier: 'market-primary',
});

/** Replicas in Singapore of a primary in Virginia. */
function remote(props: Partial<PostgresReplicasProps> = {}): PostgresReplicas {
  const stack = testStack('ap-southeast-1');
  return new PostgresReplicas(stack, 'Replicas', {
    vpc: databaseVpc(stack),
    source: IN_VIRGINIA,
    identifierPrefix: 'market-apac',
    ...props,
  });
}

/** Replicas beside their primary. */
function local(props: Partial<PostgresReplicasProps> = {}): PostgresReplicas {
  const stack = testStack('us-east-1');
  const source = PostgresSource.inThisRegion(importedInstance(stack));
  return new PostgresReplicas(stack, 'Replicas', {
    vpc: databaseVpc(stack),
    source,
    identifierPrefix: 'market',
    ...props,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have no type
type Resource = { Properties: Record<string, any>; DependsOn?: string[] };

function instancesByIdentifier(template: Template): Record<string, Resource> {
  const instances = Object.values(template.findResources('AWS::RDS::DBInstance')) as Resource[];
  return Object.fromEntries(
    instances.map((instance) => [instance.Properties.DBInstanceIdentifier, instance]),
  );
}

describe('after the promotion of the hub', () => {
  const source = PostgresSource.leftInRegion({
    region: 'us-east-1',
    instanceIdentifier: 'market-primary',
  });
  const built = remote({ source });
  const instances = instancesByIdentifier(Template.fromStack(Stack.of(built)));
  const followed = instancesByIdentifier(Template.fromStack(Stack.of(remote())));

  test('the hub is the writer and no longer a replica; its leaves answer readers', () => {
    expect(built.hub).toBeUndefined();
    expect(built.writer?.instanceIdentifier).toBe('market-apac-hub');
    expect(built.instanceIdentifiers).toEqual(['market-apac-leaf-1', 'market-apac-leaf-2']);
    expect(built.instances).toEqual(built.leaves);
    for (const list of [built.endpoints, built.replayDelays]) expect(list).toHaveLength(2);
    expect(Object.keys(built.logGroups)).toEqual([
      'market-apac-hub',
      'market-apac-leaf-1',
      'market-apac-leaf-2',
    ]);
  });

  test('the hub changes only its standby and its backups, and the leaves do not change', () => {
    const { 'market-apac-hub': was, ...wereLeaves } = followed;
    const { 'market-apac-hub': is, ...leaves } = instances;
    const { AvailabilityZone, ...kept } = was?.Properties ?? {};
    expect(is?.Properties).toEqual({ ...kept, MultiAZ: true, DeleteAutomatedBackups: false });
    expect(leaves).toEqual(wereLeaves);
  });

  test('a chain begins with the hub; its leaves cannot be followed without backups', () => {
    const stack = Stack.of(built);
    const below = PostgresSource.inThisRegion(built.leaves[0] as rds.IDatabaseInstance);
    expect(
      PostgresSource.inThisRegion(built.writer?.instance as rds.IDatabaseInstance).bind(stack)
        .chain,
    ).toEqual(['ap-southeast-1']);
    expect(() => below.bind(stack)).toThrow('an instance with automatic backups');
  });

  test('a major upgrade upgrades only the hub, with a parameter group of its own', () => {
    const stack = Stack.of(
      remote({
        source,
        engineVersion: rds.PostgresEngineVersion.VER_18,
        upgradingFrom: rds.PostgresEngineVersion.VER_17,
      }),
    );
    const template = Template.fromStack(stack);
    const { 'market-apac-hub': hub, 'market-apac-leaf-1': leaf } = instancesByIdentifier(template);
    const family = (instance: Resource | undefined) =>
      template.toJSON().Resources[instance?.Properties.DBParameterGroupName.Ref].Properties.Family;
    expect(hub?.Properties).toMatchObject({ EngineVersion: '18', AllowMajorVersionUpgrade: true });
    expect([family(hub), family(leaf)]).toEqual(['postgres18', 'postgres17']);
    expect(leaf?.Properties).not.toHaveProperty('EngineVersion');
  });
});

describe('in another region than the source', () => {
  const built = remote();
  const template = Template.fromStack(Stack.of(built));
  const instances = instancesByIdentifier(template);
  const hub = instances['market-apac-hub'];
  const leaves = [instances['market-apac-leaf-1'], instances['market-apac-leaf-2']];

  test('there are one hub and two leaves, the hub first', () => {
    expect(Object.keys(instances)).toHaveLength(3);
    expect(built.instanceIdentifiers).toEqual([
      'market-apac-hub',
      'market-apac-leaf-1',
      'market-apac-leaf-2',
    ]);
    expect(built.instances).toEqual([built.hub, ...built.leaves]);
    expect(built.endpoints).toHaveLength(3);
  });

  test('the hub names its source by ARN and region, so its stack synthesizes alone', () => {
    expect(hub?.Properties.SourceDBInstanceIdentifier).toEqual({
      'Fn::Join': ['', ['arn:aws:rds:us-east-1:', { Ref: 'AWS::AccountId' }, ':db:market-primary']],
    });
    expect(hub?.Properties.SourceRegion).toBe('us-east-1');
  });

  test('the hub has a key of this region and does not set StorageEncrypted', () => {
    const key = Object.keys(
      template.findResources('AWS::KMS::Key', { Properties: { EnableKeyRotation: true } }),
    )[0];
    expect(hub?.Properties.KmsKeyId).toEqual({ 'Fn::GetAtt': [key, 'Arn'] });
    expect(hub?.Properties).not.toHaveProperty('StorageEncrypted');
  });

  test('the hub has the automatic backups that its leaves need; the leaves have none', () => {
    expect(hub?.Properties.BackupRetentionPeriod).toBe(7);
    for (const leaf of leaves) expect(leaf?.Properties).not.toHaveProperty('BackupRetentionPeriod');
  });

  test('the leaves follow the hub by identifier, are created after it, and name no key', () => {
    const hubId = Object.keys(
      template.findResources('AWS::RDS::DBInstance', {
        Properties: { DBInstanceIdentifier: 'market-apac-hub' },
      }),
    )[0];
    for (const leaf of leaves) {
      expect(leaf?.Properties.SourceDBInstanceIdentifier).toEqual({ Ref: hubId });
      for (const property of ['KmsKeyId', 'StorageEncrypted', 'SourceRegion'])
        expect(leaf?.Properties).not.toHaveProperty(property);
    }
  });

  test('the hub uses the first zone, and the leaves the next ones', () => {
    expect([hub, ...leaves].map((instance) => instance?.Properties.AvailabilityZone)).toEqual([
      'ap-southeast-1a',
      'ap-southeast-1b',
      'ap-southeast-1c',
    ]);
  });

  test('no instance names an engine version or has credentials of its own', () => {
    for (const instance of Object.values(instances)) {
      for (const property of [
        'EngineVersion',
        'MasterUsername',
        'MasterUserPassword',
        'ManageMasterUserPassword',
      ]) {
        expect(instance.Properties).not.toHaveProperty(property);
      }
    }
  });

  test('every instance is private, protected and monitored, and uses gp3', () => {
    template.allResourcesProperties('AWS::RDS::DBInstance', {
      PubliclyAccessible: false,
      DeletionProtection: true,
      EnableIAMDatabaseAuthentication: true,
      MonitoringInterval: 60,
      DatabaseInsightsMode: 'standard',
      PerformanceInsightsKMSKeyId: Match.anyValue(),
      EnableCloudwatchLogsExports: ['postgresql', 'upgrade'],
      StorageType: 'gp3',
      MaxAllocatedStorage: 1024,
      CACertificateIdentifier: 'rds-ca-rsa2048-g1',
    });
    template.resourceCountIs('AWS::EC2::SecurityGroup', 1);
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
  });

  test('the log groups of every instance exist before it', () => {
    for (const [identifier, instance] of Object.entries(instances)) {
      for (const type of ['postgresql', 'upgrade']) {
        const groups = template.findResources('AWS::Logs::LogGroup', {
          Properties: {
            LogGroupName: `/aws/rds/instance/${identifier}/${type}`,
            RetentionInDays: 365,
          },
        });
        expect(instance.DependsOn).toEqual(expect.arrayContaining(Object.keys(groups)));
        expect(Object.keys(groups)).toHaveLength(1);
      }
    }
  });

  test('one parameter group prevents the cancellation of readers', () => {
    template.resourceCountIs('AWS::RDS::DBParameterGroup', 1);
    template.hasResourceProperties('AWS::RDS::DBParameterGroup', {
      Family: 'postgres17',
      Parameters: Match.objectLike({
        hot_standby_feedback: '1',
        max_standby_streaming_delay: '30000',
      }),
    });
  });
});

describe('in the region of the source', () => {
  const built = local({ leaves: 4 });
  const template = Template.fromStack(Stack.of(built));
  const instances = Object.values(instancesByIdentifier(template));

  test('there is no hub: all instances follow the source, by identifier', () => {
    expect(built.hub).toBeUndefined();
    expect(built.instanceIdentifiers).toEqual(
      [1, 2, 3, 4].map((number) => `market-leaf-${number}`),
    );
    for (const { Properties } of instances)
      expect(Properties.SourceDBInstanceIdentifier).toBe('market-primary');
  });

  test('no instance names a key, StorageEncrypted, a source region or backups', () => {
    for (const { Properties } of instances) {
      for (const property of [
        'KmsKeyId',
        'StorageEncrypted',
        'SourceRegion',
        'BackupRetentionPeriod',
      ]) {
        expect(Properties).not.toHaveProperty(property);
      }
    }
  });

  test('the zones are used in turn, from the first', () => {
    expect(instances.map(({ Properties }) => Properties.AvailabilityZone)).toEqual([
      'us-east-1a',
      'us-east-1b',
      'us-east-1c',
      'us-east-1a',
    ]);
  });
});

describe('with other props', () => {
  const built = remote({
    leaves: 0,
    hubMultiAz: true,
    backupRetention: Duration.days(1),
    port: 6432,
    parameters: { hotStandbyFeedback: false },
    removalPolicy: RemovalPolicy.DESTROY,
  });
  built.connections.allowDefaultPortFrom(ec2.Peer.ipv4('10.0.0.0/16'));
  const template = Template.fromStack(Stack.of(built));

  test('a hub with a standby names no zone', () => {
    template.resourceCountIs('AWS::RDS::DBInstance', 1);
    template.hasResourceProperties('AWS::RDS::DBInstance', {
      MultiAZ: true,
      AvailabilityZone: Match.absent(),
      BackupRetentionPeriod: 1,
      Port: '6432',
      DeletionProtection: false,
    });
  });

  test('`connections` opens the port', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: [
        Match.objectLike({ CidrIp: '10.0.0.0/16', FromPort: 6432, ToPort: 6432 }),
      ],
    });
  });
});

describe('a major upgrade', () => {
  const family = (props: Partial<PostgresReplicasProps>) => {
    const groups = Template.fromStack(Stack.of(remote({ leaves: 0, ...props }))).findResources(
      'AWS::RDS::DBParameterGroup',
    );
    return Object.values(groups).map(({ Properties }) => Properties.Family);
  };
  const engineVersion = rds.PostgresEngineVersion.VER_18;

  test('at first keeps the parameter groups of the replicas in the family that they run', () => {
    expect(family({ engineVersion, upgradingFrom: rds.PostgresEngineVersion.VER_17 })).toEqual([
      'postgres17',
    ]);
  });

  test('then moves them to the new family', () => {
    expect(family({ engineVersion })).toEqual(['postgres18']);
  });
});

describe('a leaf with parameters of its own', () => {
  const built = remote({
    leaves: 3,
    parameters: {
      maxConnections: 300,
      maxStandbyStreamingDelay: Duration.seconds(10),
      overrides: { work_mem: '65536' },
    },
    leafParameters: { 3: { readers: 'reports', overrides: { random_page_cost: '2' } } },
  });
  const template = Template.fromStack(Stack.of(built));
  const groups = template.findResources('AWS::RDS::DBParameterGroup');
  const groupOf = (identifier: string) => {
    const name = instancesByIdentifier(template)[identifier]?.Properties.DBParameterGroupName;
    return groups[name?.Ref]?.Properties;
  };

  test('has a parameter group of its own, which inherits the parameters it does not set', () => {
    expect(groupOf('market-apac-leaf-3').Parameters).toMatchObject({
      hot_standby_feedback: '0',
      max_standby_streaming_delay: '900000',
      max_connections: '300',
      work_mem: '65536',
      random_page_cost: '2',
    });
  });

  test('has its own delay in `replayDelays`, where the hub comes first', () => {
    expect(built.replayDelays.map((delay) => delay?.toSeconds())).toEqual([10, 10, 10, 900]);
    expect(
      local({ parameters: { overrides: { max_standby_streaming_delay: '-1' } } }).replayDelays,
    ).toEqual([undefined, undefined]);
  });

  test('does not change the others', () => {
    expect(Object.keys(groups)).toHaveLength(2);
    for (const other of ['hub', 'leaf-1', 'leaf-2']) {
      expect(groupOf(`market-apac-${other}`).Parameters).toMatchObject({
        hot_standby_feedback: '1',
        max_standby_streaming_delay: '10000',
        random_page_cost: '1.1',
      });
    }
  });
});

describe('chains', () => {
  const version = (text: string) =>
    rds.PostgresEngineVersion.of(text, text.split('.')[0] as string);
  const below = (region: string, ...follows: string[]) =>
    PostgresSource.inRegion({ region, instanceIdentifier: 'market-apac-hub', follows });
  /** Further replicas in the region of a tree, which follow one of its instances. */
  const extended = (
    pick: (tree: PostgresReplicas) => rds.IDatabaseInstance,
    props: Partial<PostgresReplicasProps> = {},
  ) => {
    const tree = remote();
    const source = PostgresSource.inThisRegion(pick(tree));
    return new PostgresReplicas(Stack.of(tree), 'More', {
      vpc: vpcOfStack(tree),
      source,
      identifierPrefix: 'more',
      ...props,
    });
  };
  const vpcOfStack = (tree: PostgresReplicas) =>
    Stack.of(tree).node.findChild('Vpc') as unknown as ec2.IVpc;

  test.each<[string, () => PostgresReplicas, string]>([
    [
      'a third region',
      () => remote({ source: below('eu-west-1', 'us-east-1') }),
      'source must be an instance of the region of the primary, or of this one, got ' +
        '["us-east-1","eu-west-1","ap-southeast-1"].\nA chain of RDS for PostgreSQL has at most 3 ' +
        'replicas and 2 regions',
    ],
    [
      'a fourth link',
      () => remote({ source: below('us-east-1', 'us-east-1', 'us-east-1') }),
      'source must be a source with at most 1 replicas above these, one following the other, got ' +
        '["us-east-1","us-east-1","us-east-1"]',
    ],
    [
      'a fourth link without leaves',
      () =>
        remote({ leaves: 0, source: below('us-east-1', 'us-east-1', 'us-east-1', 'us-east-1') }),
      'source must be a source with at most 2 replicas above',
    ],
    [
      'a leaf as a source',
      () => extended(({ leaves }) => leaves[0] as rds.IDatabaseInstance),
      'source must be an instance with automatic backups',
    ],
    [
      'leaves of a hub of 13',
      () => remote({ engineVersion: version('13.20') }),
      'engineVersion must be 14.1 or later where a replica follows',
    ],
    [
      'leaves of a hub of 14.0',
      () => remote({ engineVersion: version('14.0') }),
      'engineVersion must be 14.1 or later',
    ],
    [
      'parameters of a leaf that does not exist',
      () => remote({ leafParameters: { 3: {} } }),
      'leafParameters must be by the numbers of the leaves, 1 to 2, got "3"',
    ],
    [
      'parameters of leaf 0',
      () => remote({ leafParameters: { 0: {} } }),
      'leafParameters must be by the numbers of the leaves',
    ],
  ])('%s is refused', (_, create, message) => {
    expect(create).toThrow(message);
  });

  test.each<[string, () => PostgresReplicas]>([
    [
      'a hub below a replica beside the primary',
      () => remote({ source: below('us-east-1', 'us-east-1') }),
    ],
    [
      'a hub as the third link',
      () => remote({ leaves: 0, source: below('us-east-1', 'us-east-1', 'us-east-1') }),
    ],
    ['more leaves of a hub', () => extended(({ hub }) => hub as rds.IDatabaseInstance)],
    ['leaves of a hub of 14.1', () => remote({ engineVersion: version('14.1') })],
    ['leaves of a hub of 14, the newest', () => remote({ engineVersion: version('14') })],
    ['a hub of 13 alone', () => remote({ leaves: 0, engineVersion: version('13.20') })],
    ['leaves of a primary of 13', () => local({ engineVersion: version('13.20') })],
    ['parameters of the last leaf', () => remote({ leafParameters: { 2: {} } })],
  ])('%s passes', (_, create) => {
    expect(create).not.toThrow();
  });
});

describe('checks', () => {
  test.each<[string, () => PostgresReplicas, string]>([
    [
      '15 leaves of a hub',
      () => remote({ leaves: 15 }),
      'PostgresReplicas at Test/Replicas: leaves must be 0 to 14, got 15.\nRDS for PostgreSQL ' +
        'allows 15 replicas of one source',
    ],
    ['a negative number', () => remote({ leaves: -1 }), 'leaves must be 0 to 14, got -1'],
    ['half a leaf', () => remote({ leaves: 1.5 }), 'leaves must be 0 to 14, got 1.5'],
    ['15 leaves of the source', () => local({ leaves: 15 }), 'leaves must be 1 to 14, got 15'],
    ['no replica at all', () => local({ leaves: 0 }), 'leaves must be 1 to 14, got 0'],
    [
      'a hub without backups',
      () => remote({ backupRetention: Duration.days(0) }),
      'backupRetention must be 1 to 35 whole days, got 0',
    ],
    [
      'a zone without a subnet',
      () => remote({ availabilityZones: ['ap-southeast-1d'] }),
      'must be zones of the subnets: ap-southeast-1a',
    ],
    [
      'no zones',
      () => remote({ availabilityZones: [] }),
      'availabilityZones must be at least one zone',
    ],
    [
      'a prefix too long',
      () => remote({ identifierPrefix: 'm'.repeat(56) }),
      'identifierPrefix must be at most 55',
    ],
    [
      'a source of this region that is declared to be elsewhere',
      () =>
        remote({
          source: PostgresSource.inRegion({
            region: 'ap-southeast-1',
            instanceIdentifier: 'market-primary',
          }),
        }),
      'source.region must be another region than that of the replicas, got "ap-southeast-1"',
    ],
    [
      'a source of another region that is declared to be here',
      () =>
        remote({ source: PostgresSource.inThisRegion(importedInstance(testStack('us-east-1'))) }),
      'source must be an instance of ap-southeast-1, as `inThisRegion` says, got "us-east-1"',
    ],
    [
      'a source with an impossible identifier',
      () =>
        remote({
          source: PostgresSource.inRegion({
            region: 'us-east-1',
            instanceIdentifier: 'Market_Primary',
          }),
        }),
      'source.instanceIdentifier must be at most 63',
    ],
  ])('%s is refused', (_, create, message) => {
    expect(create).toThrow(message);
  });

  test.each<[string, () => PostgresReplicas, number]>([
    ['14 leaves of a hub', () => remote({ leaves: 14 }), 15],
    ['14 leaves of the source', () => local({ leaves: 14 }), 14],
    ['one leaf of the source', () => local({ leaves: 1 }), 1],
    [
      'two of the zones',
      () => remote({ availabilityZones: ['ap-southeast-1b', 'ap-southeast-1c'] }),
      3,
    ],
    ['the longest prefix', () => remote({ identifierPrefix: 'm'.repeat(55) }), 3],
  ])('%s passes', (_, create, instances) => {
    expect(create().instances).toHaveLength(instances);
  });
});

describe('for other constructs', () => {
  const replicas = remote();
  const stack = Stack.of(replicas);

  test('grantConnect lets a role log in to all instances as one user', () => {
    const grant = replicas.grantConnect(new iam.ManagedPolicy(stack, 'Client'), 'orders_app');
    grant.assertSuccess();
    const statements = grant.principalStatements.map((statement) =>
      stack.resolve(statement.toStatementJson()),
    );
    expect(statements).toHaveLength(3);
    for (const { Action, Resource } of statements) {
      expect(Action).toBe('rds-db:connect');
      expect(JSON.stringify(Resource)).toMatch(/DbiResourceId.*\/orders_app/);
    }
  });

  test('the metrics are of one instance', () => {
    const [hub] = replicas.instances;
    const metrics = [
      replicas.metricReplicaLag('market-apac-hub'),
      replicas.metricCpu('market-apac-hub'),
      replicas.metricConnections('market-apac-hub'),
      replicas.metricFreeStorage('market-apac-hub', { statistic: 'Average' }),
    ];
    expect(namesAndStatistics(metrics)).toEqual([
      ['ReplicaLag', 'Maximum'],
      ['CPUUtilization', 'Average'],
      ['DatabaseConnections', 'Maximum'],
      ['FreeStorageSpace', 'Average'],
    ]);
    for (const { dimensions } of metrics)
      expect(dimensions).toEqual({ DBInstanceIdentifier: hub?.instanceIdentifier });
  });

  test('a metric of another instance is refused', () => {
    expect(() => replicas.metricReplicaLag('market-primary')).toThrow(
      'instanceIdentifier must be one of market-apac-hub, market-apac-leaf-1, ' +
        'market-apac-leaf-2, got "market-primary"',
    );
  });
});
