import { isChoice, PROMOTION_PLAN } from '../../../lib/constructs/database/promotion/plan';
import {
  CHANGING_STEPS,
  type ExecutionFacts,
  formatPromotion,
  type PromotionApi,
  type PromotionOptions,
  promote,
} from '../../../lib/tools/account/promotion';

const steps = (...states: [string, string][]) => states.map(([name, status]) => ({ name, status }));
const state = (status: string, ...states: [string, string][]): ExecutionFacts => ({
  status,
  steps: steps(...states),
  outputs: {},
});
const aws = (name: string, status?: number) =>
  Object.assign(new Error('said AWS'), {
    name,
    ...(status === undefined ? {} : { $fault: 'client', $metadata: { httpStatusCode: status } }),
  });

/** An AWS whose execution goes through the given states and stays in the last one. */
class FakeAutomation implements PromotionApi {
  public readonly started: [string, Readonly<Record<string, string>>, string][] = [];
  public asked = 0;

  constructor(
    private readonly states: readonly ExecutionFacts[],
    private readonly errors: Partial<Record<keyof PromotionApi, Error[]>> = {},
  ) {}

  async descriptions() {
    this.mayFail('descriptions');
    return {
      fence: 'Closes.\nIf it fails: Look at the groups.',
      assess: 'Judges.\nIf it fails: Nothing was changed.',
    };
  }

  async start(...call: [string, Readonly<Record<string, string>>, string]) {
    this.started.push(call);
    this.mayFail('start');
    return 'execution-1';
  }

  async execution() {
    this.mayFail('execution');
    return this.states[Math.min(this.asked++, this.states.length - 1)] as ExecutionFacts;
  }

  private mayFail(call: keyof PromotionApi) {
    const error = this.errors[call]?.shift();
    if (error) throw error;
  }
}

async function run(api: FakeAutomation, options: Partial<PromotionOptions> = {}) {
  const progress: string[][] = [];
  const waits: number[] = [];
  const promotion = await promote(api, {
    region: 'eu-west-1',
    document: 'market-promote-eu-west-1',
    drill: false,
    allowUnfenced: false,
    token: 'token',
    onProgress: (all) => progress.push(all.map(({ name, status }) => `${name} ${status}`)),
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
    },
    random: () => 1,
    ...options,
  });
  return { promotion, progress, waits };
}

test('the steps that change something are those of the plan', () => {
  expect(CHANGING_STEPS).toEqual(
    PROMOTION_PLAN.filter((node) => !isChoice(node) && node.changes).map(({ name }) => name),
  );
});

test('passes the given options on, and no others', async () => {
  const plain = new FakeAutomation([state('Success')]);
  await run(plain);
  expect(plain.started).toEqual([
    ['market-promote-eu-west-1', { Drill: 'false', AllowUnfenced: 'false' }, 'token'],
  ]);
  const full = new FakeAutomation([state('Success')]);
  await run(full, { drill: true, allowUnfenced: true, acceptedLossSeconds: 0 });
  expect(full.started[0]?.[1]).toEqual({
    Drill: 'true',
    AllowUnfenced: 'true',
    AcceptedLossSeconds: '0',
  });
});

test('reports each change of a step once', async () => {
  const { progress } = await run(
    new FakeAutomation([
      state('InProgress', ['inspect', 'InProgress']),
      state('InProgress', ['inspect', 'InProgress']),
      state('Waiting', ['inspect', 'Success'], ['approve', 'Waiting']),
      state('Success', ['inspect', 'Success'], ['approve', 'Success']),
    ]),
  );
  expect(progress).toEqual([
    ['inspect InProgress'],
    ['inspect Success', 'approve Waiting'],
    ['inspect Success', 'approve Success'],
  ]);
});

describe('ends as', () => {
  const done = state('Success', ['fence', 'Success'], ['report', 'Success']);
  test.each<[string, ExecutionFacts, boolean]>([
    ['drilled', state('Success', ['report', 'Success']), true],
    ['promoted', { ...done, outputs: { 'fence.OldPrimary': 'fenced' } }, false],
    ['promoted unfenced', { ...done, outputs: { 'fence.OldPrimary': 'unreachable' } }, false],
    ['refused', state('Failed', ['assess', 'Failed'], ['fence', 'Pending']), false],
    ['refused', state('Cancelled', ['approve', 'Cancelled'], ['fence', 'Pending']), false],
    ['stopped halfway', state('Failed', ['fence', 'Failed']), false],
    ['stopped halfway', state('Failed', ['fence', 'Success'], ['catchUp', 'TimedOut']), false],
  ])('%s', async (outcome, execution, drill) => {
    expect((await run(new FakeAutomation([execution]), { drill })).promotion.outcome).toBe(outcome);
  });

  test('reports why a step failed, its advice, and the old security groups', async () => {
    const failed: ExecutionFacts = {
      status: 'Failed',
      steps: [{ name: 'fence', status: 'Failed', failure: 'AccessDenied' }],
      outputs: { 'inspect.OldGroups': 'sg-1,sg-2' },
    };
    const text = formatPromotion((await run(new FakeAutomation([failed]))).promotion);
    expect(text).toContain('fence: AccessDenied\nLook at the groups.\n');
    expect(text).toContain("The old primary's security groups were sg-1,sg-2.");
  });
});

describe('AWS', () => {
  test('is asked again after throttling, with longer waits and the same token', async () => {
    const api = new FakeAutomation([state('Success')], {
      start: [aws('ThrottlingException', 400), aws('ThrottlingException', 400)],
    });
    const { promotion, waits } = await run(api);
    expect(promotion.retries).toBe(2);
    expect(waits).toEqual([500, 1000]);
    expect(new Set(api.started.map(([, , token]) => token))).toEqual(new Set(['token']));
  });

  test('is not asked again after a refusal', async () => {
    const api = new FakeAutomation([], { start: [aws('AccessDeniedException', 400)] });
    await expect(run(api)).rejects.toThrow(
      'ssm:StartAutomationExecution failed: AccessDeniedException: said AWS',
    );
    expect(api.started).toHaveLength(1);
  });

  test('may stop answering, and the message says that the automation continues', async () => {
    const api = new FakeAutomation([], {
      execution: Array.from({ length: 12 }, () => aws('TimeoutError')),
    });
    await expect(run(api)).rejects.toThrow(
      /failed 12 times: TimeoutError[\s\S]*The automation itself continues.*execution-1/,
    );
  });

  test('is not followed for longer than three hours', async () => {
    await expect(run(new FakeAutomation([state('InProgress')]))).rejects.toThrow(
      'has not ended after 3 hours',
    );
  });
});
