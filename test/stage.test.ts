/**
 * The whole stage, synthesized with validation: its content, its stable logical IDs, and the order of
 * deployment.
 */
import { Stack, Stage, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { QueryAdvice } from '../lib/constructs/database/advice/query-advice';
import { STATEFUL_RESOURCE_TYPES } from '../lib/model/aws/stateful';
import type { Deployment } from '../lib/model/config/deployment';
import { DATABASE_ROLES, physicalNames } from '../lib/model/config/names';
import { CacheStack } from '../lib/stacks/cache-stack';
import type { AssemblyStack, TemplateResource } from '../lib/tools/assembly/assembly';
import {
  functionsDeployment,
  marketDeployment,
  marketStage,
  synthesizeMarket,
} from './market-stage';

const { stage, assembly } = synthesizeMarket();

function stackAt(path: string): AssemblyStack {
  const found = assembly.stacks.find((stack) => stack.path === `market-production/${path}`);
  if (!found) throw new Error(`There is no stack ${path}.`);
  return found;
}

function resources(
  type: string,
  among: readonly AssemblyStack[] = assembly.stacks,
): TemplateResource[] {
  return among.flatMap(({ template }) =>
    Object.values(template.Resources).filter(({ Type }) => Type === type),
  );
}

/** The stacks of a region whose part of the deployment file is changed. */
function stacksOf(
  name: string,
  change: Partial<Deployment['regions'][string]>,
): readonly AssemblyStack[] {
  const deployment = marketDeployment();
  const { [name]: region } = deployment.regions;
  if (!region) throw new Error(`The market deployment has no ${name}.`);
  Object.assign(region, change);
  return synthesizeMarket(deployment, [name]).assembly.stacks;
}

const REGIONS = ['us-east-1', 'eu-west-1', 'ap-southeast-1'];

describe('the content', () => {
  test('each other region has a hub with its own key and backups, and leaves', () => {
    for (const region of ['eu-west-1', 'ap-southeast-1']) {
      const instances = resources('AWS::RDS::DBInstance', [stackAt(`${region}/Database`)]);
      const hubs = instances.filter(({ Properties }) => Properties?.SourceRegion === 'us-east-1');
      expect(hubs).toHaveLength(1);
      expect(hubs[0]?.Properties).toMatchObject({
        KmsKeyId: expect.anything(),
        BackupRetentionPeriod: 14,
      });
      expect(instances).toHaveLength(region === 'ap-southeast-1' ? 3 : 2);
    }
  });

  test('each region has the same private name for its replicas, with a fallback to the writer', () => {
    for (const [region, answering] of [
      ['us-east-1', 3],
      ['eu-west-1', 2],
      ['ap-southeast-1', 3],
    ] as const) {
      const records = resources('AWS::Route53::RecordSet', [stackAt(`${region}/Database`)]);
      expect(records.map(({ Properties }) => Properties?.Name)).toEqual(
        Array(answering).fill('readers.market-production.internal.'),
      );
      expect(
        resources('AWS::CloudWatch::CompositeAlarm', [stackAt(`${region}/Observability`)]),
      ).toHaveLength(1);
    }
  });

  test('poolers in every region lead to readers and writer, with half of an instance for each', () => {
    for (const region of REGIONS) {
      const pooler = stackAt(`${region}/Pooler`);
      const [record, ...others] = resources('AWS::Route53::RecordSet', [pooler]);
      expect([record?.Properties?.Name, others]).toEqual([
        'poolers.market-production.internal.',
        [],
      ]);
      const boot = JSON.stringify(resources('AWS::EC2::LaunchTemplate', [pooler]));
      expect(boot).toContain(
        'market = host=readers.market-production.internal port=5432 dbname=market\\n',
      );
      // In other regions the hub, which becomes the writer by a promotion.
      expect(boot).toMatch(
        new RegExp(
          `market_writer = host=",\\{[^}]*${region === 'us-east-1' ? 'Primary' : 'ReplicasHub'}[^}]*EndpointAddress[^}]*\\}\\}," port=5432 dbname=market`,
        ),
      );
      expect(boot).toContain('server_tls_sslmode = verify-ca');
      // (500 − 50) ÷ 2 databases ÷ (3 poolers + 2 during a replacement)
      expect(boot).toContain('max_db_connections = 45');
      const [group] = resources('AWS::AutoScaling::AutoScalingGroup', [pooler]);
      expect(group?.Properties?.MinSize).toBe('3');
    }
  });

  test('only poolers and fleets reach the databases of their region', () => {
    const ingress = (path: string) =>
      resources('AWS::EC2::SecurityGroupIngress', [stackAt(path)]).map(({ Properties }) => [
        Properties?.Description,
        Properties?.FromPort,
      ]);
    expect(ingress('us-east-1/Pooler').sort()).toEqual([
      ['PgBouncer', 6432],
      ['PostgreSQL primary', 5432],
      ['PostgreSQL replicas', 5432],
    ]);
    expect(ingress('eu-west-1/Pooler').sort()).toEqual([
      ['PgBouncer', 6432],
      ['PostgreSQL replicas', 5432],
    ]);
    for (const region of REGIONS)
      expect(ingress(`${region}/Service`)).toContainEqual(['PgBouncer', 5432]);
  });

  test('the users of the poolers are one secret, copied and read under the key of each region', () => {
    const name = 'market-production/database/pooler-users';
    const secrets = resources('AWS::SecretsManager::Secret').filter(
      ({ Properties }) => Properties?.Name === name,
    );
    expect(secrets).toHaveLength(1);
    expect(resources('AWS::SecretsManager::Secret', [stackAt('us-east-1/Database')])).toContain(
      secrets[0],
    );
    expect(secrets[0]).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        SecretString: '{}',
        KmsKeyId: expect.anything(),
        ReplicaRegions: ['eu-west-1', 'ap-southeast-1'].map((Region) => ({
          Region,
          KmsKeyId: 'alias/market-production/region',
        })),
      },
    });
    for (const region of REGIONS) {
      const policies = JSON.stringify(resources('AWS::IAM::Policy', [stackAt(`${region}/Pooler`)]));
      expect(policies).toContain(`:secret:${name}-??????`);
      expect(policies).toMatch(
        new RegExp(
          `"Action":"kms:Decrypt","Condition":\\{"StringEquals":\\{"kms:ViaService":"secretsmanager\\.${region}\\.amazonaws\\.com"`,
        ),
      );
    }
  });

  test('schema migrations run in the primary region, by a command', () => {
    expect(resources('AWS::CodeBuild::Project')).toHaveLength(1);
    expect(resources('AWS::CodeBuild::Project', [stackAt('us-east-1/Database')])).toHaveLength(1);
  });

  test('advice examines the primary and a replica per region, and rings when it fails', () => {
    const looked = REGIONS.flatMap((region) =>
      resources('AWS::Lambda::Function', [stackAt(`${region}/Database`)])
        .map(
          ({ Properties }) =>
            (Properties?.Environment as { Variables: Record<string, string> } | undefined)
              ?.Variables,
        )
        .filter((variables) => variables?.SLOW_MILLISECONDS !== undefined)
        .map((variables) => ({
          region,
          on: variables?.INSTANCE,
          as: variables?.DATABASE_USER,
          database: variables?.DATABASE_NAME,
        })),
    );
    const as = { as: DATABASE_ROLES.advisor, database: 'market' };
    expect(looked).toEqual([
      { region: 'us-east-1', on: 'market-production-primary', ...as },
      { region: 'us-east-1', on: 'market-production-us-east-1-leaf-1', ...as },
      { region: 'eu-west-1', on: 'market-production-eu-west-1-hub', ...as },
      { region: 'ap-southeast-1', on: 'market-production-ap-southeast-1-hub', ...as },
    ]);
    const alarmed = (metric: string) =>
      resources('AWS::CloudWatch::Alarm')
        .filter(({ Properties }) => Properties?.MetricName === metric)
        .map(
          ({ Properties }) =>
            (Properties?.Dimensions as { Value: string }[] | undefined)?.[0]?.Value,
        );
    expect(alarmed('FailedLooks').sort()).toEqual(looked.map(({ on }) => on).sort());
    expect(alarmed('InvalidIndexes')).toEqual(['market-production-primary']);
  });

  test('there is no advice unless the deployment enables it', () => {
    const deployment = marketDeployment();
    deployment.database.queryAdvice = false;
    const constructs = marketStage(deployment).node.findAll();
    expect(constructs.filter((construct) => construct instanceof QueryAdvice)).toEqual([]);
    expect(constructs.filter(({ node }) => node.id.includes('Advice'))).toEqual([]);
  });

  test('each other region has the document of `isochrone promote`, and all have a fence', () => {
    const { promotionDocument, promotionFence } = physicalNames(marketDeployment());
    const documents = resources('AWS::SSM::Document').filter(
      ({ Properties }) => Properties?.DocumentType === 'Automation',
    );
    expect(documents.map(({ Properties }) => Properties?.Name).sort()).toEqual(
      ['ap-southeast-1', 'eu-west-1'].map(promotionDocument),
    );
    for (const region of REGIONS) {
      const closed = resources('AWS::EC2::SecurityGroup', [stackAt(`${region}/Promotion`)]).filter(
        ({ Properties }) => Properties?.GroupName === promotionFence,
      );
      expect(closed).toHaveLength(1);
      expect(closed[0]?.DeletionPolicy).toBe('RetainExceptOnCreate');
    }
    const { template } = stackAt('eu-west-1/Promotion');
    const text = JSON.stringify(template);
    for (const name of [
      promotionFence,
      'market-production-eu-west-1-hub',
      'market-production-primary',
      'promotion_probe',
    ]) {
      expect(text).toContain(name);
    }
  });

  test('a promotion uses the names of a new generation of replicas', () => {
    const stacks = stacksOf('eu-west-1', { replicaGeneration: 2 });
    const instances = resources('AWS::RDS::DBInstance', stacks).map(
      ({ Properties }) => Properties?.DBInstanceIdentifier,
    );
    expect(instances.sort()).toEqual([
      'market-production-eu-west-1-2-hub',
      'market-production-eu-west-1-2-leaf-1',
    ]);
    const [document] = resources('AWS::SSM::Document', stacks);
    expect(promotionStep(document, 'promote').inputs.InputPayload.Hub).toBe(
      'market-production-eu-west-1-2-hub',
    );
  });

  test('a promotion redirects the record of the primary region to its load balancer', () => {
    const [made] = resources('AWS::Route53::RecordSet', [stackAt('us-east-1/Service')]).filter(
      ({ Properties }) => String(Properties?.Name).startsWith('write.'),
    );
    const [document] = resources('AWS::SSM::Document', [stackAt('eu-west-1/Promotion')]);
    const repoint = promotionStep(document, 'repoint');
    expect(repoint.inputs.InputPayload.Records).toEqual([
      {
        zone: made?.Properties?.HostedZoneId,
        set: {
          Name: made?.Properties?.Name,
          Type: made?.Properties?.Type,
          SetIdentifier: made?.Properties?.SetIdentifier,
          Region: made?.Properties?.Region,
          AliasTarget: expect.objectContaining({ EvaluateTargetHealth: true }),
          HealthCheckId: expect.anything(),
        },
      },
    ]);
    expect(JSON.stringify(repoint.inputs.InputPayload.Records)).toContain(
      'market-production-eu-west-1-service',
    );
  });

  test('each region has one replication group, one fleet and one network', () => {
    const fleets = assembly.stacks.filter(({ path }) => !path.endsWith('/Pooler'));
    for (const type of [
      'AWS::ElastiCache::ReplicationGroup',
      'AWS::AutoScaling::AutoScalingGroup',
      'AWS::EC2::VPC',
    ]) {
      expect(
        fleets
          .filter((stack) => resources(type, [stack]).length === 1)
          .map(({ region }) => region)
          .sort(),
      ).toEqual([...REGIONS].sort());
      expect(resources(type, fleets)).toHaveLength(3);
    }
  });

  test('one distribution has the behaviors of the file in order, and one web ACL', () => {
    const [distribution, ...others] = resources('AWS::CloudFront::Distribution');
    expect(others).toEqual([]);
    const config = distribution?.Properties?.DistributionConfig as {
      CacheBehaviors: { PathPattern: string }[];
    };
    expect(config.CacheBehaviors.map(({ PathPattern }) => PathPattern)).toEqual(
      marketDeployment().edge.behaviors.map(({ path }) => path),
    );
    expect(config.CacheBehaviors.length).toBeGreaterThanOrEqual(12);
    expect(resources('AWS::WAFv2::WebACL')).toHaveLength(1);
  });

  test('hashed files are served from a private bucket that only the distribution may read', () => {
    const edge = stackAt('us-east-1/Edge');
    const [distribution] = resources('AWS::CloudFront::Distribution', [edge]);
    const config = distribution?.Properties?.DistributionConfig as
      | {
          CacheBehaviors: { PathPattern: string; TargetOriginId: string }[];
          Origins: { Id: string; S3OriginConfig?: object; OriginAccessControlId?: object }[];
        }
      | undefined;
    const assets = config?.CacheBehaviors.find(({ PathPattern }) => PathPattern === '/assets/*');
    const bucket = config?.Origins.filter(
      ({ S3OriginConfig, OriginAccessControlId }) => S3OriginConfig && OriginAccessControlId,
    );
    expect(bucket?.map(({ Id }) => Id)).toEqual([assets?.TargetOriginId]);
    expect(Object.keys(edge.template.Outputs ?? {})).toContain('StaticContentUpload');
  });

  test('a deployment value reaches the template, such as the TTL of static files', () => {
    const deployment = marketDeployment();
    const { static: tier } = deployment.edge.tiers;
    if (!tier) throw new Error('The market deployment has no tier for static files.');
    tier.defaultTtlSeconds = 7201;
    const changed = synthesizeMarket(deployment, ['us-east-1']).assembly.stacks;
    const ttls = resources('AWS::CloudFront::CachePolicy', changed).map(
      ({ Properties }) =>
        (Properties as { CachePolicyConfig: { DefaultTTL: number } }).CachePolicyConfig.DefaultTTL,
    );
    expect(ttls).toContain(7201);
    expect(ttls).not.toContain(7200);
  });
});

