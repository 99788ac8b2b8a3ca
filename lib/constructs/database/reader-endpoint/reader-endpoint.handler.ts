/**
 * Updates the records of a reader endpoint: every minute it reads the state of the replicas, and
 * changes the weights of those that leave or return. A run that could not read everything acts on
 * the readings it has and then fails, so that the alarm notices.
 */
import { setTimeout as wait } from 'node:timers/promises';
import {
  type EndpointRecord,
  type ReaderEndpointApi,
  type ReaderEndpointSettings,
  readerEndpointApi,
  WRITER,
} from './api';
import {
  type ReplicaReading,
  type RouterMemory,
  type RouterTargets,
  route,
  type Verdict,
} from './replica-router';

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;

/** Time, randomness and log of a run, which tests replace. */
export interface RunContext {
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  readonly random: () => number;
  readonly log: (entry: Record<string, unknown>) => void;
}

/**
 * Updates the records once.
 *
 * @throws Error at once if the records or the memory cannot be read or written, and after the
 * update if a reading of a replica or of the primary failed, or if a replica has no record
 */
export async function updateEndpoint(
  settings: ReaderEndpointSettings,
  api: ReaderEndpointApi,
  context: RunContext,
): Promise<void> {
  const now = Math.floor(context.now() / 1000);
  const failures: string[] = [];
  const attempt = <T>(what: string, call: () => Promise<T>) => retry(what, call, context);
  const attemptOr = async <T>(fallback: T, what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await attempt(what, call);
    } catch (error) {
      failures.push((error as Error).message);
      return fallback;
    }
  };

  const records = await attempt('listing the records', () => api.records());
  const text = await attempt('reading the memory', () => api.readMemory());
  const [lags, primaryWal, instances] = await Promise.all([
    attemptOr<Record<string, number>>({}, 'reading the lags', () =>
      api.lags(settings.replicas, now),
    ),
    attemptOr<readonly number[]>([], 'reading the WAL of the primary', () => api.primaryWal(now)),
    Promise.all(
      settings.replicas.map((id) =>
        attemptOr(undefined, `describing ${id}`, () => api.instance(id)),
      ),
    ),
  ]);
  const replicas: Record<string, ReplicaReading> = {};
  for (const [index, id] of settings.replicas.entries()) {
    const facts = instances[index];
    const lagSeconds = facts?.isReplicationBroken ? Number.POSITIVE_INFINITY : lags[id];
    replicas[id] = { answers: facts?.answers, lagSeconds };
  }
  const isNamed = (id: string) => records.some((record) => record.id === id && record.weight > 0);
  const named = { replicas: settings.replicas.filter(isNamed), writer: isNamed(WRITER) };
  const { targets, memory, verdicts } = route(settings, parseMemory(text), {
    now,
    replicas,
    primaryWal,
    named,
  });

  // The memory is written before the weights: without it, a dropped replica could return before its
  // hold is over.
  const newText = JSON.stringify(memory);
  if (newText !== text) await attempt('writing the memory', () => api.writeMemory(newText));
  const changed = records.flatMap((record) => {
    // A record that a deployment is adding or removing stays as CloudFormation wrote it. Route 53
    // deletes a record only if the request names all its values, including the weight.
    if (record.id !== WRITER && !settings.replicas.includes(record.id)) return [];
    const weight = weightOf(record, targets);
    return weight === record.weight ? [] : [{ ...record, weight }];
  });
  if (changed.length > 0) {
    await attempt('writing the records', () => api.writeRecords(changed));
    for (const record of changed) context.log(changeLine(settings, record, verdicts, replicas));
  }

  for (const id of settings.replicas) {
    if (!records.some((record) => record.id === id))
      failures.push(`${id} has no record under ${settings.name}`);
  }
  if (failures.length > 0)
    throw new Error(`Reader endpoint ${settings.name}: ${failures.join('; ')}.`);
  context.log(metricsLine(settings, targets, context.now()));
}

function weightOf({ id }: EndpointRecord, targets: RouterTargets): number {
  return (id === WRITER ? targets.writer : targets.replicas.includes(id)) ? 1 : 0;
}

/** Parses the memory. A malformed one is discarded; every hold then starts again, which is safe. */
function parseMemory(text: string): RouterMemory {
  try {
    const memory: unknown = JSON.parse(text);
    return memory !== null && typeof memory === 'object' ? (memory as RouterMemory) : {};
  } catch {
    return {};
  }
}

/**
 * Calls with backoff and jitter.
 *
 * @param what names the call in errors
 * @throws Error with the name of the call, the number of attempts, and the last reason
 */
async function retry<T>(
  what: string,
  call: () => Promise<T>,
  { sleep, random, log }: RunContext,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (attempt === ATTEMPTS)
        throw new Error(`${what} failed ${ATTEMPTS} times, at last with ${reason}`);
      log({ level: 'WARN', message: `${what} failed`, attempt, reason });
      await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random()));
    }
  }
}

function changeLine(
  { name }: ReaderEndpointSettings,
  { id, weight }: EndpointRecord,
  verdicts: Readonly<Record<string, Verdict>>,
  replicas: Readonly<Record<string, ReplicaReading>>,
): Record<string, unknown> {
  const reading = replicas[id];
  const lag =
    reading?.lagSeconds === Number.POSITIVE_INFINITY
      ? 'replication has ended'
      : reading?.lagSeconds;
  const message = weight > 0 ? 'restored' : 'dropped';
  return {
    level: 'INFO',
    message,
    endpoint: name,
    target: id,
    verdict: verdicts[id],
    answers: reading?.answers,
    lagSeconds: lag,
  };
}

/**
 * The log line from which CloudWatch extracts the metrics: "Specification: Embedded metric format",
 * Amazon CloudWatch user guide.
 */
function metricsLine(
  { name, replicas }: ReaderEndpointSettings,
  targets: RouterTargets,
  now: number,
): Record<string, unknown> {
  const Metrics = ['Targets', 'Dropped', 'OnWriter'].map((Name) => ({ Name, Unit: 'Count' }));
  return {
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        { Namespace: 'Isochrone/ReaderEndpoint', Dimensions: [['Endpoint']], Metrics },
      ],
    },
    Endpoint: name,
    Targets: targets.replicas.length + (targets.writer ? 1 : 0),
    Dropped: replicas.length - targets.replicas.length,
    OnWriter: targets.writer ? 1 : 0,
  };
}

let api: ReaderEndpointApi | undefined;

/** It ignores the schedule's event: the settings say everything. */
export async function handler(): Promise<void> {
  const settings = JSON.parse(process.env.SETTINGS ?? '{}') as ReaderEndpointSettings;
  api ??= readerEndpointApi(settings);
  await updateEndpoint(settings, api, {
    now: Date.now,
    sleep: wait,
    random: Math.random,
    log: (entry) => console.log(JSON.stringify(entry)),
  });
}
