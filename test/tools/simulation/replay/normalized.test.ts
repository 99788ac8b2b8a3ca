/**
 * End to end: a distribution of this project's construct, its bundled edge functions, and a log
 * with a cache-buster.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssembly } from '../../../../lib/tools/assembly/assembly';
import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { replay } from '../../../../lib/tools/simulation/replay/replay';
import { logOf, record } from './fixture';
import { synthesizeReplayed } from './replayed-assembly';

test('a parameter that the normalizer drops does not split keys', async () => {
  const outdir = mkdtempSync(join(tmpdir(), 'isochrone-replayed-'));
  synthesizeReplayed(outdir);
  const assembly = readAssembly(outdir);
  const records = Array.from({ length: 20 }, (_, i) =>
    record(i, `/api/dashboard/${i % 2}/ping?_=${1000 + i}`),
  );
  const report = await replay({
    assembly,
    distribution: readDistribution(assembly),
    log: logOf(records),
    file: 'a.log',
    capacities: [Number.POSITIVE_INFINITY],
  });
  expect(report.ceiling).toEqual({ rawUrlHitPercent: 0, keyHitPercent: 90 });
  expect(report.keySplitters).toEqual([
    { kind: 'query', name: '_', pathPattern: '*', requests: 20, hitsLost: 18, inKey: false },
  ]);
  expect(report.total.hitPercent).toEqual({ low: 90, high: 90 });
  expect(report.functionErrors).toEqual([]);
});
