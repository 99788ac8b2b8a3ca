/** `isochrone review` as a process, over assemblies on disk: its output, files and exit code. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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

describe('of a pull request', () => {
  const commit = 'a'.repeat(40);
  const reviews = (facts: object) => {
    const file = join(mkdtempSync(join(tmpdir(), 'isochrone-reviews-')), 'reviews.json');
    const author = { login: 'dba', __typename: 'User' };
    const submitted = { author, editor: null, lastEditedAt: null, state: 'APPROVED' };
    const pull = {
      commit,
      author: { login: 'author', __typename: 'User' },
      permissions: [['dba', 'write']],
      reviews: [
        { ...submitted, body: 'Acknowledge: app/Data/B=empty', commit: { oid: commit }, ...facts },
      ],
    };
    writeFileSync(file, JSON.stringify(pull));
    return file;
  };

  test('a review of the commit acknowledges the loss', () => {
    const { status, stdout } = review(base, head, '--reviews', reviews({}));
    expect(status).toBe(0);
    expect(stdout).toContain('Acknowledged: empty (dba)');
  });

  test.each<[string, object, string]>([
    ['an empty line', { body: 'Acknowledge:' }, 'it is not of the form'],
    ['a review of another commit', { commit: { oid: 'b'.repeat(40) } }, 'the review is of another'],
  ])('%s does not, and the comment says so', (_what, facts, reason) => {
    const markdown = join(mkdtempSync(join(tmpdir(), 'isochrone-out-')), 'review.md');
    const { status } = review(base, head, '--reviews', reviews(facts), '--markdown', markdown);
    expect(status).toBe(4);
    const comment = readFileSync(markdown, 'utf8');
    expect(comment).toContain(`An acknowledgement of \`dba\` does not count: ${reason}`);
    expect(comment).toContain('`Acknowledge: app/Data/B=REASON`');
    expect(comment).toContain(`Commit \`${commit}\``);
  });
});

test('an assembly may be an archive, and is named as it was given', () => {
  const archive = join(mkdtempSync(join(tmpdir(), 'isochrone-archive-')), 'head.zip');
  spawnSync('zip', ['-qr', archive, '.'], { cwd: head });
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('isochrone-review-'));
  const { status, stdout } = review(base, archive);
  expect(status).toBe(4);
  expect(stdout).toContain(`${base} → ${archive}\n`);
  const after = readdirSync(tmpdir()).filter((name) => name.startsWith('isochrone-review-'));
  expect(after).toEqual(before);
});

test.each<[string, string[], RegExp]>([
  ['a file that is no archive', [base, __filename], /cannot be unpacked: it is not a zip archive/],
  [
    'reviews of another form',
    [base, head, '--reviews', __filename],
    /must be the reviews of a pull/,
  ],
  ['missing reviews', [base, head, '--reviews', 'none.json'], /the reviews cannot be read/],
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
