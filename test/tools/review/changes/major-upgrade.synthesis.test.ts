/**
 * A major upgrade by the deployment file: what its two edits change in the stacks, according to the
 * review.
 */

import { parseDeployment } from '../../../../lib/model/config/load';
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import { reviewChange } from '../../../../lib/tools/review/report/review';
import { marketAssembly } from '../../../market-stage';
import { market } from '../../../model/config/market';

// The CDK command line sets this too: each resource then has its path in the construct tree.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:enable-path-metadata': true });

/** The properties that a major upgrade changes. */
const UPGRADED = 'AllowMajorVersionUpgrade,DBParameterGroupName,EngineVersion';

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
  marketAssembly(parseDeployment(text, 'market.yaml'), regions);

/** The instances that change, each with its changed properties, and the stateful losses. */
function changesOf(before: Assembly, after: Assembly) {
  const review = reviewChange(before, after);
  const instances = review.stacks
    .flatMap(({ resources }) => resources)
    .filter(({ type }) => type === 'AWS::RDS::DBInstance')
    .map(({ action, path, differences }) => {
      const properties = differences.map(({ name }) => name).sort();
      return `${action} ${path.replace('market-production/', '')} ${properties}`;
    });
  return { instances: instances.sort(), losses: review.losses };
}

/** The family of the parameter group of each instance. */
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

describe('of a primary that the app created', () => {
  const [before, first, second] = [edit('engineVersion: "17"'), edit(FIRST), edit(SECOND)].map(
    (text) => synthesize(text, 'us-east-1', 'eu-west-1'),
  ) as [Assembly, Assembly, Assembly];

  test('the first edit upgrades it in place and changes no replica', () => {
    expect(changesOf(before, first)).toEqual({
      instances: [`update us-east-1/Database/Primary/Instance ${UPGRADED}`],
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

  test('the second edit withdraws the permission, and replicas get new parameter groups', () => {
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

test('a promoted hub is upgraded in place, and its leaf follows with the second edit', () => {
  const [before, first, second] = [edit('engineVersion: "17"'), edit(FIRST), edit(SECOND)].map(
    (text) => synthesize(promoted(text), 'eu-west-1'),
  ) as [Assembly, Assembly, Assembly];
  expect(changesOf(before, first)).toEqual({
    instances: [`update eu-west-1/Database/Replicas/Hub ${UPGRADED}`],
    losses: [],
  });
  expect(families(first)).toMatchObject({
    'eu-west-1-hub': 'postgres18',
    'eu-west-1-leaf-1': 'postgres17',
  });
  expect(changesOf(first, second).losses).toEqual([]);
  expect([...new Set(Object.values(families(second)))]).toEqual(['postgres18']);
});
