/** The example runs unchanged and creates the resources that the README names. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssembly } from '../../lib/tools/assembly/assembly';

const ROOT = join(__dirname, '..', '..');

test.each([
  ['app.ts', 'AWS::ElastiCache::ReplicationGroup'],
  ['edge.ts', 'AWS::CloudFront::Distribution'],
])('%s, one construct in the stack of another project, creates a %s', (file, type) => {
  const outdir = mkdtempSync(join(tmpdir(), 'isochrone-example-'));
  const app = join(ROOT, 'examples', 'embed-one-construct', file);
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', app], {
    cwd: ROOT,
    env: { ...process.env, CDK_OUTDIR: outdir },
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [shop] = readAssembly(outdir).stacks;
  expect(Object.values(shop?.template.Resources ?? {}).map(({ Type }) => Type)).toContain(type);
});
