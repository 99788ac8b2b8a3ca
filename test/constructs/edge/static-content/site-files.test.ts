import { isUploaded } from '../../../../lib/constructs/edge/static-content/site-files';

describe('a pattern of `aws s3` matches', () => {
  const MATCHES = [
    ['assets/a.js', 'assets/*'],
    ['assets/deep/a.js', 'assets/*'],
    ['a.js', '?.js'],
    ['a1.js', 'a[0-9].js'],
    ['ab.js', 'a[!0-9].js'],
    ['a].js', 'a[]x].js'],
    ['a^.js', 'a[^x].js'],
    ['a[1.js', 'a[1.js'],
    ['a+(b).js', 'a+(b).js'],
  ];
  const MISMATCHES = [
    ['my-assets/a.js', 'assets/*'],
    ['ab.js', '?.js'],
    ['ab.js', 'a[0-9].js'],
    ['a1.js', 'a[!0-9].js'],
    ['ay.js', 'a[^x].js'],
    ['axjs', 'a.js'],
    ['A.js', 'a.js'],
  ];
  const isExcluded = (file: string, pattern: string) =>
    !isUploaded(file, [{ action: 'exclude', pattern }]);

  test.each(MATCHES)('%s, by %s', (file, pattern) => {
    expect(isExcluded(file, pattern)).toBe(true);
  });

  test.each(MISMATCHES)('not %s, by %s', (file, pattern) => {
    expect(isExcluded(file, pattern)).toBe(false);
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
