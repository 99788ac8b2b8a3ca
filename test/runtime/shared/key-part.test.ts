import { IsochroneError } from '../../../lib/model/errors';
import { keyPart } from '../../../lib/runtime/shared';

const OWNER = { owner: 'Thing' };

test.each(['alice', ' ', '0', '[object Object]', 'ключ', '\u{1f600}', '\u0000'])(
  '%j is returned as it is',
  (value) => {
    expect(keyPart('user', value, OWNER)).toBe(value);
  },
);

class Account {
  public readonly id = 'alice';
}

test.each<[unknown, string]>([
  [undefined, 'nothing'],
  [null, 'null'],
  ['', 'an empty string'],
  ['alice\ud800', 'a string with half a surrogate pair'],
  ['\udc00alice', 'a string with half a surrogate pair'],
  [7, 'a number'],
  [Number.NaN, 'a number'],
  [7n, 'a bigint'],
  [true, 'a boolean'],
  [Symbol('alice'), 'a symbol'],
  [() => 'alice', 'a function'],
  [['alice'], 'an Array'],
  [{ toString: () => 'alice' }, 'an Object'],
  [Object.create(null), 'an Object'],
  [new Account(), 'an Object'],
  [Object('alice'), 'a String'],
  [new Map([['user', 'alice']]), 'a Map'],
  [new Set(['alice']), 'a Set'],
  [new Date(0), 'a Date'],
  [Buffer.from('alice'), 'a Uint8Array'],
  [Promise.resolve('alice'), 'a Promise (did you forget `await`?)'],
  // biome-ignore lint/suspicious/noThenProperty: a query builder is such a thenable
  [{ then: () => undefined }, 'a Promise (did you forget `await`?)'],
])('%p is refused as %s', (value, got) => {
  expect(() => keyPart('user', value, OWNER)).toThrow(
    new IsochroneError(
      `Thing: user must be a string that is not empty, got ${got}.\n` +
        'A part of a cache key is never converted: different values could get the same key. ' +
        'Give it as a string.',
    ),
  );
});

test('the message says what to do in the words of the caller', () => {
  expect(() => keyPart('user', 7, { owner: 'Thing', fix: 'Return the id.' })).toThrow(
    /Return the id\.$/,
  );
});
