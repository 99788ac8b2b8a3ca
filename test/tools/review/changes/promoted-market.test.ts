/**
 * The market deployment after promotions: what the printed lines make of its stacks, as the
 * project's own review sees it.
 */

import { parseDeployment } from '../../../../lib/model/config/load';
import { physicalNames } from '../../../../lib/model/config/names';
import { changeFile, promotionChanges } from '../../../../lib/tools/account/promotion-file';
import type { Assembly, TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { type ChangeReview, reviewChange } from '../../../../lib/tools/review/report/change-review';
import { synthesizeMarket } from '../../../market-stage';
import { MARKET } from '../../../model/config/market';

// As the CDK command line asks for it: each resource says where it is in the construct tree.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:enable-path-metadata': true });

/** The file with the lines that `isochrone promote` prints. */
function promoted(source: string, region: string): string {
  const hub = physicalNames(parseDeployment(source, 'market.yaml')).hub(region);
  return changeFile(source, promotionChanges(source, { region, hub }));
}

const synthesize = (source: string) =>
  synthesizeMarket(parseDeployment(source, 'market.yaml')).assembly;
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

describe('after the promotion of eu-west-1', () => {
  const review = reviewChange(before, once);

  test('the hub gets its standby in place, its leaves stay as they are, and one more leaf answers readers', () => {
    expect(changesOf(review, 'eu-west-1/Database', 'AWS::RDS::DBInstance')).toEqual([
      ['update', 'Hub', ['AvailabilityZone', 'DeleteAutomatedBackups', 'MultiAZ']],
      ['add', 'Leaf2', []],
    ]);
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

  test('nothing of the region that took over is lost; elsewhere only replicas, and what the app had made for the old primary, which is kept', () => {
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
    // As the runbook has it.
    const acknowledged = reviewChange(before, once, [
      { path: 'market-production/us-east-1/Database', reason: 'left; the old primary stays' },
      {
        path: 'market-production/ap-southeast-1/Database/Replicas',
        reason: 'follow the new primary under new names',
      },
    ]);
    expect(acknowledged).toMatchObject({ needsDecision: false, unusedAcknowledgements: [] });
  });

  test('every instance that is made has a name that nothing had before', () => {
    const namesOf = (assembly: Assembly) =>
      assembly.stacks.flatMap(({ template }) =>
        Object.values(template.Resources)
          .filter(({ Type }) => Type === 'AWS::RDS::DBInstance')
          .map(({ Properties }) => String(Properties?.DBInstanceIdentifier)),
      );
    const kept = namesOf(before).filter((name) => namesOf(once).includes(name));
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

  test('the other regions follow the new primary, and wait for it', () => {
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

  test('the promoted hub answers no readers but in place of all of them, and nobody waits for its lag', () => {
    expect(
      resourceAt(once, 'eu-west-1/Database', 'Readers/Record-market-production-eu-west-1-hub'),
    ).toBeUndefined();
    expect(resourceAt(once, 'eu-west-1/Database', 'Readers/WriterRecord')).toBeDefined();
    const observability = text(once, 'eu-west-1/Observability');
    expect(observability).toContain('market-production-eu-west-1-Primary-Cpu-Warning');
    expect(observability).not.toContain('market-production-eu-west-1-Replica3');
  });

  test('who logs in to it may as before, and migrations run there, with the copy of the master secret', () => {
    const rules = changesOf(review, 'eu-west-1/Service', 'AWS::EC2::SecurityGroupIngress');
    expect(rules).toEqual([]);
    const database = text(once, 'eu-west-1/Database');
    expect(database).toContain(':secret:market-production/database/master:username');
    expect(database).toContain('secret:market-production/database/master-??????');
    expect(text(once, 'us-east-1/Database')).not.toContain('AWS::CodeBuild::Project');
  });

  test('the regions that can take over now are the other ones', () => {
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

  test('its new hub is the primary in place; the instance that the app had made stays out of it', () => {
    expect(changesOf(review, 'us-east-1/Database', 'AWS::RDS::DBInstance')).toEqual([
      ['update', 'Hub', ['AvailabilityZone', 'DeleteAutomatedBackups', 'MultiAZ']],
      ['add', 'Leaf2', []],
    ]);
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
