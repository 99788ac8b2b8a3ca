/**
 * The command's calls of the AWS SDK, its reading of the responses, and the options that it
 * refuses. No call leaves the process.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promote, promotionApi, runPromotion } from '../../bin/commands/promote';
import type { ExecutionFacts, PromotionApi } from '../../lib/tools/account/promotion';
import { recordedSdk } from './recorded-sdk';

function sdk(answers: Readonly<Record<string, object>>) {
  const { calls, load } = recordedSdk(answers);
  return { calls, api: promotionApi('eu-west-1', { load }) };
}

test('each call sends the documented command to the new region, and is tried once', async () => {
  const { calls, api } = sdk({
    GetDocumentCommand: {
      Content: JSON.stringify({
        mainSteps: [{ name: 'fence', description: 'Closes.' }, { name: 'isDrill' }],
      }),
    },
    StartAutomationExecutionCommand: { AutomationExecutionId: 'id' },
    GetAutomationExecutionCommand: {
      AutomationExecution: {
        AutomationExecutionStatus: 'Success',
        StepExecutions: [
          { StepName: 'fence', StepStatus: 'Success', Outputs: { OldPrimary: ['fenced'] } },
        ],
      },
    },
  });
  expect(await api.descriptions('doc')).toEqual({ fence: 'Closes.', isDrill: '' });
  expect(await api.start('doc', { Drill: 'true' }, 'token')).toBe('id');
  expect(await api.execution('id')).toEqual({
    status: 'Success',
    failure: undefined,
    steps: [{ name: 'fence', status: 'Success', failure: undefined }],
    outputs: { 'fence.OldPrimary': 'fenced' },
  });
  expect(calls.map(({ command, input }) => [command, input])).toEqual([
    ['GetDocumentCommand', { Name: 'doc', DocumentFormat: 'JSON' }],
    [
      'StartAutomationExecutionCommand',
      { DocumentName: 'doc', Parameters: { Drill: ['true'] }, ClientToken: 'token' },
    ],
    ['GetAutomationExecutionCommand', { AutomationExecutionId: 'id' }],
  ]);
  for (const { config } of calls)
    expect(config).toMatchObject({
      region: 'eu-west-1',
      maxAttempts: 1,
      requestHandler: { throwOnRequestTimeout: true },
    });
});

test('names the missing package', () => {
  const load = () => {
    throw Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' });
  };
  expect(() => promotionApi('eu-west-1', { load })).toThrow(
    'npm install --save-dev @aws-sdk/client-ssm',
  );
});

describe('the command', () => {
  const FILE = ['--deployment', 'deployments/market.yaml'];
  const ending = (execution: ExecutionFacts): PromotionApi => ({
    descriptions: async () => ({}),
    start: async () => 'id',
    execution: async () => execution,
  });
  const steps = (name: string, status: string) => [{ name, status }];
  let printed: string;
  beforeEach(() => {
    printed = '';
    jest.spyOn(console, 'log').mockImplementation((text: string) => {
      printed += `${text}\n`;
    });
  });
  afterEach(() => jest.restoreAllMocks());

  test.each<[number, ExecutionFacts]>([
    [
      0,
      {
        status: 'Success',
        steps: steps('report', 'Success'),
        outputs: { 'fence.OldPrimary': 'fenced' },
      },
    ],
    [1, { status: 'Failed', steps: steps('assess', 'Failed'), outputs: {} }],
    [2, { status: 'Failed', steps: steps('promote', 'Failed'), outputs: {} }],
    [
      3,
      {
        status: 'Success',
        steps: steps('report', 'Success'),
        outputs: { 'fence.OldPrimary': 'unreachable' },
      },
    ],
  ])('exits with %d', async (code, execution) => {
    expect(await runPromotion([...FILE, '--region', 'eu-west-1'], () => ending(execution))).toBe(
      code,
    );
    expect(printed.includes('+primaryRegion: eu-west-1')).toBe(code === 0 || code === 3);
    expect(printed.includes('Deploy nothing before')).toBe(code === 0 || code === 3);
  });

  test.each<[string, Partial<PromotionApi>]>([
    [
      'it cannot follow any more',
      {
        execution: async () =>
          Promise.reject(
            Object.assign(new Error('expired'), {
              name: 'ExpiredTokenException',
              $fault: 'client',
              $metadata: { httpStatusCode: 400 },
            }),
          ),
      },
    ],
    [
      'may have started',
      {
        start: async () =>
          Promise.reject(Object.assign(new Error('late'), { name: 'TimeoutError' })),
      },
    ],
  ])('does not report "unchanged" for an automation that %s', async (_, failing) => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const error = jest.spyOn(console, 'error').mockImplementation(() => {});
    const api = { ...ending({ status: 'InProgress', steps: [], outputs: {} }), ...failing };
    expect(await runPromotion([...FILE, '--region', 'eu-west-1'], () => api)).toBe(2);
    expect(error.mock.calls.join()).toContain('do not start another one');
    await expect(
      runPromotion([...FILE, '--region', 'eu-west-1', '--drill'], () => api),
    ).rejects.toThrow('do not start another one');
  });

  test('a start that AWS refuses changes nothing', async () => {
    const start = async () =>
      Promise.reject(
        Object.assign(new Error('no'), {
          name: 'AccessDeniedException',
          $fault: 'client',
          $metadata: { httpStatusCode: 400 },
        }),
      );
    const api = { ...ending({ status: 'InProgress', steps: [], outputs: {} }), start };
    await expect(runPromotion([...FILE, '--region', 'eu-west-1'], () => api)).rejects.toThrow(
      'AccessDeniedException',
    );
  });

  test('a file with no place for the changes is refused before the start', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'isochrone-promote-')), 'aliased.yaml');
    const market = readFileSync('deployments/market.yaml', 'utf8')
      .replace(/^name: .*$/m, 'name: &name us-east-1')
      .replace(/^primaryRegion: .*$/m, 'primaryRegion: *name');
    writeFileSync(file, market);
    const api = jest.fn();
    await expect(
      runPromotion(['--deployment', file, '--region', 'eu-west-1'], api),
    ).rejects.toThrow('has no place for');
    expect(api).not.toHaveBeenCalled();
  });

  test('a drill prints the changes that the file would need', async () => {
    const execution = { status: 'Success', steps: steps('report', 'Success'), outputs: {} };
    expect(
      await runPromotion([...FILE, '--region', 'eu-west-1', '--drill'], () => ending(execution)),
    ).toBe(0);
    expect(printed).toContain('After a promotion, the file would need these changes');
    expect(printed).not.toContain('Deploy nothing before');
  });

  test.each([
    [[], '--region is required'],
    [['--region', 'us-east-1'], 'Name one of eu-west-1, ap-southeast-1.'],
    [
      ['--region', 'eu-west-2'],
      'must be a region of deployments/market.yaml other than the primary region',
    ],
    [['--region', 'eu-west-1', '--accept-loss', '1.5'], '--accept-loss must be whole seconds'],
    [['--region', 'eu-west-1', '--force'], 'promote --region R'],
  ])('refuses %j before it calls AWS', async (args, message) => {
    const api = jest.fn();
    await expect(runPromotion([...FILE, ...args], api)).rejects.toThrow(message);
    expect(api).not.toHaveBeenCalled();
  });

  test('its usage names every option', () => {
    for (const option of [
      '--region',
      '--drill',
      '--deployment',
      '--accept-loss',
      '--allow-unfenced',
    ])
      expect(promote.usage).toContain(option);
  });
});