describe('the edge functions', () => {
  const functions = resources('AWS::Lambda::Function', [stackAt('us-east-1/Edge')]).map(
    ({ Properties }) => String(Properties?.FunctionName),
  );

  test('log in the region where they run, to existing groups with a retention', () => {
    expect(functions.sort()).toEqual([
      'market-production-normalize-cache-key',
      'market-production-regional-ttl',
      'market-production-route-origin',
    ]);
    for (const region of REGIONS) {
      const groups = resources('AWS::Logs::LogGroup', [stackAt(`${region}/Keys`)]);
      expect(groups.map(({ Properties }) => Properties?.LogGroupName).sort()).toEqual(
        functions.map((name) => `/aws/lambda/us-east-1.${name}`).sort(),
      );
      for (const { Properties } of groups) expect(Properties?.RetentionInDays).toBeGreaterThan(0);
    }
  });

  test('select an origin by method, and only the batch region has the batch name', () => {
    const [distribution] = resources('AWS::CloudFront::Distribution');
    if (!distribution?.Properties) throw new Error('There is no distribution.');
    const { CacheBehaviors } = distribution.Properties.DistributionConfig as {
      CacheBehaviors: {
        PathPattern: string;
        LambdaFunctionAssociations: { EventType: string }[];
      }[];
    };
    const api = CacheBehaviors.find(({ PathPattern }) => PathPattern === '/api/*');
    expect(api?.LambdaFunctionAssociations.map(({ EventType }) => EventType)).toEqual([
      'origin-request',
      'origin-response',
    ]);
    const batch = assembly.stacks.filter((stack) =>
      resources('AWS::Route53::RecordSet', [stack]).some(
        ({ Properties }) => Properties?.Name === 'batch.origin.market.example.com.',
      ),
    );
    expect(batch.map(({ region }) => region)).toEqual(['us-east-1']);
  });
});

