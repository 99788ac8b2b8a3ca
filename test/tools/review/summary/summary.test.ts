import type { Assembly, AssemblyStack } from '../../../../lib/tools/assembly/assembly';
import {
  deploymentOrder,
  formatSummary,
  summarize,
} from '../../../../lib/tools/review/summary/summary';

function stack(
  path: string,
  types: readonly string[],
  dependsOn: readonly string[] = [],
  region = 'eu-west-1',
): AssemblyStack {
  return {
    path,
    stackName: path.replace('/', '-'),
    region,
    dependsOn,
    template: { Resources: Object.fromEntries(types.map((Type, i) => [`R${i}`, { Type }])) },
  };
}

const ASSEMBLY: Assembly = {
  directory: 'cdk.out',
  stacks: [
    stack(
      's/Database',
      ['AWS::RDS::DBInstance', 'AWS::RDS::DBInstance', 'AWS::KMS::Key', 'AWS::EC2::SecurityGroup'],
      ['s/Network'],
    ),
    stack('s/Network', [
      'AWS::EC2::VPC',
      'AWS::EC2::Subnet',
      'AWS::EC2::Subnet',
      'AWS::EC2::RouteTable',
      'AWS::EC2::Route',
      'AWS::EC2::EIP',
    ]),
  ],
};

describe('summarize', () => {
  test('lists stacks in the order of deployment', () => {
    expect(summarize(ASSEMBLY).map(({ path }) => path)).toEqual(['s/Network', 's/Database']);
  });

  test('counts kinds, the most frequent first, and lists the stateful ones', () => {
    expect(summarize(ASSEMBLY)[1]).toEqual({
      region: 'eu-west-1',
      stack: 'Database',
      path: 's/Database',
      resources: 4,
      kinds: [
        { kind: 'RDS::DBInstance', count: 2 },
        { kind: 'EC2::SecurityGroup', count: 1 },
        { kind: 'KMS::Key', count: 1 },
      ],
      stateful: [
        { kind: 'RDS::DBInstance', count: 2 },
        { kind: 'KMS::Key', count: 1 },
      ],
    });
  });

  test('terminates on a dependency cycle, which CDK would not write', () => {
    const cycle = [stack('a', [], ['b']), stack('b', [], ['a'])];
    expect(
      deploymentOrder(cycle)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['a', 'b']);
  });
});

describe('formatSummary', () => {
  const text = formatSummary(summarize(ASSEMBLY));

  test('marks stateful kinds and counts the kinds that it does not name', () => {
    expect(text).toMatch(
      /│ eu-west-1 +│ Network +│ +6 │ 2 Subnet, 1 EIP, 1 Route and 2 more kinds +│ +│/,
    );
    expect(text).toMatch(
      /│ +│ Database +│ +4 │ 2 DBInstance, 1 SecurityGroup, 1 Key +│ ● 2 DBInstance, 1 Key +│/,
    );
    expect(text).toMatch(/\n2 stacks in 1 region: 10 resources, 3 of them stateful \(●\)\.$/);
  });

  test('fits into a terminal of 120 columns', () => {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });
});
