import fc from 'fast-check';
import { CacheKeyNames, shortenKey } from '../../../lib/runtime/shared/key-names';
import { slotOf } from '../../../lib/runtime/valkey/connection';

const names = new CacheKeyNames('market');

test('the names of a namespace have its prefix and a hash tag', () => {
  expect(names.value('api:a')).toBe('market:{api:a}');
  expect(names.lock('api:a')).toBe('market:{api:a}:lock');
  expect(names.tag('user:7')).toBe('market:tag:{user:7}');
  expect(names.bus).toBe('market:bus');
  expect(names.valuePattern('api:*')).toBe('market:{api:*}');
  expect(names.keyOf('market:{api:a}')).toBe('api:a');
  expect(names.keyOf('market:{api:a}:lock')).toBeUndefined();
  expect(names.keyOf('market:tag:{a}')).toBeUndefined();
});

test.each([
  ['market:{a}', true],
  ['market:tag:{a}', true],
  ['market:{a}:lock', true],
  ['market:more:{a}', false],
  ['market:bus', false],
])('%s belongs to the namespace: %s', (name, owned) => {
  expect(names.owns(name)).toBe(owned);
});

test('a key of 512 bytes keeps its name; a longer key keeps 64 characters and gets a hash', () => {
  expect(shortenKey('k'.repeat(512))).toBe('k'.repeat(512));
  expect(shortenKey('k'.repeat(513))).toMatch(/^k{64}~[\w-]{43}$/);
  // 171 euro signs are 513 bytes.
  expect(shortenKey('€'.repeat(170))).toBe('€'.repeat(170));
  expect(shortenKey('€'.repeat(171))).toMatch(/^€{64}~/);
});

test('every key has a short unique name, and its lock is in the same slot', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 500, maxLength: 600 }),
    fc.stringMatching(/^[{}a]{0,6}$/),
  );
  fc.assert(
    fc.property(key, key, (one, other) => {
      const shortened = shortenKey(one);
      expect(Buffer.byteLength(shortened)).toBeLessThanOrEqual(512);
      expect(shortenKey(shortened)).toBe(shortened);
      expect(names.keyOf(names.value(one))).toBe(shortened);
      expect(slotOf(names.lock(one))).toBe(slotOf(names.value(one)));
      if (one !== other) expect(shortened).not.toBe(shortenKey(other));
    }),
  );
});
