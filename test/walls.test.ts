/**
 * Plants one import of every room into every room, in a copy of the tree's shape, and runs the project's own linter over it:
 * what the table of the architecture forbids must be refused, and what it allows must pass.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(__dirname, '..');

const CONSTRUCT_ROOMS = ['cache', 'database', 'edge', 'keys', 'network', 'observability', 'operations', 'service'];
const GROUND = ['lib/errors', 'lib/aws/planted'];
const CONSTRUCT_GROUND = [
  ...GROUND,
  'lib/acknowledge',
  'lib/edge-settings',
  'lib/runtime-settings',
  'lib/fixed-names',
  'lib/handlers',
  'lib/instances',
  'lib/log-groups',
  'lib/private-buckets',
];
const constructs = CONSTRUCT_ROOMS.map((room) => `lib/${room}/planted`);
const CDK = ['aws-cdk-lib', 'aws-cdk-lib/aws-s3', 'constructs'];
const NAG = 'cdk-nag';

/** The table: each file that stands for a room, and all that it may import. What is not named is forbidden. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'bin/planted': [
    ...CDK,
    NAG,
    ...GROUND,
    'lib/assembly',
    'lib/stage',
    'lib/config/planted',
    'lib/simulation/planted',
    'lib/review/planted',
    'lib/account/planted',
    'lib/postgres/planted',
    'lib/index',
  ],
  'lib/stage': [...CDK, NAG, ...GROUND, 'lib/stacks/planted', 'lib/config/planted', 'lib/rule-packs'],
  'lib/stacks/planted': [...CDK, NAG, ...GROUND, 'lib/acknowledge', 'lib/runtime-settings', 'lib/config/planted', ...constructs],
  ...Object.fromEntries(constructs.map((room) => [room, [...CDK, ...CONSTRUCT_GROUND]])),
  'lib/database/planted': [...CDK, ...CONSTRUCT_GROUND, 'lib/postgres/planted'],
  'lib/database/planted.handler': [...GROUND, 'lib/postgres/planted'],
  'lib/service/planted.handler': GROUND,
  'lib/config/planted': GROUND,
  'lib/aws/planted': ['lib/errors'],
  'lib/errors': ['lib/aws/planted'],
  'lib/edge-settings': GROUND,
  'lib/runtime-settings': GROUND,
  'lib/assembly': GROUND,
  'lib/simulation/planted': [...GROUND, 'lib/assembly', 'lib/config/planted'],
  'lib/review/planted': [...GROUND, 'lib/assembly', 'lib/config/planted', 'lib/simulation/planted'],
  'lib/account/planted': [...GROUND, 'lib/config/planted'],
  'lib/postgres/planted': GROUND,
  'lib/runtime/planted': ['lib/errors', 'lib/runtime-settings'],
  'lambda-edge/planted/handler': [...GROUND, 'lib/edge-settings'],
};

const TARGETS = [...new Set([...CDK, NAG, ...Object.values(MAY_IMPORT).flat(), ...Object.keys(MAY_IMPORT)])]
  .filter((target) => !target.endsWith('.handler'))
  .sort();

/** A room may always import from itself. */
const sameRoom = (from: string, to: string) => dirname(from) === dirname(to) && !['.', 'lib', 'bin'].includes(dirname(from));

function specifier(from: string, to: string): string {
  if (!to.startsWith('lib/') && !to.startsWith('bin/') && !to.startsWith('lambda-edge/')) return to;
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** The lines of each file that the linter's dependency rule refuses. */
function refusedLines(files: Record<string, readonly string[]>): Map<string, Set<number>> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isochrone-walls-')));
  try {
    cpSync(join(ROOT, 'biome.json'), join(directory, 'biome.json'));
    for (const [file, lines] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(file)), { recursive: true });
      writeFileSync(join(directory, `${file}.ts`), `${lines.join('\n')}\n`);
    }
    const { stdout } = spawnSync(
      join(ROOT, 'node_modules', '.bin', 'biome'),
      ['lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '--vcs-enabled=false', '.'],
      { cwd: directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    const refused = new Map(Object.keys(files).map((file) => [file, new Set<number>()]));
    for (const match of stdout.matchAll(/title=lint\/style\/noRestrictedImports,file=([^,]+)\.ts,line=(\d+)/g)) {
      refused.get(relative(directory, resolve(directory, String(match[1]))))?.add(Number(match[2]));
    }
    return refused;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('walls', () => {
  const refused = refusedLines(
    Object.fromEntries(
      Object.keys(MAY_IMPORT).map((from) => [from, TARGETS.map((to, i) => `export { x as x${i} } from '${specifier(from, to)}';`)]),
    ),
  );

  test.each(Object.entries(MAY_IMPORT))('%s imports what the table allows, and nothing else', (from, allowed) => {
    const wrong = TARGETS.flatMap((to, i) => {
      if (to === from || sameRoom(from, to)) return [];
      const isRefused = refused.get(from)?.has(i + 1) === true;
      if (isRefused === !allowed.includes(to)) return [];
      return [`${to}: ${isRefused ? 'refused, though the table allows it' : 'passes, though the table forbids it'}`];
    });
    expect(wrong).toEqual([]);
  });

  test('construct rooms know each other by interface only', () => {
    const lines = [
      "import type { INetwork } from '../network/region-network';",
      "import type { Network } from '../network/region-network';",
      "import { RegionNetwork } from '../network/region-network';",
      "import * as network from '../network/region-network';",
      "export { RegionNetwork as Again } from '../network/region-network';",
      "const late = import('../network/region-network');",
      'export const all: INetwork | Network = [RegionNetwork, network, late] as never;',
    ];
    expect(refusedLines({ 'lib/database/planted': lines }).get('lib/database/planted')).toEqual(new Set([2, 3, 4, 5, 6]));
  });

  test('every room of the tree has a wall', () => {
    const rooms = readdirSync(join(ROOT, 'lib'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    const walled = Object.keys(MAY_IMPORT).map((file) => file.split('/')[1]);
    expect(rooms.filter((room) => !walled.includes(room))).toEqual([]);
  });
});
