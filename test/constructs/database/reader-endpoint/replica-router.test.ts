import {
  type ReplicaReading,
  type RouterMemory,
  type RouterObservation,
  type RouterSettings,
  route,
} from '../../../../lib/constructs/database/reader-endpoint/replica-router';

const SETTINGS: RouterSettings = {
  replicas: ['a', 'b'],
  fallBackToWriter: false,
  dropLagSeconds: 60,
  restoreLagSeconds: 20,
  holdSeconds: 300,
  unknownSeconds: 300,
};
const WITH_WRITER = { ...SETTINGS, fallBackToWriter: true };
const BUSY = [50_000, 60_000, 40_000, 50_000, 70_000];
const NOW = 1_000_000;
const lag = (lagSeconds: number): ReplicaReading => ({ answers: true, lagSeconds });
const FAILED: ReplicaReading = { answers: false };
const SILENT: ReplicaReading = { answers: true };

function observe(
  a: ReplicaReading,
  b: ReplicaReading,
  rest: Partial<RouterObservation> = {},
): RouterObservation {
  return {
    now: NOW,
    replicas: { a, b },
    primaryWal: BUSY,
    named: { replicas: ['a', 'b'], writer: false },
    ...rest,
  };
}
const only = (...replicas: string[]) => ({ named: { replicas, writer: false } });
const ON_WRITER = { named: { replicas: [], writer: true } };

function targets(
  observation: RouterObservation,
  memory: RouterMemory = {},
  settings = SETTINGS,
): string {
  const decided = route(settings, memory, observation).targets;
  return [...decided.replicas, ...(decided.writer ? ['writer'] : [])].join(' ');
}

describe('a replica that is named', () => {
  test.each<[string, ReplicaReading, string]>([
    ['at the threshold stays', lag(60), 'a b'],
    ['above the threshold leaves', lag(60.1), 'b'],
    ['that does not answer leaves', { answers: false, lagSeconds: 0 }, 'b'],
    ['whose lag RDS cannot determine leaves', lag(-1), 'b'],
    ['without readings stays', SILENT, 'a b'],
    ['whose state is unknown is judged by its lag', { lagSeconds: 61 }, 'b'],
  ])('%s', (_, reading, expected) => {
    expect(targets(observe(reading, lag(0)))).toBe(expected);
  });

  test('leaves when it was unknown for too long, and not before', () => {
    const memory = { a: { unknownSince: NOW - 300 } };
    expect(targets(observe(SILENT, lag(0)), memory)).toBe('a b');
    expect(targets(observe(SILENT, lag(0), { now: NOW + 1 }), memory)).toBe('b');
  });

  test('is no longer unknown after a reading', () => {
    expect(
      route(SETTINGS, { a: { unknownSince: NOW - 299 } }, observe(lag(0), lag(0))).memory,
    ).toEqual({});
  });
});

describe('a dropped replica', () => {
  test('returns after it was fresh for the hold time, and not before', () => {
    const memory = { a: { freshSince: NOW - 300 } };
    expect(targets(observe(lag(20), lag(0), only('b')), memory)).toBe('a b');
    expect(targets(observe(lag(20), lag(0), { ...only('b'), now: NOW - 1 }), memory)).toBe('b');
  });

  test.each<[string, ReplicaReading]>([
    ['between the thresholds', lag(21)],
    ['stale again', lag(61)],
    ['failed', FAILED],
  ])('restarts its hold when it is %s', (_, reading) => {
    expect(
      route(SETTINGS, { a: { freshSince: NOW - 299 } }, observe(reading, lag(0), only('b'))).memory,
    ).toEqual({});
  });

  test('continues its hold without metrics, but returns only after a fresh reading', () => {
    const decided = route(
      SETTINGS,
      { a: { freshSince: NOW - 400 } },
      observe(SILENT, lag(0), only('b')),
    );
    expect(decided.targets.replicas).toEqual(['b']);
    expect(decided.memory).toEqual({ a: { freshSince: NOW - 400, unknownSince: NOW } });
  });

  test('starts its hold with the first fresh reading', () => {
    expect(route(SETTINGS, {}, observe(lag(0), lag(0), only('b'))).memory).toEqual({
      a: { freshSince: NOW },
    });
  });
});

