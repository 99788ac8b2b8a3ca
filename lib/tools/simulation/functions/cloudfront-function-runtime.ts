/**
 * Loads the code of a CloudFront Function once: "JavaScript runtime 2.0 features for CloudFront
 * Functions", Amazon CloudFront developer guide. Node.js supports more of the language than that
 * runtime, so the model does not detect unsupported syntax.
 *
 * This is not a security boundary: see `lambda-edge-runtime.ts`.
 */
import * as buffer from 'node:buffer';
import * as crypto from 'node:crypto';
import * as querystring from 'node:querystring';
import { Script } from 'node:vm';
import type { EdgeFunctionModel } from '../distribution';
import type { CallPlace } from './call';
import { setClock } from './lambda-edge-runtime';
import { createRealm } from './realm';

/** The maximum size of a function in bytes: "Quotas on CloudFront Functions". */
const MAX_BYTES = 10_240;

/** "Built-in modules". There are no others, and neither timers nor network. */
const MODULES: Readonly<Record<string, unknown>> = { buffer, crypto, querystring };

/**
 * `import cf from 'cloudfront'` and `import crypto from 'crypto'`: the only form of import that the
 * runtime supports.
 */
const IMPORT = /\bimport\s*([\w$]+)\s*from\s*(['"])([\w-]+)\2\s*;?/g;

/** The state that the module `cloudfront` shares with the current call. */
export interface CurrentCall {
  place?: CallPlace;
  originId?: string;
  /** The argument of `updateRequestOrigin`. */
  origin?: Readonly<Record<string, unknown>>;
}

export interface LoadedViewerFunction {
  readonly handler: (event: object) => unknown;
  readonly globals: object;
  /** The current call; there is only one at a time. */
  readonly current: CurrentCall;
}

/**
 * Loads a function.
 *
 * @param switches the content of the key value store
 * @param now the clock that the function sees
 * @param log receives each line that the function logs
 * @throws Error if the code cannot be loaded
 */
export function loadViewerFunction(
  fn: EdgeFunctionModel,
  switches: Readonly<Record<string, string>>,
  now: () => number,
  log: Console['log'],
): LoadedViewerFunction {
  const code = fn.code ?? '';
  if (Buffer.byteLength(code) > MAX_BYTES)
    throw new Error(
      `its code has ${Buffer.byteLength(code)} bytes; CloudFront allows ${MAX_BYTES}`,
    );
  const current: CurrentCall = {};
  const modules: Readonly<Record<string, unknown>> = {
    ...MODULES,
    cloudfront: cloudfrontModule(current, switches),
  };
  const require = (id: string): unknown => {
    if (!Object.hasOwn(modules, id))
      throw new Error(
        `Cannot find module ${JSON.stringify(id)}: ` +
          `the runtime has ${Object.keys(modules).join(', ')}`,
      );
    return modules[id];
  };
  // The runtime's console has only `log`.
  const globals = createRealm(fn.name, {
    console: { log },
    require,
    Buffer,
    TextEncoder,
    TextDecoder,
    atob,
    btoa,
  });
  setClock(globals, now);
  const source = code.replace(
    IMPORT,
    (_, name: string, quote: string, id: string) =>
      `const ${name} = require(${quote}${id}${quote});`,
  );
  const handler: unknown = new Script(`${source}\n;handler`, {
    filename: `${fn.name}.js`,
  }).runInContext(globals);
  if (typeof handler !== 'function') throw new Error('its code has no function named handler');
  return { handler: handler as LoadedViewerFunction['handler'], globals, current };
}

/** "Helper methods for origin modification" and "Helper methods for key value stores". */
function cloudfrontModule(
  current: CurrentCall,
  switches: Readonly<Record<string, string>>,
): object {
  const store = {
    get: async (key: string) => {
      if (!Object.hasOwn(switches, key))
        throw new Error(`KeyValueStoreError: ${key} is not in the store`);
      return switches[key];
    },
    exists: async (key: string) => Object.hasOwn(switches, key),
    count: async () => Object.keys(switches).length,
  };
  return {
    get edgeLocation() {
      return (
        current.place && {
          name: current.place.pop,
          region: current.place.region,
          serverIp: '192.0.2.1',
        }
      );
    },
    kvs: () => store,
    selectRequestOriginById: (originId: string) => {
      current.originId = originId;
    },
    updateRequestOrigin: (origin: Readonly<Record<string, unknown>>) => {
      current.origin = origin;
    },
  };
}
