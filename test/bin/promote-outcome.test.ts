/**
 * What `isochrone promote` says of a promotion whose calls fail: the command with the AWS SDK
 * against a Systems Manager on this machine.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { promotionApi } from '../../bin/commands/promote';
import { PromotionStateUnknown, promote } from '../../lib/tools/account';
import {
  type SystemsManager,
  type SystemsManagerAnswer,
  type SystemsManagerScript,
  systemsManager,
} from './systems-manager';

const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'key',
  AWS_EC2_METADATA_DISABLED: 'true',
  NODE_NO_WARNINGS: '1',
};
let server: SystemsManager | undefined;
const environment = { ...process.env };
afterEach(async () => {
  process.env = { ...environment };
  await server?.close();
  server = undefined;
});

async function start(script: SystemsManagerScript, polls?: number): Promise<SystemsManager> {
  server = await systemsManager(script, polls);
  Object.assign(process.env, ENVIRONMENT, { AWS_ENDPOINT_URL_SSM: server.url });
  return server;
}

/** Promotes without waiting. `beforeRetry` runs before each retry and each look. */
function run(drill = false, beforeRetry: () => Promise<void> = async () => undefined) {
  return promote(promotionApi('eu-west-1'), {
    region: 'eu-west-1',
    document: 'market-promote-eu-west-1',
    drill,
    allowUnfenced: false,
    token: '00000000-1111-2222-3333-444444444444',
    onProgress: () => undefined,
    sleep: beforeRetry,
    random: () => 0,
  }).then(
    ({ outcome }) => ({ outcome: outcome as string, message: '' }),
    (error: Error) => ({
      outcome: error instanceof PromotionStateUnknown ? 'unknown' : 'unchanged',
      message: error.message,
    }),
  );
}

const internal = { status: 500, error: 'InternalFailure' };
const busy = { status: 503, error: 'ServiceUnavailableException' };
const html = { status: 502, page: '<!doctype html><h1>502 Bad Gateway</h1>' };
const throttled = { status: 400, error: 'ThrottlingException' };
const denied = { status: 400, error: 'AccessDeniedException' };
const blocked = { status: 403, page: '<h1>Blocked</h1>' };
const always = (answer: SystemsManagerAnswer) => Array(20).fill(answer);

describe('starting', () => {
  test.each<[string, readonly SystemsManagerAnswer[], string]>([
    ['an internal error', [internal], 'promoted'],
    ['a page of HTML', [html], 'promoted'],
    ['a page of HTML with status 200', [{ ...html, status: 200 }], 'promoted'],
    ['an answer without an id', [{ status: 200, json: {} }], 'promoted'],
    ['a reset connection', ['reset'], 'promoted'],
    ['half an answer', ['truncated'], 'promoted'],
    ['throttling', [throttled, throttled], 'promoted'],
    ['three faults', [html, 'reset', busy], 'promoted'],
    ['a refusal', [denied], 'unchanged'],
    ['a refusal that is not known by name', [{ status: 400, error: 'NewException' }], 'unchanged'],
    ['throttling and a refusal', [throttled, denied], 'unchanged'],
    ['throttling for good', always(throttled), 'unchanged'],
    ['a fault and a refusal', [internal, denied], 'unknown'],
    [
      'a fault and a refusal of the token',
      [html, { status: 400, error: 'IdempotentParameterMismatch' }],
      'unknown',
    ],
    ['a fault and throttling for good', ['reset', ...always(throttled)], 'unknown'],
    ['internal errors for good', always(internal), 'unknown'],
    ['HTML for good', always(html), 'unknown'],
    ['a page that blocks for good', always(blocked), 'unknown'],
    ['resets for good', always('reset'), 'unknown'],
    ['answers without an id for good', always({ status: 200, json: {} }), 'unknown'],
  ])('%s', async (_what, answers, outcome) => {
    const { tokens } = await start({ StartAutomationExecution: answers });
    const found = await run();
    expect(found.outcome).toBe(outcome);
    expect(new Set(tokens).size).toBe(1);
    if (outcome === 'unchanged') expect(found.message).toMatch(/\nNothing was changed\.$/);
    if (outcome === 'unknown') {
      expect(found.message).not.toContain('Nothing was changed');
      expect(found.message).toContain('The promotion may have begun.');
      expect(found.message).toContain(
        'aws ssm describe-automation-executions --region eu-west-1 ' +
          '--filters Key=DocumentNamePrefix,Values=market-promote-eu-west-1',
      );
    }
  });

  test('a server that is gone after a fault', async () => {
    const manager = await start({ StartAutomationExecution: ['reset'] });
    const found = await run(false, () => manager.close().catch(() => undefined));
    expect(found.outcome).toBe('unknown');
    expect(found.message).toContain('ECONNREFUSED');
  });

  test('a drill in doubt says that it changes nothing', async () => {
    await start({ StartAutomationExecution: always(html) });
    expect((await run(true)).message).toContain('The drill, which changes nothing, may have begun');
  });
});

