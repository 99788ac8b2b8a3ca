/** The command line, as a process: what it prints, and its exit code. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

function isochrone(...args: string[]) {
  return spawnSync(
    process.execPath,
    ['--import', 'tsx', join(ROOT, 'bin', 'isochrone.ts'), ...args],
    { cwd: ROOT, encoding: 'utf8' },
  );
}

test('without a command, it says which there are, and fails', () => {
  const { status, stdout } = isochrone();
  expect(status).toBe(2);
  expect(stdout).toMatch(/synth[\s\S]*summary/);
});

test('asked for help, it succeeds', () => {
  expect(isochrone('--help').status).toBe(0);
});

test.each<[string[], RegExp]>([
  [
    ['smmary'],
    /"smmary" is not a command\.\nThe commands are synth, summary, replay, emulate, review, migrate, advise, verifier, promote, cleanup-edge\./,
  ],
  [['summary', '--asembly', 'x'], /Unknown option '--asembly'[\s\S]*--assembly DIR/],
  [['cleanup-edge'], /--prefix is required/],
  [
    ['summary', '--assembly', mkdtempSync(join(tmpdir(), 'isochrone-empty-'))],
    /is not a whole assembly: .*manifest\.json/,
  ],
])('%j is refused with what to do, without a stack trace', (args, says) => {
  const { status, stderr } = isochrone(...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('a reader that has seen enough is no error', () => {
  const command = `${process.execPath} --import tsx ${join(ROOT, 'bin', 'isochrone.ts')} --help`;
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', `${command} | true; echo \${PIPESTATUS[0]}`],
    { cwd: ROOT, encoding: 'utf8' },
  );
  expect([stdout, stderr]).toEqual(['0\n', '']);
});
