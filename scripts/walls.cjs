/**
 * The wall table: which room may import which, from the top floor down. A room always imports itself.
 * `npm run walls` enforces it by the rules of walls.rules.cjs, the table in docs/architecture.md is
 * generated from it, and test/walls.test.ts plants every import into every room.
 */
const CDK = 'aws-cdk-lib, constructs';
const NAG = 'cdk-nag';

const list = (folder, names) => names.split(' ').map((name) => `${folder}/${name}`);
const CONSTRUCTS = list('constructs', 'cache database edge keys network observability service');
/** What construct rooms know of each other. A folder's index would bring the constructs along. */
const INTERFACES = 'constructs/*/interfaces';
const TOOLS = list('tools', 'account assembly postgres review simulation');
const GROUND = list('model', 'errors outcome time-limit visible aws rules contracts');
const MODEL = [...GROUND, 'model/sql', 'model/config'];

/** Rooms that are one file. */
const FILES = ['stage', 'index', ...list('model', 'errors outcome time-limit visible'), INTERFACES];

/** `ours`: what a room may import of this repository. `packages`: which of CDK's packages. */
const wall = (floor, rooms, ours, packages = []) => ({ floor, rooms, ours, packages });

const WALLS = [
  wall(5, ['bin'], ['stage', ...TOOLS, ...MODEL], [CDK, NAG]),
  wall(5, ['index'], ['stage', 'stacks', ...CONSTRUCTS, ...MODEL], [CDK, NAG]),
  wall(4, ['stage'], ['stacks', ...MODEL], [CDK, NAG]),
  wall(4, ['stacks'], [...CONSTRUCTS, 'constructs/house-rules', ...MODEL], [CDK, NAG]),
  wall(
    3,
    CONSTRUCTS.filter((room) => room !== 'constructs/database'),
    ['constructs/house-rules', INTERFACES, ...GROUND],
    [CDK],
  ),
  wall(
    3,
    ['constructs/database'],
    ['constructs/house-rules', INTERFACES, 'tools/postgres', ...GROUND],
    [CDK],
  ),
  wall(3, ['constructs/house-rules'], GROUND, [CDK]),
  wall(3, ['tools/review'], ['tools/simulation', 'tools/assembly', ...MODEL]),
  wall(3, list('tools', 'account postgres simulation'), ['tools/assembly', ...MODEL]),
  wall(3, ['tools/assembly'], MODEL),
  wall(2, ['runtime'], list('model', 'contracts sql errors outcome time-limit')),
  wall(2, ['lambda-edge'], list('model', 'contracts aws')),
  wall(1, ['model/config'], list('model', 'aws rules contracts errors')),
  wall(0, list('model', 'rules contracts'), list('model', 'aws errors')),
  wall(0, list('model', 'aws sql'), ['model/errors']),
  wall(0, list('model', 'errors outcome time-limit visible'), []),
];

module.exports = { WALLS, CDK, NAG, INTERFACES, FILES };
