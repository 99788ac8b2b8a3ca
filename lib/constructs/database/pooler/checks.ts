import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import {
  entriesOfBusiestHost,
  type PgbouncerFigures,
  POOLERS_IN_EXCHANGE,
} from '../../../tools/postgres';
import type { ConnectionPoolerProps } from './props';

/** As many as a deployment file may ask for. */
const INSTANCES = { min: 1, max: 20 };

const PORTS = { min: 1, max: 65_535 };

export interface PoolerPlan {
  readonly instances: number;
  readonly zones: readonly string[];
  readonly figures: PgbouncerFigures;
  /** The server connections that one pooler may open at most. */
  readonly share: number;
}

/** Checks the props, and gives the figures with the pooler's share of the budget. */
export function checkPooler(
  scope: Construct,
  props: ConnectionPoolerProps,
  plan: PoolerPlan,
): PgbouncerFigures {
  const { instances, zones, figures, share } = plan;
  if (!Number.isInteger(instances) || instances < INSTANCES.min || instances > INSTANCES.max) {
    throw invalidValue(scope, {
      property: 'instances',
      value: instances,
      allowed: `${INSTANCES.min} to ${INSTANCES.max}`,
      rule: 'Each pooler takes its share of the connections of an instance, so more of them pool less.',
      fix: 'Use one per zone.',
    });
  }
  if (!zones.some((zone) => Token.isUnresolved(zone)) && new Set(zones).size < 2) {
    throw invalidValue(scope, {
      property: 'vpcSubnets',
      value: zones,
      allowed: 'in two availability zones at least',
      rule: 'With one zone, every connection of the region is lost together with it.',
      fix: 'Select subnets of further zones.',
    });
  }
  if (
    props.port !== undefined &&
    !Token.isUnresolved(props.port) &&
    !(props.port >= PORTS.min && props.port <= PORTS.max)
  ) {
    throw invalidValue(scope, {
      property: 'port',
      value: props.port,
      allowed: `${PORTS.min} to ${PORTS.max}`,
      rule: 'TCP has no other ports.',
      fix: 'Leave it out for 5432.',
    });
  }
  if (Object.keys(props.databases).length === 0) {
    throw invalidValue(scope, {
      property: 'databases',
      value: props.databases,
      allowed: 'one entry at least',
      rule: 'PgBouncer refuses clients of a database that it does not know.',
      fix: 'Name the database, and the host of its instance or reader endpoint.',
    });
  }
  const onePool = figures.defaultPoolSize + figures.reservePoolSize;
  const entries = entriesOfBusiestHost(props.databases);
  if (!(share >= onePool)) {
    throw invalidValue(scope, {
      property: 'connectionBudget',
      value: props.connectionBudget,
      allowed: `at least ${onePool * entries * (instances + POOLERS_IN_EXCHANGE)} for ${instances} poolers`,
      rule:
        `Divided by ${instances} poolers, a new one and one that drains${entries > 1 ? `, and by ${entries} databases of one host` : ''}, it leaves each ${share} ` +
        `server connections, less than one pool with its reserve: ${figures.defaultPoolSize} + ${figures.reservePoolSize}.`,
      fix: 'Lower `instances`, `figures.defaultPoolSize` or `figures.reservePoolSize`, or raise max_connections with the instance class.',
    });
  }
  return { ...figures, maxDatabaseConnections: Math.min(figures.maxDatabaseConnections, share) };
}
