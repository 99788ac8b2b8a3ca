/**
 * Decides which replicas a reader endpoint names. It is a pure function: the caller supplies the
 * readings and the time.
 *
 * The caller reads from the records which targets are named now. The memory holds only durations:
 * since when a dropped replica has been fresh, and since when a replica has been unknown.
 */

export interface RouterSettings {
  /** The identifiers of the replicas. */
  readonly replicas: readonly string[];
  /** Whether the writer answers readers while no replica is eligible. */
  readonly fallBackToWriter: boolean;
  /** The lag above which a replica is dropped. */
  readonly dropLagSeconds: number;
  /**
   * The lag at which a dropped replica is fresh again. It is below `dropLagSeconds`, so that a
   * replica near a threshold does not flap.
   */
  readonly restoreLagSeconds: number;
  /** How long a dropped replica must have been fresh before it returns. */
  readonly holdSeconds: number;
  /** How long the last verdict on a replica stands while it has no metrics. */
  readonly unknownSeconds: number;
}

/** The state of one replica at one moment. */
export interface ReplicaReading {
  /** Whether RDS says that the instance answers. Undefined if RDS did not respond. */
  readonly answers?: boolean;
  /**
   * RDS's `ReplicaLag`. Negative if RDS cannot determine it, Infinity if RDS says that replication
   * has ended.
   */
  readonly lagSeconds?: number;
}

export interface RouterObservation {
  /** Seconds since 1970. */
  readonly now: number;
  readonly replicas: Readonly<Record<string, ReplicaReading>>;
  /**
   * The primary's `TransactionLogsGeneration` of its last minutes, in bytes per second, newest
   * first.
   */
  readonly primaryWal: readonly number[];
  /** The targets that the records name now. */
  readonly named: RouterTargets;
}

export interface RouterTargets {
  readonly replicas: readonly string[];
  readonly writer: boolean;
}

/**
 * The times at which a state began, by replica, in seconds since 1970. Empty while all replicas are
 * named and known.
 */
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
 * The lag that an idle primary explains. Without user transactions a replica reports up to five
 * minutes of lag, because the metric is the age of the last replayed transaction: "Monitoring and
 * tuning the replication process" and "Amazon CloudWatch metrics for Amazon RDS". A minute is added
 * for the metric's period. A larger lag is real, whether or not the primary is idle.
 */
const IDLE_LAG_SECONDS = 360;

/**
 * The most WAL that an idle primary writes: RDS's own heartbeat and the switch of a WAL segment
 * every five minutes. The switch makes one minute of five look busy, so the median of the minutes
 * counts.
 */
const IDLE_WAL_BYTES_PER_SECOND = 4096;

/** The minutes of the primary's WAL that a judgment needs. */
const WAL_MINUTES = 3;

/** Decides which targets the endpoint names from now on. There is always at least one. */
export function route(
  settings: RouterSettings,
  memory: RouterMemory,
  observation: RouterObservation,
): RouterDecision {
  const { now, named } = observation;
  const verdicts: Record<string, Verdict> = {};
  const remembered: Record<string, { freshSince?: number; unknownSince?: number }> = {};
  const eligible: string[] = [];

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

    const hasReturned =
      verdict === 'fresh' && freshSince !== undefined && now - freshSince >= settings.holdSeconds;
    if (hasReturned || (isNamed && verdict !== 'stale' && verdict !== 'failed')) eligible.push(id);
  }
  return { targets: targetsOf(settings, observation, eligible), memory: remembered, verdicts };
}

/** The eligible replicas. If there are none, the least bad choice. */
function targetsOf(
  settings: RouterSettings,
  { named, replicas }: RouterObservation,
  eligible: readonly string[],
): RouterTargets {
  if (eligible.length > 0) return { replicas: eligible, writer: false };

  // If all readings are missing, the fault is in the metrics and not in the replicas: a gap in
  // CloudWatch must not send every reader to the writer.
  const isBlind = settings.replicas.every(
    (id) => replicas[id]?.lagSeconds === undefined && replicas[id]?.answers !== false,
  );
  if (settings.fallBackToWriter && !isBlind) return { replicas: [], writer: true };
  if (named.writer && isBlind) return named;

  // All replicas that still answer stay, although they are stale: a single one would collapse under
  // the load of all.
  const standing = named.replicas.filter(
    (id) => settings.replicas.includes(id) && replicas[id]?.answers !== false,
  );
  if (standing.length > 0) return { replicas: standing, writer: false };
  const answering = settings.replicas
    .filter((id) => replicas[id]?.answers === true)
    .sort((a, b) => lagOf(replicas[a]) - lagOf(replicas[b]));
  if (answering[0] !== undefined) return { replicas: [answering[0]], writer: false };
  if (settings.fallBackToWriter) return { replicas: [], writer: true };

  // No replica answers. A name that leads to a dead instance is no worse than an empty one, and it
  // is right again when the instance is back.
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
 * Whether the primary has written data that the replica lacks. Undefined if too few minutes are
 * known, or if the primary was busy but has written nothing since the last commit that the replica
 * has. When writing ends, all replicas seem to lag at once, for as long as the median still
 * includes the busy minutes.
 */
function isWriting(primaryWal: readonly number[], lagSeconds: number): boolean | undefined {
  if (primaryWal.length < WAL_MINUTES) return undefined;
  if (median(primaryWal) <= IDLE_WAL_BYTES_PER_SECOND) return false;
  // The full minutes that the replica lacks, less one: the two metrics may be a minute apart.
  const missed = primaryWal.slice(0, Math.max(1, Math.floor(lagSeconds / 60) - 1));
  return median(missed) > IDLE_WAL_BYTES_PER_SECOND ? true : undefined;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function lagOf(reading: ReplicaReading | undefined): number {
  const lag = reading?.lagSeconds;
  return lag === undefined || lag < 0 ? Number.POSITIVE_INFINITY : lag;
}
