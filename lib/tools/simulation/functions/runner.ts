/**
 * Runs the edge functions of an assembly: the deployed code, with events and limits of the
 * platform.
 *
 * This is not a security boundary: the functions run in this process (`node:vm`), and can escape
 * into it. `../confined` makes it a process that can do little.
 */
import { format } from 'node:util';
import { Script } from 'node:vm';
import { TIMED_OUT, withTimeLimit } from '../../../model/time-limit';
import type { EdgeEvent, EdgeFunctionModel } from '../distribution';
import type { HttpResponse } from '../messages';
import type { FunctionCall, FunctionOutcome } from './call';
import * as viewerFunctions from './cloudfront-function-events';
import { loadViewerFunction } from './cloudfront-function-runtime';
import * as lambda from './lambda-edge-events';
import { type LoadedLambda, loadLambda } from './lambda-edge-runtime';
import { lambdaOutcome, viewerFunctionOutcome } from './outcomes';

/**
 * "Quotas on Lambda@Edge": the maximum duration, and the maximum size of a generated response with
 * its headers.
 */
const LIMITS = {
  viewer: { seconds: 5, responseBytes: 40 * 1024 },
  origin: { seconds: 30, responseBytes: 1024 * 1024 },
} as const;

/**
 * CloudFront Functions are limited to about a millisecond of CPU time. This limit is wall-clock
 * time, so it is long enough to stop only functions that never end.
 */
const VIEWER_FUNCTION_SECONDS = 1;

export interface EdgeFunctionRunner {
  /** Runs a function. It never rejects: an error of the function is part of the outcome. */
  run(fn: EdgeFunctionModel, call: FunctionCall): Promise<FunctionOutcome>;
}

export interface RunnerOptions {
  /**
   * The key value store, which `cf.kvs().get` reads.
   *
   * @default - empty
   */
  readonly switches?: Readonly<Record<string, string>>;
  /**
   * Receives each line that a function logs.
   *
   * @default - lines are dropped
   */
  readonly log?: (functionName: string, line: string) => void;
  /**
   * The clock that functions see, in milliseconds.
   *
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * Whether the time limit also interrupts a function that blocks the process, such as an infinite
   * loop. It costs 80 microseconds a call. Without it, such a function blocks the process forever.
   *
   * @default true
   */
  readonly synchronousTimeLimit?: boolean;
  /**
   * Called before the code of a function runs or is loaded, with the function's name.
   *
   * @default - calls are not reported
   */
  readonly onCall?: (functionName: string) => void;
}

/**
 * The time limit of a function in seconds: the configured timeout, or the platform's limit if that
 * is shorter.
 */
export function timeLimitSeconds(fn: EdgeFunctionModel, event: EdgeEvent): number {
  if (fn.kind === 'cloudfront-function') return VIEWER_FUNCTION_SECONDS;
  const { seconds } = limitsOf(event);
  return Math.min(fn.timeoutSeconds ?? seconds, seconds);
}

function limitsOf(event: EdgeEvent) {
  return event.startsWith('viewer') ? LIMITS.viewer : LIMITS.origin;
}

