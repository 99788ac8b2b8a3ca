/**
 * Plants one import of every room into every room, in a copy of the tree's shape, and runs the
 * walls over it: what the wall table forbids must be refused, and what it allows must pass.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

interface Wall {
  readonly floor: number;
  readonly rooms: readonly string[];
  readonly ours: readonly string[];
  readonly packages: readonly string[];
}

const ROOT = join(__dirname, '..');
const { WALLS, CDK, NAG, FILES } = require('../scripts/walls.cjs') as {
  WALLS: readonly Wall[];
  CDK: string;
  NAG: string;
  FILES: readonly string[];
};

const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  [CDK]: ['aws-cdk-lib', 'constructs'],
  [NAG]: ['cdk-nag'],
};
const ROOMS = WALLS.flatMap(({ rooms }) => rooms);

const folderOf = (room: string) => (['bin', 'lambda-edge'].includes(room) ? room : `lib/${room}`);
/** The file that imports for a room, and the one that others import from it. */
const importerOf = (room: string) =>
  `${folderOf(room)}${FILES.includes(room) ? '' : '/planted'}.ts`;
const entryOf = (room: string) => `${folderOf(room)}${FILES.includes(room) ? '' : '/index'}.ts`;

function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to).replace(/(\/index)?\.ts$/, '');
  return path.startsWith('.') ? path : `./${path}`;
}

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** What the walls refuse in a tree of these files. */
function violations(files: Readonly<Record<string, string>>): Violation[] {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isochrone-walls-')));
  try {
    mkdirSync(join(directory, 'scripts'));
    for (const file of ['walls.cjs', 'walls.rules.cjs'])
      cpSync(join(ROOT, 'scripts', file), join(directory, 'scripts', file));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(file)), { recursive: true });
      writeFileSync(join(directory, file), text);
    }
    const folders = ['bin', 'lib', 'lambda-edge', 'examples'].filter((folder) =>
      existsSync(join(directory, folder)),
    );
    const { stdout, stderr } = spawnSync(
      join(ROOT, 'node_modules', '.bin', 'depcruise'),
      ['--config', 'scripts/walls.rules.cjs', '--output-type', 'json', ...folders],
      { cwd: directory, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
    );
    if (stdout === '') throw new Error(stderr);
    return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const refused = (files: Readonly<Record<string, string>>) =>
  violations(files).map(({ rule }) => rule.name);

describe('walls', () => {
  const files: Record<string, string> = {};
  for (const room of ROOMS) files[entryOf(room)] = `export const x = '${room}';\n`;
  for (const room of ROOMS) {
    const others = ROOMS.filter((other) => other !== room);
    const packages = Object.values(PACKAGES).flat();
    const lines = [
      ...others.map((other) => specifier(importerOf(room), entryOf(other))),
      ...packages,
    ].map((path, i) => `export { x as x${i} } from '${path}';`);
    files[importerOf(room)] = `${files[importerOf(room)] ?? ''}${lines.join('\n')}\n`;
  }
  const found = violations(files).filter(({ rule }) => rule.name !== 'no circles');

  test.each(WALLS.flatMap((wall) => wall.rooms.map((room) => [room, wall] as const)))(
    '%s imports what the table allows, and nothing else',
    (room, { ours, packages }) => {
      const from = importerOf(room);
      const wrong = ROOMS.filter((other) => other !== room).filter((other) => {
        const isRefused = found.some(
          (violation) => violation.from === from && violation.to === entryOf(other),
        );
        return isRefused === ours.includes(other);
      });
      const wrongPackages = Object.entries(PACKAGES).flatMap(([group, names]) =>
        names.filter((name) => {
          const isRefused = found.some(
            (violation) => violation.from === from && violation.to === name,
          );
          return isRefused === packages.includes(group);
        }),
      );
      expect([...wrong, ...wrongPackages]).toEqual([]);
    },
  );

  test('construct rooms know of each other only the interfaces', () => {
    const network = {
      'lib/constructs/network/index.ts': "export * from './interfaces';\nexport class Network {}\n",
      'lib/constructs/network/interfaces.ts': 'export interface INetwork {}\n',
    };
    const planted = (line: string) =>
      refused({ ...network, 'lib/constructs/edge/planted.ts': line });
    expect(
      planted(
        "import type { INetwork } from '../network/interfaces';\nexport type N = INetwork;\n",
      ),
    ).toEqual([]);
    for (const line of [
      "import type { INetwork } from '../network';\nexport type N = INetwork;\n",
      "import { Network } from '../network';\nexport const n = Network;\n",
      "import * as network from '../network';\nexport const n = network;\n",
      "export { Network as Again } from '../network';\n",
      "export const late = import('../network');\n",
    ])
      expect(planted(line)).toEqual(['constructs/edge: a wall']);
  });

  test('a folder is imported by its index, from a neighbor as from afar', () => {
    const tree = {
      'lib/tools/review/findings/finding.ts': 'export const x = 1;\n',
      'lib/tools/review/findings/index.ts': "export { x } from './finding';\n",
      'lib/tools/review/index.ts': "export { x } from './findings';\n",
      'lib/tools/review/words.ts': 'export const y = 1;\n',
    };
    const planted = (file: string, path: string) =>
      refused({ ...tree, [file]: `export * from '${path}';\n` });
    const rule = ['a folder is imported by its index'];
    expect(planted('bin/planted.ts', '../lib/tools/review')).toEqual([]);
    expect(planted('bin/planted.ts', '../lib/tools/review/findings')).toEqual(rule);
    expect(planted('bin/planted.ts', '../lib/tools/review/findings/finding')).toEqual(rule);
    expect(planted('lib/tools/review/report/planted.ts', '../findings')).toEqual([]);
    expect(planted('lib/tools/review/report/planted.ts', '../words')).toEqual([]);
    expect(planted('lib/tools/review/report/planted.ts', '../findings/finding')).toEqual(rule);
  });

  test('a circle is refused, even one of types', () => {
    const circle = {
      'lib/runtime/a.ts': "import type { B } from './b';\nexport interface A { b: B }\n",
      'lib/runtime/b.ts': "import type { A } from './a';\nexport interface B { a: A }\n",
    };
    expect(refused(circle)).toEqual(['no circles']);
  });

  test('a handler reaches no construct, not even by a type of a neighbor', () => {
    const tree = {
      'lib/constructs/cache/thing.ts':
        "import { Construct } from 'constructs';\nexport interface Settings { a: 1 }\nexport class Thing extends Construct {}\n",
      'lib/constructs/cache/thing.handler.ts':
        "import type { Settings } from './thing';\nexport const s: Settings = { a: 1 };\n",
    };
    expect(new Set(refused(tree))).toEqual(new Set(['a handler runs in AWS']));
    const settings = { 'lib/constructs/cache/settings.ts': 'export interface Settings { a: 1 }\n' };
    expect(
      refused({
        ...settings,
        'lib/constructs/cache/thing.handler.ts':
          "import type { Settings } from './settings';\nexport const s: Settings = { a: 1 };\n",
      }),
    ).toEqual([]);
  });

  test('an example imports the packages', () => {
    const tree = {
      'lib/index.ts': "export { x } from './stage';\n",
      'lib/stage.ts': 'export const x = 1;\n',
    };
    expect(refused({ ...tree, 'examples/one/app.ts': "export * from '../../lib';\n" })).toEqual([]);
    expect(
      refused({ ...tree, 'examples/one/app.ts': "export * from '../../lib/stage';\n" }),
    ).toEqual(['an example imports the packages']);
  });

  test('every room of the tree has a wall', () => {
    const containers = ['lib', 'lib/model', 'lib/constructs', 'lib/tools'];
    const present = containers.flatMap((container) =>
      readdirSync(join(ROOT, container), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() || entry.name.endsWith('.ts'))
        .map((entry) => `${container}/${entry.name.replace(/\.ts$/, '')}`)
        .filter((path) => !containers.includes(path))
        .map((path) => path.slice('lib/'.length)),
    );
    expect(present.length).toBeGreaterThan(15);
    expect(present.filter((room) => !ROOMS.includes(room))).toEqual([]);
  });

  test('what construct rooms show each other is interfaces and nothing that runs', () => {
    const files = readdirSync(join(ROOT, 'lib', 'constructs'))
      .map((room) => join(ROOT, 'lib', 'constructs', room, 'interfaces.ts'))
      .filter(existsSync);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const exported = readFileSync(file, 'utf8').match(/^export .*$/gm) ?? [];
      expect(exported.filter((line) => !/^export (interface|type) /.test(line))).toEqual([]);
      expect(exported.some((line) => /^export interface I[A-Z]/.test(line))).toBe(true);
    }
  });
});
