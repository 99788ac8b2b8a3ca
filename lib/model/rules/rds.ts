/** The rules of RDS for PostgreSQL. */
import { RDS_POSTGRESQL } from '../aws';
import { isWholeNumber, type Rule } from './rule';

/** "Naming constraints in Amazon RDS", Amazon RDS user guide. */
const IDENTIFIER_LENGTH = 63;

/**
 * An identifier of an instance or a proxy. RDS folds identifiers to lower case. Ours are literal in
 * ARNs and log group names, so they must be written as RDS stores them.
 *
 * `suffixLength` is the number of characters that the construct appends.
 */
export const RDS_IDENTIFIER: Rule<string, { readonly suffixLength: number }> = {
  allows: (identifier, { suffixLength }) =>
    identifier.length <= IDENTIFIER_LENGTH - suffixLength &&
    /^[a-z](-?[a-z0-9])*$/.test(identifier),
  allowed: (_, { suffixLength }) =>
    `at most ${IDENTIFIER_LENGTH - suffixLength} lower-case letters, digits and single hyphens, ` +
    'beginning with a letter and not ending with a hyphen',
  rule: 'RDS accepts no other identifiers, by which other regions address the instance.',
  fix: 'Choose a name such as market-primary.',
};

/** The major version that an upgrade starts from, given the major version that it leads to. */
export const UPGRADE_START: Rule<string, { readonly target: string }> = {
  allows: (from, { target }) => Number(from) < Number(target),
  allowed: (_, { target }) => `a major version below ${target}, that of \`engineVersion\``,
  rule: 'A major upgrade starts from this version, and RDS never downgrades an engine.',
  fix: 'Raise `engineVersion`, or remove `upgradingFrom` once the upgrade is done.',
};

const REPLICATION_NEEDS_BACKUPS =
  'RDS for PostgreSQL replicates only from an instance with automatic backups.';

/** Days of automatic backups of an instance that others may follow. */
export const BACKUP_RETENTION_DAYS: Rule<number> = {
  allows: (days) => isWholeNumber(days, { min: 1, max: RDS_POSTGRESQL.backupRetentionDays.max }),
  allowed: `1 to ${RDS_POSTGRESQL.backupRetentionDays.max} whole days`,
  rule: REPLICATION_NEEDS_BACKUPS,
  fix: 'Leave it out for the default.',
};

/** The path of an instance to follow, given whether it has automatic backups. */
export const REPLICATION_SOURCE: Rule<string, { readonly hasBackups: boolean }> = {
  allows: (_, { hasBackups }) => hasBackups,
  allowed: 'an instance with automatic backups, which leaves do not have',
  rule: REPLICATION_NEEDS_BACKUPS,
  fix: 'Follow the hub or the primary.',
};

/** The circumstances that bound the replicas of one source in one place. */
interface ReplicaPlaces {
  /** The least number. */
  readonly min: number;
  /** Hubs in other regions that follow the same source. */
  readonly hubsElsewhere: number;
}

/** The most replicas that a source may have in one place. */
function mostReplicas({ hubsElsewhere }: Pick<ReplicaPlaces, 'hubsElsewhere'>): number {
  return RDS_POSTGRESQL.replicasPerSource - Math.max(hubsElsewhere, 1);
}

/** The number of replicas that follow one source in one place. */
export const REPLICAS_OF_ONE_SOURCE: Rule<number, ReplicaPlaces> = {
  allows: (replicas, places) =>
    isWholeNumber(replicas, { min: places.min, max: mostReplicas(places) }),
  allowed: (_, places) => `${places.min} to ${mostReplicas(places)}`,
  rule:
    `RDS for PostgreSQL allows ${RDS_POSTGRESQL.replicasPerSource} replicas of one source. ` +
    'Hubs in other regions count; if there are none, one place stays free for a replacement.',
  fix: (replicas, places) =>
    replicas < places.min
      ? 'Ask for at least one replica, or leave the replicas out.'
      : `Lower it to ${mostReplicas(places)}.`,
};

/** GiB of gp3 storage, up to `max`. */
export const GP3_STORAGE_GIB: Rule<number, { readonly max: number }> = {
  allows: (gib, { max }) => gib >= RDS_POSTGRESQL.gp3StorageGiB.min && gib <= max,
  allowed: (_, { max }) => `${RDS_POSTGRESQL.gp3StorageGiB.min} to ${max} GiB`,
  rule:
    `gp3 storage of RDS for PostgreSQL has ${RDS_POSTGRESQL.gp3StorageGiB.min} to ` +
    `${RDS_POSTGRESQL.gp3StorageGiB.max} GiB. RDS lets it grow up to the maximum and never ` +
    `shrinks it.`,
  fix: 'Choose a size in this range, or raise `maxAllocatedStorage`.',
};

/** The least threshold of storage autoscaling for an allocated storage, in GiB. */
function leastStorageLimit(allocatedGiB: number): number {
  return Math.ceil((allocatedGiB * 11) / 10);
}

const STORAGE_HEADROOM =
  'RDS refuses a storage threshold that is less than 10 % above the allocated storage, and gp3 ' +
  `ends at ${RDS_POSTGRESQL.gp3StorageGiB.max} GiB.`;

/** GiB up to which RDS grows storage, given where it starts. */
export const STORAGE_LIMIT_GIB: Rule<number, { readonly allocatedGiB: number }> = {
  allows: (limit, { allocatedGiB }) => limit >= leastStorageLimit(allocatedGiB),
  allowed: (_, { allocatedGiB }) =>
    `at least ${leastStorageLimit(allocatedGiB)}, 10 % above the allocated ${allocatedGiB}`,
  rule: STORAGE_HEADROOM,
  fix: (_, { allocatedGiB }) => `Raise it to ${leastStorageLimit(allocatedGiB)} or more.`,
};

const MOST_ALLOCATED_GIB = Math.floor((RDS_POSTGRESQL.gp3StorageGiB.max * 10) / 11);

/** GiB of storage that leave room for a threshold at all. */
export const ALLOCATED_STORAGE_GIB: Rule<number> = {
  allows: (allocated) => leastStorageLimit(allocated) <= RDS_POSTGRESQL.gp3StorageGiB.max,
  allowed: `at most ${MOST_ALLOCATED_GIB}`,
  rule: STORAGE_HEADROOM,
  fix: `Lower it to ${MOST_ALLOCATED_GIB}.`,
};
