/**
 * The program of the CodeBuild project. It applies the folder beside it to the database that the
 * environment names.
 *
 * CodeBuild reads user and password from the secret when the build starts, and masks them in its
 * log. The variables are those of psql.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { connect, type MigrationEvent, migrate, readMigrations } from '../../../tools/postgres';
import type { SchemaMigrationsSettings } from './settings';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The connection that the environment describes. The server's certificate is verified against RDS's
 * own authorities and against the host name.
 *
 * @throws Error that names the missing variables
 */
export function connectionOf(
  environment: Environment,
  read: (file: string) => string = (file) => readFileSync(file, 'utf8'),
): ClientConfig {
  const {
    PGHOST: host,
    PGPORT: port,
    PGDATABASE: database,
    PGUSER: user,
    PGPASSWORD: password,
    RDS_CA_FILE: caFile,
  } = environment;
  if (!host || !database || !user || !password || !caFile) {
    const missing = Object.entries({
      PGHOST: host,
      PGDATABASE: database,
      PGUSER: user,
      PGPASSWORD: password,
      RDS_CA_FILE: caFile,
    });
    const names = missing.filter(([, value]) => !value).map(([name]) => name);
    throw new Error(
      `The environment has no ${names.join(', ')}. Start the project as it was deployed.`,
    );
  }
  return {
    host,
    port: Number(port ?? 5432),
    database,
    user,
    password,
    ssl: { ca: read(caFile), rejectUnauthorized: true },
  };
}

/** The initiator and the id of the build, for the history. CloudTrail has the rest. */
export function startedBy({
  CODEBUILD_INITIATOR: initiator,
  CODEBUILD_BUILD_ID: build,
}: Environment): string {
  return [initiator ?? 'unknown', build].filter((part) => part !== undefined).join(' ');
}

function logLine(event: MigrationEvent): void {
  console.log(
    JSON.stringify({ time: new Date().toISOString(), service: 'schema-migrations', ...event }),
  );
}

async function run(): Promise<void> {
  const { format, ...settings } = JSON.parse(
    readFileSync(join(__dirname, 'config.json'), 'utf8'),
  ) as SchemaMigrationsSettings;
  const config = connectionOf(process.env);
  const migrations = readMigrations(join(__dirname, 'migrations'), format);
  const { applied, before } = await migrate(() => connect(Client, config), migrations, {
    by: startedBy(process.env),
    ...settings,
    log: logLine,
  });
  logLine({ level: 'INFO', message: `${applied.length} applied, ${before} before` });
}

if (require.main === module) {
  run().catch((error: unknown) => {
    logLine({ level: 'ERROR', message: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  });
}
