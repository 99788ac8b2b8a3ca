/** A CloudFront Function as it is deployed, in a realm with only the documented built-ins. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { App, Stack } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { ViewerFunction } from '../../lib/constructs/edge/functions/viewer-function';

/** The built-ins in "JavaScript runtime 2.0 features for CloudFront Functions". */
const RUNTIME = {
  globalThis:
    'Object String Number Boolean Array Math Date Function RegExp JSON Promise ArrayBuffer ' +
    'Uint8Array Error TypeError RangeError SyntaxError URIError EvalError ReferenceError ' +
    'globalThis undefined NaN Infinity isFinite isNaN parseFloat parseInt decodeURI ' +
    'decodeURIComponent encodeURI encodeURIComponent console cf',
  Object:
    'prototype length name assign create defineProperties defineProperty entries freeze ' +
    'getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf is isExtensible isFrozen ' +
    'isSealed keys preventExtensions seal setPrototypeOf values',
  'Array.prototype':
    'constructor length concat copyWithin every fill filter find findIndex forEach includes ' +
    'indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice some sort ' +
    'splice unshift',
  'String.prototype':
    'constructor length charAt charCodeAt codePointAt concat endsWith includes indexOf ' +
    'lastIndexOf match padEnd padStart repeat replace search slice split startsWith substr ' +
    'substring toLowerCase toString toUpperCase trim trimEnd trimStart valueOf',
};

/** The code of a function with its settings. The construct refuses it if it is too large. */
export function functionCode(handler: string, settings: object): string {
  const { function: made } = new ViewerFunction(new Stack(new App(), 'Test'), 'Function', {
    handler,
    description: 'Test',
    settings,
  });
  return (made.node.defaultChild as cloudfront.CfnFunction).functionCode;
}

/** The name under which a function's code is known to the inspector. */
const FUNCTION_FILE = 'viewer-function.js';

/**
 * The handler in a function's code, as the runtime finds it.
 *
 * @param cf stands for the module `cloudfront`
 */
export function loadedFunction<Result = Record<string, unknown>>(
  code: string,
  {
    log = () => undefined,
    cf,
  }: { readonly log?: (line: string) => void; readonly cf?: object } = {},
): (event: unknown) => Result {
  const context = createContext(
    { console: { log }, cf },
    { codeGeneration: { strings: false, wasm: false } },
  );
  for (const [owner, names] of Object.entries(RUNTIME)) {
    new Script(
      `for (const name of Object.getOwnPropertyNames(${owner})) if ` +
        `(!${JSON.stringify(names.split(' '))}.includes(name)) delete ${owner}[name];`,
    ).runInContext(context);
  }
  new Script(
    `'use strict';\n${code.replace(/^import ([\w$]+) from"cloudfront";/, 'const $1=cf;')}`,
    { filename: FUNCTION_FILE },
  ).runInContext(context);
  return new Script('handler').runInContext(context);
}

/**
 * Counts the work of a function: how often its functions and blocks are entered, loops included.
 * It is the same in each run. Built-ins, such as `indexOf`, count nothing.
 *
 * @returns a function that handles an event and returns the steps
 */
export function stepCounter(code: string): (event: unknown) => number {
  const session = new Session();
  const post = <Result>(method: string, parameters: object = {}): Result => {
    let outcome: Result | undefined;
    // The callback runs before `post` returns.
    session.post(method, parameters, (error, result) => {
      if (error) throw error;
      outcome = result as Result;
    });
    return outcome as Result;
  };
  return (event) => {
    session.connect();
    try {
      post('Profiler.enable');
      post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
      const handle = loadedFunction(code);
      // The first event compiles the code, and taking the counts sets them to 0.
      handle(event);
      post('Profiler.takePreciseCoverage');
      handle(event);
      const { result } = post<Profiler.TakePreciseCoverageReturnType>(
        'Profiler.takePreciseCoverage',
      );
      return result
        .filter(({ url }) => url === FUNCTION_FILE)
        .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
        .reduce((sum, { count }) => sum + count, 0);
    } finally {
      session.disconnect();
    }
  };
}

/**
 * Handles events in njs, whose language and engine the runtime has, in one process.
 *
 * @param epilogue further code, which may write lines of its own
 * @returns the parsed lines: each event's result, then those of the epilogue
 */
export function runInNjs(
  code: string,
  events: readonly ReturnType<typeof viewerRequestEvent>[],
  epilogue = '',
): Record<string, unknown>[] {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-njs-'));
  const file = join(directory, 'function.js');
  const raw = events.map(({ request }) => request.rawQueryString());
  writeFileSync(
    file,
    `${code}
const events = ${JSON.stringify(events)};
const raw = ${JSON.stringify(raw)};
events.forEach((event, i) => { event.request.rawQueryString = () => raw[i] ?? undefined; });
events.forEach((event) => console.log(JSON.stringify(handler(event))));
${epilogue}`,
  );
  const { stdout, stderr, status } = spawnSync('njs', [file], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  rmSync(directory, { recursive: true });
  if (status !== 0) throw new Error(`njs ended with ${status}:\n${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

interface Values {
  readonly value: string;
  readonly multiValue?: readonly { readonly value: string }[];
}

/**
 * Parameters in the format of "CloudFront Functions event structure": each name once, a list for
 * repeated ones, and no difference between `a` and `a=`.
 */
export function byName(pairs: readonly (readonly [string, string])[]): Record<string, Values> {
  const values: Record<string, Values> = Object.create(null);
  for (const [name, value] of pairs) {
    const first = values[name];
    values[name] =
      first === undefined
        ? { value }
        : { ...first, multiValue: [...(first.multiValue ?? [{ value: first.value }]), { value }] };
  }
  return values;
}

/** The event of a viewer request, as the runtime passes it. */
export function viewerRequestEvent({
  method = 'GET',
  uri,
  query = '',
  headers = {},
  cookies = [],
}: {
  readonly method?: string;
  readonly uri: string;
  /** The query with its question mark, or empty. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly (readonly [string, string])[];
}) {
  const parameters = query.slice(1).split('&').filter(Boolean);
  return {
    version: '1.0',
    context: {
      distributionDomainName: 'd111111abcdef8.cloudfront.net',
      eventType: 'viewer-request',
      requestId: 'EXAMPLE',
    },
    viewer: { ip: '192.0.2.1' },
    request: {
      method,
      uri,
      querystring: byName(
        parameters.map((one) => [one.split('=')[0] ?? '', one.split('=').slice(1).join('=')]),
      ),
      headers: byName(
        Object.entries(headers).flatMap(([name, list]) =>
          list.map((value) => [name, value] as const),
        ),
      ),
      cookies: byName(cookies),
      rawQueryString: (): string | undefined => (query === '' ? undefined : query.slice(1)),
    },
  };
}
