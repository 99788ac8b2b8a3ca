import { reviewChange } from '../../../../lib/tools/review/report/change-review';
import { assemblyOf, type Resources, resource, reviewOf, stackOf } from '../two-assemblies';

const HASH = { a: 'a'.repeat(64), b: 'b'.repeat(64) };
const VERSION = {
  a: `FnCurrentVersion0A1B2C3D${'1'.repeat(32)}`,
  b: `FnCurrentVersion0A1B2C3D${'2'.repeat(32)}`,
};

const changesOf = (before: Resources, after: Resources) =>
  reviewOf(before, after).stacks.flatMap(({ resources }) =>
    resources.map(({ action, logicalId }) => `${action} ${logicalId}`),
  );

const edge = (which: 'a' | 'b', memory = 128): Resources => ({
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

describe('what happens to a resource', () => {
  test.each<[string, Resources, Resources, string[]]>([
    ['nothing', database({}), database({}), []],
    [
      'a number as a word is the same',
      database({ AllocatedStorage: 400 }),
      database({ AllocatedStorage: '400' }),
      [],
    ],
    ['added', {}, { T: resource('AWS::SNS::Topic') }, ['add T']],
    ['removed', { T: resource('AWS::SNS::Topic') }, {}, ['remove T']],
    [
      'another class is an update',
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
      'a zone is given up for a standby in place',
      database({ MultiAZ: false, AvailabilityZone: 'eu-west-1a' }),
      database({ MultiAZ: true }),
      ['update Db'],
    ],
    [
      'another zone may replace',
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
      'what refers to a replaced resource is replaced',
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
      'an order is no change',
      { T: resource('AWS::SNS::Topic', {}, { DependsOn: 'A' }) },
      { T: resource('AWS::SNS::Topic') },
      [],
    ],
    ['code, once, and not its version or who uses it', edge('a'), edge('b'), ['code Fn']],
    ['code and memory', edge('a'), edge('b', 256), ['update Fn', 'code Fn']],
    [
      'of two versions, one',
      {
        [VERSION.a]: resource('AWS::Lambda::Version'),
        [VERSION.b]: resource('AWS::Lambda::Version'),
      },
      { [VERSION.a]: resource('AWS::Lambda::Version') },
      [`remove ${VERSION.b}`],
    ],
    ['memory without code', edge('a'), edge('a', 256), ['update Fn']],
  ])('%s', (_what, before, after, expected) => {
    expect(changesOf(before, after).sort()).toEqual([...expected].sort());
  });

  test('differences are as deep as they go, and say what lists gain and lose', () => {
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

  test('of a long text, the part that differs is shown, and it is bounded', () => {
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

  test('equal properties under another logical id are one change, and so is what refers to it', () => {
    expect(changesOf(group('A', 'RuleA', 1), group('B', 'RuleB', 1)).sort()).toEqual([
      'rename B',
      'rename RuleB',
    ]);
  });

  test('other properties are a removal and an addition', () => {
    expect(changesOf(group('A', 'RuleA', 1), group('A', 'RuleB', 2)).sort()).toEqual([
      'add RuleB',
      'remove RuleA',
    ]);
  });

  test('two candidates are left as they are', () => {
    const [a, b] = [resource('AWS::SNS::Topic'), resource('AWS::SNS::Topic')];
    expect(changesOf({ A: a }, { B: a, C: b }).sort()).toEqual(['add B', 'add C', 'remove A']);
    expect(changesOf({ A: a, B: b }, { C: a }).sort()).toEqual(['add C', 'remove A', 'remove B']);
  });

  test('nothing moves to another region', () => {
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

  test('a move to another stack says where it was', () => {
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

  test('are known by name and region, not by path', () => {
    const moved = reviewChange(
      assemblyOf('base', stackOf(topic)),
      assemblyOf('head', stackOf(topic, { path: 'app/Renamed' })),
    );
    expect(moved.stacks).toEqual([]);
  });

  test('in two accounts by one name, they are told apart by path, in whatever order', () => {
    const dev = stackOf(topic, { path: 'dev/Data' });
    const prod = (more: Resources) =>
      stackOf({ Other: resource('AWS::SNS::Topic'), ...more }, { path: 'prod/Data' });
    const head = assemblyOf('head', prod({ Q: resource('AWS::SQS::Queue') }), dev);
    const { stacks } = reviewChange(assemblyOf('base', dev, prod({})), head);
    expect(stacks).toMatchObject([
      { path: 'prod/Data', resources: [{ action: 'add', logicalId: 'Q' }] },
    ]);
  });

  test('that come or go are said so', () => {
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

  test('other sections are named, and those of CDK itself are not', () => {
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

  test('of different apps are refused', () => {
    const other = assemblyOf('theirs', stackOf(topic, { stackName: 'shop' }));
    expect(() => reviewChange(assemblyOf('ours', stackOf(topic)), other)).toThrow(
      /^ours and theirs have no stack in common: app-data in eu-west-1 against shop in eu-west-1\.\n/,
    );
    expect(reviewChange(assemblyOf('empty'), other).stacks).toMatchObject([{ action: 'add' }]);
  });
});
