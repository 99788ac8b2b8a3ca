/**
 * The example workflows: what the code of a pull request can reach, and the scripts, run by bash with
 * a `gh` that answers from a table.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { review as command } from '../../bin/commands/review';
import { parseReviews, reviewedAcknowledgements } from '../../lib/tools/review/acknowledgements';
import { COMMENT_MARK } from '../../lib/tools/review/report/markdown';
import { serversHere } from '../servers/server-process';

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly permissions: Record<string, string>;
  readonly if?: string;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly name: string;
  readonly on: Record<string, { readonly workflows?: string[] }>;
  readonly permissions: object;
  readonly jobs: Record<string, Job>;
}

const read = (name: string) =>
  parse(
    readFileSync(join(__dirname, '..', '..', 'examples', 'workflows', `${name}.yml`), 'utf8'),
  ) as Workflow;
const synthesis = read('isochrone-synthesis');
const review = read('isochrone-review');
const jobs = [synthesis, review].flatMap((workflow) =>
  Object.entries(workflow.jobs).map(([name, job]) => [`${workflow.name}: ${name}`, job] as const),
);
const job = (name: string) => review.jobs[name] as Job;
const step = (of: Job, name: string) =>
  of.steps.find((each) => each.name?.startsWith(name)) as Step;
const EXPRESSION = '${'.concat('{');
const usesToken = ({ env }: Step) => JSON.stringify(env ?? {}).includes('github.token');

test('the workflow that runs code of the pull request only reads, and has no secret', () => {
  expect(Object.keys(synthesis.on).sort()).toEqual(['pull_request', 'pull_request_review']);
  expect(synthesis.permissions).toEqual({});
  expect(Object.values(synthesis.jobs).map(({ permissions }) => permissions)).toEqual([
    { contents: 'read' },
  ]);
  expect(JSON.stringify(synthesis)).not.toMatch(/secrets|github\.token/);
});

test('the review comes from the default branch, and checks out the target branch only', () => {
  expect(review.on).toEqual({
    workflow_run: { workflows: [synthesis.name], types: ['completed'] },
  });
  expect(review.permissions).toEqual({});
  const checkouts = Object.values(review.jobs)
    .flatMap(({ steps }) => steps)
    .filter(({ uses }) => uses?.startsWith('actions/checkout'));
  expect(checkouts.map((each) => each.with?.ref)).toEqual([
    `${EXPRESSION} needs.find.outputs.base }}`,
  ]);
});

test('one job writes, and it runs neither code of the project nor what it downloads', () => {
  const writing = Object.entries(review.jobs).filter(([, { permissions }]) =>
    Object.values(permissions).includes('write'),
  );
  expect(writing.map(([name]) => name)).toEqual(['comment']);
  const [[, commenting]] = writing as [[string, Job]];
  expect(commenting.permissions).toEqual({ 'pull-requests': 'write', statuses: 'write' });
  expect(JSON.stringify(commenting.steps)).not.toMatch(/\b(npm|npx|node|checkout|unzip|source)\b/);
});

test('what synthesizes or reviews has no token', () => {
  for (const [, { steps }] of jobs)
    for (const each of steps)
      if (/\b(npm|npx|node)\b/.test(each.run ?? '')) expect(usesToken(each)).toBe(false);
});

test('no job takes the number of the pull request from an artifact', () => {
  for (const name of ['review', 'comment'])
    for (const { env = {} } of job(name).steps)
      if (env.NUMBER !== undefined)
        expect(env.NUMBER).toBe(`${EXPRESSION} needs.find.outputs.number }}`);
  expect(JSON.stringify(job('find'))).not.toContain('artifact');
});

test.each(jobs)(
  "%s: GitHub's own actions by hash, no kept token, no expression in a script",
  (_, { steps }) => {
    for (const { uses, run, with: options } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
      if (uses?.startsWith('actions/checkout'))
        expect(options).toMatchObject({ 'persist-credentials': false });
      // A cache that the pull request has filled would bring its code into the review.
      if (uses?.startsWith('actions/setup-node'))
        expect(options).toMatchObject({ 'package-manager-cache': false });
      expect(run ?? '').not.toContain(EXPRESSION);
    }
  },
);

test('uses existing options of the command', () => {
  const { run = '' } = step(job('review'), 'Review the change');
  for (const [option] of run.matchAll(/--[a-z]+/g)) expect(command.usage).toContain(option);
  expect(run).toMatch(/^npx isochrone-cdk review /);
});

const bashHere = serversHere('bash') && serversHere('jq') ? describe : describe.skip;

bashHere('the scripts', () => {
  const [HEAD, BASE] = ['a'.repeat(40), 'b'.repeat(40)];
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'isochrone-workflow-'));
  });

  /** Runs a script; `gh` answers by the first pattern that its arguments match. */
  function run(of: Step, answers: readonly (readonly [RegExp, unknown])[], env: object = {}) {
    const table = answers.map(([pattern, answer]) => [pattern.source, answer]);
    writeFileSync(join(folder, 'answers.json'), JSON.stringify(table));
    writeFileSync(
      join(folder, 'gh'),
      `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(join(folder, 'calls'))}, JSON.stringify(args) + '\\n');
const body = args.find((each) => each.startsWith('body=@'));
if (body) appendFileSync(${JSON.stringify(join(folder, 'bodies'))}, readFileSync(body.slice(6)));
const table = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'answers.json'))}, 'utf8'));
const [, answer] = table.find(([pattern]) => new RegExp(pattern).test(args.join(' '))) ?? [];
if (answer === undefined) { console.log('{"message":"Not Found"}'); process.exit(1); }
const jq = args.indexOf('--jq');
if (jq < 0) console.log(JSON.stringify(answer));
else process.stdout.write(spawnSync('jq', ['-r', args[jq + 1]], { input: JSON.stringify(answer) }).stdout);
`,
      { mode: 0o755 },
    );
    const output = join(folder, 'output');
    writeFileSync(output, '');
    writeFileSync(join(folder, 'calls'), '');
    const { status } = spawnSync('bash', ['-eo', 'pipefail', '-c', of.run ?? ''], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: `${folder}:${process.env.PATH}`,
        RUNNER_TEMP: folder,
        GITHUB_OUTPUT: output,
        REPOSITORY: 'org/shop',
        COMMIT: HEAD,
        NUMBER: '7',
        ...env,
      },
    });
    const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
    return { status, output: readFileSync(output, 'utf8'), calls };
  }

  const open = (facts: object = {}) => ({
    number: 7,
    head: { sha: HEAD, repo: { full_name: 'fork/shop' } },
    base: { ref: 'main' },
    ...facts,
  });
  const find = (pulls: object[]) =>
    run(
      step(job('find'), 'Find'),
      [
        [/repos\/org\/shop\/pulls /, pulls],
        [/git\/ref\/heads\/main/, { object: { sha: BASE } }],
      ],
      { OWNER: 'fork', BRANCH: 'x"; touch evil; $(touch evil) `touch evil`', FORK: 'fork/shop' },
    );

  test('find the pull request by commit and repository', () => {
    expect(find([open()]).output).toBe(`number=7\nbase=${BASE}\n`);
  });

  test.each<[string, object[]]>([
    ['none', []],
    ['one that was pushed over', [open({ head: { sha: BASE, repo: { full_name: 'fork/shop' } } })]],
    ['one of another repository', [open({ head: { sha: HEAD, repo: { full_name: 'x/shop' } } })]],
    ['one of a deleted repository', [open({ head: { sha: HEAD, repo: null } })]],
    ['two of the same commit', [open(), open({ number: 8 })]],
  ])('find no pull request: %s', (_what, pulls) => {
    const { status, output } = find(pulls);
    expect([status, output]).toEqual([0, '']);
  });

  test('write reviews that the command reads, with the rights of each reviewer', () => {
    const node = (login: string) => ({
      author: { login, __typename: 'User' },
      editor: null,
      lastEditedAt: null,
      state: 'APPROVED',
      body: 'Acknowledge: app/Cache=warm',
      commit: { oid: HEAD },
    });
    const page = (...nodes: object[]) => ({
      data: { repository: { pullRequest: { author: { login: 'author' }, reviews: { nodes } } } },
    });
    const { status } = run(step(job('review'), 'Read the reviews'), [
      [
        /graphql/,
        [page(node('dba'), node('reader')), page(node('ghost'), { ...node('x'), author: null })],
      ],
      [/collaborators\/dba\//, { permission: 'write' }],
      [/collaborators\/reader\//, { permission: 'read' }],
    ]);
    expect(status).toBe(0);
    const pull = parseReviews(readFileSync(join(folder, 'reviews.json'), 'utf8'), 'x');
    expect([pull.commit, pull.author?.login, pull.reviews.length]).toEqual([HEAD, 'author', 4]);
    const { acknowledgements, ignored } = reviewedAcknowledgements(pull);
    expect(acknowledgements).toEqual([{ path: 'app/Cache', reason: 'warm (dba)' }]);
    expect(ignored).toHaveLength(3);
  });

  test('read a pull request without reviews', () => {
    const reviews = { author: { login: 'author' }, reviews: { nodes: [] } };
    run(step(job('review'), 'Read the reviews'), [
      [/graphql/, [{ data: { repository: { pullRequest: reviews } } }]],
    ]);
    expect(parseReviews(readFileSync(join(folder, 'reviews.json'), 'utf8'), 'x').reviews).toEqual(
      [],
    );
  });

  describe('comment', () => {
    const comment = (result: string, head = HEAD, comments: object[] = []) =>
      run(
        step(job('comment'), 'Replace'),
        [
          [/issues\/7\/comments --paginate/, comments],
          [/pulls\/7/, { head: { sha: head } }],
          [/method/, {}],
        ],
        { RESULT: result, RUN_URL: 'https://github.example/run' },
      );
    const report = (text: string) => {
      mkdirSync(join(folder, 'report'));
      writeFileSync(join(folder, 'report', 'review.md'), text);
    };
    const bodies = () => readFileSync(join(folder, 'bodies'), 'utf8');
    const state = (calls: readonly string[]) => /state=(\w+)/.exec(calls.at(-1) ?? '')?.[1];

    test('writes the report, and sets the status of the commit', () => {
      report(`${COMMENT_MARK}\nfine`);
      const { calls } = comment('success');
      expect(bodies()).toBe(`${COMMENT_MARK}\nfine`);
      expect(calls.at(-1)).toContain(`statuses/${HEAD}`);
      expect(state(calls)).toBe('success');
    });

    test.each(['failure', 'skipped', 'cancelled'])(
      'a review that ended with %s fails',
      (result) => {
        report(`${COMMENT_MARK}\na loss`);
        expect(state(comment(result).calls)).toBe('failure');
        expect(bodies()).toContain('a loss');
      },
    );

    test('a review without a report says so, whatever it claims', () => {
      expect(state(comment('success').calls)).toBe('failure');
      expect(bodies()).toContain(`${COMMENT_MARK}\n### 🔴 The change could not be reviewed`);
    });

    test('a report that is a link is not read', () => {
      writeFileSync(join(folder, 'secret'), 'token');
      mkdirSync(join(folder, 'report'));
      symlinkSync(join(folder, 'secret'), join(folder, 'report', 'review.md'));
      expect(state(comment('success').calls)).toBe('failure');
      expect(bodies()).not.toContain('token');
    });

    test('replaces its own comment, and nobody else’s', () => {
      report(COMMENT_MARK);
      const by = (id: number, login: string, body: string) => ({ id, user: { login }, body });
      const { calls } = comment('success', HEAD, [
        by(1, 'evil', COMMENT_MARK),
        by(2, 'github-actions[bot]', 'something else'),
        by(3, 'github-actions[bot]', `${COMMENT_MARK}\nold`),
      ]);
      expect(calls.filter((call) => call.includes('PATCH'))).toEqual([
        expect.stringContaining('issues/comments/3'),
      ]);
    });

    test('does not comment on a commit that was pushed over', () => {
      report(COMMENT_MARK);
      const { calls } = comment('success', BASE);
      expect(calls.filter((call) => call.includes('comments'))).toEqual([]);
    });
  });
});
