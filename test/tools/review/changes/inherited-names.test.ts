/** Names that every JavaScript object has are names of resources and properties like any other. */
import { findChanges } from '../../../../lib/tools/review/changes';
import { formatChangeText, reviewChange } from '../../../../lib/tools/review/report';

const NAMES = Object.getOwnPropertyNames(Object.prototype);

/** An assembly with one stack. JSON can name a key `__proto__`, an object literal cannot. */
function assembly(resources: string, outputs = '{}') {
  const template = JSON.parse(`{"Resources":${resources},"Outputs":${outputs}}`);
  const stack = { path: 'app/S', stackName: 's', region: 'eu-west-1', dependsOn: [], template };
  return { directory: 'out', stacks: [stack] };
}
const bucket = (name: string) => `{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"${name}"}}`;
const actions = (base: ReturnType<typeof assembly>, head: ReturnType<typeof assembly>) =>
  findChanges(base, head).flatMap(({ resources }) =>
    resources.map(({ action, logicalId }) => [action, logicalId]),
  );

test('the names are those that matter', () => {
  expect(NAMES).toEqual(expect.arrayContaining(['constructor', '__proto__', 'hasOwnProperty']));
});

describe.each(NAMES)('%s', (name) => {
  const other = '"Other":{"Type":"AWS::SNS::Topic"}';
  const one = (text: string) => `{${other},"${name}":${text}}`;

  test('is a resource that is added, removed, changed or lost', () => {
    const [without, a, b] = [`{${other}}`, one(bucket('a')), one(bucket('b'))].map((each) =>
      assembly(each),
    ) as [ReturnType<typeof assembly>, ReturnType<typeof assembly>, ReturnType<typeof assembly>];
    expect(actions(without, a)).toEqual([['add', name]]);
    expect(actions(a, without)).toEqual([['remove', name]]);
    expect(actions(a, b)).toEqual([['replace', name]]);
    expect(actions(a, a)).toEqual([]);
    expect(reviewChange(a, without).losses).toMatchObject([{ path: `app/S/${name}` }]);
    const accepted = reviewChange(a, without, [{ path: `app/S/${name}`, reason: 'empty' }]);
    expect(accepted.needsDecision).toBe(false);
  });

  test('is a property that is added, removed or changed, at any depth', () => {
    const topic = (properties: string) =>
      assembly(`{"T":{"Type":"AWS::SNS::Topic","Properties":${properties}}}`);
    const [without, a, b] = [
      topic('{"A":{"x":1}}'),
      topic(`{"A":{"x":1,"${name}":"a"}}`),
      topic(`{"A":{"x":1,"${name}":"b"}}`),
    ];
    const text = (base: typeof a, head: typeof a) => formatChangeText(reviewChange(base, head));
    expect(text(without, a)).toContain(`+ A.${name}: a`);
    expect(text(a, without)).toContain(`- A.${name}: a`);
    expect(text(a, b)).toContain(`A.${name}: a → b`);
    const top = (value: string) => topic(`{"${name}":{"y":"${value}"}}`);
    expect(text(topic('{"x":"1"}'), top('a'))).toContain(`+ ${name}: {"y":"a"}`);
    expect(text(top('a'), top('b'))).toContain(`${name}.y: a → b`);
    expect(text(top('a'), top('a'))).toContain('No changes.');
  });

  test('is a type and an output', () => {
    const typed = (value: string) =>
      assembly(`{"T":{"Type":"${name}","Properties":{"A":"${value}"}}}`);
    expect(actions(typed('a'), typed('b'))).toEqual([['update', 'T']]);
    const output = (value: string) => assembly(`{${other}}`, `{"${name}":{"Value":"${value}"}}`);
    expect(findChanges(output('a'), output('b'))[0]?.sections).toEqual(['Outputs']);
    expect(findChanges(output('a'), output('a'))[0]?.sections).toEqual([]);
  });
});
