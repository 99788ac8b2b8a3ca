/**
 * Everything that continuous integration checks, in one command: `npm run check`. Each step says
 * what it proves; all run, so that one failure does not hide the next, and the exit code is 1 if
 * any failed.
 */
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const IS_ROOT = process.getuid?.() === 0;

/**
 * A network namespace with nothing but its own loopback: no test can reach another machine there.
 * Who is not root becomes it in a namespace of users, to switch the loopback on; PostgreSQL and
 * PgBouncer refuse to run as root, and their tests run outside then.
 */
const WITHOUT_NETWORK = [
  'unshare',
  '--net',
  ...(IS_ROOT ? [] : ['--map-root-user']),
  'sh',
  '-c',
  'ip link set lo up && exec "$@"',
  'sh',
];

function canIsolate(): boolean {
  return (
    spawnSync(WITHOUT_NETWORK[0] as string, [...WITHOUT_NETWORK.slice(1), 'true']).status === 0
  );
}

function steps(): Step[] {
  const isolated = canIsolate();
  const serversApart = isolated && !IS_ROOT;
  const jest = (...projects: string[]) =>
    'npm run -s test:all -- --ci --selectProjects'.split(' ').concat(projects);
  const apart = ['servers', 'matrices'];
  return [
    { name: 'lint and format', command: ['npm', 'run', '-s', 'lint'] },
    { name: 'walls', command: ['npm', 'run', '-s', 'walls'] },
    { name: 'types', command: ['npm', 'run', '-s', 'types'] },
    {
      name: isolated
        ? 'tests, without a network'
        : 'tests (with a network: this system grants no namespace without one)',
      command: [
        ...(isolated ? WITHOUT_NETWORK : []),
        ...jest('unit', 'synthesis', ...(serversApart ? [] : apart)),
      ],
    },
    ...(serversApart ? [{ name: 'tests on servers', command: jest(...apart) }] : []),
    {
      name: 'the packages: built, packed, installed and used',
      command: ['node', '--import', 'tsx', 'scripts/check-packages.ts'],
    },
    {
      name: 'the assembly: synthesized and validated',
      command: ['npm', 'run', '-s', 'isochrone', '--', 'synth'],
    },
    {
      name: 'the committed diagram and schema are current',
      command: ['node', '--import', 'tsx', 'scripts/check-generated.ts'],
    },
    { name: 'a second opinion: cfn-lint', command: ['bash', 'scripts/cfn-lint.sh', 'cdk.out'] },
  ];
}

function main(): void {
  const failed: string[] = [];
  const start = performance.now();
  for (const { name, command } of steps()) {
    console.log(`\n── ${name}`);
    const began = performance.now();
    const { status } = spawnSync(command[0] as string, command.slice(1), {
      stdio: 'inherit',
      env: { ...process.env, CI: 'true' },
    });
    console.log(
      `── ${status === 0 ? 'passed' : 'FAILED'}: ${name} (${((performance.now() - began) / 1000).toFixed(0)} s)`,
    );
    if (status !== 0) failed.push(name);
  }
  console.log(
    `\n${failed.length === 0 ? 'All checks passed' : `Failed: ${failed.join('; ')}`} in ${((performance.now() - start) / 1000).toFixed(0)} s.`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

main();