describe('the features of edge functions', () => {
  test.each([
    ['Lambda@Edge', marketDeployment(), ['origin-request', 'origin-response']],
    ['CloudFront Functions', functionsDeployment(), ['viewer-request', 'viewer-response']],
  ])('is turned off by its switches alone, with %s', (_, deployment, left) => {
    deployment.edge.features = { normalizeCacheKeys: false, tierTtls: false };
    const { stacks } = synthesizeMarket(deployment, ['us-east-1']).assembly;
    const [distribution] = resources('AWS::CloudFront::Distribution', stacks);
    const events = JSON.stringify(distribution).match(/(?<="EventType":")[^"]+/g);
    expect([...new Set(events)].sort()).toEqual(left);
    expect(JSON.stringify(resources('AWS::CloudFront::CachePolicy', stacks))).not.toContain(
      'x-isochrone',
    );
  });
});

describe('the secret between CloudFront and the load balancers', () => {
  const resolve = (version = '') =>
    `{{resolve:secretsmanager:market-production/edge/origin-verification:SecretString:::${version}}}`;
  const [sent, accepted] = ['a'.repeat(32), 'b'.repeat(32)] as const;

  test('is resolved by name on both sides', () => {
    for (const path of ['us-east-1/Edge', 'us-east-1/Service', 'ap-southeast-1/Service']) {
      expect(JSON.stringify(stackAt(path).template)).toContain(resolve());
    }
  });

  test('has one sent and two accepted versions during a rotation', () => {
    const deployment = marketDeployment();
    deployment.edge.originSecret = { versionId: sent, alsoAcceptedVersionId: accepted };
    const { stacks } = synthesizeMarket(deployment, ['us-east-1']).assembly;
    const text = (name: string) =>
      JSON.stringify(stacks.find(({ path }) => path.endsWith(name))?.template);
    expect(text('/Edge')).toContain(resolve(sent));
    expect(text('/Edge')).not.toContain(accepted);
    expect(text('/Service')).toContain(JSON.stringify([resolve(sent), resolve(accepted)]));
  });
});

