/**
 * A major upgrade by the deployment file: what its two edits do to the stacks, as the project's own
 * review sees it.
 */

import { parseDeployment } from '../../../../lib/model/config/load';
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import { reviewChange } from '../../../../lib/tools/review/report/change-review';
import { synthesizeMarket } from '../../../market-stage';
import { market } from '../../../model/config/market';

// As the CDK command line asks for it: each resource says where it is in the construct tree.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:enable-path-metadata': true });

const FIRST = 'engineVersion: "18"\n  upgradingFrom: "17"';
const SECOND = 'engineVersion: "18"';
const edit = (lines: string) => market('engineVersion: "17"', lines);
const promoted = (text: string) =>
  text
    .replace('primaryRegion: us-east-1', 'primaryRegion: eu-west-1')
    .replace(
      'database:\n',
      'database:\n  promotions: [{ instance: market-production-eu-west-1-hub, from: us-east-1 }]\n',
    )
    .replace('  us-east-1:\n', '  us-east-1:\n    replicaGeneration: 2\n')
    .replace('  ap-southeast-1:\n', '  ap-southeast-1:\n    replicaGeneration: 2\n');

const synthesize = (text: string, ...regions: string[]) =>
  synthesizeMarket(parseDeployment(text, 'market.yaml'), regions).assembly;

/**
 * The instances that change, each with its properties, and the families of the parameter groups
 * afterwards.
 */
function changesOf(before: Assembly, after: Assembly) {
  const review = reviewChange(before, after);
  const instances = review.stacks
    .flatMap(({ resources }) => resources)
    .filter(({ type }) => type === 'AWS::RDS::DBInstance')
    .map(
      ({ action, path, differences }) =>
        `${action} ${path.replace('market-production/', '')} ${differences.map(({ name }) => name).sort()}`,
    );
  return { instances: instances.sort(), losses: review.losses };
}

/** Each instance by its path, with the family of its parameter group. */
function families({ stacks }: Assembly): Record<string, unknown> {
  return Object.fromEntries(
    stacks.flatMap(({ template: { Resources } }) =>
      Object.values(Resources)
        .filter(({ Type }) => Type === 'AWS::RDS::DBInstance')
        .map(({ Properties }) => {
          const group =
            (Properties?.DBParameterGroupName as { Ref: string } | undefined)?.Ref ?? '';
          return [
            String(Properties?.DBInstanceIdentifier).replace('market-production-', ''),
            Resources[group]?.Properties?.Family,
          ];
        }),
    ),
  );
}

describe('of a primary that the app made', () => {
  const [before, first, second] = [edit('engineVersion: "17"'), edit(FIRST), edit(SECOND)].map(
    (text) => synthesize(text, 'us-east-1', 'eu-west-1'),
  ) as [Assembly, Assembly, Assembly];

  test('the first edit upgrades it in place, and no replica changes', () => {
    expect(changesOf(before, first)).toEqual({
      instances: [
        'update us-east-1/Database/Primary/Instance AllowMajorVersionUpgrade,DBParameterGroupName,EngineVersion',
      ],
      losses: [],
    });
    expect(families(first)).toEqual({
      primary: 'postgres18',
      'us-east-1-leaf-1': 'postgres17',
      'us-east-1-leaf-2': 'postgres17',
      'eu-west-1-hub': 'postgres17',
      'eu-west-1-leaf-1': 'postgres17',
    });
  });

  test('the second one takes the permission back, and the replicas follow with their parameters', () => {
    const { instances, losses } = changesOf(first, second);
    expect(losses).toEqual([]);
    expect(instances).toEqual([
      'update eu-west-1/Database/Replicas/Hub DBParameterGroupName',
      'update eu-west-1/Database/Replicas/Leaf1 DBParameterGroupName',
      'update us-east-1/Database/Primary/Instance AllowMajorVersionUpgrade',
      'update us-east-1/Database/Replicas/Leaf1 DBParameterGroupName',
      'update us-east-1/Database/Replicas/Leaf2 DBParameterGroupName',
    ]);
    expect([...new Set(Object.values(families(second)))]).toEqual(['postgres18']);
  });
});

test('of a hub that was promoted: it is upgraded in place, its leaf keeps the old family until the second edit', () => {
  const [before, first, second] = [edit('engineVersion: "17"'), edit(FIRST), edit(SECOND)].map(
    (text) => synthesize(promoted(text), 'eu-west-1'),
  ) as [Assembly, Assembly, Assembly];
  const there = changesOf(before, first);
  expect(there).toEqual({
    instances: [
      'update eu-west-1/Database/Replicas/Hub AllowMajorVersionUpgrade,DBParameterGroupName,EngineVersion',
    ],
    losses: [],
  });
  expect(families(first)).toMatchObject({
    'eu-west-1-hub': 'postgres18',
    'eu-west-1-leaf-1': 'postgres17',
  });
  expect(changesOf(first, second).losses).toEqual([]);
  expect([...new Set(Object.values(families(second)))]).toEqual(['postgres18']);
});
