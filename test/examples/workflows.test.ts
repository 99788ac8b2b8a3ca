/** The example workflow has only the permissions it needs, and calls the command correctly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { review } from '../../bin/commands/review';
import { COMMENT_MARK } from '../../lib/tools/review/report/markdown';

interface Job {
  readonly permissions: Record<string, string>;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

const workflow = parse(
  readFileSync(
    join(__dirname, '..', '..', 'examples', 'workflows', 'isochrone-review.yml'),
    'utf8',
  ),
) as {
  readonly permissions: object;
  readonly jobs: Record<'review' | 'comment', Job>;
};
const scripts = (job: Job) => job.steps.flatMap(({ run }) => run ?? []).join('\n');
const actions = (job: Job) => job.steps.flatMap(({ uses }) => uses ?? []);
const { review: reviewing, comment: commenting } = workflow.jobs;

test('the job that runs code of the pull request only reads; the other job runs none', () => {
  expect(workflow.permissions).toEqual({});
  expect(reviewing.permissions).toEqual({ contents: 'read' });
  expect(commenting.permissions).toEqual({ 'pull-requests': 'write' });
  expect(actions(commenting)).toEqual(['actions/download-artifact@v4']);
  expect(scripts(commenting)).not.toMatch(/\b(npm|npx|node)\b/);
});

test.each(Object.entries(workflow.jobs))(
  "%s uses GitHub's own actions of a major version, and no expression in a script",
  (_name, job) => {
    for (const action of actions(job)) expect(action).toMatch(/^actions\/[\w-]+@v\d+$/);
    expect(scripts(job)).not.toContain('${'.concat('{'));
  },
);

test('uses existing options of the command, and finds the comment by its mark', () => {
  const [call] = /npx isochrone-cdk review .*/.exec(scripts(reviewing)) ?? [''];
  const options = [...call.matchAll(/--[a-z]+/g), '--acknowledge'].map(String);
  expect(options.sort()).toEqual(['--acknowledge', '--json', '--markdown']);
  for (const option of options) expect(review.usage).toContain(option);
  expect(scripts(commenting)).toContain(COMMENT_MARK);
});
