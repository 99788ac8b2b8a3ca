/**
 * Which replicas a reader endpoint names: the decision alone, without AWS and without a clock of
 * its own.
 *
 * Who is named now is read from the records, not remembered. What has to be remembered is only how
 * long something lasts: since when a replica that is out has been fresh, and since when nothing is
 * known of one.
 */

export interface RouterSettings {
  /** The identifiers of the replicas. */
  readonly replicas: readonly string[];
  /** Whether the writer answers readers while no replica is fit. */
  readonly fallBackToWriter: boolean;
  /** A replica further behind than this leaves. */
  readonly dropLagSeconds: number;
  /**
   * A replica that left is fresh again at this lag. It is below `dropLagSeconds`, so that one near
   * a threshold does not flap.
   */
  readonly restoreLagSeconds: number;
  /** How long a replica that left must have been fresh before it returns. */
  readonly holdSeconds: number;
  /** How long the last verdict on a replica stands while nothing is known of it. */
  readonly unknownSeconds: number;
}

/** What is known of one replica at one moment. */
export interface ReplicaReading {
  /** Whether RDS says that the instance answers; undefined if RDS was not heard. */
  readonly answers?: boolean;
  /**
   * RDS's `ReplicaLag`; negative where RDS cannot tell it, Infinity where RDS says that replication
   * has ended.
   */
  readonly lagSeconds?: number;
}

export interface RouterObservation {
  /** Seconds since 1970. */
  readonly now: number;
  readonly replicas: Readonly<Record<string, ReplicaReading>>;
  /**
   * The primary's `TransactionLogsGeneration` of its last minutes, in bytes per second, the newest
   * first.
   */
  readonly primaryWal: readonly number[];
  /** The replicas that the records name now, and the writer, if it is named. */
  readonly named: RouterTargets;
}

export interface RouterTargets {
  readonly replicas: readonly string[];
  readonly writer: boolean;
}

/** What lasts, by replica. Empty while all is calm. Both are in seconds since 1970. */
export type RouterMemory = Readonly<
  Record<string, { readonly freshSince?: number; readonly unknownSince?: number }>
>;

export type Verdict = 'fresh' | 'between' | 'stale' | 'failed' | 'unknown';

export interface RouterDecision {
  readonly targets: RouterTargets;
  readonly memory: RouterMemory;
  readonly verdicts: Readonly<Record<string, Verdict>>;
}

/**
 * Without user transactions a replica reports up to five minutes of lag, since the metric is the
 * age of the last transaction replayed: "Monitoring and tuning the replication process" and "Amazon
 * CloudWatch metrics for Amazon RDS". A minute is added for the metric's own period. Above it, lag
 * is real, whatever the primary does.
 */
const IDLE_LAG_SECONDS = 360;

/**
 * What a primary writes that nobody writes to: RDS's own heartbeat and the switch of a WAL segment
 * every five minutes. The switch makes one minute of five look busy, so the median of the minutes
 * is what counts.
 */
const WRITING_BYTES_PER_SECOND = 4096;

/** How many minutes of the primary must be known to judge it. */
const WAL_MINUTES = 3;

/** Decides whom the endpoint names from now on. It always names somebody. */
export function route(
  settings: RouterSettings,
  memory: RouterMemory,
  observation: RouterObservation,
): RouterDecision {
  const { now, named } = observation;
  const verdicts: Record<string, Verdict> = {};
  const remembered: Record<string, { freshSince?: number; unknownSince?: number }> = {};
  const fit: string[] = [];

  for (const id of settings.replicas) {
    const last = memory[id] ?? {};
    const isNamed = named.replicas.includes(id);
    let verdict = judge(settings, observation.replicas[id] ?? {}, observation.primaryWal);
    const unknownSince = verdict === 'unknown' ? (last.unknownSince ?? now) : undefined;
    if (unknownSince !== undefined && now - unknownSince > settings.unknownSeconds)
      verdict = 'failed';
    verdicts[id] = verdict;

    let freshSince: number | undefined;
    if (!isNamed && verdict === 'fresh') freshSince = last.freshSince ?? now;
    if (!isNamed && verdict === 'unknown') freshSince = last.freshSince;
    if (unknownSince !== undefined || freshSince !== undefined)
      remembered[id] = { freshSince, unknownSince };

    const isBack =
      verdict === 'fresh' && freshSince !== undefined && now - freshSince >= settings.holdSeconds;
    if (isBack || (isNamed && verdict !== 'stale' && verdict !== 'failed')) fit.push(id);
  }
  return { targets: targetsOf(settings, observation, fit), memory: remembered, verdicts };
}

