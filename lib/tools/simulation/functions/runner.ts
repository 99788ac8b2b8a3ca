/**
 * Runs the edge functions of an assembly as they would be deployed: the real code on real events,
 * with the limits of the platform.
 *
 * This is no security boundary: the functions run in this process (`node:vm`). Run only code that
 * you would deploy.
 */
import { format } from 'node:util';
import { Script } from 'node:vm';
import { TIMED_OUT, withTimeLimit } from '../../../model/time-limit';
import type { EdgeFunctionModel } from '../distribution';
import type { HttpResponse } from '../messages';
import type { FunctionCall, FunctionOutcome } from './call';
import * as viewerFunctions from './cloudfront-function-events';
import { loadViewerFunction } from './cloudfront-function-runtime';
import * as lambda from './lambda-edge-events';
import { type LoadedLambda, loadLambda } from './lambda-edge-runtime';
import { lambdaOutcome, viewerFunctionOutcome } from './outcomes';

/**
 * "Quotas on Lambda@Edge": seconds that a function may run, and bytes of an answer that it
 * generates, headers and body.
 */
const LIMITS = {
  viewer: { seconds: 5, responseBytes: 40 * 1024 },
  origin: { seconds: 30, responseBytes: 1024 * 1024 },
} as const;

/**
 * CloudFront Functions end within a millisecond of computing. Here the clock is a wall's, so that
 * only what never ends is stopped.
 */
const VIEWER_FUNCTION_SECONDS = 1;

export interface EdgeFunctionRunner {
  /** Never rejects: what goes wrong inside the function is an outcome. */
  run(fn: EdgeFunctionModel, call: FunctionCall): Promise<FunctionOutcome>;
}

export interface RunnerOptions {
  /** What `cf.kvs().get` finds; empty by default. */
  readonly switches?: Readonly<Record<string, string>>;
  /** Is told each line that a function logs. */
  readonly log?: (functionName: string, line: string) => void;
  /** The clock that functions see; the real one by default. */
  readonly now?: () => number;
  /**
   * Whether a function that loops without end is stopped; true by default. It costs 80 microseconds
   * a call: without it, such a function stops everything.
   */
  readonly synchronousTimeLimit?: boolean;
}

export function edgeFunctionRunner(options: RunnerOptions = {}): EdgeFunctionRunner {
  const {
    switches = {},
    log = () => undefined,
    now = Date.now,
    synchronousTimeLimit = true,
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
    const { seconds, responseBytes } = call.event.startsWith('viewer')
      ? LIMITS.viewer
      : LIMITS.origin;
    const milliseconds = Math.min(fn.timeoutSeconds ?? seconds, seconds) * 1000;
    const requestId = `request-${++calls}`;
    const context = {
      awsRequestId: requestId,
      functionName: fn.name,
      functionVersion: '1',
      getRemainingTimeInMillis: () => milliseconds,
    };
    const returned = await failWith(503, () => {
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

  // One at a time: the module `cloudfront` speaks of the call that is under way.
  let last: Promise<unknown> = Promise.resolve();
  async function runViewerFunction(
    fn: EdgeFunctionModel,
    call: FunctionCall,
  ): Promise<FunctionOutcome> {
    const turn = last.then(async () => {
      const loaded = await failWith(503, () => viewers(fn, ''));
      Object.assign(loaded.current, { place: call.place, originId: undefined, origin: undefined });
      const event = viewerFunctions.viewerFunctionEvent(call, `request-${++calls}`);
      const milliseconds = VIEWER_FUNCTION_SECONDS * 1000;
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
 * Why a call failed, and what the viewer is answered: "HTTP 502 status code (Bad Gateway)" for
 * nonsense, 503 for what throws.
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

/** Errors of another context are no `Error` of this one. */
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

/** Handlers of three parameters answer by their callback. */
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

/** V8 stops only what a script runs. */
const callInterruptibly: Call = (handler, args, globals, milliseconds) => {
  Object.assign(globals, { __invoke: () => handler(...(args as never[])) });
  return INVOCATION.runInContext(globals, { timeout: milliseconds });
};

/** @throws Error if the work takes longer */
async function within<T>(milliseconds: number, work: () => T | Promise<T>): Promise<T> {
  const result = work();
  // A promise of another context is no `Promise` of this one. A plain value needs no timer.
  const isPromise = typeof (result as { then?: unknown } | undefined)?.then === 'function';
  if (!isPromise) return result;
  const settled = await withTimeLimit(milliseconds, result as Promise<T>);
  if (settled === TIMED_OUT) throw new Error(`It did not end within ${milliseconds / 1000} s.`);
  return settled;
}

/** What throws is not kept: it throws again. */
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
