/** Templates that are not what CloudFormation takes, and those that only look like it. */
import { IsochroneError } from '../../../lib/model/errors';
import { reviewChange } from '../../../lib/tools/review/report/review';
import { formatSummary, summarize } from '../../../lib/tools/review/summary/summary';
import { assemblyOf, distributionResource } from '../simulation/fixtures';

const BUCKET = { Type: 'AWS::S3::Bucket' };

test.each<[string, unknown, RegExp]>([
  ['null', null, /Edge\.template\.json cannot be used \(its resource Odd is not an object\)/],
  ['a number', 7, /its resource Odd is not an object/],
  ['a text', 'AWS::S3::Bucket', /its resource Odd is not an object/],
  ['a list', [BUCKET], /its resource Odd is not an object/],
  ['an empty object', {}, /its resource Odd has no type/],
  ['a type of null', { Type: null }, /its resource Odd has no type/],
  ['a type that is an object', { Type: { Ref: 'T' } }, /its resource Odd has no type/],
  ['properties of null', { ...BUCKET, Properties: null }, /Odd has Properties that are not an/],
  ['a list of properties', { ...BUCKET, Properties: [] }, /Odd has Properties that are not an/],
  ['metadata of null', { ...BUCKET, Metadata: null }, /Odd has Metadata that are not an object/],
])('a resource that is %s is refused by its name and file', (_what, resource, says) => {
  const read = () => assemblyOf({ Odd: resource as never });
  expect(read).toThrow(IsochroneError);
  expect(read).toThrow(says);
});

test.each<[string, object]>([
  ['without properties', BUCKET],
  ['with no properties', { ...BUCKET, Properties: {} }],
  ['with a property of null', { ...BUCKET, Properties: { BucketName: null } }],
  ['with a condition', { ...BUCKET, Condition: 'C', DependsOn: ['Other'] }],
  ['with a policy by a condition', { ...BUCKET, DeletionPolicy: { 'Fn::If': ['C', 'a', 'b'] } }],
  ['of a custom type', { Type: 'Custom::Anything', Properties: { ServiceToken: 'arn' } }],
  ['of a name that all objects have', { Type: 'constructor' }],
])('a resource %s is read', (_what, resource) => {
  const assembly = assemblyOf({ Odd: resource as never, Site: distributionResource() });
  expect(formatSummary(summarize(assembly))).toContain('2 resources');
  expect(reviewChange(assembly, assembly).stacks).toEqual([]);
});

test('a loop is one resource, whose policies are reviewed', () => {
  const loop = (Action: string) => ({
    'Fn::ForEach::Topics': [
      'Name',
      ['A', 'B'],
      {
        'Policy${Name}': {
          Type: 'AWS::SNS::TopicPolicy',
          Properties: {
            PolicyDocument: { Statement: [{ Effect: 'Allow', Action, Principal: '*' }] },
          },
        },
      },
    ] as never,
  });
  const [base, head] = [assemblyOf(loop('sns:Publish')), assemblyOf(loop('sns:*'))];
  expect(formatSummary(summarize(head))).toContain('Fn::ForEach'.split('::').at(-1));
  const { stacks, findings } = reviewChange(base, head);
  expect(stacks[0]?.resources).toEqual([
    expect.objectContaining({ action: 'update', type: 'Fn::ForEach' }),
  ]);
  expect(findings).toContainEqual(expect.objectContaining({ topic: 'permissions' }));
});

test.each([null, 7, 'text', [], {}])('parameters of %j are compared', (Parameters) => {
  const other = (value: unknown) => assemblyOf({}, {}, { Resources: {}, Parameters: value });
  expect(reviewChange(other({ A: { Type: 'String' } }), other(Parameters)).stacks).toEqual([
    expect.objectContaining({ sections: ['Parameters'] }),
  ]);
});

test('a policy that cannot be compared is refused by its place', () => {
  const policy = (PolicyDocument: unknown) =>
    assemblyOf({
      Fine: BUCKET,
      Odd: { Type: 'AWS::IAM::Policy', Properties: { Roles: ['R'], PolicyDocument } } as never,
    });
  const whole = policy({ Statement: [{ Effect: 'Allow', Action: 'a', Resource: '*' }] });
  for (const [base, head] of [
    [whole, policy(null)],
    [policy(null), whole],
  ] as const)
    expect(() => reviewChange(base, head)).toThrow(/^app\/Edge\/Odd cannot be compared: /);
  expect(reviewChange(whole, policy({ 'Fn::If': ['C', {}, {}] })).stacks).toHaveLength(1);
});
