/** `isochrone review` as a process, over assemblies on disk: its output, files and exit code. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMENT_MARK } from '../../lib/tools/review/report/markdown';

const ROOT = join(__dirname, '..', '..');

function review(...args: string[]) {
  const run = [
    process.execPath,
    '--import',
    'tsx',
    join(ROOT, 'bin', 'isochrone.ts'),
    'review',
    ...args,
  ];
  return spawnSync(run[0] as string, run.slice(1), { cwd: ROOT, encoding: 'utf8' });
}

/** An assembly with one stack and one bucket. */
function assembly(bucket: string, stackName = 'app-data'): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-review-'));
  const stack = {
    type: 'aws:cloudformation:stack',
    environment: 'aws://unknown-account/eu-west-1',
    displayName: 'app/Data',
  };
  const artifacts = { Data: { ...stack, properties: { templateFile: 'data.json', stackName } } };
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ artifacts }));
  writeFileSync(
    join(directory, 'data.json'),
    JSON.stringify({
      Resources: { B: { Type: 'AWS::S3::Bucket', Properties: { BucketName: bucket } } },
    }),
  );
  return directory;
}

const [base, head] = [assembly('a'), assembly('b')];

test('exits with 0 and reports no changes for the same folder', () => {
  const { status, stdout } = review(base, base);
  expect([status, stdout]).toEqual([0, `${base} → ${base}\nNo changes.\n`]);
});

test('exits with 4 for a stateful loss, and prints without colors and writes it', () => {
  const out = mkdtempSync(join(tmpdir(), 'isochrone-out-'));
  const { status, stdout } = review(
    base,
    head,
    '--markdown',
    join(out, 'review.md'),
    '--json',
    join(out, 'review.json'),
  );
  expect(status).toBe(4);
  expect(stdout).toContain('● app/Data/B: AWS::S3::Bucket is REPLACED\n');
  expect(stdout).not.toContain('\u001b');
  expect(readFileSync(join(out, 'review.md'), 'utf8')).toContain(
    `${COMMENT_MARK}\n### 🔴 1 stack with changes`,
  );
  expect(JSON.parse(readFileSync(join(out, 'review.json'), 'utf8'))).toMatchObject({
    needsDecision: true,
    losses: [{ path: 'app/Data/B' }],
  });
});

test('exits with 0 for an acknowledged loss, and prints the reason', () => {
  const { status, stdout } = review(base, head, '--acknowledge', 'app/Data/B=it is empty');
  expect(status).toBe(0);
  expect(stdout).toContain('Acknowledged: it is empty');
});

test.each<[string, string[], RegExp]>([
  ['one folder', [base], /needs two folders, BASE and HEAD/],
  [
    'options first',
    ['--json', 'x', base, head],
    /needs two folders, BASE and HEAD, before its options\.[\s\S]*Exit code: 0/,
  ],
  ['an unknown option', [base, head, '--acknowlege', 'x=y'], /Unknown option '--acknowlege'/],
  [
    'an acknowledgement without a reason',
    [base, head, '--acknowledge', 'app/Data/B'],
    /must be PATH=REASON, got "app\/Data\/B"/,
  ],
  ['no assembly', [base, tmpdir()], /is not a whole assembly: .*manifest\.json/],
  [
    'different apps',
    [base, assembly('a', 'shop')],
    /have no stack in common: app-data in eu-west-1 against shop in eu-west-1/,
  ],
  ['a log, and no distribution', [base, head, '--log', 'access.log'], /has no .*distribution/i],
])('%s exits with 1, with advice and without a stack trace', (_what, args, says) => {
  const { status, stderr } = review(...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^\s+at /m);
});
