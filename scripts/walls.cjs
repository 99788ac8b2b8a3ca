/**
 * The wall table: which room may import which. `npm run walls` enforces it by the rules of
 * walls.rules.cjs, the table in docs/architecture.md is generated from it, and test/walls.test.ts
 * plants every import into every room.
 */
const CDK = 'aws-cdk-lib, constructs';
const NAG = 'cdk-nag';
const CONSTRUCTS = ['cache', 'database', 'edge', 'keys', 'network', 'observability', 'service'];
const TOOLS = ['account', 'assembly', 'postgres', 'review', 'simulation'];
const MODEL = [
  'model/errors',
  'model/time-limit',
  'model/aws',
  'model/rules',
  'model/contracts',
  'model/config',
];
const INTERFACES = 'constructs/*/interfaces';
const rooms = (folder, names) => names.map((name) => `${folder}/${name}`);

/**
 * Every room, from the top floor down: what it may import of ours, and which of CDK's packages. A
 * room imports itself.
 */
const WALLS = [
  {
    floor: 5,
    rooms: ['bin'],
    ours: ['stage', ...rooms('tools', TOOLS), ...MODEL],
    packages: [CDK, NAG],
  },
  {
    floor: 5,
    rooms: ['index'],
    ours: ['stage', 'stacks', ...rooms('constructs', CONSTRUCTS), ...MODEL],
    packages: [CDK, NAG],
  },
  { floor: 4, rooms: ['stage'], ours: ['stacks', ...MODEL], packages: [CDK, NAG] },
  {
    floor: 4,
    rooms: ['stacks'],
    ours: [...rooms('constructs', [...CONSTRUCTS, 'house-rules']), ...MODEL],
    packages: [CDK, NAG],
  },
  ...rooms('constructs', CONSTRUCTS).map((room) => ({
    floor: 3,
    rooms: [room],
    // Of each other only the interfaces, which a folder's index does not come with.
    ours: [
      'constructs/house-rules',
      INTERFACES,
      ...MODEL.slice(0, 5),
      ...(room === 'constructs/database' ? ['tools/postgres'] : []),
    ],
    packages: [CDK],
  })),
  { floor: 3, rooms: ['constructs/house-rules'], ours: MODEL.slice(0, 5), packages: [CDK] },
  {
    floor: 3,
    rooms: ['tools/review'],
    ours: ['tools/simulation', 'tools/assembly', ...MODEL],
    packages: [],
  },
  {
    floor: 3,
    rooms: rooms('tools', ['account', 'postgres', 'simulation']),
    ours: ['tools/assembly', ...MODEL],
    packages: [],
  },
  { floor: 3, rooms: ['tools/assembly'], ours: MODEL, packages: [] },
  {
    floor: 2,
    rooms: ['runtime'],
    ours: ['model/contracts', 'model/errors', 'model/time-limit'],
    packages: [],
  },
  { floor: 2, rooms: ['lambda-edge'], ours: ['model/contracts', 'model/aws'], packages: [] },
  {
    floor: 1,
    rooms: ['model/config'],
    ours: ['model/aws', 'model/rules', 'model/contracts', 'model/errors'],
    packages: [],
  },
  {
    floor: 0,
    rooms: ['model/rules', 'model/contracts'],
    ours: ['model/aws', 'model/errors'],
    packages: [],
  },
  { floor: 0, rooms: ['model/aws'], ours: ['model/errors'], packages: [] },
  { floor: 0, rooms: ['model/errors', 'model/time-limit'], ours: [], packages: [] },
];

module.exports = { WALLS, CDK, NAG, INTERFACES };
