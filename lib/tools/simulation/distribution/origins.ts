/** Reads the origins and origin groups of a template. */
import type { IsochroneError } from '../../../model/errors';
import type { OriginGroupModel, OriginModel } from './distribution';
import { flag, type Json, list, object, text } from './values';

type Refuse = (what: string, fix: string) => IsochroneError;

const PROTOCOL_POLICIES: readonly string[] = [
  'http-only',
  'https-only',
  'match-viewer',
] satisfies OriginModel['protocolPolicy'][];

export function originsOf(config: Json, refuse: Refuse): Readonly<Record<string, OriginModel>> {
  const origins = list(config.Origins).map((origin) => originOf(object(origin), refuse));
  if (origins.length === 0) throw refuse('it has no origins', 'Add an origin.');
  return Object.fromEntries(origins.map((origin) => [origin.id, origin]));
}

function originOf(origin: Json, refuse: Refuse): OriginModel {
  const id = text(origin.Id);
  const domainName = text(origin.DomainName);
  if (id === '' || domainName === '')
    throw refuse(`the origin ${JSON.stringify(id)} lacks an ID or a domain name`, 'Set both.');
  const shield = object(origin.OriginShield);
  const protocolPolicy = text(object(origin.CustomOriginConfig).OriginProtocolPolicy);
  return {
    id,
    domainName,
    kind:
      origin.VpcOriginConfig !== undefined
        ? 'vpc'
        : origin.CustomOriginConfig !== undefined
          ? 'custom'
          : 's3',
    path: text(origin.OriginPath),
    customHeaders: Object.fromEntries(
      list(origin.OriginCustomHeaders)
        .map(object)
        .map((header) => [text(header.HeaderName).toLowerCase(), text(header.HeaderValue)]),
    ),
    // CloudFront uses the viewer's protocol for an S3 origin: "Using Amazon S3 origins".
    protocolPolicy: PROTOCOL_POLICIES.includes(protocolPolicy)
      ? (protocolPolicy as OriginModel['protocolPolicy'])
      : 'match-viewer',
    ...(flag(shield.Enabled) && { shieldRegion: text(shield.OriginShieldRegion) }),
  };
}

export function originGroupsOf(
  config: Json,
  refuse: Refuse,
): Readonly<Record<string, OriginGroupModel>> {
  const groups = list(config.OriginGroups).map((each): [string, OriginGroupModel] => {
    const group = object(each);
    const id = text(group.Id);
    const [primary, fallback] = list(group.Members).map((member) => text(object(member).OriginId));
    if (primary === undefined || fallback === undefined) {
      throw refuse(
        `the origin group ${id} has fewer than two members`,
        'Add a primary and a fallback.',
      );
    }
    const failoverStatusCodes = list(object(group.FailoverCriteria).StatusCodes).map(Number);
    return [id, { id, memberIds: [primary, fallback], failoverStatusCodes }];
  });
  return Object.fromEntries(groups);
}
