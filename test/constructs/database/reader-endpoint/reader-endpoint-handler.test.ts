/** The router and its handler against a fake clock and a fake AWS, minute by minute. */
import fc from 'fast-check';
import {
  type EndpointRecord,
  type ReaderEndpointApi,
  type ReaderEndpointSettings,
  WRITER,
} from '../../../../lib/constructs/database/reader-endpoint/api';
import { updateEndpoint } from '../../../../lib/constructs/database/reader-endpoint/reader-endpoint.handler';

const IDS = ['m-hub', 'm-leaf-1', 'm-leaf-2'];
const BASE: ReaderEndpointSettings = {
  name: 'readers.market.internal',
  hostedZoneId: 'Z1',
  memoryParameter: '/memory',
  replicas: IDS,
  fallBackToWriter: false,
  primary: { region: 'us-east-1', instanceIdentifier: 'm-primary' },
  region: 'eu-west-1',
  dropLagSeconds: 60,
  restoreLagSeconds: 20,
  holdSeconds: 300,
  unknownSeconds: 300,
};

const CONDITIONS = ['fresh', 'fresh', 'between', 'stale', 'broken', 'silent', 'failed'] as const;
type Condition = (typeof CONDITIONS)[number];
const CALLS = [
  'instance',
  'lags',
  'primaryWal',
  'records',
  'writeRecords',
  'readMemory',
  'writeMemory',
] as const;
type Call = (typeof CALLS)[number];
const WAL = {
  busy: [50_000, 50_000, 50_000, 50_000, 50_000],
  idle: [90, 1_118_481, 80, 90, 100],
  silent: [],
};
interface Conditions {
  readonly replicas: readonly Condition[];
  readonly primary?: keyof typeof WAL;
  readonly down: readonly Call[];
  readonly isAnswerLost: boolean;
}

const LAG: Partial<Record<Condition, number>> = {
  fresh: 1,
  between: 40,
  stale: 500,
  broken: 0,
  failed: 0,
};

class FakeAws implements ReaderEndpointApi {
  public weights = new Map<string, number>();
  public conditions: Conditions = {
    replicas: IDS.map(() => 'fresh'),
    down: [],
    isAnswerLost: false,
  };
  public calls: string[] = [];
  private memory = '{}';

  constructor(private readonly settings: ReaderEndpointSettings) {
    for (const id of settings.replicas) this.weights.set(id, 1);
    if (settings.fallBackToWriter) this.weights.set(WRITER, 0);
  }

  public condition(id: string): Condition {
    return this.conditions.replicas[this.settings.replicas.indexOf(id)] ?? 'fresh';
  }
  public named(): string[] {
    return [...this.weights].filter(([, weight]) => weight > 0).map(([id]) => id);
  }
  public async instance(id: string) {
    this.called('instance');
    const condition = this.condition(id);
    return { answers: condition !== 'failed', isReplicationBroken: condition === 'broken' };
  }
  public async lags(ids: readonly string[]) {
    this.called('lags');
    return Object.fromEntries(
      ids.flatMap((id) =>
        LAG[this.condition(id)] === undefined ? [] : [[id, LAG[this.condition(id)] as number]],
      ),
    );
  }
  public async primaryWal() {
    this.called('primaryWal');
    return WAL[this.conditions.primary ?? 'busy'];
  }
  public async records() {
    this.called('records');
    return [...this.weights].map(([id, weight]) => ({
      id,
      weight,
      ttlSeconds: 5,
      values: [`${id}.example.com`],
    }));
  }
  public async writeRecords(records: readonly EndpointRecord[]) {
    const write = () => {
      for (const { id, weight } of records) this.weights.set(id, weight);
    };
    this.called('writeRecords', write);
    write();
  }
  public async readMemory() {
    this.called('readMemory');
    return this.memory;
  }
  public async writeMemory(text: string) {
    const write = () => {
      this.memory = text;
    };
    this.called('writeMemory', write);
    write();
  }
  private called(call: Call, effect?: () => void): void {
    this.calls.push(call);
    if (!this.conditions.down.includes(call)) return;
    if (this.conditions.isAnswerLost) effect?.();
    throw Object.assign(new Error('rate exceeded'), { name: 'Throttling' });
  }
}

interface Minute {
  readonly at: number;
  readonly conditions: Conditions;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly error?: string;
}

