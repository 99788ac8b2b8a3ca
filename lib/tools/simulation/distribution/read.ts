/**
 * Reads the distribution of a synthesized assembly, of this project or any other, into the model.
 */

import { IsochroneError } from '../../../model/errors';
import { visible } from '../../../model/visible';
import { type Assembly, listOf, objectOf, ownEntry, textOf } from '../../assembly';
import type {
  BehaviorModel,
  CachePolicyModel,
  DistributionModel,
  OriginRequestModel,
  ResponseHeadersModel,
} from './distribution';
import { functionsOf } from './functions';
import {
  MANAGED_CACHE_POLICIES,
  MANAGED_ORIGIN_REQUEST_POLICIES,
  MANAGED_RESPONSE_HEADERS_POLICIES,
} from './managed-policies';
import { originGroupsOf, originsOf } from './origins';
import { cachePolicyOf, olderSettingsOf, originRequestOf, responseHeadersOf } from './policies';
import { NOTHING } from './selection';
import { flagOf, type Json, type LocatedResource, referredTo, textsOf } from './values';

const TYPE = 'AWS::CloudFront::Distribution';
const VIEWER_PROTOCOL_POLICIES: readonly string[] = [
  'allow-all',
  'https-only',
  'redirect-to-https',
];

/** Settings that affect requests and that the model omits, with the sentence for `gaps`. */
const UNMODELED: Readonly<Record<string, string>> = {
  WebACLId: 'The rules of the web ACL are omitted: every request passes them.',
  Restrictions: 'Restrictions by country are omitted: every country is served.',
  TrustedKeyGroups: 'Signed URLs and cookies are not checked: every request is treated as signed.',
  TrustedSigners: 'Signed URLs and cookies are not checked: every request is treated as signed.',
  FieldLevelEncryptionId: 'Field-level encryption is omitted.',
  SmoothStreaming: 'Smooth Streaming is omitted.',
};

/**
 * Reads one distribution of an assembly.
 *
 * @param id `DistributionModel.id` or its last part, the logical ID; required if the assembly has
 * several distributions
 * @throws IsochroneError if the assembly has no such distribution, if several match, or if a
 * setting that decides routing or caching cannot be read. A part that only cannot run, such as a
 * function imported by its ARN, is reported in `gaps` instead.
 */
export function readDistribution(assembly: Assembly, id?: string): DistributionModel {
  const located = chosen(assembly, id);
  const config = objectOf(located.resource.Properties?.DistributionConfig);
  const gaps = new Set<string>(unmodeledSettings(config));
  const reader: Reader = { assembly, located, gap: (sentence) => gaps.add(sentence) };
  const refuse = (what: string, fix: string) => refusal(located, what, fix);

  refuseConditions(config, refuse);
  const origins = originsOf(config, refuse);
  const originGroups = originGroupsOf(config, refuse);
  const behaviors = [
    ...listOf(config.CacheBehaviors),
    { ...objectOf(config.DefaultCacheBehavior), PathPattern: '*' },
  ].map((behavior) => behaviorOf(reader, objectOf(behavior)));
  for (const { originId, pathPattern } of behaviors) {
    if (!ownEntry(origins, originId) && !ownEntry(originGroups, originId)) {
      throw refuse(
        `the behavior ${pathPattern} targets ${JSON.stringify(originId)}, which is not an origin`,
        'Choose one of its origins.',
      );
    }
  }
  const errors = listOf(config.CustomErrorResponses).map(objectOf);
  return {
    id: idOf(located),
    domainNames: textsOf(config.Aliases),
    behaviors,
    origins,
    originGroups,
    errorMinTtlSeconds: Object.fromEntries(
      errors
        .filter((each) => each.ErrorCachingMinTTL !== undefined)
        .map((each) => [Number(each.ErrorCode), Number(each.ErrorCachingMinTTL)]),
    ),
    errorPages: Object.fromEntries(
      errors
        .filter((each) => each.ResponsePagePath !== undefined)
        .map((each) => [
          Number(each.ErrorCode),
          {
            path: textOf(each.ResponsePagePath),
            status: Number(each.ResponseCode ?? each.ErrorCode),
          },
        ]),
    ),
    ...(textOf(config.DefaultRootObject) !== '' && {
      defaultRootObject: textOf(config.DefaultRootObject),
    }),
    gaps: [...gaps],
  };
}

