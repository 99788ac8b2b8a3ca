/** The checks of a reader endpoint. */
import type { Duration } from 'aws-cdk-lib';
import type * as route53 from 'aws-cdk-lib/aws-route53';
import type { Construct } from 'constructs';
import { type Rule, regionRules } from '../../../model/rules';
import { checkDuration, checkKnown, checkRule } from '../../house-rules';
import type { IReaderInstances } from '../interfaces';
import { PERIOD } from './function';

const ENDPOINT_NAME: Rule<string> = {
  allows: (name) =>
    name.length <= 253 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z0-9-]+$/.test(name),
  allowed: 'a name of three or more labels in lower case, without a dot at the end',
  rule: 'The zone begins after the first dot, and DNS allows no CNAME record at its head.',
  fix: 'Choose a name such as readers.market.internal.',
};

/** A name below the zone; at its head, DNS allows no CNAME record. */
const NAME_IN_ZONE: typeof regionRules.NAME_IN_ZONE = {
  ...regionRules.NAME_IN_ZONE,
  allows: (name, { zoneName }) => name.endsWith(`.${zoneName}`),
  allowed: (_, { zoneName }) => `a name below ${zoneName}`,
  fix: 'Correct the name, or give the zone that holds it.',
};

export function checkName(
  scope: Construct,
  name: string,
  zone: route53.IHostedZone | undefined,
): void {
  checkKnown(scope, 'name', ENDPOINT_NAME, name, undefined);
  if (zone !== undefined) checkRule(scope, 'name', NAME_IN_ZONE, name, { zoneName: zone.zoneName });
}

/** The identifiers of the replicas, given how many endpoints there are. */
const ENDPOINT_REPLICAS: Rule<readonly string[], { readonly endpoints: number }> = {
  allows: (identifiers, { endpoints }) =>
    identifiers.length > 0 && identifiers.length === endpoints,
  allowed: 'at least one instance, each with its endpoint',
  rule: 'A name without a record does not resolve.',
  fix: 'Give a PostgresReplicas, or leave the construct out.',
};

export function checkReplicas(
  scope: Construct,
  { instanceIdentifiers, endpoints }: IReaderInstances,
): void {
  checkRule(scope, 'replicas', ENDPOINT_REPLICAS, instanceIdentifiers, {
    endpoints: endpoints.length,
  });
}

const TTL_SECONDS = { min: 1, max: 60 };

const ENDPOINT_TTL: Rule<number> = {
  allows: (seconds) => seconds >= TTL_SECONDS.min && seconds <= TTL_SECONDS.max,
  allowed: `${TTL_SECONDS.min} to ${TTL_SECONDS.max} seconds`,
  rule: 'Clients still connect to a dropped replica for as long as they cache the answer.',
  fix: 'Leave it out for 5 seconds.',
};

/** Seconds of the lag at which a replica returns, given those at which it leaves. */
const RESTORE_LAG: Rule<number, { readonly dropLagSeconds: number }> = {
  allows: (restoreLag, { dropLagSeconds }) => restoreLag < dropLagSeconds,
  allowed: (_, { dropLagSeconds }) => `below \`dropLag\`, ${dropLagSeconds} seconds`,
  rule:
    'A replica between the two keeps its state. Without a gap, a replica near the threshold ' +
    'would come and go.',
  fix: 'Lower it, or raise `dropLag`.',
};

/** Seconds of the lag at which a replica leaves, given how long its replay waits for a query. */
const DROP_LAG: Rule<number, { readonly delaySeconds: number; readonly identifier: string }> = {
  allows: (dropLag, { delaySeconds }) => delaySeconds < dropLag,
  allowed: (_, { delaySeconds, identifier }) =>
    `above ${delaySeconds} seconds, the max_standby_streaming_delay of ${identifier}`,
  rule: 'Replay waits that long for a slow query, so each slow query would drop its replica.',
  fix: 'Raise `dropLag`, or leave replicas for reports out of `replicas`.',
};

const AT_LEAST_A_PERIOD: Rule<number> = {
  allows: (seconds) => seconds >= PERIOD.toSeconds(),
  allowed: `${PERIOD.toSeconds()} seconds or more`,
  rule: 'RDS reports once a minute, and the function runs as often.',
  fix: 'Leave it out for 5 minutes.',
};

/** The times of a reader endpoint, as `ReaderEndpointProps` documents them. */
export interface ReaderEndpointTimes {
  readonly ttl: Duration;
  readonly dropLag: Duration;
  readonly restoreLag: Duration;
  readonly hold: Duration;
  readonly unknownFor: Duration;
}

export function checkTimes(
  scope: Construct,
  { ttl, dropLag, restoreLag, hold, unknownFor }: ReaderEndpointTimes,
  { instanceIdentifiers, replayDelays = [] }: IReaderInstances,
): void {
  checkDuration(scope, 'ttl', ENDPOINT_TTL, ttl, 'seconds');
  if (!dropLag.isUnresolved()) {
    const dropLagSeconds = secondsOf(dropLag);
    checkDuration(scope, 'restoreLag', RESTORE_LAG, restoreLag, 'seconds', { dropLagSeconds });
    for (const [index, delay] of replayDelays.entries()) {
      if (delay === undefined || delay.isUnresolved()) continue;
      checkRule(scope, 'dropLag', DROP_LAG, dropLagSeconds, {
        delaySeconds: secondsOf(delay),
        identifier: String(instanceIdentifiers[index]),
      });
    }
  }
  checkDuration(scope, 'hold', AT_LEAST_A_PERIOD, hold, 'seconds');
  checkDuration(scope, 'unknownFor', AT_LEAST_A_PERIOD, unknownFor, 'seconds');
}

function secondsOf(duration: Duration): number {
  return duration.toSeconds({ integral: false });
}
