import fc from 'fast-check';
import { boundedKey, CacheKeyNames } from '../../../lib/runtime/shared/key-names';
import { slotOf } from '../../../lib/runtime/valkey/slots';

const names = new CacheKeyNames('market');

test('names of a namespace', () => {
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

test('a key of 512 bytes keeps its name, one of 513 is hashed behind its beginning', () => {
  expect(boundedKey('k'.repeat(512))).toBe('k'.repeat(512));
  expect(boundedKey('k'.repeat(513))).toMatch(/^k{64}~[\w-]{43}$/);
  // 171 euro signs are 513 bytes.
  expect(boundedKey('€'.repeat(170))).toBe('€'.repeat(170));
  expect(boundedKey('€'.repeat(171))).toMatch(/^€{64}~/);
});

test('every key has a short name of its own, whose lock lies in its slot', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 500, maxLength: 600 }),
    fc.stringMatching(/^[{}a]{0,6}$/),
  );
  fc.assert(
    fc.property(key, key, (one, other) => {
      const bounded = boundedKey(one);
      expect(Buffer.byteLength(bounded)).toBeLessThanOrEqual(512);
      expect(boundedKey(bounded)).toBe(bounded);
      expect(names.keyOf(names.value(one))).toBe(bounded);
      expect(slotOf(names.lock(one))).toBe(slotOf(names.value(one)));
      if (one !== other) expect(bounded).not.toBe(boundedKey(other));
    }),
  );
});

// The first is the check value of CRC-16/XMODEM, in the cluster specification; the others are what
// CLUSTER KEYSLOT of Redis 7.0 says.
test.each([
  ['123456789', 12_739],
  ['foo', 12_182],
  ['market:{foo}:lock', 12_182],
  ['{}foo', 9_500],
  ['{foo', 13_308],
  ['a{b}{foo}', 3_300],
])('the slot of %s is %i', (name, slot) => {
  expect(slotOf(name)).toBe(slot);
});
