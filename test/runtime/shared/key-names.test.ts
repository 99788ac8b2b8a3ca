import fc from 'fast-check';
import { CacheKeyNames, isShortenedKey, shortenKey } from '../../../lib/runtime/shared/key-names';
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

const key = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 500, maxLength: 600 }),
  fc.stringMatching(/^[{}a]{0,6}$/),
  fc.stringMatching(/^[a~}]{0,64}~[\w-]{42,44}$/),
  // Halves of surrogate pairs, in any order.
  fc
    .array(fc.constantFrom('a', '\ud83d', '\ude00', '\udc00'), { maxLength: 5 })
    .map((units) => units.join('')),
);

test('every key has a short unique name, and its lock is in the same slot', () => {
  fc.assert(
    fc.property(key, key, (one, other) => {
      const name = shortenKey(one);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(512);
      expect(Buffer.from(name).toString()).toBe(name);
      expect(names.keyOf(names.value(name))).toBe(name);
      expect(slotOf(names.lock(name))).toBe(slotOf(names.value(name)));
      if (one !== other) expect(name).not.toBe(shortenKey(other));
    }),
  );
});

test('no key can be written that has the name of another one', () => {
  fc.assert(
    fc.property(key, (victim) => {
      const name = shortenKey(victim);
      if (name !== victim) expect(shortenKey(name)).not.toBe(name);
    }),
  );
});

test.each([
  // As UTF-8 and as UTF-16, two texts can have the same bytes.
  [`a${'\u0628'.repeat(300)}`, Buffer.from(`a${'\u0628'.repeat(300)}`).toString('utf16le')],
  [`${'k'.repeat(600)}\ud800`, `${'k'.repeat(600)}\ud801`],
  ['\ud800', '\ufffd'],
  ['', '}'],
])('%# two keys that look alike have two names', (one, other) => {
  expect(shortenKey(one)).not.toBe(shortenKey(other));
});

test('a name is cut between characters', () => {
  expect(shortenKey(`${'k'.repeat(63)}${'\u{1f600}'.repeat(300)}`)).toMatch(/^k{63}\ufffd~/u);
});

test.each([
  [`a~${'A'.repeat(43)}`, true],
  [`~${'-'.repeat(43)}`, true],
  [shortenKey('k'.repeat(513)), true],
  [`a~${'A'.repeat(42)}`, false],
  [`a~${'A'.repeat(44)}`, false],
  [`a~${'A'.repeat(42)}=`, false],
  [`a~${'A'.repeat(43)}\n`, false],
  ['', false],
])('%j has the form of a shortened key: %s', (text, is) => {
  expect(isShortenedKey(text)).toBe(is);
  expect(shortenKey(text) === text).toBe(!is && text !== '');
});

test('a server keeps the names that it is given, and shortens what it could not store', () => {
  const long = 'k'.repeat(513);
  expect(names.value(shortenKey(long))).toBe(names.value(long));
  expect(names.tag(shortenKey(long))).toBe(names.tag(long));
  expect(names.value('')).toBe(names.value(shortenKey('')));
});
