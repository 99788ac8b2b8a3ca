/**
 * Looks at a database every so often: one JSON line for each finding, and the counts as metrics. The metrics travel in the log, in
 * CloudWatch's embedded metric format, because the function has no way out of the network of the database.
 */
import type { ClientBase } from 'pg';
import { type Advice, advise } from '../postgres/advice';
import { connectByIam } from '../postgres/advice-login';

/** The metrics, by the kind of the findings that they count. */
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
  /** Whether the statements stand in the log. */
  readonly logStatements: boolean;
}

/** What is logged of an advice: a line for each finding and note, and one with the metrics. */
export function adviceLines(advice: Advice, { instance, namespace, logStatements }: AdviceSettings, now: Date): object[] {
  const statements = new Map(advice.statements.map(({ queryId, statement }) => [queryId, statement]));
  const count = (kind: string) => advice.findings.filter((finding) => finding.kind === kind).length;
  return [
    ...advice.findings.map((finding) => ({
      level: 'WARN',
      instance,
      ...finding,
      // The message of a slow statement repeats it.
      ...(finding.kind === 'slow-statement' && !logStatements ? { message: `Statement ${finding.queryId} is slow.` } : {}),
      ...(logStatements && finding.queryId !== undefined ? { statement: statements.get(finding.queryId) } : {}),
    })),
    ...advice.notes.map((message) => ({ level: 'INFO', instance, kind: 'note', message })),
    {
      _aws: {
        Timestamp: now.getTime(),
        CloudWatchMetrics: [
          {
            Namespace: namespace,
            Dimensions: [['DBInstanceIdentifier']],
            Metrics: [...Object.values(METRICS).map((Name) => ({ Name, Unit: 'Count' })), { Name: 'SlowestMean', Unit: 'Milliseconds' }],
          },
        ],
      },
      DBInstanceIdentifier: instance,
      ...Object.fromEntries(Object.entries(METRICS).map(([kind, name]) => [name, count(kind)])),
      SlowestMean: Math.max(0, ...advice.statements.map(({ meanMilliseconds }) => meanMilliseconds)),
    },
  ];
}

/** Looks once, and logs what it found. */
export async function lookOnce(client: ClientBase, settings: AdviceSettings, log: (line: object) => void): Promise<Advice> {
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
    const client = await connectByIam({
      host: env.DATABASE_HOST ?? '',
      port: Number(env.DATABASE_PORT ?? 5432),
      user: env.DATABASE_USER ?? '',
      database: env.DATABASE_NAME ?? 'postgres',
      region: env.AWS_REGION ?? '',
    });
    try {
      return { findings: (await lookOnce(client, settings, log)).findings.length };
    } finally {
      await client.end();
    }
  } catch (error) {
    log({ level: 'ERROR', instance: settings.instance, message: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
