/** Runs the migrations of the market application as a person would: by psql, file by file. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer } from '../postgres-server';
import { findProgram } from '../server-process';

const FOLDER = join(__dirname, '..', '..', '..', 'examples', 'market-api', 'migrations');

export const MARKET_MIGRATIONS: readonly string[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.sql'))
  .sort();

/**
 * Runs migrations.
 *
 * @param files the files to run, in this order
 */
export function migrateMarket(
  server: PostgresServer,
  files = MARKET_MIGRATIONS,
  database = 'postgres',
): void {
  const program = findProgram('psql');
  if (program === undefined) throw new Error('psql is not installed.');
  const { status, stderr } = spawnSync(
    program,
    [
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-d',
      server.url(database),
      ...files.flatMap((file) => ['-f', join(FOLDER, file)]),
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`psql failed.\n${stderr}`);
}
