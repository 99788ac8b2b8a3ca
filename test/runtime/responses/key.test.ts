import fc from 'fast-check';
import { keyOf } from '../../../lib/runtime/responses/key';

const rules = { host: true, varyBy: ['x-a'], secrets: new Set<string>() } as const;
const keyFor = (headers: Record<string, string>) =>
  keyOf({ path: '/', query: '', headers, user: undefined, language: undefined }, rules);

test('two keys are equal only if all their parts are equal', () => {
  const part = fc.string({ maxLength: 6 });
  const parts = fc.record({
    path: part,
    query: part,
    host: part,
    a: part,
    forwarded: fc.constantFrom('', 'host=a', 'host=b;proto=http', 'for=x;Host="a"'),
    user: fc.option(part, { nil: undefined }),
    language: fc.option(part, { nil: undefined }),
  });
  type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;
  const key = ({ path, query, host, a, forwarded, user, language }: Parts) =>
    keyOf({ path, query, headers: { host, 'x-a': a, forwarded }, user, language }, rules);
  fc.assert(
    fc.property(parts, parts, (one, other) =>
      expect(key(one) === key(other)).toBe(JSON.stringify(one) === JSON.stringify(other)),
    ),
  );
});

test('the authority of HTTP/2 is in the key', () => {
  expect(keyFor({ ':authority': 'a.example' })).not.toBe(keyFor({ ':authority': 'b.example' }));
});

test('of Forwarded, the key contains host and protocol, and no addresses', () => {
  const key = keyFor({ forwarded: 'for=192.0.2.1;proto=https;host=a' });
  expect(keyFor({ forwarded: 'for=192.0.2.2;by=x;proto=https;host=a' })).toBe(key);
  expect(keyFor({ forwarded: 'for=192.0.2.1;proto=https;host=b' })).not.toBe(key);
  expect(keyFor({ forwarded: 'for=192.0.2.1, proto=http;host=a' })).not.toBe(key);
});

test('a credential is in the key as a digest', () => {
  const secret = (value: string) =>
    keyOf(
      { path: '/', query: '', headers: { 'x-a': value }, user: undefined, language: undefined },
      { ...rules, secrets: new Set(['x-a']) },
    );
  expect(secret('hunter2')).not.toContain('hunter2');
  expect(secret('hunter2')).toBe(secret('hunter2'));
  expect(secret('hunter2')).not.toBe(secret('hunter3'));
});
