import { reviewChange } from '../../../../lib/tools/review/report/review';
import { assemblyOf, type Resources, resource, reviewOf, stackOf } from '../fixture';

const HASH = { a: 'a'.repeat(64), b: 'b'.repeat(64) };
const VERSION = {
  a: `FnCurrentVersion0A1B2C3D${'1'.repeat(32)}`,
  b: `FnCurrentVersion0A1B2C3D${'2'.repeat(32)}`,
};

const changesOf = (before: Resources, after: Resources) =>
  reviewOf(before, after).stacks.flatMap(({ resources }) =>
    resources.map(({ action, logicalId }) => `${action} ${logicalId}`),
  );

const edgeFunction = (which: 'a' | 'b', memory = 128): Resources => ({
  CDKMetadata: resource('AWS::CDK::Metadata', { Analytics: which }),
  Fn: resource(
    'AWS::Lambda::Function',
    { Code: { S3Key: `${HASH[which]}.zip` }, MemorySize: memory },
    {
      Metadata: {
        'aws:cdk:path': 'app/Data/Fn/Resource',
        'aws:asset:path': `asset.${HASH[which]}`,
      },
    },
  ),
  [VERSION[which]]: resource('AWS::Lambda::Version', { FunctionName: { Ref: 'Fn' } }),
  Cdn: resource('AWS::CloudFront::Distribution', {
    DistributionConfig: {
      DefaultCacheBehavior: {
        LambdaFunctionAssociations: [{ LambdaFunctionARN: { Ref: VERSION[which] } }],
      },
    },
  }),
});

const database = (properties: Record<string, unknown>): Resources => ({
  Db: resource('AWS::RDS::DBInstance', {
    Engine: 'postgres',
    DBInstanceClass: 'db.r6g.large',
    DBSubnetGroupName: 'a',
    ...properties,
  }),
});