describe('stateful resources', () => {
  const stateful = assembly.stacks.flatMap(({ path, template }) =>
    Object.entries(template.Resources)
      .filter(([, { Type }]) => STATEFUL_RESOURCE_TYPES.includes(Type))
      .map(([logicalId, resource]) => ({ path, logicalId, resource })),
  );

  // Another logical ID replaces the resource: for stateful resources, a breaking change.
  test('keep their logical IDs', () => {
    expect(
      stateful
        .map(({ path, logicalId, resource }) => `${path} ${resource.Type} ${logicalId}`)
        .sort(),
    ).toMatchSnapshot();
  });

  test('are retained, and protected if their service supports it', () => {
    for (const { resource } of stateful) {
      expect(['Retain', 'RetainExceptOnCreate']).toContain(resource.DeletionPolicy);
      expect(resource.UpdateReplacePolicy).toBe('Retain');
      if (resource.Type === 'AWS::RDS::DBInstance')
        expect(resource.Properties?.DeletionProtection).toBe(true);
    }
    const protectedStacks = new Set(
      stateful
        .filter(({ resource }) => resource.Type !== 'AWS::S3::Bucket')
        .map(({ path }) => path),
    );
    const terminable = allStacks(stage).filter(
      (stack) => protectedStacks.has(stack.node.path) && !stack.terminationProtection,
    );
    expect(terminable.map(({ node }) => node.path)).toEqual([]);
  });

  test('lose all protection with `disposable`', () => {
    const { assembly: disposable, stage: disposableStage } = synthesizeMarket(
      { ...marketDeployment(), protection: 'disposable' },
      ['us-east-1'],
    );
    const kept = disposable.stacks
      .flatMap(({ template }) => Object.values(template.Resources))
      .filter(({ DeletionPolicy, UpdateReplacePolicy }) =>
        [DeletionPolicy, UpdateReplacePolicy].some((policy) => policy?.startsWith('Retain')),
      )
      .map(({ Type }) => Type)
      // Replicas of an edge function outlive it, so its deletion would fail.
      .filter((type) => !type.startsWith('AWS::Lambda::'));
    expect(kept).toEqual([]);
    expect(
      resources('AWS::RDS::DBInstance', disposable.stacks).map(
        ({ Properties }) => Properties?.DeletionProtection,
      ),
    ).toEqual([false, false, false]);
    expect(
      allStacks(disposableStage).filter(({ terminationProtection }) => terminationProtection),
    ).toEqual([]);
  });
});

