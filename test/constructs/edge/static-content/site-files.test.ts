import { isUploaded } from '../../../../lib/constructs/edge/static-content/site-files';

describe('a pattern of `aws s3` matches', () => {
  test.each([
    ['assets/a.js', 'assets/*', true],
    ['assets/deep/a.js', 'assets/*', true],
    ['my-assets/a.js', 'assets/*', false],
    ['a.js', '?.js', true],
    ['ab.js', '?.js', false],
    ['a1.js', 'a[0-9].js', true],
    ['ab.js', 'a[0-9].js', false],
    ['ab.js', 'a[!0-9].js', true],
    ['a1.js', 'a[!0-9].js', false],
    ['a].js', 'a[]x].js', true],
    ['a^.js', 'a[^x].js', true],
    ['ay.js', 'a[^x].js', false],
    ['a[1.js', 'a[1.js', true],
    ['axjs', 'a.js', false],
    ['a+(b).js', 'a+(b).js', true],
    ['A.js', 'a.js', false],
  ])('%s, by %s: %j', (file, pattern, isMatch) => {
    expect(isUploaded(file, [{ action: 'exclude', pattern }])).toBe(!isMatch);
  });
});

test('the last matching filter decides, and a file without a match is uploaded', () => {
  const filters = [
    { action: 'exclude', pattern: '*' },
    { action: 'include', pattern: '*.js' },
    { action: 'exclude', pattern: 'old/*' },
  ] as const;
  expect(['a.css', 'a.js', 'old/a.js'].map((file) => isUploaded(file, filters))).toEqual([
    false,
    true,
    false,
  ]);
  expect(isUploaded('a.css', [])).toBe(true);
});
