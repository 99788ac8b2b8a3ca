/** Runs the edge functions of an assembly as they would be deployed. */
import type { EdgeEvent, EdgeFunctionModel, OriginModel } from './distribution';
import type { HttpAnswer, HttpRequest } from './messages';

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
  readonly answer?: HttpAnswer;
  /** For origin events. */
  readonly origin?: OriginModel;
  readonly place: CallPlace;
}

/** What became of a call: one of the first three. */
export interface FunctionOutcome {
  /** The request to go on with; for request events. */
  readonly request?: HttpRequest;
  /** The answer to go on with; for request events, one that the function generated. */
  readonly answer?: HttpAnswer;
  /** Why it failed; the viewer then gets `answer`, CloudFront's own 502 or 503. */
  readonly error?: string;
  /** The origin that it chose, for request events: another one of the distribution, or one of its own making. */
  readonly originId?: string;
  readonly origin?: OriginModel;
}

export interface EdgeFunctionRunner {
  /** Never rejects: what goes wrong inside the function is an outcome. */
  run(fn: EdgeFunctionModel, call: FunctionCall): Promise<FunctionOutcome>;
}

export interface RunnerOptions {
  /** What `cf.kvs().get` finds; empty by default. */
  readonly switches?: Readonly<Record<string, string>>;
  /** Is told each line that a function logs. */
  readonly log?: (functionName: string, line: string) => void;
}

export function edgeFunctionRunner(_options: RunnerOptions = {}): EdgeFunctionRunner {
  throw new Error('not yet');
}