describe('the order of deployment', () => {
  test.each([
    ['us-east-1/Keys', ['eu-west-1/Keys', 'ap-southeast-1/Keys']],
    [
      'us-east-1/Database',
      ['us-east-1/Network', 'us-east-1/Keys', 'eu-west-1/Keys', 'ap-southeast-1/Keys'],
    ],
    ['ap-southeast-1/Database', ['us-east-1/Database', 'ap-southeast-1/Network']],
    [
      'ap-southeast-1/Service',
      [
        'us-east-1/Keys',
        'ap-southeast-1/Database',
        'ap-southeast-1/Pooler',
        'ap-southeast-1/Cache',
      ],
    ],
  ])('has %s after %j', (path, earlier) => {
    const dependencies = stackAt(path).dependsOn.map((dependency) =>
      dependency.replace('market-production/', ''),
    );
    expect(dependencies).toEqual(expect.arrayContaining(earlier));
  });

  test('has poolers after the database of their region and the users of the primary region only', () => {
    const dependenciesOf = (path: string) =>
      stackAt(path).dependsOn.map((dependency) => dependency.replace('market-production/', ''));
    expect(
      dependenciesOf('eu-west-1/Pooler')
        .filter((path) => !path.startsWith('eu-west-1.assets'))
        .sort(),
    ).toEqual(['eu-west-1/Database', 'eu-west-1/Keys', 'eu-west-1/Network', 'us-east-1/Database']);
    expect(dependenciesOf('us-east-1/Pooler').sort()).toEqual([
      'us-east-1/Database',
      'us-east-1/Keys',
      'us-east-1/Network',
    ]);
  });

  test('has references between regions by name only', () => {
    for (const { region, template } of assembly.stacks) {
      const referred = [
        ...JSON.stringify(template).matchAll(/"Fn::GetStackOutput":\{[^}]*"Region":"([^"]+)"/g),
      ].map((match) => match[1]);
      expect(referred.filter((other) => other !== region)).toEqual([]);
    }
  });

  test('has no exports, which would lock a stack', () => {
    expect(
      assembly.stacks.filter(({ template }) =>
        JSON.stringify(template).includes('Fn::ImportValue'),
      ),
    ).toEqual([]);
  });
});