describe('the action on a resource', () => {
  test.each<[string, Resources, Resources, string[]]>([
    ['no change', database({}), database({}), []],
    [
      'a number written as a string is equal',
      database({ AllocatedStorage: 400 }),
      database({ AllocatedStorage: '400' }),
      [],
    ],
    ['added', {}, { T: resource('AWS::SNS::Topic') }, ['add T']],
    ['removed', { T: resource('AWS::SNS::Topic') }, {}, ['remove T']],
    [
      'another instance class updates',
      database({}),
      database({ DBInstanceClass: 'db.r6g.xlarge' }),
      ['update Db'],
    ],
    [
      'another identifier replaces',
      database({ DBInstanceIdentifier: 'a' }),
      database({ DBInstanceIdentifier: 'b' }),
      ['replace Db'],
    ],
    ['other subnets replace', database({}), database({ DBSubnetGroupName: 'b' }), ['replace Db']],
    ['another engine may replace', database({}), database({ Engine: 'mysql' }), ['may-replace Db']],
    [
      'RDS modifies Multi-AZ in place',
      database({ MultiAZ: false }),
      database({ MultiAZ: true }),
      ['update Db'],
    ],
    [
      'RDS replaces a fixed zone by a standby in place',
      database({ MultiAZ: false, AvailabilityZone: 'eu-west-1a' }),
      database({ MultiAZ: true }),
      ['update Db'],
    ],
    [
      'a removed zone may replace',
      database({ MultiAZ: false, AvailabilityZone: 'eu-west-1a' }),
      database({ MultiAZ: false }),
      ['may-replace Db'],
    ],
    [
      'another type replaces',
      { X: resource('AWS::SNS::Topic') },
      { X: resource('AWS::SQS::Queue') },
      ['replace X'],
    ],
    [
      'a resource that refers to a replaced one is replaced',
      {
        G: resource('AWS::RDS::DBSubnetGroup', { DBSubnetGroupName: 'a' }),
        ...database({ DBSubnetGroupName: { Ref: 'G' } }),
      },
      {
        G: resource('AWS::RDS::DBSubnetGroup', { DBSubnetGroupName: 'b' }),
        ...database({ DBSubnetGroupName: { Ref: 'G' } }),
      },
      ['replace G', 'replace Db'],
    ],
    [
      'another DependsOn is no change',
      { T: resource('AWS::SNS::Topic', {}, { DependsOn: 'A' }) },
      { T: resource('AWS::SNS::Topic') },
      [],
    ],
    [
      'new code is listed once, without its version and its users',
      edgeFunction('a'),
      edgeFunction('b'),
      ['code Fn'],
    ],
    ['new code and memory', edgeFunction('a'), edgeFunction('b', 256), ['update Fn', 'code Fn']],
    [
      'one of two versions is removed',
      {
        [VERSION.a]: resource('AWS::Lambda::Version'),
        [VERSION.b]: resource('AWS::Lambda::Version'),
      },
      { [VERSION.a]: resource('AWS::Lambda::Version') },
      [`remove ${VERSION.b}`],
    ],
    ['memory without new code', edgeFunction('a'), edgeFunction('a', 256), ['update Fn']],
  ])('%s', (_what, before, after, expected) => {
    expect(changesOf(before, after).sort()).toEqual([...expected].sort());
  });

  test('differences name the deepest property, and the items that a list gains or loses', () => {
    const topic = (tags: string[], protocol: string) => ({
      T: resource('AWS::SNS::Topic', {
        Tags: tags,
        Subscription: [{ Protocol: protocol, Endpoint: { 'Fn::GetAtt': ['Q', 'Arn'] } }],
      }),
    });
    expect(
      reviewOf(topic(['a', 'b'], 'sqs'), topic(['b'], 'https')).stacks[0]?.resources[0]
        ?.differences,
    ).toEqual([
      { name: 'Tags', before: 'a' },
      { name: 'Subscription.0.Protocol', before: 'sqs', after: 'https' },
    ]);
  });

  test('a long text is shortened to the part that differs', () => {
    const code = (end: string) => ({
      F: resource('AWS::CloudFront::Function', {
        FunctionCode: `${'x'.repeat(5000)}${end}${'y'.repeat(5000)}`,
      }),
    });
    const [difference] =
      reviewOf(code('OLD'), code('NEW')).stacks[0]?.resources[0]?.differences ?? [];
    expect(difference?.before).toMatch(/^…x+OLDy+…$/);
    expect(difference?.after).toMatch(/^…x+NEWy+…$/);
    expect(difference?.after).toHaveLength(120);
  });
});

describe('renames', () => {
  const group = (id: string, user: string, ports: number) => ({
    [id]: resource('AWS::EC2::SecurityGroup', { GroupDescription: 'g' }),
    [user]: resource('AWS::EC2::SecurityGroupIngress', {
      GroupId: { 'Fn::GetAtt': [id, 'GroupId'] },
      FromPort: ports,
    }),
  });

  test('a resource with another logical id is renamed, and so are its referrers', () => {
    expect(changesOf(group('A', 'RuleA', 1), group('B', 'RuleB', 1)).sort()).toEqual([
      'rename B',
      'rename RuleB',
    ]);
  });

  test('a resource with other properties is removed and added', () => {
    expect(changesOf(group('A', 'RuleA', 1), group('A', 'RuleB', 2)).sort()).toEqual([
      'add RuleB',
      'remove RuleA',
    ]);
  });

  test('two candidates for a rename are removed and added', () => {
    const [a, b] = [resource('AWS::SNS::Topic'), resource('AWS::SNS::Topic')];
    expect(changesOf({ A: a }, { B: a, C: b }).sort()).toEqual(['add B', 'add C', 'remove A']);
    expect(changesOf({ A: a, B: b }, { C: a }).sort()).toEqual(['add C', 'remove A', 'remove B']);
  });

  test('a resource is never renamed across regions', () => {
    const table = { T: resource('AWS::DynamoDB::Table', { TableName: 't' }) };
    const rest = stackOf({}, { stackName: 'rest', path: 'app/Rest' });
    const asia = stackOf(table, { path: 'app/Asia', region: 'ap-southeast-1' });
    const { stacks } = reviewChange(
      assemblyOf('base', rest, stackOf(table)),
      assemblyOf('head', rest, asia),
    );
    expect(stacks.flatMap(({ resources }) => resources.map(({ action }) => action))).toEqual([
      'add',
      'remove',
    ]);
  });

  test('a move to another stack is a rename that names the old stack', () => {
    const table = { T: resource('AWS::DynamoDB::Table', { TableName: 't' }) };
    const [first, second] = [
      { path: 'app/One', stackName: 'one' },
      { path: 'app/Two', stackName: 'two' },
    ];
    const review = reviewChange(
      assemblyOf('base', stackOf(table, first), stackOf({}, second)),
      assemblyOf('head', stackOf({}, first), stackOf(table, second)),
    );
    expect(review.stacks.flatMap(({ resources }) => resources)).toMatchObject([
      { action: 'rename', from: { stack: 'app/One' } },
    ]);
    expect(review.losses).toMatchObject([{ kind: 'renamed', stack: 'app/Two' }]);
  });
});

