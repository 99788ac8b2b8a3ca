/**
 * The app as the command line runs it: in a separate process, with an empty environment, from any
 * folder.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { market } from '../model/config/market';

const ROOT = join(__dirname, '..', '..');

interface Run {
  readonly status: number | null;
  readonly output: string;
}

/** Runs node as on a fresh machine, without anything that could reach an account. */
function run(directory: string, args: readonly string[]): Run {
  const environment = { PATH: process.env.PATH, HOME: directory };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    env: environment,
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
}

const CDK = join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk');

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'isochrone-app-'));
}

/** A second checkout in a temporary folder. */
function checkout(): string {
  const directory = temporaryDirectory();
  for (const name of [
    'bin',
    'lib',
    'deployments',
    'dist',
    'examples',
    'cdk.json',
    'package.json',
    'tsconfig.json',
  ]) {
    cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

function filesOf(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(directory, path), readFileSync(path, 'latin1')]),
  );
}

describe('a synthesis', () => {
  const folders = [checkout(), checkout()];
  const runs = folders.map((folder) => run(folder, [CDK, 'synth', '--quiet']));
  const [one, other] = folders.map((folder) => filesOf(join(folder, 'cdk.out')));

  test('needs no credentials', () => {
    expect(runs.map(({ status }) => status)).toEqual([0, 0]);
  });

  test('produces the same bytes in two folders', () => {
    const names = [...(one?.keys() ?? [])].sort();
    expect(names.length).toBeGreaterThan(50);
    expect([...(other?.keys() ?? [])].sort()).toEqual(names);
    expect(names.filter((name) => one?.get(name) !== other?.get(name))).toEqual([]);
  });

  test('looks nothing up: it neither misses nor stores any context', () => {
    for (const [name, content] of one ?? []) {
      if (name.endsWith('manifest.json')) expect(JSON.parse(content).missing ?? []).toEqual([]);
    }
    expect(folders.map((folder) => existsSync(join(folder, 'cdk.context.json')))).toEqual([
      false,
      false,
    ]);
  });
});

describe('a mistake', () => {
  const directory = temporaryDirectory();

  function app(context: Record<string, string>): Run {
    const environment = {
      PATH: process.env.PATH,
      HOME: directory,
      CDK_CONTEXT_JSON: JSON.stringify(context),
      CDK_OUTDIR: join(directory, 'out'),
    };
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(ROOT, 'bin', 'app.ts')],
      {
        cwd: ROOT,
        env: environment,
        encoding: 'utf8',
      },
    );
    return { status, output: `${stdout}${stderr}` };
  }

  function fileWith(text: string): string {
    const file = join(directory, 'broken.yaml');
    writeFileSync(file, text);
    return file;
  }

  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'in the deployment file',
      () => ({ deployment: fileWith(market('minInstances: 2', 'minInstances: two')) }),
      /broken\.yaml:\d+:\d+ {2}service\.minInstances\n/,
    ],
    ['in its YAML', () => ({ deployment: fileWith('regions: [') }), /broken\.yaml:1:\d+\n {2}YAML/],
    [
      'a missing file',
      () => ({ deployment: 'nowhere.yaml' }),
      /nowhere\.yaml: the deployment file cannot be read/,
    ],
    [
      'a region that the deployment does not have',
      () => ({ regions: 'mars-north-1' }),
      /regions must be regions of the deployment, got "mars-north-1"/,
    ],
  ])('%s is reported without a stack trace, and nothing is written', (_what, context, says) => {
    const { status, output } = app(context());
    expect(status).toBe(1);
    expect(output).toMatch(says);
    expect(output).not.toMatch(/^\s+at .*\(?.*:\d+:\d+\)?$/m);
    expect(existsSync(join(directory, 'out', 'manifest.json'))).toBe(false);
  });
});
