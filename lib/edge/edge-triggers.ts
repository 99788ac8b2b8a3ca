import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { invalidValue, type Placed } from '../errors';
import { cacheKeySettings, viewerKeySettings } from './cache-key-settings';
import { type EdgeBehavior, methodsOf } from './edge-behavior';
import { EdgeFunction } from './edge-function';
import type { EdgeOriginsProps } from './edge-origins';
import { regionalTtlSettings } from './regional-ttl-settings';
import { routeOriginSettings } from './route-origin-settings';
import { ViewerFunction } from './viewer-function';
import { originSelectionSettings, type VpcOriginSet } from './vpc-origins';

/** The edge functions of an EdgeDistribution. */
export interface EdgeTriggersProps {
  /**
   * The languages that the origin speaks, as BCP 47 tags, the default one first. Needed by tiers that vary by language.
   *
   * @default - none
   */
  readonly languages?: readonly string[];
  /**
   * How long a viewer who wrote reads from the write origin, on paths that split their methods: longer than replicas lag behind.
   * Whole seconds, 1 at least.
   *
   * @default Duration.seconds(10)
   */
  readonly recentWriter?: Duration;
  /**
   * The name of the edge function `normalize-cache-key`, or with `vpcOrigins` of `select-origin`: see EdgeFunctionProps.
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
   * The name of the edge function `route-origin`: see EdgeFunctionProps.
   *
   * @default - generated
   */
  readonly routeOriginFunctionName?: string;
}

/** The functions of one distribution, each where it is needed. */
export interface EdgeTriggers {
  readonly normalizer?: EdgeFunction;
  readonly regionalTtl?: EdgeFunction;
  readonly originRouter?: EdgeFunction;
  readonly originSelector?: ViewerFunction;
}

/** Replicas mostly lag behind for less than a second; this also outlasts a short burst of writes. */
const RECENT_WRITER = Duration.seconds(10);

/** Lambda@Edge, where origins are on the internet. */
export function lambdaTriggers(scope: Construct, all: readonly EdgeBehavior[], props: EdgeTriggersProps & EdgeOriginsProps): EdgeTriggers {
  const cached = all.some(({ tier }) => tier.cached);
  const split = all.filter(({ methods }) => methods === 'split');
  return {
    normalizer: cached
      ? new EdgeFunction(scope, 'NormalizeCacheKey', {
          handler: 'normalize-cache-key',
          description: 'Viewer request: normalises the query, the language and the image format of the cache key',
          settings: cacheKeySettings(all, props.languages ?? []),
          functionName: props.functionName,
        })
      : undefined,
    regionalTtl: cached
      ? new EdgeFunction(scope, 'RegionalTtl', {
          handler: 'regional-ttl',
          description: 'Origin response: sets the TTLs at the edge and in the browser by tier and part of the world',
          settings: regionalTtlSettings(all),
          functionName: props.regionalTtlFunctionName,
        })
      : undefined,
    originRouter:
      split.length > 0
        ? new EdgeFunction(scope, 'RouteOrigin', {
            handler: 'route-origin',
            description: 'Origin request: sends reads to the read origin, writes to the write origin',
            settings: routeOriginSettings(
              split,
              { read: props.readOriginName, write: props.writeOriginName ?? props.readOriginName, batch: props.batchOriginName },
              props.recentWriter ?? RECENT_WRITER,
            ),
            functionName: props.routeOriginFunctionName,
          })
        : undefined,
  };
}

/** CloudFront Functions, where origins are VPC origins. For `read` methods only: all others go to the primary region, and nothing of theirs is normalised. */
export function viewerTriggers(
  scope: Construct,
  all: readonly EdgeBehavior[],
  { regions, switches }: VpcOriginSet,
  props: EdgeTriggersProps & { readonly logEncryptionKey?: kms.IKey; readonly removalPolicy?: RemovalPolicy },
): EdgeTriggers {
  const reading = all.filter((behavior) => methodsOf(behavior) === 'read');
  if (reading.length === 0) return {};
  return {
    originSelector: new ViewerFunction(scope, 'SelectOrigin', {
      handler: 'select-origin',
      description: 'Viewer request: normalises the cache key, and selects the nearest region that serves',
      settings: { ...viewerKeySettings(reading, props.languages ?? []), ...originSelectionSettings(regions) },
      functionName: props.functionName,
      keyValueStore: switches,
      logEncryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy,
    }),
  };
}

/** What a behaviour calls: at most one function for each event, as CloudFront takes no more. */
export function triggersOf(
  behavior: EdgeBehavior,
  { normalizer, regionalTtl, originRouter, originSelector }: EdgeTriggers,
): Pick<cloudfront.BehaviorOptions, 'edgeLambdas' | 'functionAssociations'> {
  const { VIEWER_REQUEST, ORIGIN_REQUEST, ORIGIN_RESPONSE } = cloudfront.LambdaEdgeEventType;
  const { tier, methods } = behavior;
  const lambdas: [cloudfront.LambdaEdgeEventType, EdgeFunction | undefined][] =
    methods === 'split'
      ? [[ORIGIN_REQUEST, originRouter]]
      : tier.cached
        ? [
            [VIEWER_REQUEST, normalizer],
            [ORIGIN_RESPONSE, regionalTtl],
          ]
        : [];
  const edgeLambdas = lambdas.flatMap(([eventType, called]) => (called ? [{ eventType, functionVersion: called.version }] : []));
  const selects = originSelector !== undefined && methodsOf(behavior) === 'read';
  return {
    edgeLambdas: edgeLambdas.length > 0 ? edgeLambdas : undefined,
    functionAssociations: selects
      ? [{ eventType: cloudfront.FunctionEventType.VIEWER_REQUEST, function: originSelector.function }]
      : undefined,
  };
}

/** @throws IsochroneError if it is not a time that the cookie of a recent writer can say */
export function checkRecentWriter(at: Placed, recentWriter: Duration | undefined): void {
  if (recentWriter === undefined) return;
  const seconds = recentWriter.isUnresolved() ? undefined : recentWriter.toSeconds({ integral: false });
  if (seconds !== undefined && seconds >= 1 && Number.isInteger(seconds)) return;
  throw invalidValue(at, {
    property: 'recentWriter',
    value: recentWriter.toString(),
    allowed: 'whole seconds, 1 at least, and known at synthesis',
    rule: 'The cookie counts in whole seconds.',
    fix: 'Give more than your replicas lag behind, such as `Duration.seconds(10)`.',
  });
}