interface Reader {
  readonly assembly: Assembly;
  readonly located: LocatedResource;
  readonly gap: (sentence: string) => void;
}

function chosen(assembly: Assembly, id: string | undefined): LocatedResource {
  const all = assembly.stacks.flatMap((stack) =>
    Object.entries(stack.template.Resources)
      .filter(([, { Type }]) => Type === TYPE)
      .map(([logicalId, resource]): LocatedResource => ({ stack, logicalId, resource })),
  );
  const ids = all.map((each) => visible(idOf(each))).join(', ');
  const [found, another] =
    id === undefined ? all : all.filter((each) => `/${idOf(each)}`.endsWith(`/${id}`));
  if (found !== undefined && another === undefined) return found;
  if (all.length === 0) {
    throw new IsochroneError(
      `${assembly.directory} has no CloudFront distribution.\n` +
        'Synthesize the stack that has it, or choose another assembly with `--assembly`.',
    );
  }
  throw new IsochroneError(
    id === undefined
      ? `${assembly.directory} has ${all.length} distributions: ${ids}.\n` +
          'Choose one with `--distribution`.'
      : `${JSON.stringify(id)} matches ${found === undefined ? 'no' : 'more than one'} ` +
          `distribution of ${assembly.directory}.\nChoose one of ${ids}.`,
  );
}

/**
 * Settings that decide which behavior matches a request, and what is cached under which key. A
 * setting that changes the response only can become a gap.
 */
const DECISIVE = [
  'Fn::If',
  'PathPattern',
  'TargetOriginId',
  'ViewerProtocolPolicy',
  'AllowedMethods',
  'CachedMethods',
  'CachePolicyId',
  'OriginRequestPolicyId',
  'ForwardedValues',
  'MinTTL',
  'DefaultTTL',
  'MaxTTL',
];

/**
 * Rejects settings that depend on a condition. The parameters of a deployment decide a condition,
 * so a model of one branch could be silently wrong.
 */
function refuseConditions(
  config: Json,
  refuse: (what: string, fix: string) => IsochroneError,
): void {
  const { CacheBehaviors: others, DefaultCacheBehavior: usual } = config;
  const isConditional = (value: unknown) => JSON.stringify(value ?? null).includes('"Fn::If"');
  const fix = 'Synthesize an assembly without the condition.';
  if ('Fn::If' in config || 'Fn::If' in objectOf(others))
    throw refuse('its configuration or its behaviors depend on a condition', fix);
  for (const behavior of [...listOf(others), usual].map(objectOf)) {
    const name = DECISIVE.find(
      (each) => each in behavior && (each === 'Fn::If' || isConditional(behavior[each])),
    );
    if (name !== undefined)
      throw refuse(
        `the behavior ${textOf(behavior.PathPattern) || '*'} depends on a condition (${name})`,
        fix,
      );
    const ttl = ['MinTTL', 'DefaultTTL', 'MaxTTL'].find((each) =>
      Number.isNaN(Number(behavior[each] ?? 0)),
    );
    if (ttl !== undefined)
      throw refuse(
        `the ${ttl} of the behavior ${textOf(behavior.PathPattern) || '*'} is not a number`,
        'Use a number of seconds.',
      );
  }
}

function behaviorOf(reader: Reader, behavior: Json): BehaviorModel {
  const { assembly, located } = reader;
  const pathPattern = textOf(behavior.PathPattern);
  const viewerProtocolPolicy = textOf(behavior.ViewerProtocolPolicy);
  if (!VIEWER_PROTOCOL_POLICIES.includes(viewerProtocolPolicy)) {
    throw refusal(
      located,
      `the behavior ${pathPattern} has the viewer protocol policy ` +
        JSON.stringify(viewerProtocolPolicy),
      `Use one of ${VIEWER_PROTOCOL_POLICIES.join(', ')}.`,
    );
  }
  for (const sentence of unmodeledSettings(behavior)) reader.gap(sentence);
  const methods = (value: unknown) => (listOf(value).length > 0 ? textsOf(value) : ['GET', 'HEAD']);
  const responseHeaders = responseHeadersPolicy(reader, behavior);
  return {
    pathPattern,
    allowedMethods: methods(behavior.AllowedMethods),
    cachedMethods: methods(behavior.CachedMethods),
    viewerProtocolPolicy: viewerProtocolPolicy as BehaviorModel['viewerProtocolPolicy'],
    compress: flagOf(behavior.Compress),
    originId: textOf(behavior.TargetOriginId),
    ...forwarding(reader, behavior),
    ...(responseHeaders && { responseHeaders }),
    functions: functionsOf(assembly, located.stack, behavior, reader.gap),
  };
}

