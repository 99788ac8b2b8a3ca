/**
 * The market deployment after promotions: what the lines that `isochrone promote` prints change in
 * the stacks, according to the review.
 */

import { parseDeployment } from '../../../../lib/model/config/load';
import { physicalNames } from '../../../../lib/model/config/names';
import { changeFile, promotionChanges } from '../../../../lib/tools/account/promotion-file';
import type { Assembly, TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { type ChangeReview, reviewChange } from '../../../../lib/tools/review/report/review';
import { marketAssembly } from '../../../market-stage';
import { MARKET } from '../../../model/config/market';

// The CDK command line sets this too: each resource then has its path in the construct tree.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:enable-path-metadata': true });

/** The deployment file with the lines that `isochrone promote` prints. */
function promoted(source: string, region: string): string {
  const hub = physicalNames(parseDeployment(source, 'market.yaml')).hub(region);
  return changeFile(source, promotionChanges(source, { region, hub }));
}

const synthesize = (source: string) => marketAssembly(parseDeployment(source, 'market.yaml'));
const onceFile = promoted(MARKET, 'eu-west-1');
const [before, once, back] = [MARKET, onceFile, promoted(onceFile, 'us-east-1')].map(
  synthesize,
) as [Assembly, Assembly, Assembly];

function resourceAt(assembly: Assembly, stack: string, path: string): TemplateResource | undefined {
  const template = assembly.stacks.find(
    (each) => each.path === `market-production/${stack}`,
  )?.template;
  return Object.values(template?.Resources ?? {}).find(({ Metadata }) =>
    String(Metadata?.['aws:cdk:path']).startsWith(`market-production/${stack}/${path}/Resource`),
  );
}

function text(assembly: Assembly, stack: string): string {
  return JSON.stringify(
    assembly.stacks.find(({ path }) => path === `market-production/${stack}`)?.template.Resources,
  );
}

const lossesOf = (review: ChangeReview) =>
  review.losses.map(({ kind, path }) => `${kind} ${path.replace('market-production/', '')}`).sort();

function changesOf(review: ChangeReview, stack: string, type: string) {
  return review.stacks
    .filter(({ path }) => path === `market-production/${stack}`)
    .flatMap(({ resources }) => resources)
    .filter((change) => change.type === type)
    .map(({ action, path, differences }) => [
      action,
      path.split('/').at(-1),
      differences.map(({ name }) => name).sort(),
    ]);
}

/** The changes of the instances in the region whose hub becomes the primary. */
const HUB_TAKES_OVER = [
  ['update', 'Hub', ['AvailabilityZone', 'DeleteAutomatedBackups', 'MultiAZ']],
  ['add', 'Leaf2', []],
];

describe('after the promotion of eu-west-1', () => {
  const review = reviewChange(before, once);

  test('the hub gets its standby in place, and a leaf is added', () => {
    expect(changesOf(review, 'eu-west-1/Database', 'AWS::RDS::DBInstance')).toEqual(HUB_TAKES_OVER);
    const hub = resourceAt(once, 'eu-west-1/Database', 'Replicas/Hub');
    expect(hub?.Properties).toMatchObject({
      MultiAZ: true,
      BackupRetentionPeriod: 14,
      DeleteAutomatedBackups: false,
    });
    const source = [
      'SourceDBInstanceIdentifier',
      'SourceRegion',
      'KmsKeyId',
      'DBSubnetGroupName',
      'DBInstanceIdentifier',
    ] as const;
    const was = resourceAt(before, 'eu-west-1/Database', 'Replicas/Hub')?.Properties;
    for (const name of source) expect(hub?.Properties?.[name]).toEqual(was?.[name]);
  });

  test('only replicas and the resources of the old primary are lost, and all are retained', () => {
    expect(lossesOf(review)).toEqual([
      'removed us-east-1/Database/Primary/Instance',
      'removed us-east-1/Database/Primary/Key',
      'removed us-east-1/Database/Primary/MasterSecret',
      'removed us-east-1/Database/Replicas/Leaf2',
      'replaced ap-southeast-1/Database/Replicas/Hub',
      'replaced ap-southeast-1/Database/Replicas/Leaf1',
      'replaced ap-southeast-1/Database/Replicas/Leaf2',
      'replaced us-east-1/Database/Replicas/Leaf1',
    ]);
    expect(review.losses.map(({ data }) => data)).toEqual(review.losses.map(() => 'kept'));
    // The acknowledgements of the runbook.
    const acknowledged = reviewChange(before, once, [
      { path: 'market-production/us-east-1/Database', reason: 'left; the old primary stays' },
      {
        path: 'market-production/ap-southeast-1/Database/Replicas',
        reason: 'follow the new primary under new names',
      },
    ]);
    expect(acknowledged).toMatchObject({ needsDecision: false, unusedAcknowledgements: [] });
  });

  test('every new instance has a new name', () => {
    const instanceNames = (assembly: Assembly) =>
      assembly.stacks.flatMap(({ template }) =>
        Object.values(template.Resources)
          .filter(({ Type }) => Type === 'AWS::RDS::DBInstance')
          .map(({ Properties }) => String(Properties?.DBInstanceIdentifier)),
      );
    const kept = instanceNames(before).filter((name) => instanceNames(once).includes(name));
    expect(kept.sort()).toEqual([
      'market-production-eu-west-1-hub',
      'market-production-eu-west-1-leaf-1',
    ]);
    const secrets = once.stacks.flatMap(({ template }) =>
      Object.values(template.Resources).filter(
        ({ Properties }) => Properties?.Name === 'market-production/database/master',
      ),
    );
    expect(secrets).toEqual([]);
  });

  test('the other regions replicate from the new primary and depend on its stack', () => {
    for (const region of ['us-east-1', 'ap-southeast-1']) {
      const hub = resourceAt(once, `${region}/Database`, 'Replicas/Hub');
      expect(hub?.Properties?.SourceRegion).toBe('eu-west-1');
      expect(JSON.stringify(hub?.Properties?.SourceDBInstanceIdentifier)).toContain(
        ':db:market-production-eu-west-1-hub',
      );
      const stack = once.stacks.find(({ path }) => path === `market-production/${region}/Database`);
      expect(stack?.dependsOn).toContain('market-production/eu-west-1/Database');
    }
  });

  test('the promoted hub serves readers only as the fallback, and no alarm watches its lag', () => {
    expect(
      resourceAt(once, 'eu-west-1/Database', 'Readers/Record-market-production-eu-west-1-hub'),
    ).toBeUndefined();
    expect(resourceAt(once, 'eu-west-1/Database', 'Readers/WriterRecord')).toBeDefined();
    const observability = text(once, 'eu-west-1/Observability');
    expect(observability).toContain('market-production-eu-west-1-Primary-Cpu-Warning');
    expect(observability).not.toContain('market-production-eu-west-1-Replica3');
  });

  test('access to the hub is unchanged, and migrations run there with the copied secret', () => {
    const rules = changesOf(review, 'eu-west-1/Service', 'AWS::EC2::SecurityGroupIngress');
    expect(rules).toEqual([]);
    const database = text(once, 'eu-west-1/Database');
    expect(database).toContain(':secret:market-production/database/master:username');
    expect(database).toContain('secret:market-production/database/master-??????');
    expect(text(once, 'us-east-1/Database')).not.toContain('AWS::CodeBuild::Project');
  });

  test('the other regions can be promoted next', () => {
    expect(text(once, 'eu-west-1/Promotion')).not.toContain('AWS::SSM::Document');
    for (const region of ['us-east-1', 'ap-southeast-1']) {
      const document = text(once, `${region}/Promotion`);
      expect(document).toContain('"OldPrimary":"market-production-eu-west-1-hub"');
      expect(document).toContain(`"Hub":"market-production-${region}-2-hub"`);
    }
  });
});

describe('after another promotion, back to us-east-1', () => {
  const review = reviewChange(once, back);

  test('the new hub becomes the primary in place; the first primary is no longer used', () => {
    expect(changesOf(review, 'us-east-1/Database', 'AWS::RDS::DBInstance')).toEqual(HUB_TAKES_OVER);
    expect(lossesOf(review)).toEqual([
      'removed eu-west-1/Database/Replicas/Leaf2',
      ...[
        'ap-southeast-1/Database/Replicas/Hub',
        'ap-southeast-1/Database/Replicas/Leaf1',
        'ap-southeast-1/Database/Replicas/Leaf2',
      ].map((path) => `replaced ${path}`),
      'replaced eu-west-1/Database/Replicas/Hub',
      'replaced eu-west-1/Database/Replicas/Leaf1',
    ]);
    expect(resourceAt(back, 'eu-west-1/Database', 'Replicas/Hub')?.Properties).toMatchObject({
      DBInstanceIdentifier: 'market-production-eu-west-1-2-hub',
      SourceRegion: 'us-east-1',
    });
  });
});