describe('the caches', () => {
  test('scale in each region, and have a maintenance window that no other region has', () => {
    const groups = resources('AWS::ElastiCache::ReplicationGroup').map(
      ({ Properties }) => Properties,
    );
    expect(groups.map((group) => group?.NumNodeGroups)).toEqual([2, 2, 2]);
    expect(new Set(groups.map((group) => group?.PreferredMaintenanceWindow)).size).toBe(3);
    const targets = resources('AWS::ApplicationAutoScaling::ScalableTarget');
    expect(
      targets.map(({ Properties }) => [Properties?.MinCapacity, Properties?.MaxCapacity]),
    ).toEqual(Array(3).fill([2, 4]));
    const alarms = resources('AWS::CloudWatch::Alarm', [stackAt('eu-west-1/Observability')]).map(
      ({ Properties }) => Properties?.AlarmName,
    );
    expect(alarms).toContain('market-production-eu-west-1-Cache-0004-EngineCpu-Warning');
    expect(alarms).toContain('market-production-eu-west-1-Cache-PrimariesCpu-Warning');
  });

  test('follow a schedule in its regions', () => {
    const deployment = marketDeployment();
    const schedule = {
      name: 'open',
      cron: '0 8 ? * MON-FRI *',
      timeZone: 'Europe/London',
      minShards: 3,
      regions: ['eu-west-1'],
    };
    deployment.cache.scaling = { maxShards: 4, targetCpuPercent: 50, schedules: [schedule] };
    const actions = synthesizeMarket(deployment, [
      'eu-west-1',
      'ap-southeast-1',
    ]).assembly.stacks.flatMap(({ region, template }) =>
      Object.values(template.Resources)
        .filter(({ Type }) => Type === 'AWS::ApplicationAutoScaling::ScalableTarget')
        .map(({ Properties }) => [region, Properties?.ScheduledActions]),
    );
    expect(actions).toEqual([
      ['ap-southeast-1', undefined],
      [
        'eu-west-1',
        [
          {
            ScheduledActionName: 'open',
            Schedule: 'cron(0 8 ? * MON-FRI *)',
            Timezone: 'Europe/London',
            ScalableTargetAction: { MinCapacity: 3, MaxCapacity: 4 },
          },
        ],
      ],
    ]);
  });
});

describe('with a Global Datastore', () => {
  const deployment = marketDeployment();
  deployment.cache.scaling = undefined;
  deployment.cache.global = { secondaryRegions: ['eu-west-1'], shards: 3 };
  // Synthesized with every rule pack, in all regions.
  const { stacks } = synthesizeMarket(deployment).assembly;
  const at = (path: string) => stacks.filter((stack) => stack.path === `market-production/${path}`);
  const groupIn = (region: string) =>
    resources('AWS::ElastiCache::ReplicationGroup', at(`${region}/Cache`))[0]?.Properties;

  test('the primary region keeps the logical ID of its cache and outputs the global id', () => {
    const logicalIdIn = (among: readonly AssemblyStack[]) =>
      among.flatMap(({ template }) =>
        Object.entries(template.Resources)
          .filter(([, { Type }]) => Type === 'AWS::ElastiCache::ReplicationGroup')
          .map(([id]) => id),
      );
    expect(logicalIdIn(at('us-east-1/Cache'))).toEqual(logicalIdIn([stackAt('us-east-1/Cache')]));
    expect(resources('AWS::ElastiCache::GlobalReplicationGroup', stacks)).toMatchObject([
      {
        Properties: {
          GlobalReplicationGroupIdSuffix: 'market-production',
          GlobalNodeGroupCount: 3,
        },
        DeletionPolicy: 'Retain',
      },
    ]);
    expect(at('us-east-1/Cache')[0]?.template).toMatchObject({
      Outputs: {
        GlobalCacheId: { Value: { 'Fn::GetAtt': [expect.anything(), 'GlobalReplicationGroupId'] } },
      },
    });
  });

  test('a secondary joins by that id, after the primary, with another logical ID', () => {
    const [stack] = at('eu-west-1/Cache');
    expect(groupIn('eu-west-1')).toMatchObject({
      GlobalReplicationGroupId: {
        'Fn::GetStackOutput': {
          StackName: 'market-production-us-east-1-cache',
          OutputName: 'GlobalCacheId',
          Region: 'us-east-1',
        },
      },
    });
    expect(groupIn('eu-west-1')).not.toHaveProperty('NumNodeGroups');
    expect(stack?.dependsOn).toContain('market-production/us-east-1/Cache');
    const before = Object.keys(stackAt('eu-west-1/Cache').template.Resources);
    expect(
      Object.keys(stack?.template.Resources ?? {}).filter((id) => before.includes(id)),
    ).toEqual([]);
  });

  test('a further region keeps an independent cache and depends on no other region', () => {
    expect(groupIn('ap-southeast-1')).toMatchObject({ Engine: 'valkey', NumNodeGroups: 2 });
    expect(at('ap-southeast-1/Cache')[0]?.dependsOn).not.toContain(
      'market-production/us-east-1/Cache',
    );
  });

  test('the primary cache stays when the database moves', () => {
    const moved = marketDeployment();
    moved.cache.scaling = undefined;
    moved.primaryRegion = 'eu-west-1';
    moved.cache.global = { primaryRegion: 'us-east-1', secondaryRegions: ['eu-west-1'] };
    const caches = marketStage(moved)
      .node.findAll()
      .filter((construct) => construct instanceof CacheStack);
    expect(
      caches.map(({ region, isMember, isSecondary }) => [region, isMember, isSecondary]).sort(),
    ).toEqual([
      ['ap-southeast-1', false, false],
      ['eu-west-1', true, true],
      ['us-east-1', true, false],
    ]);
  });

  test('the alarms cover the shards of each cache and the lag of secondaries', () => {
    const named = (region: string, part: string) =>
      resources('AWS::CloudWatch::Alarm', at(`${region}/Observability`))
        .map(({ Properties }) => String(Properties?.AlarmName))
        .filter((name) => name.includes(part)).length;
    expect(
      ['us-east-1', 'eu-west-1', 'ap-southeast-1'].map((region) => named(region, '-EngineCpu-')),
    ).toEqual([3, 3, 2]);
    expect(
      ['us-east-1', 'eu-west-1', 'ap-southeast-1'].map((region) => named(region, '-GlobalLag-')),
    ).toEqual([0, 3, 0]);
  });
});

