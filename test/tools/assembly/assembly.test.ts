import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssembly } from '../../../lib/tools/assembly';

const stack = (name: string, environment: string, dependencies: string[] = []) => ({
  type: 'aws:cloudformation:stack',
  environment,
  displayName: `stage/${name}`,
  dependencies,
  properties: { templateFile: `${name}.template.json`, stackName: `stage-${name}` },
});

/** An assembly with one stage of two stacks. */
function assembly(files: Record<string, string | undefined> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-assembly-'));
  mkdirSync(join(directory, 'nested'));
  const a = stack('A', 'aws://unknown-account/unknown-region');
  const whole: Record<string, string | undefined> = {
    'manifest.json': JSON.stringify({
      artifacts: {
        nested: { type: 'cdk:cloud-assembly', properties: { directoryName: 'nested' } },
      },
    }),
    'nested/manifest.json': JSON.stringify({
      artifacts: {
        Tree: { type: 'cdk:tree', properties: { file: 'tree.json' } },
        B: stack('B', 'aws://unknown-account/eu-west-1', ['A', 'B.assets']),
        A: { ...a, properties: { ...a.properties, terminationProtection: true } },
      },
    }),
    'nested/A.template.json': '{"Resources":{"Bucket":{"Type":"AWS::S3::Bucket"}}}',
    'nested/B.template.json': '{}',
    ...files,
  };
  for (const [file, content] of Object.entries(whole))
    if (content !== undefined) writeFileSync(join(directory, file), content);
  return directory;
}

test('reads the stacks of nested stages with their dependencies', () => {
  const { stacks } = readAssembly(assembly());
  expect(stacks).toMatchObject([
    {
      path: 'stage/B',
      stackName: 'stage-B',
      region: 'eu-west-1',
      dependsOn: ['stage/A'],
      terminationProtection: false,
      template: { Resources: {} },
    },
    {
      path: 'stage/A',
      region: undefined,
      dependsOn: [],
      terminationProtection: true,
      template: { Resources: { Bucket: { Type: 'AWS::S3::Bucket' } } },
    },
  ]);
});

test.each<[string, Record<string, string | undefined>, RegExp]>([
  [
    'without a manifest',
    { 'manifest.json': undefined },
    /manifest\.json cannot be used \(.*ENOENT/,
  ],
  [
    'with a truncated manifest',
    { 'manifest.json': '{"artifacts":{' },
    /manifest\.json cannot be used/,
  ],
  ['with a manifest of another kind', { 'manifest.json': '{}' }, /it names no artifacts/],
  ['with a manifest that is not an object', { 'manifest.json': 'null' }, /it is not an object/],
  [
    'without a template',
    { 'nested/A.template.json': undefined },
    /A\.template\.json cannot be used \(.*ENOENT/,
  ],
  [
    'with a truncated template',
    { 'nested/A.template.json': '{"Resources":{"Buck' },
    /A\.template\.json cannot be used/,
  ],
])('an assembly %s is refused with advice', (_what, files, says) => {
  expect(() => readAssembly(assembly(files))).toThrow(says);
  expect(() => readAssembly(assembly(files))).toThrow(
    /is not a whole assembly: [\s\S]*\nSynthesize it with/,
  );
});