/** Nobody is dropped for nothing: where no replica is fit, the least bad choice stays. */
function targetsOf(
  settings: RouterSettings,
  { named, replicas }: RouterObservation,
  fit: readonly string[],
): RouterTargets {
  if (fit.length > 0) return { replicas: fit, writer: false };

  // Readings of nobody at all say more about the observer than about the replicas: a gap of
  // CloudWatch must not send every reader to the writer.
  const isBlind = settings.replicas.every(
    (id) => replicas[id]?.lagSeconds === undefined && replicas[id]?.answers !== false,
  );
  if (settings.fallBackToWriter && !isBlind) return { replicas: [], writer: true };
  if (named.writer && isBlind) return named;

  // All that still answer stay together, stale as they are: one alone would fall under the load of
  // all.
  const standing = named.replicas.filter(
    (id) => settings.replicas.includes(id) && replicas[id]?.answers !== false,
  );
  if (standing.length > 0) return { replicas: standing, writer: false };
  const answering = settings.replicas
    .filter((id) => replicas[id]?.answers === true)
    .sort((a, b) => lagOf(replicas[a]) - lagOf(replicas[b]));
  if (answering[0] !== undefined) return { replicas: [answering[0]], writer: false };
  if (settings.fallBackToWriter) return { replicas: [], writer: true };

  // Nobody answers. A name that leads to a dead instance is no worse than none, and it is right
  // again when the instance is back.
  const known = named.replicas.filter((id) => settings.replicas.includes(id));
  return { replicas: known.length > 0 ? known : settings.replicas, writer: false };
}

function judge(
  settings: RouterSettings,
  { answers, lagSeconds }: ReplicaReading,
  primaryWal: readonly number[],
): Verdict {
  if (answers === false) return 'failed';
  if (lagSeconds === undefined) return 'unknown';
  if (lagSeconds < 0) return 'stale';
  const writing = isWriting(primaryWal, lagSeconds);
  if (lagSeconds <= settings.restoreLagSeconds) return 'fresh';
  const mayBeIdle = lagSeconds <= IDLE_LAG_SECONDS;
  if (mayBeIdle && writing === false) return 'fresh';
  if (lagSeconds <= settings.dropLagSeconds) return 'between';
  return mayBeIdle && writing === undefined ? 'unknown' : 'stale';
}

/**
 * Undefined if too little is known of the primary, or if it was busy but wrote nothing since the
 * last commit that the replica has: the minutes in which writing ends look like lag on all replicas
 * at once, for as long as the median still sees the busy ones.
 */
function isWriting(primaryWal: readonly number[], lagSeconds: number): boolean | undefined {
  if (primaryWal.length < WAL_MINUTES) return undefined;
  if (median(primaryWal) <= WRITING_BYTES_PER_SECOND) return false;
  // The minutes that are wholly behind the replica, less one: the two metrics may be a minute
  // apart.
  const missed = primaryWal.slice(0, Math.max(1, Math.floor(lagSeconds / 60) - 1));
  return median(missed) > WRITING_BYTES_PER_SECOND ? true : undefined;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function lagOf(reading: ReplicaReading | undefined): number {
  const lag = reading?.lagSeconds;
  return lag === undefined || lag < 0 ? Number.POSITIVE_INFINITY : lag;
}