describe('with CloudFront Functions', () => {
  // Synthesized with every rule pack, in all regions.
  const { stacks } = synthesizeMarket(functionsDeployment()).assembly;
  const at = (path: string) => stacks.filter((stack) => stack.path === `market-production/${path}`);

  test('there is no Lambda@Edge function, and no log group for one', () => {
    expect(resources('AWS::Lambda::Function', at('us-east-1/Edge'))).toEqual([]);
    expect(JSON.stringify(at('us-east-1/Edge'))).not.toContain('LambdaFunctionARN');
    expect(resources('AWS::CloudFront::Function', at('us-east-1/Edge'))).toHaveLength(2);
    expect(
      resources('AWS::CloudFront::KeyValueStore', stacks).map(({ Properties }) => Properties?.Name),
    ).toEqual(['market-production-regions']);
    for (const region of REGIONS)
      expect(resources('AWS::Logs::LogGroup', at(`${region}/Keys`))).toEqual([]);
  });

  test('load balancers are private and have no DNS name', () => {
    const schemes = resources('AWS::ElasticLoadBalancingV2::LoadBalancer', stacks).map(
      ({ Properties }) => Properties?.Scheme,
    );
    expect(schemes).toHaveLength(6);
    expect(new Set(schemes)).toEqual(new Set(['internal']));
    expect(resources('AWS::CloudFront::VpcOrigin', stacks)).toHaveLength(3);
    // All resources have the tags of the stacks, except this one.
    for (const { Properties } of resources('AWS::CloudFront::VpcOrigin', stacks))
      expect(Properties?.Tags).toBeUndefined();
    const names = resources('AWS::Route53::RecordSet', stacks).map(
      ({ Properties }) => Properties?.Name,
    );
    expect([...new Set(names)].sort()).toEqual([
      'market.example.com.',
      'poolers.market-production.internal.',
      'readers.market-production.internal.',
    ]);
  });

  test('a promotion has no record to redirect', () => {
    const [document] = resources('AWS::SSM::Document', at('eu-west-1/Promotion'));
    expect(promotionStep(document, 'repoint').inputs.InputPayload.Records).toEqual([]);
    expect(JSON.stringify(at('eu-west-1/Promotion'))).not.toContain('route53:');
  });

  test('the distribution reads the outputs of their stacks, the primary first', () => {
    const [distribution] = resources('AWS::CloudFront::Distribution', stacks);
    const config = distribution?.Properties?.DistributionConfig as
      | { Origins: { Id: string; VpcOriginConfig?: { VpcOriginId: unknown } }[] }
      | undefined;
    const behindVpc = config?.Origins.filter(({ VpcOriginConfig }) => VpcOriginConfig);
    expect(behindVpc?.map(({ Id, VpcOriginConfig }) => [Id, VpcOriginConfig?.VpcOriginId])).toEqual(
      ['us-east-1', 'ap-southeast-1', 'eu-west-1'].map((Region) => [
        Region,
        {
          'Fn::GetStackOutput': {
            StackName: `market-production-${Region}-service`,
            OutputName: 'VpcOriginId',
            Region,
          },
        },
      ]),
    );
    for (const region of REGIONS)
      expect(Object.keys(at(`${region}/Service`)[0]?.template.Outputs ?? {})).toContain(
        'VpcOriginId',
      );
  });

  test('the distribution is deployed after them', () => {
    expect(at('us-east-1/Edge')[0]?.dependsOn).toEqual(
      expect.arrayContaining(REGIONS.map((region) => `market-production/${region}/Service`)),
    );
  });

  test('the distribution names other regions that are not synthesized', () => {
    const alone = synthesizeMarket(functionsDeployment(), ['us-east-1']).assembly.stacks;
    expect(JSON.stringify(alone)).toContain('market-production-eu-west-1-service');
  });
});

