/** Headers and origins may have the names that every JavaScript object has. */
import { readDistribution } from '../../../lib/tools/simulation/distribution';
import { headerFields } from '../../../lib/tools/simulation/logs/record';
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource, ORIGIN } from './fixtures';

test.each(['constructor', '__proto__', 'toString', 'hasownproperty'])(
  'a field called %s',
  (name) => {
    const fields = JSON.parse(`{"${name}":"a"}`);
    expect(Object.entries(headerFields(fields))).toEqual([[name, ['a']]]);
    expect(headerFields({})[name]).toBeUndefined();
  },
);

test.each(['constructor', '__proto__', 'toString'])('an origin called %s', (name) => {
  const read = (origins: object[]) =>
    readDistribution(
      assemblyOf({
        Distribution: distributionResource({
          Origins: origins,
          DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, TargetOriginId: name },
        }),
      }),
    );
  expect(() => read([ORIGIN])).toThrow('which is not an origin');
  expect(read([{ ...ORIGIN, Id: name }]).origins[name]?.id).toBe(name);
});
