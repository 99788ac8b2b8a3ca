const { availableParallelism } = require('node:os');

/** Tests that synthesize the whole market deployment, or run the command line in processes of its own. */
const SYNTHESIS = [
  '/test/.*\\.synthesis\\.test\\.ts$',
  '/test/stage\\.test\\.ts$',
  '/test/(bin|examples|snapshots)/',
];
/** Every step of a procedure interrupted on a real server: minutes long, so `npm run test:all` alone runs them. */
const MATRICES = '\\.matrix\\.test\\.ts$';

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: '<rootDir>/test/node-environment.js',
  moduleNameMapper: {
    '^@aws/cloudformation-validate$': '<rootDir>/test/cloudformation-validation.js',
  },
  roots: ['<rootDir>/test'],
  globalSetup: '<rootDir>/test/temporary-setup.ts',
  globalTeardown: '<rootDir>/test/temporary-teardown.ts',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
    ],
  },
};

/** @type {import('jest').Config} */
module.exports = {
  // Snapshots are reviewed in pull requests: none is written where nobody looks.
  ci: Boolean(process.env.CI),
  // Jest would leave one core idle.
  maxWorkers: availableParallelism(),
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testRegex: '\\.test\\.ts$',
      testPathIgnorePatterns: ['/test/servers/', ...SYNTHESIS, MATRICES],
    },
    {
      ...shared,
      displayName: 'synthesis',
      testRegex: SYNTHESIS.map((path) => `${path.replace(/\/$/, '/.*\\.test\\.ts$')}`),
    },
    {
      ...shared,
      displayName: 'servers',
      testRegex: '/test/servers/.*\\.test\\.ts$',
      testPathIgnorePatterns: [MATRICES],
    },
    { ...shared, displayName: 'matrices', testRegex: MATRICES },
  ],
};
