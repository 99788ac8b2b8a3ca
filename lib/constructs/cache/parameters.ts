import { Duration, Token } from 'aws-cdk-lib';
import { ELASTICACHE } from '../../model/aws';
import { type HasPath, invalidValue } from '../../model/errors';
import { isWholeNumber, type Rule } from '../../model/rules';
import { checkRule } from '../house-rules';

/** Which keys Valkey evicts when memory is full: a value of `maxmemory-policy`. */
export type MaxmemoryPolicy = (typeof ELASTICACHE.maxmemoryPolicies)[number];

/** Settings of the engine. */
export interface CacheParameterProps {
  /**
   * Which keys are evicted when memory is full.
   *
   * @default 'allkeys-lru'
   */
  readonly maxmemoryPolicy?: MaxmemoryPolicy;
  /**
   * The share of memory that is reserved for snapshots, failovers and client buffers, 0 to 99
   * percent. "Managing reserved memory", Amazon ElastiCache user guide, starts with 25.
   *
   * @default 25
   */
  readonly reservedMemoryPercent?: number;
  /**
   * The slow log records commands that take at least this long on the server; a whole number of
   * milliseconds, at least 1.
   *
   * @default Duration.millis(10)
   */
  readonly slowLogThreshold?: Duration;
  /**
   * Further parameters of the engine's family, by name. A name or value that the family does not
   * know fails at deployment.
   *
   * @default - the engine's own values: from Valkey 8 on, memory is freed in the background, and
   * there are no keyspace events
   */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Parameters that have a prop, or that the construct depends on. */
const OWN: Readonly<Record<string, string>> = {
  'cluster-enabled': 'the construct requires cluster mode',
  'maxmemory-policy': 'use `maxmemoryPolicy`',
  'reserved-memory-percent': 'use `reservedMemoryPercent`',
  'slowlog-log-slower-than': 'use `slowLogThreshold`',
};

/** The family of a parameter group: one per major version. */
export function parameterFamily(engineVersion: string): string {
  return `valkey${engineVersion.split('.')[0]}`;
}

/**
 * The parameters of a parameter group, by name.
 *
 * @throws IsochroneError for a value that Valkey or ElastiCache would refuse
 */
export function engineParameters(at: HasPath, props: CacheParameterProps): Record<string, string> {
  const maxmemoryPolicy = props.maxmemoryPolicy ?? 'allkeys-lru';
  const reservedMemoryPercent = props.reservedMemoryPercent ?? 25;
  const slowLogThreshold = props.slowLogThreshold ?? Duration.millis(10);
  const parameters = props.parameters ?? {};
  checkRule(at, 'maxmemoryPolicy', knownPolicy, maxmemoryPolicy);
  checkRule(at, 'reservedMemoryPercent', reservedMemory, reservedMemoryPercent);
  checkThreshold(at, slowLogThreshold);
  checkNames(at, parameters);
  return {
    'cluster-enabled': 'yes',
    'maxmemory-policy': maxmemoryPolicy,
    'reserved-memory-percent': String(reservedMemoryPercent),
    // In microseconds.
    'slowlog-log-slower-than': String(slowLogThreshold.toMilliseconds() * 1000),
    ...parameters,
  };
}

const knownPolicy: Rule<string> = {
  allows: (policy) => ELASTICACHE.maxmemoryPolicies.some((known) => known === policy),
  allowed: `one of ${ELASTICACHE.maxmemoryPolicies.join(', ')}`,
  rule: 'Valkey knows no other policy.',
  fix: 'For a cache, use allkeys-lru or allkeys-lfu.',
};

const { min: LEAST_RESERVED, max: MOST_RESERVED } = ELASTICACHE.reservedMemoryPercent;

const reservedMemory: Rule<number> = {
  allows: (percent) => isWholeNumber(percent, ELASTICACHE.reservedMemoryPercent),
  allowed: `a whole number from ${LEAST_RESERVED} to ${MOST_RESERVED}`,
  rule: 'Reserved memory reduces the memory for data.',
  fix: 'Remove it for 25, the value that ElastiCache advises.',
};

function checkThreshold(at: HasPath, threshold: Duration): void {
  if (threshold.isUnresolved()) return;
  const milliseconds = threshold.toMilliseconds({ integral: false });
  if (Number.isInteger(milliseconds) && milliseconds >= 1) return;
  throw invalidValue(at, {
    property: 'slowLogThreshold',
    value: `${milliseconds} ms`,
    allowed: 'a whole number of milliseconds, at least 1',
    rule: 'At 0, the slow log would record every command, and its delivery is billed by size.',
    fix: 'Use Duration.millis(10), or lower it for a while only.',
  });
}

function checkNames(at: HasPath, parameters: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(parameters)) {
    const instead = OWN[name];
    if (instead !== undefined) {
      throw invalidValue(at, {
        property: `parameters.${name}`,
        value,
        allowed: 'left out',
        rule: `A parameter is set in one place only: ${instead}.`,
        fix: 'Remove it here.',
      });
    }
    if (Token.isUnresolved(name) || /^[a-z][a-z0-9-]*$/.test(name)) continue;
    throw invalidValue(at, {
      property: 'parameters',
      value: name,
      allowed: 'names of parameters',
      rule: 'Parameter names of Valkey are lower case, with hyphens.',
      fix: 'Write it like `active-defrag-cycle-max`.',
    });
  }
}
