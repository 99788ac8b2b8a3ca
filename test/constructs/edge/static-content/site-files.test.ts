import { isUploaded } from '../../../../lib/constructs/edge/static-content/site-files';

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

test.each(MATCHES)('%s matches the pattern %s of `aws s3`', (file, pattern) => {
  expect(isUploaded(file, [{ action: 'exclude', pattern }])).toBe(false);
});

test.each(MISMATCHES)('%s does not match the pattern %s of `aws s3`', (file, pattern) => {
  expect(isUploaded(file, [{ action: 'exclude', pattern }])).toBe(true);
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