describe('a part of the deployment', () => {
  test('an unknown region is refused, with a list of the known regions', () => {
    expect(() => marketStage(marketDeployment(), ['eu-west-2'])).toThrow(
      /regions must be regions of the deployment, got "eu-west-2"\.\n.*us-east-1, ap-southeast-1, eu-west-1/,
    );
  });

  test("without a region of its own in CloudFront's, the edge still lives there", () => {
    const deployment = marketDeployment();
    delete deployment.regions['us-east-1'];
    const { assembly: european } = synthesizeMarket({ ...deployment, primaryRegion: 'eu-west-1' });
    expect(
      european.stacks
        .filter(({ region }) => region === 'us-east-1')
        .map(({ path }) => path.split('/').at(-1))
        .sort(),
    ).toEqual(['Edge', 'Keys', 'Observability']);
  });

  test('`poolers: 0` removes the poolers of a region from all its stacks', () => {
    const stacks = stacksOf('eu-west-1', { poolers: 0 });
    expect(stacks.map(({ path }) => path.split('/').at(-1))).toEqual(
      expect.not.arrayContaining(['Pooler']),
    );
    expect(stacks.map(({ path }) => path.split('/').at(-1))).toContain('Service');
    expect(JSON.stringify(stacks)).not.toMatch(/pgbouncer/i);
  });

  test('without replicas in the primary region, both names lead to the primary', () => {
    const stacks = stacksOf('us-east-1', { readReplicas: 0 });
    const boot = JSON.stringify(
      resources(
        'AWS::EC2::LaunchTemplate',
        stacks.filter(({ path }) => path.endsWith('/Pooler')),
      ),
    );
    const hosts = [...boot.matchAll(/(market(?:_writer)?) = host=",(\{.*?\}\}),/g)];
    expect(hosts.map(([, name]) => name)).toEqual(['market', 'market_writer']);
    expect(hosts[0]?.[2]).toBe(hosts[1]?.[2]);
    expect(boot).toContain('server_tls_sslmode = verify-full');
    expect(boot).toContain('max_db_connections = 45');
  });

  test('with one region, there is no promotion', () => {
    const deployment = marketDeployment();
    deployment.regions = { 'us-east-1': deployment.regions['us-east-1'] };
    const paths = allStacks(marketStage(deployment)).map(({ node }) => node.path);
    expect(paths).toContain('market-production/us-east-1/Database');
    expect(paths).not.toContain('market-production/us-east-1/Promotion');
  });
});

describe('acknowledgements', () => {
  const constructs = stage.node
    .findAll()
    .map((construct) => ({ construct, rules: acknowledged(construct) }));
  const acknowledgements = constructs.flatMap(({ construct, rules }) =>
    rules.map(([rule, reason]) => ({ construct, rule, reason })),
  );

  test('exist', () => {
    expect(acknowledgements.length).toBeGreaterThan(20);
  });

  test('are on no whole stack or stage', () => {
    expect(
      acknowledgements.filter(
        ({ construct }) => Stack.isStack(construct) || Stage.isStage(construct),
      ),
    ).toEqual([]);
  });

  // For review: a new reason, or a new rule under an existing reason, appears in the diff.
  test('have reasons', () => {
    const byReason = new Map<string, Set<string>>();
    for (const { rule, reason } of acknowledgements)
      byReason.set(
        reason,
        (byReason.get(reason) ?? new Set()).add(rule.replace(/^Annotation::/i, '')),
      );
    expect(
      [...byReason].map(([reason, rules]) => `${[...rules].sort().join(', ')}: ${reason}`).sort(),
    ).toMatchSnapshot();
    for (const { reason } of acknowledgements) expect(reason.length).toBeGreaterThan(40);
  });
});

function promotionStep(document: TemplateResource | undefined, name: string) {
  const content = document?.Properties?.Content as {
    mainSteps: { name: string; inputs: { InputPayload: { Hub: string; Records: unknown[] } } }[];
  };
  const step = content.mainSteps.find((each) => each.name === name);
  if (!step) throw new Error(`The document has no step ${name}.`);
  return step;
}

function allStacks(scope: IConstruct): Stack[] {
  return scope.node.findAll().filter((construct): construct is Stack => Stack.isStack(construct));
}

function acknowledged({ node }: IConstruct): [rule: string, reason: string][] {
  return node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Record<string, string>));
}
