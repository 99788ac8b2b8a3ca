import { isCompressible } from '../../../lib/runtime/responses/body';

test.each([
  ['application/json; charset=utf-8', true],
  ['text/html', true],
  ['image/svg+xml', true],
  ['application/problem+json', true],
  ['application/jsonx', false],
  ['image/png', false],
  ['font/woff2', false],
  ['application/octet-stream', false],
  ['', false],
])('isCompressible(%j) is %s', (type, expected) => {
  expect(isCompressible(type)).toBe(expected);
});