describe('before the start', () => {
  test.each<[string, readonly SystemsManagerAnswer[]]>([
    ['a refusal', [denied]],
    ['an internal error for good', always(internal)],
    ['HTML for good', always(html)],
  ])('%s changes nothing', async (_what, answers) => {
    const { tokens } = await start({ GetDocument: answers });
    const { outcome, message } = await run();
    expect([outcome, tokens]).toEqual(['unchanged', []]);
    expect(message).toMatch(/\nNothing was changed\.$/);
  });

  test('neither does a name that does not resolve', async () => {
    Object.assign(process.env, ENVIRONMENT, { AWS_ENDPOINT_URL_SSM: 'http://ssm.invalid' });
    expect((await run()).message).toMatch(/\nNothing was changed\.$/);
  });
});

describe('watching', () => {
  test.each<[string, readonly SystemsManagerAnswer[], string]>([
    ['an internal error', [internal], 'promoted'],
    ['an unavailable service', ['ok', busy], 'promoted'],
    ['a page of HTML', [html, html], 'promoted'],
    ['a reset connection', ['reset'], 'promoted'],
    ['half an answer', ['truncated'], 'promoted'],
    ['an answer without a status', [{ status: 200, json: {} }], 'promoted'],
    [
      'a state that is not known',
      [{ status: 200, json: { AutomationExecution: { AutomationExecutionStatus: 'Resuming' } } }],
      'promoted',
    ],
    ['throttling', Array(8).fill(throttled), 'promoted'],
    ['expired credentials', [{ status: 400, error: 'ExpiredTokenException' }], 'unknown'],
    ['internal errors for good', always(internal), 'unknown'],
  ])('%s', async (_what, answers, outcome) => {
    await start({ GetAutomationExecution: answers });
    const found = await run();
    expect(found.outcome).toBe(outcome);
    if (outcome === 'unknown')
      expect(found.message).toContain(
        'aws ssm get-automation-execution --region eu-west-1 --automation-execution-id execution-1',
      );
  });
});

describe('the process', () => {
  function spawned(url: string) {
    const root = join(__dirname, '..', '..');
    const args = ['--import', 'tsx', join(root, 'bin', 'isochrone.ts'), 'promote'];
    const child = spawn(process.execPath, [...args, '--region', 'eu-west-1'], {
      cwd: root,
      env: { ...process.env, ...ENVIRONMENT, AWS_ENDPOINT_URL_SSM: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part) => {
        output += part;
      });
    const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, output }));
    });
    return { child, ended };
  }

  test('exits with 1 and says that nothing was changed after a refusal', async () => {
    const { url } = await start({ StartAutomationExecution: [denied] });
    const { code, output } = await spawned(url).ended;
    expect(output).toContain('AccessDeniedException: no\nNothing was changed.');
    expect(code).toBe(1);
  });

  test('exits with 2 after a fault and a refusal', async () => {
    const { url } = await start({ StartAutomationExecution: [html, denied] });
    const { code, output } = await spawned(url).ended;
    expect(output).toContain('may have begun');
    expect(code).toBe(2);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'exits with 2 after %s, and says that the automation continues',
    async (signal) => {
      const { url, called } = await start({}, 100);
      const { child, ended } = spawned(url);
      await called('GetAutomationExecution', 1);
      child.kill(signal);
      const { code, output } = await ended;
      expect(output).toContain('GetAutomationExecution was interrupted.');
      expect(output).toContain('The automation itself continues.');
      expect(code).toBe(2);
    },
  );
});
