/** The example runs as it stands, and makes what the README says. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssembly } from '../../lib/review/assembly';

const ROOT = join(__dirname, '..', '..');

test("one construct in somebody else's stack makes a Valkey replication group", () => {
  const outdir = mkdtempSync(join(tmpdir(), 'isochrone-example-'));
  const app = join(ROOT, 'examples', 'embed-one-construct', 'app.ts');
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', app], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: outdir },
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [shop] = readAssembly(outdir).stacks;
  expect(Object.values(shop?.template.Resources ?? {}).map(({ Type }) => Type)).toContain('AWS::ElastiCache::ReplicationGroup');
});