async function runMinutes(
  settings: ReaderEndpointSettings,
  sequence: readonly Conditions[],
  log: (entry: object) => void = () => {},
) {
  const aws = new FakeAws(settings);
  const minutes: Minute[] = [];
  for (const [index, conditions] of sequence.entries()) {
    aws.conditions = conditions;
    const before = aws.named();
    const at = index * 60;
    let error: string | undefined;
    try {
      await updateEndpoint(settings, aws, {
        now: () => at * 1000,
        sleep: async () => {},
        random: () => 0.5,
        log,
      });
    } catch (thrown) {
      error = (thrown as Error).message;
    }
    minutes.push({ at, conditions, before, after: aws.named(), error });
  }
  return { aws, minutes };
}

const steady = (replicas: readonly Condition[], minutes: number): Conditions[] =>
  Array.from({ length: minutes }, () => ({ replicas, down: [], isAnswerLost: false }));

/** Conditions that last for some minutes: with pure noise, a replica would hardly ever return. */
const changing: fc.Arbitrary<Conditions[]> = fc
  .array(
    fc.record({
      minutes: fc.integer({ min: 1, max: 9 }),
      replicas: fc.array(fc.constantFrom(...CONDITIONS), {
        minLength: IDS.length,
        maxLength: IDS.length,
      }),
      down: fc.oneof(
        { weight: 3, arbitrary: fc.constant([] as Call[]) },
        { weight: 1, arbitrary: fc.subarray([...CALLS], { maxLength: 2 }) },
      ),
      primary: fc.constantFrom(...(Object.keys(WAL) as (keyof typeof WAL)[])),
      isAnswerLost: fc.boolean(),
    }),
    { minLength: 3, maxLength: 12 },
  )
  .map((phases) =>
    phases.flatMap(({ minutes, ...conditions }) =>
      Array.from({ length: minutes }, () => conditions),
    ),
  );

const settingsOf = (fallBackToWriter: boolean) => ({ ...BASE, fallBackToWriter });
const conditionOf = (conditions: Conditions, id: string) => conditions.replicas[IDS.indexOf(id)];
const isDead = (conditions: Conditions, id: string) => conditionOf(conditions, id) === 'failed';
const RUNS = { numRuns: 200 };

