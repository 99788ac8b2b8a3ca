/** The path of one request through CloudFront, but for the caches: what comes before them, behind them and after them. */
import type { BehaviorModel, DistributionModel, OriginModel } from './distribution';
import type { EdgeFunctionRunner } from './edge-functions';
import type { KeyedRequest, Served, Validators } from './engine';
import type { CacheResult, HttpAnswer, HttpRequest } from './messages';

/** Where a viewer comes in. */
export interface ViewerPlace {
  readonly pop: string;
  /** The region of the regional edge cache. */
  readonly regional: string;
}

/** A request with what is known of it before any cache is asked. */
export interface Prepared {
  readonly behavior: BehaviorModel;
  /** As the viewer sent it. */
  readonly viewer: HttpRequest;
  readonly place: ViewerPlace;
  /** Of an origin or an origin group: the behaviour's, or what a CloudFront Function selected. */
  readonly originId: string;
  /** For the engine, which wants an `id` beside it. Undefined if `immediate` is there. */
  readonly keyed?: Omit<KeyedRequest, 'id'>;
  /** An answer without any cache: a redirect, a refusal, or one that a function generated. Ready for the viewer. */
  readonly immediate?: { readonly answer: HttpAnswer; readonly result: CacheResult };
  /** What failed, one sentence for each function. */
  readonly functionErrors: readonly string[];
}

/** What goes to an origin, or what a function answers in its place. */
export interface OriginStep {
  readonly origin: OriginModel;
  /** `host` and `path` as the origin sees them, custom headers included. */
  readonly request: HttpRequest;
  /** Of a function: goes to `CacheEngine.answer` without asking the origin, and without the origin-response function. */
  readonly answer?: HttpAnswer;
  readonly functionErrors: readonly string[];
}

export interface AnswerStep {
  readonly answer: HttpAnswer;
  readonly functionErrors: readonly string[];
  /** Where it is not what the engine said: a function failed, or the viewer's conditions held. */
  readonly result?: CacheResult;
}

/** Who is to be asked next: 0 the origin or the group's primary, 1 the group's fallback. */
export type Attempt = 0 | 1;

export interface RequestPath {
  /** Behaviour, protocol, methods, viewer-request function, key. */
  prepare(request: HttpRequest, place: ViewerPlace, protocol: 'http' | 'https'): Promise<Prepared>;
  /** Origin request policy, custom headers, origin-request function. `attempt` 1 after `failsOver` said so. */
  toOrigin(prepared: Prepared, validators?: Validators, attempt?: Attempt): Promise<OriginStep>;
  /** Whether the origin group's fallback is to be asked after this answer. */
  failsOver(prepared: Prepared, answer: HttpAnswer | 'unreachable'): boolean;
  /** The origin-response function. */
  fromOrigin(prepared: Prepared, step: OriginStep, answer: HttpAnswer): Promise<AnswerStep>;
  /** The viewer's own conditions, range and method; response headers policy; viewer-response function. */
  toViewer(prepared: Prepared, served: Served): Promise<AnswerStep>;
}

export function requestPath(_distribution: DistributionModel, _functions: EdgeFunctionRunner): RequestPath {
  throw new Error('not yet');
}
