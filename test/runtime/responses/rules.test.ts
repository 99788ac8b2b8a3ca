import { cacheControl } from '../../../lib/runtime/responses/rules';

test.each([
  ['max-age=5, private', { 'max-age': '5', private: '' }],
  ['PRIVATE="set-cookie, x", s-maxage="7"', { private: 'set-cookie, x', 's-maxage': '7' }],
  ['a="no-store\\", private"', { a: 'no-store\\", private' }],
  ['max-age=1, max-age=100', { 'max-age': '1' }],
  [',,no-store ,', { 'no-store': '' }],
  ['max-age = 5', { 'max-age': '5' }],
])('parses Cache-Control: %s', (header, expected) => {
  expect(Object.fromEntries(cacheControl(header))).toEqual(expected);
});
