/** What the engine of caching takes and gives. Milliseconds for times, seconds for lifetimes. */
import type { BehaviorModel } from '../distribution';
import type { CacheResult, HttpRequest, HttpResponse, MissReason, ServedBy } from '../messages';

/** A viewer's request after the viewer-request function, with the caches that it passes. */
export interface KeyedRequest {
  /** The driver's; not used twice while a request waits. */
  readonly id: number;
  readonly behavior: BehaviorModel;
  readonly request: HttpRequest;
  readonly key: string;
  readonly urlKey: string;
  /** Such as `NRT`. */
  readonly pop: string;
  /** The region of the regional edge cache. */
  readonly regional: string;
  /** The region of Origin Shield. */
  readonly shield?: string;
}

export interface EngineOptions {
  /** Of each cache of a tier; `Infinity` for no limit. */
  readonly capacityBytes: {
    readonly pop: number;
    readonly regional: number;
    readonly shield: number;
  };
  readonly errorMinTtlSeconds: Readonly<Record<number, number>>;
}

/** What CloudFront asks an origin with when it holds an expired object. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** One request to the origin, to be answered by `answer`. */
export interface Fetch {
  readonly id: number;
  readonly keyed: KeyedRequest;
  readonly validators?: Validators;
  /** Nobody waits for it: what there was has been served. */
  readonly background: boolean;
}

/**
 * An answer to a viewer's request, before the viewer's own conditions, the response headers policy
 * and the viewer-response function.
 */
export interface ServedResponse {
  readonly requestId: number;
  readonly response: HttpResponse;
  readonly result: CacheResult;
  readonly servedBy: ServedBy;
  /** Where it was not the edge location. */
  readonly reason?: MissReason;
  readonly ageSeconds: number;
  /** It waited for a fetch of another request. */
  readonly collapsed: boolean;
  readonly stale: boolean;
}

/**
 * Both: something stale was served, and is refreshed. Neither: it waits for a fetch that is under
 * way.
 */
export interface RequestOutcome {
  readonly served?: ServedResponse;
  readonly fetch?: Fetch;
}

/**
 * Those who were waiting: answered, or, where the answer may not be shared, on their own way to the
 * origin.
 */
export interface FetchOutcome {
  readonly served: readonly ServedResponse[];
  readonly fetches: readonly Fetch[];
}

/** The tiers of caches, from the viewer to the origin. */
export type Tier = 'pop' | 'regional' | 'shield';

export interface TierStats {
  readonly objects: number;
  readonly bytes: number;
  readonly evictions: number;
}
