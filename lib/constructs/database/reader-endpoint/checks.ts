/** The checks of a reader endpoint. */
import { type Duration, Token } from 'aws-cdk-lib';
import type * as route53 from 'aws-cdk-lib/aws-route53';
import type { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import { PERIOD } from './function';
import type { IReaderInstances } from './instances';

const TTL_SECONDS = { min: 1, max: 60 };

export function checkName(
  scope: Construct,
  name: string,
  zone: route53.IHostedZone | undefined,
): void {
  const isName =
    name.length <= 253 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z0-9-]+$/.test(name);
  if (!isName) {
    throw invalidValue(scope, {
      property: 'name',
      value: name,
      allowed: 'a name of three or more labels in lower case, without a dot at the end',
      rule: 'Its zone begins after the first dot, and DNS allows no CNAME record at the head of a zone.',
      fix: 'Choose a name such as readers.market.internal.',
    });
  }
  if (zone === undefined || Token.isUnresolved(zone.zoneName) || name.endsWith(`.${zone.zoneName}`))
    return;
  throw invalidValue(scope, {
    property: 'name',
    value: name,
    allowed: `a name below ${zone.zoneName}`,
    rule: 'Route 53 keeps a record only in the zone of its name.',
    fix: 'Correct the name, or give the zone that holds it.',
  });
}

export function checkReplicas(
  scope: Construct,
  { instanceIdentifiers, endpoints }: IReaderInstances,
): void {
  if (instanceIdentifiers.length > 0 && instanceIdentifiers.length === endpoints.length) return;
  throw invalidValue(scope, {
    property: 'replicas',
    value: instanceIdentifiers,
    allowed: 'at least one instance, each with its endpoint',
    rule: 'A name with nothing behind it does not resolve.',
    fix: 'Give a PostgresReplicas, or leave the construct out.',
  });
}

export function checkTtl(scope: Construct, ttl: Duration): void {
  const { min, max } = TTL_SECONDS;
  if (
    !ttl.isUnresolved() &&
    (ttl.toMilliseconds() < min * 1000 || ttl.toMilliseconds() > max * 1000)
  ) {
    throw invalidValue(scope, {
      property: 'ttl',
      value: ttl.toMilliseconds() / 1000,
      allowed: `${min} to ${max} seconds`,
      rule: 'Clients go on connecting to a dropped replica for as long as they keep the answer.',
      fix: 'Leave it out for 5 seconds.',
    });
  }
}

export function checkThresholds(scope: Construct, dropLag: Duration, restoreLag: Duration): void {
  if (
    !dropLag.isUnresolved() &&
    !restoreLag.isUnresolved() &&
    restoreLag.toMilliseconds() >= dropLag.toMilliseconds()
  ) {
    throw invalidValue(scope, {
      property: 'restoreLag',
      value: restoreLag.toSeconds(),
      allowed: `below \`dropLag\`, ${dropLag.toSeconds()} seconds`,
      rule: 'Between the two a replica keeps its place; without a gap, one near the threshold would come and go.',
      fix: 'Lower it, or raise `dropLag`.',
    });
  }
}

export function checkReplayDelays(
  scope: Construct,
  dropLag: Duration,
  { instanceIdentifiers, replayDelays = [] }: IReaderInstances,
): void {
  for (const [index, delay] of replayDelays.entries()) {
    if (delay === undefined || delay.isUnresolved() || dropLag.isUnresolved()) continue;
    if (delay.toMilliseconds() < dropLag.toMilliseconds()) continue;
    throw invalidValue(scope, {
      property: 'dropLag',
      value: dropLag.toMilliseconds() / 1000,
      allowed: `above ${delay.toMilliseconds() / 1000} seconds, the max_standby_streaming_delay of ${instanceIdentifiers[index]}`,
      rule: 'Replay waits that long for a slow query, so each of them would drop its replica.',
      fix: 'Raise `dropLag`, or leave replicas for reports out of `replicas`.',
    });
  }
}

export function checkMinutes(scope: Construct, minutes: Readonly<Record<string, Duration>>): void {
  for (const [property, duration] of Object.entries(minutes)) {
    if (duration.isUnresolved() || duration.toMilliseconds() >= PERIOD.toMilliseconds()) continue;
    throw invalidValue(scope, {
      property,
      value: duration.toMilliseconds() / 1000,
      allowed: '60 seconds or more',
      rule: 'RDS reports, and the function looks, once a minute.',
      fix: 'Leave it out for 5 minutes.',
    });
  }
}
