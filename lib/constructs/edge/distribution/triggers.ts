import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { type HasPath, invalidValue } from '../../../model/errors';
import {
  cacheKeySettings,
  EdgeFunction,
  originSelectionSettings,
  regionalTtlSettings,
  routeOriginSettings,
  ViewerFunction,
  viewerKeySettings,
} from '../functions';
import { CacheTier } from '../tiers';
import { type EdgeBehavior, methodsOf } from './behavior';
import type { EdgeOriginsProps } from './origins';
import type { VpcOriginSet } from './vpc-origins';

/** The edge functions of an EdgeDistribution. */
export interface EdgeTriggersProps {
  /**
   * Normalize cache keys at the edge. If turned off, the key has the query as the viewer sent it,
   * unless the tier's `query` is `none`: `deny` has no effect, and the order of parameters makes a
   * difference. No tier varies by language or image format: the two headers are not in the key, so
   * the origin gets neither of them, and sends its default.
   *
   * @default true
   */
  readonly normalizeCacheKeys?: boolean;
  /**
   * Apply `continents`, `browserTtl`, `staleWhileRevalidate`, `staleIfError`, `errorTtl` and
   * `setCookie` of the tiers to cached responses. If turned off, these options have no effect, and
   * the origin's `Cache-Control` alone applies, within `minTtl` and `maxTtl`. Every cached response
   * then loses its cookies, as with `setCookie: 'strip'`, and is shared without them.
   *
   * Neither switch removes its function from the stack. A function of the same name cannot be
   * created again as long as CloudFront keeps the replicas of the old one, so turning the switch on
   * again would fail.
   *
   * @default true
   */
  readonly tierTtls?: boolean;
  /**
   * The languages of the origin as BCP 47 tags, the default one first. Required if a tier varies by
   * language.
   *
   * @default - no languages
   */
  readonly languages?: readonly string[];
  /**
   * How long a viewer who wrote reads from the write origin, on paths that split their methods.
   * Choose more than the replication lag. Whole seconds, 1 at least.
   *
   * @default Duration.seconds(10)
   */
  readonly recentWriter?: Duration;
  /**
   * The name of the edge function `normalize-cache-key`, or with `vpcOrigins` of `select-origin`:
   * see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly functionName?: string;
  /**
   * The name of the edge function `regional-ttl`: see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly regionalTtlFunctionName?: string;
  /**
   * The name of the edge function `route-origin`, or with `vpcOrigins` of `mark-writer`: see
   * EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly routeOriginFunctionName?: string;
}

/** The edge functions of one distribution; undefined for those that no behavior needs. */
export interface EdgeTriggers {
  readonly normalizer?: EdgeFunction;
  readonly regionalTtl?: EdgeFunction;
  readonly originRouter?: EdgeFunction;
  readonly originSelector?: ViewerFunction;
  readonly writerMarker?: ViewerFunction;
}

/** Replicas mostly lag by less than a second; this also covers a short burst of writes. */
const RECENT_WRITER = Duration.seconds(10);

/** The Lambda@Edge functions, for origins on the internet. */
export function lambdaTriggers(
  scope: Construct,
  all: readonly EdgeBehavior[],
  props: EdgeTriggersProps & EdgeOriginsProps,
): EdgeTriggers {
  const cached = all.some(({ tier }) => tier.cached);
  const split = all.filter(({ methods }) => methods === 'split');
  return {
    normalizer: cached
      ? new EdgeFunction(scope, 'NormalizeCacheKey', {
          handler: 'normalize-cache-key',
          description:
            'Viewer request: normalises the query, the language and the image format of the ' +
            'cache key',
          settings: cacheKeySettings(all, props.languages ?? []),
          functionName: props.functionName,
        })
      : undefined,
    regionalTtl: cached
      ? new EdgeFunction(scope, 'RegionalTtl', {
          handler: 'regional-ttl',
          description:
            'Origin response: sets the TTLs at the edge and in the browser by tier and part of ' +
            'the world',
          settings: regionalTtlSettings(all),
          functionName: props.regionalTtlFunctionName,
        })
      : undefined,
    originRouter:
      split.length > 0
        ? new EdgeFunction(scope, 'RouteOrigin', {
            handler: 'route-origin',
            description:
              'Origin request and response: sends reads to the read origin, writes to the ' +
              'write origin, and marks who wrote',
            settings: routeOriginSettings(
              split,
              {
                read: props.readOriginName,
                write: props.writeOriginName ?? props.readOriginName,
                batch: props.batchOriginName,
              },
              props.recentWriter ?? RECENT_WRITER,
            ),
            functionName: props.routeOriginFunctionName,
          })
        : undefined,
  };
}

/**
 * The CloudFront Functions, for VPC origins. Behaviors of `all` methods, or with an origin of their
 * own, need no function.
 */
export function viewerTriggers(
  scope: Construct,
  all: readonly EdgeBehavior[],
  { regions, switches }: VpcOriginSet,
  props: EdgeTriggersProps & {
    readonly logEncryptionKey?: kms.IKey;
    readonly removalPolicy?: RemovalPolicy;
  },
): EdgeTriggers {
  const {
    languages = [],
    normalizeCacheKeys = true,
    recentWriter = RECENT_WRITER,
    logEncryptionKey,
    removalPolicy,
  } = props;
  const selecting = all.filter(selectsOrigin);
  const splits = all.some(({ methods }) => methods === 'split');
  const keys = normalizeCacheKeys ? viewerKeySettings(selecting, languages) : { paths: [] };
  return {
    originSelector:
      selecting.length > 0
        ? new ViewerFunction(scope, 'SelectOrigin', {
            handler: 'select-origin',
            description:
              'Viewer request: normalises the cache key, and selects the nearest region that ' +
              'serves',
            settings: {
              ...keys,
              ...originSelectionSettings(regions, splits ? recentWriter : undefined),
            },
            functionName: props.functionName,
            keyValueStore: switches,
            logEncryptionKey,
            removalPolicy,
          })
        : undefined,
    writerMarker: splits
      ? new ViewerFunction(scope, 'MarkWriter', {
          handler: 'mark-writer',
          description:
            'Viewer response: marks who wrote, so that the primary region answers his reads',
          settings: { recentWriterSeconds: recentWriter.toSeconds() },
          functionName: props.routeOriginFunctionName,
          logEncryptionKey,
          removalPolicy,
        })
      : undefined,
  };
}

function selectsOrigin(behavior: EdgeBehavior): boolean {
  return behavior.origin === undefined && methodsOf(behavior) !== 'all';
}

/** The functions that a behavior calls: at most one for each event, which is CloudFront's limit. */
export function triggersOf(
  behavior: EdgeBehavior,
  { normalizer, regionalTtl, originRouter, originSelector, writerMarker }: EdgeTriggers,
  { normalizeCacheKeys = true, tierTtls = true }: EdgeTriggersProps,
): Pick<cloudfront.BehaviorOptions, 'edgeLambdas' | 'functionAssociations'> {
  const splits = behavior.methods === 'split';
  const { cached } = behavior.tier;
  const { LambdaEdgeEventType: lambda, FunctionEventType: viewer } = cloudfront;
  const lambdas = associations([
    [lambda.VIEWER_REQUEST, cached && normalizeCacheKeys, normalizer],
    [lambda.ORIGIN_REQUEST, splits, originRouter],
    [lambda.ORIGIN_RESPONSE, splits, originRouter],
    [lambda.ORIGIN_RESPONSE, cached && tierTtls, regionalTtl],
  ]);
  const functions = associations([
    [viewer.VIEWER_REQUEST, selectsOrigin(behavior), originSelector],
    [viewer.VIEWER_RESPONSE, splits, writerMarker],
  ]);
  return {
    edgeLambdas: lambdas?.map(([eventType, { version }]) => ({
      eventType,
      functionVersion: version,
    })),
    functionAssociations: functions?.map(([eventType, { function: code }]) => ({
      eventType,
      function: code,
    })),
  };
}

/** The rows whose function is needed and exists; undefined if there are none. */
function associations<Event, Code>(
  table: readonly (readonly [event: Event, needed: boolean, code: Code | undefined])[],
): [Event, Code][] | undefined {
  const rows = table.flatMap(([event, needed, code]): [Event, Code][] =>
    needed && code !== undefined ? [[event, code]] : [],
  );
  return rows.length > 0 ? rows : undefined;
}

/** The tier as it is without the functions that are turned off. */
export function tierInEffect(
  tier: CacheTier,
  { normalizeCacheKeys = true, tierTtls = true }: EdgeTriggersProps,
): CacheTier {
  if (!tier.cached || (normalizeCacheKeys && tierTtls)) return tier;
  return CacheTier.of({
    name: tier.name,
    minTtl: tier.minTtl,
    defaultTtl: tier.defaultTtl,
    maxTtl: tierTtls ? tier.longestTtl : tier.maxTtl,
    query: tier.query,
    varyByLanguage: normalizeCacheKeys && tier.varyByLanguage,
    varyByImageFormat: normalizeCacheKeys && tier.varyByImageFormat,
    cors: tier.cors,
    compress: tier.compress,
  });
}

/** @throws IsochroneError if the cookie of recent writers cannot express the duration */
export function checkRecentWriter(at: HasPath, recentWriter: Duration | undefined): void {
  if (recentWriter === undefined) return;
  const seconds = recentWriter.isUnresolved()
    ? undefined
    : recentWriter.toSeconds({ integral: false });
  if (seconds !== undefined && seconds >= 1 && Number.isInteger(seconds)) return;
  throw invalidValue(at, {
    property: 'recentWriter',
    value: recentWriter.toString(),
    allowed: 'whole seconds, 1 at least, and known at synthesis',
    rule: 'The `Max-Age` of the cookie has no fractions.',
    fix: 'Give more than your replication lag, such as `Duration.seconds(10)`.',
  });
}