describe('stacks', () => {
  const topic = { T: resource('AWS::SNS::Topic') };

  test('are identified by name and region, not by path', () => {
    const moved = reviewChange(
      assemblyOf('base', stackOf(topic)),
      assemblyOf('head', stackOf(topic, { path: 'app/Renamed' })),
    );
    expect(moved.stacks).toEqual([]);
  });

  test('of one name in two accounts are told apart by path, in any order', () => {
    const dev = stackOf(topic, { path: 'dev/Data' });
    const prod = (more: Resources) =>
      stackOf({ Other: resource('AWS::SNS::Topic'), ...more }, { path: 'prod/Data' });
    const head = assemblyOf('head', prod({ Q: resource('AWS::SQS::Queue') }), dev);
    const { stacks } = reviewChange(assemblyOf('base', dev, prod({})), head);
    expect(stacks).toMatchObject([
      { path: 'prod/Data', resources: [{ action: 'add', logicalId: 'Q' }] },
    ]);
  });

  test('are listed as added or removed', () => {
    const other = stackOf(topic, {
      path: 'app/Asia',
      stackName: 'app-asia',
      region: 'ap-southeast-1',
    });
    const [small, large] = [
      assemblyOf('small', stackOf(topic)),
      assemblyOf('large', stackOf(topic), other),
    ];
    expect(reviewChange(small, large).stacks).toMatchObject([
      { action: 'add', path: 'app/Asia', resources: [{ action: 'add' }] },
    ]);
    expect(reviewChange(large, small).stacks).toMatchObject([
      { action: 'remove', path: 'app/Asia', resources: [{ action: 'remove' }] },
    ]);
  });

  test('list other changed sections, except for those that CDK adds', () => {
    const template = (name: string) => ({
      Resources: topic,
      Conditions: { C: name },
      Parameters: { BootstrapVersion: { Default: name } },
    });
    const of = (name: string) => assemblyOf(name, stackOf({}, { template: template(name) }));
    expect(reviewChange(of('a'), of('b')).stacks).toMatchObject([
      { sections: ['Conditions'], resources: [] },
    ]);
    expect(reviewChange(of('a'), of('a')).stacks).toEqual([]);
  });

  test('of two different apps are refused', () => {
    const other = assemblyOf('theirs', stackOf(topic, { stackName: 'shop' }));
    expect(() => reviewChange(assemblyOf('ours', stackOf(topic)), other)).toThrow(
      new RegExp(
        '^ours and theirs have no stack in common: ' +
          'app-data in eu-west-1 against shop in eu-west-1\\.\n',
      ),
    );
    expect(reviewChange(assemblyOf('empty'), other).stacks).toMatchObject([{ action: 'add' }]);
  });
});
