/** The command line as a process: its output and its exit code. */
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

test('lists the commands and fails if none is given', () => {
  const { status, stdout } = isochrone();
  expect(status).toBe(2);
  expect(stdout).toMatch(/synth[\s\S]*summary/);
});

test('prints its help within 100 columns, and succeeds', () => {
  const { status, stdout } = isochrone('--help');
  expect(status).toBe(0);
  expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test.each<[string[], RegExp]>([
  [
    ['smmary'],
    /"smmary" is not a command\.\nThe commands are synth, summary, .*, promote, cleanup-edge\./,
  ],
  [['summary', '--asembly', 'x'], /Unknown option '--asembly'[\s\S]*--assembly DIR/],
  [['cleanup-edge'], /--prefix is required/],
  [
    ['summary', '--assembly', mkdtempSync(join(tmpdir(), 'isochrone-empty-'))],
    /is not a whole assembly: .*manifest\.json/,
  ],
])('%j is refused with advice and without a stack trace', (args, says) => {
  const { status, stderr } = isochrone(...args);
  expect(status).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('a reader that closes the pipe early is not an error', () => {
  const command = `${process.execPath} --import tsx ${join(ROOT, 'bin', 'isochrone.ts')} --help`;
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', `${command} | true; echo \${PIPESTATUS[0]}`],
    { cwd: ROOT, encoding: 'utf8' },
  );
  expect([stdout, stderr]).toEqual(['0\n', '']);
});
