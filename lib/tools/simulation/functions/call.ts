import type { EdgeEvent, OriginModel } from '../distribution';
import type { HttpRequest, HttpResponse } from '../messages';

/** What a call needs to know of where it happens. */
export interface CallPlace {
  /** `AWS_REGION` of Lambda@Edge, and `cf.edgeLocation.region` of a CloudFront Function. */
  readonly region: string;
  /** Such as `NRT`. */
  readonly pop: string;
  readonly distributionDomainName?: string;
}

export interface FunctionCall {
  readonly event: EdgeEvent;
  readonly request: HttpRequest;
  /** For response events. */
  readonly response?: HttpResponse;
  /** For origin events. */
  readonly origin?: OriginModel;
  readonly place: CallPlace;
}

export interface FunctionOutcome {
  /** The request to go on with; for request events. */
  readonly request?: HttpRequest;
  /** The answer to go on with; for request events, one that the function generated. */
  readonly response?: HttpResponse;
  /** Why it failed; the viewer then gets `answer`, CloudFront's own 502 or 503. */
  readonly error?: string;
  /**
   * The origin that it chose, for request events: another one of the distribution, or one of its
   * own making.
   */
  readonly originId?: string;
  readonly origin?: OriginModel;
}