/** Runs functions in this process, each loaded once per region. */
export function edgeFunctionRunner(options: RunnerOptions = {}): EdgeFunctionRunner {
  const {
    switches = {},
    log = () => undefined,
    now = Date.now,
    synchronousTimeLimit = true,
    onCall = () => undefined,
  } = options;
  const lambdas = memoized((fn: EdgeFunctionModel, region: string) =>
    loadLambda(fn, region, now, (...args) => log(fn.name, format(...args))),
  );
  const viewers = memoized((fn: EdgeFunctionModel) =>
    loadViewerFunction(fn, switches, now, (...args) => log(fn.name, format(...args))),
  );
  const invoke = synchronousTimeLimit ? callInterruptibly : callDirectly;
  let calls = 0;

  async function runLambda(fn: EdgeFunctionModel, call: FunctionCall): Promise<FunctionOutcome> {
    const { responseBytes } = limitsOf(call.event);
    const milliseconds = timeLimitSeconds(fn, call.event) * 1000;
    const requestId = `request-${++calls}`;
    const context = {
      awsRequestId: requestId,
      functionName: fn.name,
      functionVersion: '1',
      getRemainingTimeInMillis: () => milliseconds,
    };
    const returned = await failWith(503, () => {
      onCall(fn.name);
      const loaded = lambdas(fn, call.place.region);
      return within(milliseconds, () =>
        invoke(
          promisified(loaded),
          [lambda.lambdaEvent(call, requestId), context],
          loaded.globals,
          milliseconds,
        ),
      );
    });
    return failWith(502, () => lambdaOutcome(call, returned, responseBytes));
  }

  // Calls run one at a time, because the module `cloudfront` refers to the current call.
  let last: Promise<unknown> = Promise.resolve();
  async function runViewerFunction(
    fn: EdgeFunctionModel,
    call: FunctionCall,
  ): Promise<FunctionOutcome> {
    const turn = last.then(async () => {
      onCall(fn.name);
      const loaded = await failWith(503, () => viewers(fn, ''));
      Object.assign(loaded.current, { place: call.place, originId: undefined, origin: undefined });
      const event = viewerFunctions.viewerFunctionEvent(call, `request-${++calls}`);
      const milliseconds = timeLimitSeconds(fn, call.event) * 1000;
      const returned = await failWith(503, () =>
        within(milliseconds, () => invoke(loaded.handler, [event], loaded.globals, milliseconds)),
      );
      return failWith(502, () => viewerFunctionOutcome(call, returned, loaded.current));
    });
    last = turn.catch(() => undefined);
    return turn;
  }

  return {
    async run(fn, call) {
      try {
        return await (fn.kind === 'lambda-edge'
          ? runLambda(fn, call)
          : runViewerFunction(fn, call));
      } catch (error) {
        const { status, reason } =
          error instanceof CallFailure ? error : new CallFailure(503, reasonOf(error));
        return {
          error: `${fn.name} failed on ${call.event}: ${reason}`,
          response: errorResponse(status),
        };
      }
    },
  };
}

/**
 * A failed call with the status that the viewer gets: 502 for an invalid return value ("HTTP 502
 * status code (Bad Gateway)"), 503 for an exception.
 */
class CallFailure extends Error {
  constructor(
    readonly status: 502 | 503,
    readonly reason: string,
  ) {
    super(reason);
  }
}

async function failWith<T>(status: 502 | 503, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof CallFailure ? error : new CallFailure(status, reasonOf(error));
  }
}

/** Errors of another context are not instances of this context's `Error`. */
function reasonOf(error: unknown): string {
  const message = (error as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' ? message : String(error);
}

function errorResponse(status: 502 | 503): HttpResponse {
  return {
    status,
    headers: { 'content-type': ['text/html'], server: ['CloudFront'] },
    bodyBytes: 0,
    body: new Uint8Array(),
  };
}

/** A handler with three parameters returns its result by a callback. */
function promisified({ handler }: LoadedLambda): (...args: object[]) => unknown {
  if (handler.length < 3) return handler as (...args: object[]) => unknown;
  return (event, context) =>
    new Promise((resolve, reject) => {
      handler(event as object, context as object, (error, result) =>
        error ? reject(error) : resolve(result),
      );
    });
}

type Call = (
  handler: (...args: never[]) => unknown,
  args: readonly object[],
  globals: object,
  milliseconds: number,
) => unknown;

const callDirectly: Call = (handler, args) => handler(...(args as never[]));

const INVOCATION = new Script('__invoke()');

/** V8 applies a timeout only to scripts. */
const callInterruptibly: Call = (handler, args, globals, milliseconds) => {
  Object.assign(globals, { __invoke: () => handler(...(args as never[])) });
  return INVOCATION.runInContext(globals, { timeout: milliseconds });
};

/** @throws Error if the work takes longer */
async function within<T>(milliseconds: number, work: () => T | Promise<T>): Promise<T> {
  const result = work();
  // A promise of another context is not an instance of this context's `Promise`. A plain value
  // needs no timer.
  const isPromise = typeof (result as { then?: unknown } | undefined)?.then === 'function';
  if (!isPromise) return result;
  const settled = await withTimeLimit(milliseconds, result as Promise<T>);
  if (settled === TIMED_OUT)
    throw new Error(`It exceeded its time limit of ${milliseconds / 1000} s.`);
  return settled;
}

/** Keeps each loaded function. A failed load is tried again by the next call. */
function memoized<T>(
  load: (fn: EdgeFunctionModel, place: string) => T,
): (fn: EdgeFunctionModel, place: string) => T {
  const loaded = new Map<string, T>();
  return (fn, place) => {
    const key = [fn.kind, fn.name, fn.directory, fn.handler, place].join('\n');
    const known = loaded.get(key);
    if (known !== undefined) return known;
    const made = load(fn, place);
    loaded.set(key, made);
    return made;
  };
}