describe('in all conditions', () => {
  test('the name always has a target', async () => {
    await fc.assert(
      fc.asyncProperty(changing, fc.boolean(), async (sequence, fallBack) => {
        const { minutes } = await runMinutes(settingsOf(fallBack), sequence);
        for (const { after } of minutes) expect(after.length).toBeGreaterThan(0);
      }),
      RUNS,
    );
  });

  test('no replica returns during its hold, unless all named ones have failed', async () => {
    await fc.assert(
      fc.asyncProperty(changing, fc.boolean(), async (sequence, fallBack) => {
        const { minutes } = await runMinutes(settingsOf(fallBack), sequence);
        for (const id of IDS) {
          let left = Number.NEGATIVE_INFINITY;
          for (const { at, conditions, before, after } of minutes) {
            if (before.includes(id) && !after.includes(id)) left = at;
            if (
              before.includes(id) ||
              !after.includes(id) ||
              before.every((other) => isDead(conditions, other))
            )
              continue;
            expect(at - left).toBeGreaterThanOrEqual(BASE.holdSeconds);
            // Only successful runs saw the conditions.
            const seen = minutes.filter(
              (minute) =>
                minute.error === undefined && minute.at <= at && minute.at >= at - BASE.holdSeconds,
            );
            for (const { conditions: seenConditions } of seen) {
              const idle = seenConditions.primary === 'idle' ? ['between'] : [];
              expect(['fresh', 'silent', ...idle]).toContain(conditionOf(seenConditions, id));
            }
          }
        }
      }),
      RUNS,
    );
  });

  test('a failed or stale replica leaves at once if there is a better one', async () => {
    await fc.assert(
      fc.asyncProperty(changing, fc.boolean(), async (sequence, fallBack) => {
        const { minutes } = await runMinutes(settingsOf(fallBack), sequence);
        for (const { conditions, after, error } of minutes) {
          const isBad = (id: string) =>
            ['failed', 'stale', 'broken'].includes(conditionOf(conditions, id) ?? '');
          const hasGood = after.some(
            (id) =>
              id === WRITER || ['fresh', 'between'].includes(conditionOf(conditions, id) ?? ''),
          );
          if (error === undefined && hasGood) expect(after.filter(isBad)).toEqual([]);
          const hasLiving = IDS.some((id) => !isDead(conditions, id));
          if (error === undefined && hasLiving)
            expect(after.filter((id) => isDead(conditions, id))).toEqual([]);
        }
      }),
      RUNS,
    );
  });

  test('in steady conditions, exactly the fresh replicas are named in the end', async () => {
    const lasting = fc.array(
      fc.constantFrom<Condition>('fresh', 'stale', 'broken', 'silent', 'failed'),
      { minLength: 3, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(changing, lasting, fc.boolean(), async (sequence, replicas, fallBack) => {
        const { aws } = await runMinutes(settingsOf(fallBack), [
          ...sequence,
          ...steady(replicas, 14),
        ]);
        const fresh = IDS.filter((_, index) => replicas[index] === 'fresh');
        if (fresh.length > 0) expect(aws.named()).toEqual(fresh);
        else if (fallBack && replicas.some((each) => each !== 'silent'))
          expect(aws.named()).toEqual([WRITER]);
        else expect(aws.named().length).toBeGreaterThan(0);
      }),
      RUNS,
    );
  });
});

describe('a run', () => {
  const AT_ZERO = { now: () => 0, sleep: async () => {}, random: () => 0, log: () => {} };
  const FRESH: Condition[] = ['fresh', 'fresh', 'fresh'];

  test('writes nothing while nothing changes, and reports its targets', async () => {
    const log: object[] = [];
    const { aws } = await runMinutes(BASE, steady(FRESH, 1), (entry) => log.push(entry));
    expect(aws.calls.filter((call) => call.startsWith('write'))).toEqual([]);
    expect(log).toEqual([
      expect.objectContaining({ Endpoint: BASE.name, Targets: 3, Dropped: 0, OnWriter: 0 }),
    ]);
  });

  test('logs each change in one line, with its reason', async () => {
    const log: Record<string, unknown>[] = [];
    await runMinutes(
      BASE,
      [...steady(['fresh', 'stale', 'broken'], 1), ...steady(FRESH, 6)],
      (entry) => log.push(entry as Record<string, unknown>),
    );
    expect(log.filter(({ message }) => message !== undefined)).toEqual([
      {
        level: 'INFO',
        message: 'dropped',
        endpoint: BASE.name,
        target: 'm-leaf-1',
        verdict: 'stale',
        answers: true,
        lagSeconds: 500,
      },
      expect.objectContaining({
        message: 'dropped',
        target: 'm-leaf-2',
        lagSeconds: 'replication has ended',
      }),
      expect.objectContaining({ message: 'restored', target: 'm-leaf-1', verdict: 'fresh' }),
      expect.objectContaining({ message: 'restored', target: 'm-leaf-2' }),
    ]);
  });

  test('tries three times, acts on the readings it has, and then fails for the alarm', async () => {
    const conditions: Conditions = {
      replicas: ['stale', 'fresh', 'fresh'],
      down: ['instance'],
      isAnswerLost: false,
    };
    const { aws, minutes } = await runMinutes(BASE, [conditions]);
    expect(aws.named()).toEqual(['m-leaf-1', 'm-leaf-2']);
    expect(aws.calls.filter((call) => call === 'instance')).toHaveLength(9);
    expect(minutes[0]?.error).toContain(
      'describing m-hub failed 3 times, at last with Throttling: rate exceeded',
    );
  });

  test.each<Call>(['records', 'readMemory', 'writeMemory'])(
    'changes nothing when %s fails',
    async (down) => {
      const { aws } = await runMinutes(BASE, [
        { replicas: ['silent', 'stale', 'fresh'], down: [down], isAnswerLost: false },
      ]);
      expect(aws.named()).toEqual(IDS);
      expect(aws.calls).not.toContain('writeRecords');
    },
  );

  test('discards a memory that is not JSON', async () => {
    const aws = new FakeAws(BASE);
    await aws.writeMemory('not JSON');
    await updateEndpoint(BASE, aws, AT_ZERO);
    expect(aws.named()).toEqual(IDS);
  });

  test('names the replica that has no record', async () => {
    const aws = new FakeAws(BASE);
    aws.weights.delete('m-hub');
    const run = updateEndpoint(BASE, aws, AT_ZERO);
    await expect(run).rejects.toThrow('m-hub has no record under readers.market.internal');
  });

  test('does not change the record of a replica that a deployment adds or removes', async () => {
    const aws = new FakeAws(BASE);
    aws.weights.set('m-leaf-3', 1);
    await updateEndpoint(BASE, aws, AT_ZERO);
    expect(aws.weights.get('m-leaf-3')).toBe(1);
    expect(aws.calls).not.toContain('writeRecords');
  });
});