describe('the lag of an idle primary', () => {
  test.each<[string, readonly number[], string]>([
    ['an idle primary does not write', [100, 200, 100, 0, 100], 'a b'],
    ['the switch of a WAL segment does not count as writing', [100, 1_118_481, 100, 0, 100], 'a b'],
    ['a busy primary makes the lag real', BUSY, 'b'],
    ['three busy minutes of five make the lag real', [0, 0, 9000, 9000, 9000], 'b'],
    ['the last verdict stands if too few minutes of the primary are known', [9000, 9000], 'a b'],
  ])('%s', (_, primaryWal, expected) => {
    expect(targets(observe(lag(300), lag(0), { primaryWal }))).toBe(expected);
  });

  const QUIET = [100, 50_000, 50_000, 50_000, 50_000];
  test.each<[string, number, readonly number[]]>([
    ['nothing was written since the last replayed commit', 90, QUIET],
    ['nothing was written for longer', 170, [100, 100, 50_000, 50_000, 50_000]],
  ])('after a primary was busy, the last verdict stands if %s', (_, seconds, primaryWal) => {
    expect(targets(observe(lag(seconds), lag(0), { primaryWal }))).toBe('a b');
  });

  test.each<[string, number, readonly number[]]>([
    ['a write since then has not arrived', 90, [50_000, 100, 50_000, 50_000, 50_000]],
    ['such a write was some minutes ago', 280, QUIET],
  ])('after a primary was busy, the lag is real if %s', (_, seconds, primaryWal) => {
    expect(targets(observe(lag(seconds), lag(0), { primaryWal }))).toBe('b');
  });

  test('does not send all readers to the writer when writing ends', () => {
    const observed = observe(lag(90), lag(95), { primaryWal: QUIET });
    expect(targets(observed, {}, WITH_WRITER)).toBe('a b');
  });

  test('is real above six minutes, even if the primary is idle', () => {
    expect(targets(observe(lag(360), lag(0), { primaryWal: [0, 0, 0] }))).toBe('a b');
    expect(targets(observe(lag(361), lag(0), { primaryWal: [0, 0, 0] }))).toBe('b');
  });

  test('does not matter below the threshold, even if the primary is unknown', () => {
    expect(route(SETTINGS, {}, observe(lag(60), lag(0), { primaryWal: [] })).verdicts).toEqual({
      a: 'between',
      b: 'fresh',
    });
    expect(route(SETTINGS, {}, observe(lag(61), lag(0), { primaryWal: [] })).verdicts).toEqual({
      a: 'unknown',
      b: 'fresh',
    });
  });

  test('does not protect a replica forever while the primary is unknown', () => {
    const memory = { a: { unknownSince: NOW - 301 } };
    expect(targets(observe(lag(300), lag(0), { primaryWal: [] }), memory)).toBe('b');
  });
});

describe('without an eligible replica', () => {
  test.each<[string, RouterObservation, string, string]>([
    ['all stale: they stay', observe(lag(90), lag(100)), 'a b', 'writer'],
    ['the last one stale: it stays', observe(FAILED, lag(100), only('b')), 'b', 'writer'],
    [
      'the last one failed, another stale: the stale one answers at least',
      observe(lag(90), FAILED, only('b')),
      'a',
      'writer',
    ],
    ['all failed: they stay', observe(FAILED, FAILED), 'a b', 'writer'],
    ['all failed, one named: it stays', observe(FAILED, FAILED, only('b')), 'b', 'writer'],
    [
      'the writer is named, and a replica is fresh but not for long enough',
      observe(lag(0), FAILED, ON_WRITER),
      'a',
      'writer',
    ],
  ])('%s', (_, observation, without, withWriter) => {
    expect(targets(observation)).toBe(without);
    expect(targets(observation, {}, WITH_WRITER)).toBe(withWriter);
  });

  test('missing metrics of all replicas move no readers to or from the writer', () => {
    const memory = { a: { unknownSince: 0 }, b: { unknownSince: 0 } };
    expect(targets(observe(SILENT, {}), memory, WITH_WRITER)).toBe('a b');
    expect(targets(observe(SILENT, {}, ON_WRITER), memory, WITH_WRITER)).toBe('writer');
  });

  test('a replica that was removed from the settings is not a target', () => {
    expect(targets(observe(lag(0), lag(0), only('gone')))).toBe('a');
    expect(targets(observe(FAILED, FAILED, only('gone')))).toBe('a b');
  });
});
