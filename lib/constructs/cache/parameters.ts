import { Duration, Token } from 'aws-cdk-lib';
import { ELASTICACHE } from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';
import { isInteger } from './checks';

/** What goes when memory is full: a value of Valkey's `maxmemory-policy`. */
export type MaxmemoryPolicy = (typeof ELASTICACHE.maxmemoryPolicies)[number];

/** Settings of the engine. */
export interface CacheParameterProps {
  /**
   * What goes when memory is full.
   *
   * @default 'allkeys-lru'
   */
  readonly maxmemoryPolicy?: MaxmemoryPolicy;
  /**
   * The share of memory that is kept from the data, for snapshots, failovers and the buffers of
   * clients, 0 to 99 percent; 25 is what "Managing reserved memory", Amazon ElastiCache user guide,
   * begins with.
   *
   * @default 25
   */
  readonly reservedMemoryPercent?: number;
  /**
   * Commands that take at least so long on the server stand in the slow log; a whole number of
   * milliseconds, 1 at least.
   *
   * @default Duration.millis(10)
   */
  readonly slowLogThreshold?: Duration;
  /**
   * Further parameters of the engine's family, by name. A name or value that the family does not
   * know fails at deployment.
   *
   * @default the engine's own values: from Valkey 8 on, memory is freed in the background, and
   * nothing publishes keyspace events
   */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Parameters that have a prop, or that the construct depends on. */
const OWN: Readonly<Record<string, string>> = {
  'cluster-enabled': 'the construct is made for cluster mode',
  'maxmemory-policy': 'it is `maxmemoryPolicy`',
  'reserved-memory-percent': 'it is `reservedMemoryPercent`',
  'slowlog-log-slower-than': 'it is `slowLogThreshold`',
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
export function engineParameters(at: Placed, props: CacheParameterProps): Record<string, string> {
  const maxmemoryPolicy = props.maxmemoryPolicy ?? 'allkeys-lru';
  const reservedMemoryPercent = props.reservedMemoryPercent ?? 25;
  const slowLogThreshold = props.slowLogThreshold ?? Duration.millis(10);
  const parameters = props.parameters ?? {};
  checkPolicy(at, maxmemoryPolicy);
  checkReserved(at, reservedMemoryPercent);
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

function checkPolicy(at: Placed, maxmemoryPolicy: string): void {
  if (ELASTICACHE.maxmemoryPolicies.some((known) => known === maxmemoryPolicy)) return;
  throw invalidValue(at, {
    property: 'maxmemoryPolicy',
    value: maxmemoryPolicy,
    allowed: `one of ${ELASTICACHE.maxmemoryPolicies.join(', ')}`,
    rule: 'Valkey knows no other policy.',
    fix: 'A cache wants allkeys-lru or allkeys-lfu.',
  });
}

function checkReserved(at: Placed, percent: number): void {
  const { min, max } = ELASTICACHE.reservedMemoryPercent;
  if (isInteger(percent, min, max)) return;
  throw invalidValue(at, {
    property: 'reservedMemoryPercent',
    value: percent,
    allowed: `a whole number from ${min} to ${max}`,
    rule: 'What is reserved is taken from the memory of the data.',
    fix: 'Leave it out for 25, what ElastiCache advises.',
  });
}

function checkThreshold(at: Placed, threshold: Duration): void {
  if (threshold.isUnresolved()) return;
  const milliseconds = threshold.toMilliseconds({ integral: false });
  if (Number.isInteger(milliseconds) && milliseconds >= 1) return;
  throw invalidValue(at, {
    property: 'slowLogThreshold',
    value: `${milliseconds} ms`,
    allowed: 'a whole number of milliseconds, 1 at least',
    rule: 'At 0 every command would stand in the slow log, which is delivered and paid by its size.',
    fix: 'Give Duration.millis(10), or lower it for a while only.',
  });
}

function checkNames(at: Placed, parameters: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(parameters)) {
    const instead = OWN[name];
    if (instead !== undefined) {
      throw invalidValue(at, {
        property: `parameters.${name}`,
        value,
        allowed: 'left out',
        rule: `A parameter has one place: ${instead}.`,
        fix: 'Remove it here.',
      });
    }
    if (Token.isUnresolved(name) || /^[a-z][a-z0-9-]*$/.test(name)) continue;
    throw invalidValue(at, {
      property: 'parameters',
      value: name,
      allowed: 'names of parameters',
      rule: 'Valkey spells them in lower case, with hyphens.',
      fix: 'Write it like `active-defrag-cycle-max`.',
    });
  }
}
