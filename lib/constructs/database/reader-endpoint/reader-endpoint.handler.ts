/**
 * Keeps the records of a reader endpoint: every minute it reads how the replicas are, and changes
 * the weights of those that leave or return. A run that could not read everything acts on what it
 * knows and then fails, so that the alarm sees it.
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

export interface Surroundings {
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<unknown>;
  readonly random: () => number;
  readonly log: (entry: Record<string, unknown>) => void;
}

/**
 * One run. Throws after it, if something could not be read, and at once, if nothing can be decided
 * or written.
 */
export async function keepEndpoint(
  settings: ReaderEndpointSettings,
  api: ReaderEndpointApi,
  around: Surroundings,
): Promise<void> {
  const now = Math.floor(around.now() / 1000);
  const failures: string[] = [];
  const tried = <T>(what: string, call: () => Promise<T>) => retried(what, call, around);
  const triedOr = async <T>(fallback: T, what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await tried(what, call);
    } catch (error) {
      failures.push((error as Error).message);
      return fallback;
    }
  };

  const records = await tried('listing the records', () => api.records());
  const text = await tried('reading the memory', () => api.readMemory());
  const [lags, primaryWal, instances] = await Promise.all([
    triedOr<Record<string, number>>({}, 'reading the lags', () => api.lags(settings.replicas, now)),
    triedOr<readonly number[]>([], 'reading what the primary writes', () => api.primaryWal(now)),
    Promise.all(
      settings.replicas.map((id) => triedOr(undefined, `describing ${id}`, () => api.instance(id))),
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
  const { targets, memory, verdicts } = route(settings, readMemory(text), {
    now,
    replicas,
    primaryWal,
    named,
  });

  // First what lasts, then the weights: a drop whose beginning is not written down could be undone
  // before its time.
  const newText = JSON.stringify(memory);
  if (newText !== text) await tried('writing the memory', () => api.writeMemory(newText));
  const changed = records.flatMap((record) => {
    // One that a deployment is adding or removing stays as CloudFormation wrote it, or it could not
    // be removed: Route 53 deletes a record only for who names all its values, the weight among
    // them.
    if (record.id !== WRITER && !settings.replicas.includes(record.id)) return [];
    const weight = weightOf(record, targets);
    return weight === record.weight ? [] : [{ ...record, weight }];
  });
  if (changed.length > 0) {
    await tried('writing the records', () => api.writeRecords(changed));
    for (const record of changed) around.log(changeLine(settings, record, verdicts, replicas));
  }

  for (const id of settings.replicas) {
    if (!records.some((record) => record.id === id))
      failures.push(`${id} has no record under ${settings.name}`);
  }
  if (failures.length > 0)
    throw new Error(`Reader endpoint ${settings.name}: ${failures.join('; ')}.`);
  around.log(metricsLine(settings, targets, around.now()));
}

function weightOf({ id }: EndpointRecord, targets: RouterTargets): number {
  return (id === WRITER ? targets.writer : targets.replicas.includes(id)) ? 1 : 0;
}

/** What cannot be read is forgotten: then every hold begins anew, which is the safe side. */
function readMemory(text: string): RouterMemory {
  try {
    const memory: unknown = JSON.parse(text);
    return memory !== null && typeof memory === 'object' ? (memory as RouterMemory) : {};
  } catch {
    return {};
  }
}

/** @throws Error with what was tried, how often, and the last reason */
async function retried<T>(
  what: string,
  call: () => Promise<T>,
  { sleep, random, log }: Surroundings,
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
 * CloudWatch takes metrics from such a line of the log: "Specification: Embedded metric format",
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

/** The schedule's event says nothing that is not in the settings. */
export async function handler(): Promise<void> {
  const settings = JSON.parse(process.env.SETTINGS ?? '{}') as ReaderEndpointSettings;
  api ??= readerEndpointApi(settings);
  await keepEndpoint(settings, api, {
    now: Date.now,
    sleep: wait,
    random: Math.random,
    log: (entry) => console.log(JSON.stringify(entry)),
  });
}
