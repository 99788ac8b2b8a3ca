/**
 * Analyzes the queries of a database: one JSON line for each finding, and their numbers as metrics.
 * The metrics travel in the log, in CloudWatch's embedded metric format, because the function has
 * no egress from the network of the database.
 */
import { Client, type ClientBase } from 'pg';
import { IsochroneError } from '../../../model/errors';
import { type Advice, advise, connectByIam, sqlState } from '../../../tools/postgres';

/** The metrics by the kind of finding that they count. */
const METRICS = {
  'slow-statement': 'SlowStatements',
  'missing-index': 'MissingIndexes',
  'unused-index': 'UnusedIndexes',
  'duplicate-index': 'DuplicateIndexes',
  'invalid-index': 'InvalidIndexes',
  'vacuum-overdue': 'TablesWithoutVacuum',
} as const;

export interface AdviceSettings {
  readonly instance: string;
  readonly namespace: string;
  readonly slowMilliseconds: number;
  /** Whether the log has the text of the statements. */
  readonly logStatements: boolean;
}

/** The log lines of an advice: one for each finding and note, and one with the metrics. */
export function adviceLines(
  advice: Advice,
  { instance, namespace, logStatements }: AdviceSettings,
  now: Date,
): object[] {
  const statements = new Map(
    advice.statements.map(({ queryId, statement }) => [queryId, statement]),
  );
  const count = (kind: string) => advice.findings.filter((finding) => finding.kind === kind).length;
  return [
    ...advice.findings.map((finding) => ({
      level: 'WARN',
      instance,
      ...finding,
      // The message of a slow statement contains its text.
      ...(finding.kind === 'slow-statement' && !logStatements
        ? { message: `Statement ${finding.queryId} is slow.` }
        : {}),
      ...(logStatements && finding.queryId !== undefined
        ? { statement: statements.get(finding.queryId) }
        : {}),
    })),
    ...advice.notes.map((message) => ({ level: 'INFO', instance, kind: 'note', message })),
    metricLine(
      { instance, namespace },
      {
        ...Object.fromEntries(Object.entries(METRICS).map(([kind, name]) => [name, count(kind)])),
        SlowestMean: Math.max(
          0,
          ...advice.statements.map(({ meanMilliseconds }) => meanMilliseconds),
        ),
        FailedLooks: 0,
      },
      now,
    ),
  ];
}

/** The log lines of a failed run. */
export function failureLines(error: unknown, settings: AdviceSettings, now: Date): object[] {
  const message = error instanceof Error ? error.message : String(error);
  return [
    { level: 'ERROR', instance: settings.instance, message },
    metricLine(settings, { FailedLooks: 1 }, now),
  ];
}

function metricLine(
  { instance, namespace }: Pick<AdviceSettings, 'instance' | 'namespace'>,
  figures: Readonly<Record<string, number>>,
  now: Date,
): object {
  const metrics = Object.keys(figures).map((Name) => ({
    Name,
    Unit: Name === 'SlowestMean' ? 'Milliseconds' : 'Count',
  }));
  return {
    _aws: {
      Timestamp: now.getTime(),
      CloudWatchMetrics: [
        { Namespace: namespace, Dimensions: [['DBInstanceIdentifier']], Metrics: metrics },
      ],
    },
    DBInstanceIdentifier: instance,
    ...figures,
  };
}

/**
 * Explains a refused login. For a role that does not exist and for one without `rds_iam`,
 * PostgreSQL only says that the password is wrong. Returns other errors unchanged.
 */
export function loginRefused(error: unknown, user: string, instance: string): unknown {
  // invalid_authorization_specification and invalid_password.
  if (!['28000', '28P01'].includes(sqlState(error) ?? '')) return error;
  return new IsochroneError(
    `${instance} refused the login of the role ${user}: ` +
      `${error instanceof Error ? error.message : String(error)}.\n` +
      'Migrations create the role, which needs rds_iam on RDS. Before they have run for the ' +
      'first time, this is to be expected. Run them; the next run then succeeds.',
  );
}

/** Analyzes the database once, and logs the findings. */
export async function adviseOnce(
  client: ClientBase,
  settings: AdviceSettings,
  log: (line: object) => void,
): Promise<Advice> {
  const advice = await advise(client, { slowMilliseconds: settings.slowMilliseconds });
  for (const line of adviceLines(advice, settings, new Date())) log(line);
  return advice;
}

export async function handler(): Promise<{ readonly findings: number }> {
  const { env } = process;
  const settings: AdviceSettings = {
    instance: env.INSTANCE ?? 'unknown',
    namespace: env.NAMESPACE ?? 'Isochrone/Database',
    slowMilliseconds: Number(env.SLOW_MILLISECONDS ?? 100),
    logStatements: env.LOG_STATEMENTS === 'true',
  };
  const log = (line: object) => console.log(JSON.stringify(line));
  try {
    const user = env.DATABASE_USER ?? '';
    const client = await connectByIam(Client, {
      host: env.DATABASE_HOST ?? '',
      port: Number(env.DATABASE_PORT ?? 5432),
      user,
      database: env.DATABASE_NAME ?? 'postgres',
      region: env.AWS_REGION ?? '',
    }).catch((error: unknown) => {
      throw loginRefused(error, user, settings.instance);
    });
    try {
      return { findings: (await adviseOnce(client, settings, log)).findings.length };
    } finally {
      await client.end();
    }
  } catch (error) {
    for (const line of failureLines(error, settings, new Date())) log(line);
    throw error;
  }
}
