/** Inputs and outputs of the engine. Points in time are in milliseconds, lifetimes in seconds. */
import type { BehaviorModel } from '../distribution';
import type { CacheResult, HttpRequest, HttpResponse, MissReason, ServedBy } from '../messages';

/**
 * A viewer's request after the viewer-request function, with its cache key and the caches on its
 * path.
 */
export interface KeyedRequest {
  /** Chosen by the caller; unique among waiting requests. */
  readonly id: number;
  readonly behavior: BehaviorModel;
  readonly request: HttpRequest;
  readonly key: string;
  readonly urlKey: string;
  /** The code of the edge location, such as `NRT`. */
  readonly pop: string;
  /** The region of the regional edge cache. */
  readonly regional: string;
  /**
   * The region of Origin Shield.
   *
   * @default - no Origin Shield
   */
  readonly shield?: string;
}

export interface EngineOptions {
  /** Capacity of each cache of a tier; `Infinity` for no limit. */
  readonly capacityBytes: {
    readonly pop: number;
    readonly regional: number;
    readonly shield: number;
  };
  readonly errorMinTtlSeconds: Readonly<Record<number, number>>;
}

/** Validators of an expired object, for a conditional request to the origin. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** A request to the origin, which `CacheEngine.receive` completes. */
export interface Fetch {
  readonly id: number;
  readonly keyed: KeyedRequest;
  readonly validators?: Validators;
  /** Whether no request waits for the response, because a stale object was served. */
  readonly background: boolean;
}

/**
 * The response to a viewer's request, before the viewer's conditions, the response headers policy
 * and the viewer-response function.
 */
export interface ServedResponse {
  readonly requestId: number;
  readonly response: HttpResponse;
  readonly result: CacheResult;
  readonly servedBy: ServedBy;
  /**
   * Why the edge location's cache did not serve the request.
   *
   * @default - it did
   */
  readonly reason?: MissReason;
  readonly ageSeconds: number;
  /** Whether the request waited for the fetch of another one. */
  readonly collapsed: boolean;
  readonly stale: boolean;
}

/**
 * The immediate outcome of a request. With both, a stale response was served and is being
 * refreshed. With neither, the request waits for a fetch in progress.
 */
export interface RequestOutcome {
  readonly served?: ServedResponse;
  readonly fetch?: Fetch;
}

/**
 * The outcome of a completed fetch: the responses to waiting requests, and new fetches for requests
 * that may not share the response.
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
