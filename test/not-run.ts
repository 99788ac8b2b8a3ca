/**
 * What a test run leaves out because its machine lacks something: noted by each file of tests, and
 * told once at the end of the run.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const FILE = 'not-run.txt';

/** Notes that tests of this file are left out. */
export function noteNotRun(missing: readonly string[]): void {
  const test = basename(expect.getState().testPath ?? 'a test', '.test.ts');
  // One write of one line: the files of a run are in several processes.
  appendFileSync(join(tmpdir(), FILE), `${missing.join(', ')}\t${test}\n`);
}

/** The notes of a run by what is missing; undefined if all was run. */
export function notRun(directory: string): string | undefined {
  const path = join(directory, FILE);
  if (!existsSync(path)) return undefined;
  const lines = [...new Set(readFileSync(path, 'utf8').trim().split('\n'))].sort();
  const tests = new Map<string, string[]>();
  for (const line of lines) {
    const [missing = '', test = ''] = line.split('\t');
    tests.set(missing, [...(tests.get(missing) ?? []), test]);
  }
  const rows = [...tests].map(([missing, names]) => `  without ${missing}: ${names.join(', ')}`);
  return [
    '\nNot run, because this machine lacks programs:',
    ...rows,
    'On Debian: apt-get install postgresql postgresql-15-hypopg pgbouncer redis-server jq curl gnupg gpgv openssl python3 chromium php-cli ruby-rack njs\n',
  ].join('\n');
}
