import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownEntry, readAssembly } from '../../../lib/tools/assembly';

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

/** A folder beside the assembly, with a template and a manifest that it must not read. */
function withStranger(
  root: Record<string, unknown>,
  prepare: (directory: string, outside: string) => void = () => undefined,
): string {
  const outside = mkdtempSync(join(tmpdir(), 'isochrone-outside-'));
  writeFileSync(join(outside, 'secret.json'), '{"Resources":{"Secret":{"Type":"A::B::C"}}}');
  writeFileSync(join(outside, 'manifest.json'), '{"artifacts":{}}');
  const directory = assembly();
  prepare(directory, outside);
  const manifest = JSON.stringify({ artifacts: root }).replaceAll('OUTSIDE', outside);
  writeFileSync(join(directory, 'manifest.json'), manifest);
  return directory;
}

const stackOf = (templateFile: unknown) => ({
  A: { type: 'aws:cloudformation:stack', properties: { templateFile } },
});
const stageOf = (directoryName: unknown) => ({
  S: { type: 'cdk:cloud-assembly', properties: { directoryName } },
});

describe('an assembly reads no file outside itself', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a template above', stackOf('../../../etc/passwd'), /is outside the assembly/],
    ['a template above, after a folder', stackOf('nested/../../x.json'), /is outside the assembly/],
    ['a template with backslashes', stackOf('..\\..\\x.json'), /is outside the assembly/],
    ['an absolute template', stackOf('OUTSIDE/secret.json'), /is outside the assembly/],
    ['a template with a NUL', stackOf('nested/A.template.json\0'), /is not a path/],
    ['a template that is no text', stackOf({ a: 1 }), /is not a path/],
    ['a template that is a folder', stackOf('nested'), /it is not a file/],
    ['a stage above', stageOf('..'), /is outside the assembly/],
    ['a stage of itself', stageOf('.'), /it is part of the assembly twice/],
    ['a stage of itself by a detour', stageOf('nested/..'), /it is part of the assembly twice/],
    ['an absolute stage', stageOf('OUTSIDE'), /is outside the assembly/],
    ['a stage without a name', stageOf(''), /is not a path/],
    [
      'a stage twice',
      { A: stageOf('nested').S, B: stageOf('./nested').S },
      /it is part of the assembly twice/,
    ],
  ])('%s is refused', (_what, root, says) => {
    const directory = withStranger(root);
    expect(() => readAssembly(directory)).toThrow(says);
    expect(() => readAssembly(directory)).toThrow(/is not a whole assembly/);
  });

  test.each<[string, (directory: string, outside: string) => void, Record<string, unknown>]>([
    [
      'a template',
      (directory, outside) =>
        symlinkSync(join(outside, 'secret.json'), join(directory, 'link.json')),
      stackOf('link.json'),
    ],
    [
      'a folder on the way to a template',
      (directory, outside) => symlinkSync(outside, join(directory, 'link')),
      stackOf('link/secret.json'),
    ],
    [
      'a stage',
      (directory, outside) => symlinkSync(outside, join(directory, 'link')),
      stageOf('link'),
    ],
    [
      'a manifest',
      (directory, outside) => {
        rmSync(join(directory, 'nested', 'manifest.json'));
        symlinkSync(join(outside, 'manifest.json'), join(directory, 'nested', 'manifest.json'));
      },
      stageOf('nested'),
    ],
  ])('%s that is a symbolic link out of it is refused', (_what, prepare, root) => {
    expect(() => readAssembly(withStranger(root, prepare))).toThrow(/is outside the assembly/);
  });

  test.each<[string, Record<string, unknown>]>([
    ['`..` that stays inside', stageOf('nested/../nested')],
    ['a backslash of Windows', stackOf('nested\\A.template.json')],
    ['an absolute path to itself', stageOf('ITSELF/nested')],
    ['a template of the folder above', stageOf('up')],
    ['a symbolic link inside', stageOf('inside')],
  ])('%s is accepted', (_what, root) => {
    const directory = withStranger({}, (here) => {
      symlinkSync(join(here, 'nested'), join(here, 'inside'));
      mkdirSync(join(here, 'up'));
      const up = JSON.stringify({ artifacts: stackOf('../nested/A.template.json') });
      writeFileSync(join(here, 'up', 'manifest.json'), up);
    });
    const manifest = JSON.stringify({ artifacts: root }).replaceAll('ITSELF', directory);
    writeFileSync(join(directory, 'manifest.json'), manifest);
    expect(readAssembly(directory).stacks.length).toBeGreaterThan(0);
  });

  test('the folder itself may be a symbolic link', () => {
    const link = join(mkdtempSync(join(tmpdir(), 'isochrone-link-')), 'cdk.out');
    symlinkSync(assembly(), link);
    expect(readAssembly(link).stacks).toHaveLength(2);
  });
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    'artifacts that are no objects',
    { 'manifest.json': '{"artifacts":{"A":null}}' },
    /the artifact A is not an object/,
  ],
  [
    'resources that are no objects',
    { 'nested/A.template.json': '{"Resources":{"B":null}}' },
    /its resource B is not an object/,
  ],
  [
    'a list of resources',
    { 'nested/A.template.json': '{"Resources":[]}' },
    /its resources are not an object/,
  ],
  [
    'values nested without end',
    {
      'nested/A.template.json': `{"Resources":{"B":{"Type":"T","P":${'['.repeat(300)}${']'.repeat(300)}}}}`,
    },
    /it nests values in more than 200 levels/,
  ],
])('%s are refused', (_what, files, says) => {
  expect(() => readAssembly(assembly(files))).toThrow(says);
});

test('a file that is too large, or that would never end, is refused before it is read', () => {
  const large = assembly();
  truncateSync(join(large, 'nested', 'A.template.json'), 64 * 1024 * 1024 + 1);
  expect(() => readAssembly(large)).toThrow(/it has 67108865 bytes; 67108864 are allowed/);
  const endless = assembly();
  rmSync(join(endless, 'nested', 'A.template.json'));
  execFileSync('mkfifo', [join(endless, 'nested', 'A.template.json')]);
  expect(() => readAssembly(endless)).toThrow(/it is not a file/);
});

test('names that every object has are names like others', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const resources = names.map((name) => `"${name}":{"Type":"AWS::S3::Bucket"}`).join(',');
  const artifacts = names.map((name) => `"${name}":${JSON.stringify(stackOf('t.json').A)}`);
  const { stacks } = readAssembly(
    assembly({
      'manifest.json': `{"artifacts":{${artifacts.join(',')}}}`,
      't.json': `{"Resources":{${resources}}}`,
    }),
  );
  expect(stacks.map(({ path }) => path)).toEqual(names);
  expect(Object.keys(stacks[0]?.template.Resources ?? {})).toEqual(names);
  expect(ownEntry(stacks[0]?.template.Resources ?? {}, '__proto__')).toEqual({
    Type: 'AWS::S3::Bucket',
  });
  expect(ownEntry({}, 'constructor')).toBeUndefined();
});