function forwarding(
  reader: Reader,
  behavior: Json,
): { cachePolicy: CachePolicyModel; originRequest: OriginRequestModel } {
  if (behavior.CachePolicyId === undefined) {
    if (behavior.ForwardedValues !== undefined) return olderSettingsOf(behavior);
    throw refusal(
      reader.located,
      `the behavior ${textOf(behavior.PathPattern)} has neither a cache policy ` +
        'nor forwarded values',
      'Add a cache policy.',
    );
  }
  const cachePolicy = policy(reader, behavior.CachePolicyId, MANAGED_CACHE_POLICIES, cachePolicyOf);
  if (cachePolicy === undefined)
    throw unknownPolicy(reader, behavior, 'cache policy', behavior.CachePolicyId);
  if (behavior.OriginRequestPolicyId === undefined) {
    return { cachePolicy, originRequest: { headers: NOTHING, query: NOTHING, cookies: NOTHING } };
  }
  const originRequest = policy(
    reader,
    behavior.OriginRequestPolicyId,
    MANAGED_ORIGIN_REQUEST_POLICIES,
    originRequestOf,
  );
  if (originRequest === undefined)
    throw unknownPolicy(reader, behavior, 'origin request policy', behavior.OriginRequestPolicyId);
  return { cachePolicy, originRequest };
}

/** An unreadable response headers policy affects headers only, so it becomes a gap. */
function responseHeadersPolicy(
  reader: Reader,
  { ResponseHeadersPolicyId: id }: Json,
): ResponseHeadersModel | undefined {
  if (id === undefined) return undefined;
  const found = policy(reader, id, MANAGED_RESPONSE_HEADERS_POLICIES, responseHeadersOf);
  if (found === undefined)
    reader.gap(
      `The response headers policy ${textOf(id)} is not in the assembly, ` +
        'so its headers are omitted.',
    );
  return found;
}

/** Finds a policy by the ID that AWS manages, or by a reference in the template. */
function policy<T>(
  { assembly, located }: Reader,
  id: unknown,
  managed: Readonly<Record<string, T>>,
  read: (properties: Json) => T | undefined,
): T | undefined {
  if (typeof id === 'string') return Object.hasOwn(managed, id) ? managed[id] : undefined;
  const found = referredTo(assembly, located.stack, id);
  return found && read(found.resource.Properties ?? {});
}

function unknownPolicy(
  { located }: Reader,
  behavior: Json,
  kind: string,
  id: unknown,
): IsochroneError {
  return refusal(
    located,
    `the behavior ${textOf(behavior.PathPattern)} has the ${kind} ${textOf(id)}, which is ` +
      'incomplete, or neither in the assembly nor managed by AWS',
    'Caching depends on it. Define it in a stack of this assembly.',
  );
}

/** Empty lists and a geo restriction of type `none` restrict nothing. */
function unmodeledSettings(settings: Json): string[] {
  return Object.entries(UNMODELED).flatMap(([name, sentence]) => {
    const value = settings[name];
    const isIdle =
      value === undefined ||
      value === '' ||
      value === false ||
      (Array.isArray(value) && value.length === 0) ||
      textOf(objectOf(objectOf(value).GeoRestriction).RestrictionType) === 'none';
    return isIdle ? [] : [sentence];
  });
}

function idOf({ stack, logicalId }: LocatedResource): string {
  return `${stack.path}/${logicalId}`;
}

function refusal(located: LocatedResource, what: string, fix: string): IsochroneError {
  return new IsochroneError(
    `The distribution ${visible(idOf(located))} cannot be simulated: ${visible(what)}.\n${fix}`,
  );
}
