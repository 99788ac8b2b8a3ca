/** Reads the origins and origin groups of a template. */

import type { IsochroneError } from '../../../model/errors';
import { listOf, objectOf, textOf } from '../../assembly';
import type { OriginGroupModel, OriginModel } from './distribution';
import { flagOf, type Json } from './values';

type Refuse = (what: string, fix: string) => IsochroneError;

const PROTOCOL_POLICIES: readonly string[] = [
  'http-only',
  'https-only',
  'match-viewer',
] satisfies OriginModel['protocolPolicy'][];

export function originsOf(config: Json, refuse: Refuse): Readonly<Record<string, OriginModel>> {
  const origins = listOf(config.Origins).map((origin) => originOf(objectOf(origin), refuse));
  if (origins.length === 0) throw refuse('it has no origins', 'Add an origin.');
  return byId(origins.map((origin) => [origin.id, origin]));
}

function originOf(origin: Json, refuse: Refuse): OriginModel {
  const id = textOf(origin.Id);
  const domainName = textOf(origin.DomainName);
  if (id === '' || domainName === '')
    throw refuse(`the origin ${JSON.stringify(id)} lacks an ID or a domain name`, 'Set both.');
  const shield = objectOf(origin.OriginShield);
  const protocolPolicy = textOf(objectOf(origin.CustomOriginConfig).OriginProtocolPolicy);
  return {
    id,
    domainName,
    kind:
      origin.VpcOriginConfig !== undefined
        ? 'vpc'
        : origin.CustomOriginConfig !== undefined
          ? 'custom'
          : 's3',
    path: textOf(origin.OriginPath),
    customHeaders: Object.fromEntries(
      listOf(origin.OriginCustomHeaders)
        .map(objectOf)
        .map((header) => [textOf(header.HeaderName).toLowerCase(), textOf(header.HeaderValue)]),
    ),
    // CloudFront uses the viewer's protocol for an S3 origin: "Using Amazon S3 origins".
    protocolPolicy: PROTOCOL_POLICIES.includes(protocolPolicy)
      ? (protocolPolicy as OriginModel['protocolPolicy'])
      : 'match-viewer',
    ...(flagOf(shield.Enabled) && { shieldRegion: textOf(shield.OriginShieldRegion) }),
  };
}

export function originGroupsOf(
  config: Json,
  refuse: Refuse,
): Readonly<Record<string, OriginGroupModel>> {
  const groups = listOf(config.OriginGroups).map((each): [string, OriginGroupModel] => {
    const group = objectOf(each);
    const id = textOf(group.Id);
    const [primary, fallback] = listOf(group.Members).map((member) =>
      textOf(objectOf(member).OriginId),
    );
    if (primary === undefined || fallback === undefined) {
      throw refuse(
        `the origin group ${id} has fewer than two members`,
        'Add a primary and a fallback.',
      );
    }
    const failoverStatusCodes = listOf(objectOf(group.FailoverCriteria).StatusCodes).map(Number);
    return [id, { id, memberIds: [primary, fallback], failoverStatusCodes }];
  });
  return byId(groups);
}

/** Without a prototype: an origin may be called `constructor`. */
function byId<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}
