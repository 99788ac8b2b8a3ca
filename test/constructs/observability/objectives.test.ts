import { Duration, Token } from 'aws-cdk-lib';
import {
  checkedObjectives,
  type Objectives,
} from '../../../lib/constructs/observability/objectives';

const at = { node: { path: 'market/Observability' } };

test('every objective has a default, and an explicit undefined does not remove it', () => {
  const objectives = checkedObjectives(at, { cpuPercent: undefined });
  expect(objectives.p95Latency.toMilliseconds()).toBe(100);
  expect(objectives.originP95Latency.toMilliseconds()).toBe(200);
  expect(objectives.replicaLag.toSeconds()).toBe(30);
  expect(objectives).toMatchObject({
    cacheHitRatePercent: 90,
    errorRatePercent: 0.5,
    cpuPercent: 80,
    evictionsPerMinute: 1000,
  });
});

test.each<[Objectives, string]>([
  [
    { cacheHitRatePercent: 0 },
    'objectives.cacheHitRatePercent must be above 0 and below 100, got 0.',
  ],
  [
    { cacheHitRatePercent: 100 },
    'objectives.cacheHitRatePercent must be above 0 and below 100, got 100.',
  ],
  [
    { errorRatePercent: -0.1 },
    'objectives.errorRatePercent must be above 0 and below 100, got -0.1.',
  ],
  [{ cpuPercent: Number.NaN }, 'objectives.cpuPercent must be above 0 and below 100'],
  [{ p95Latency: Duration.millis(0) }, 'objectives.p95Latency must be longer than 0'],
  [{ originP95Latency: Duration.millis(0) }, 'objectives.originP95Latency must be longer than 0'],
  [{ replicaLag: Duration.seconds(0) }, 'objectives.replicaLag must be longer than 0'],
  [{ evictionsPerMinute: 0 }, 'objectives.evictionsPerMinute must be a number above 0, got 0.'],
])('%j is refused', (objectives, message) => {
  expect(() => checkedObjectives(at, objectives)).toThrow(message);
});

test.each<Objectives>([
  { cacheHitRatePercent: 0.1 },
  { cacheHitRatePercent: 99.9 },
  { p95Latency: Duration.millis(1) },
  { replicaLag: Duration.seconds(1) },
  { evictionsPerMinute: 1 },
  { cpuPercent: Token.asNumber({ Ref: 'Cpu' }) },
])('%j passes', (objectives) => {
  expect(checkedObjectives(at, objectives)).toMatchObject(objectives);
});
