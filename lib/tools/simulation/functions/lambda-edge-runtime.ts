/**
 * Loads the code of a Lambda@Edge function as Lambda would, once for each region, because each
 * region has its own environment and its own state between calls.
 *
 * This is not a security boundary. `node:vm` separates globals, but a function can escape from it:
 * `../confined` runs the whole simulation where it can do little.
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, extname, join, resolve, sep } from 'node:path';
import { Script } from 'node:vm';
import { deflateRawSync } from 'node:zlib';
import { entriesBelow } from '../../assembly';
import type { EdgeFunctionModel } from '../distribution';
import { createRealm } from './realm';

/**
 * The modules of Node.js that a function may require: enough to compute a response, without
 * network.
 */
export const MODULES = [
  'assert',
  'buffer',
  'crypto',
  'path',
  'querystring',
  'string_decoder',
  'url',
  'util',
  'zlib',
];

/**
 * The maximum size of a compressed package in bytes: "Quotas on Lambda@Edge". Older text has 1 MB
 * for viewer events.
 */
const MAX_PACKAGE_BYTES = 50 * 1024 * 1024;

export type LambdaHandler = (
  event: object,
  context: object,
  callback?: (error: unknown, result?: unknown) => void,
) => unknown;

export interface LoadedLambda {
  readonly handler: LambdaHandler;
  /** The context in which a call can be interrupted. */
  readonly globals: object;
}

/**
 * Loads a function.
 *
 * @param now the clock that the function sees
 * @param log receives each line that the function logs
 * @throws Error if the code cannot be loaded, in which case every call of the function fails
 */
export function loadLambda(
  fn: EdgeFunctionModel,
  region: string,
  now: () => number,
  log: Console['log'],
): LoadedLambda {
  const [file = '', exported = ''] = splitHandler(fn.handler ?? '');
  const process = {
    env: {
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_LAMBDA_FUNCTION_NAME: `us-east-1.${fn.name}`,
      AWS_LAMBDA_FUNCTION_VERSION: '1',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs',
      LAMBDA_TASK_ROOT: '/var/task',
      TZ: ':UTC',
    },
    version: globalThis.process.version,
    versions: globalThis.process.versions,
    platform: 'linux',
    nextTick: globalThis.process.nextTick,
    hrtime: globalThis.process.hrtime,
    cwd: () => '/var/task',
  };
  const globals = createRealm(fn.name, lambdaGlobals(process, log));
  setClock(globals, now);
  const load =
    fn.code === undefined
      ? moduleLoader(realpathSync(fn.directory ?? ''), globals)
      : inlineLoader(fn.code, globals);
  const handler = (load(file) as Record<string, unknown>)[exported];
  if (typeof handler !== 'function') throw new Error(`${fn.handler} is not a function of its code`);
  return { handler: handler as LambdaHandler, globals };
}

/** Replaces the clock of `Date` in a context. */
export function setClock(globals: object, now: () => number): void {
  const script = `(now) => {
    const RealDate = Date;
    globalThis.Date = class Date extends RealDate {
      constructor(...args) { args.length ? super(...args) : super(now()); }
      static now() { return now(); }
    };
  }`;
  new Script(script).runInContext(globals)(now);
}

const NODE_GLOBALS = [
  ...(['Buffer', 'URL', 'URLSearchParams', 'TextEncoder', 'TextDecoder', 'atob', 'btoa'] as const),
  ...(['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const),
  ...(['setImmediate', 'clearImmediate', 'queueMicrotask'] as const),
  ...(['structuredClone', 'AbortController'] as const),
];

function lambdaGlobals(process: object, log: Console['log']): object {
  const levels = ['log', 'info', 'warn', 'error', 'debug', 'trace'];
  const globals = {
    ...Object.fromEntries(NODE_GLOBALS.map((name) => [name, globalThis[name]])),
    console: Object.fromEntries(levels.map((level) => [level, log])),
    process,
  };
  return Object.assign(globals, { global: globals });
}

/** Splits `dir/index.handler` at the last dot. */
function splitHandler(handler: string): [file: string, exported: string] {
  const dot = handler.lastIndexOf('.');
  return [handler.slice(0, dot), handler.slice(dot + 1)];
}

function inlineLoader(code: string, globals: object): (file: string) => unknown {
  return () => evaluate(code, 'index.js', globals, (id) => builtIn(id, undefined));
}

/** Loads CommonJS modules once each, only from the function's own folder. */
function moduleLoader(root: string, globals: object): (file: string) => unknown {
  checkSize(root);
  const loaded = new Map<string, { exports: unknown }>();
  const load = (path: string): unknown => {
    const known = loaded.get(path);
    if (known) return known.exports;
    if (extname(path) === '.mjs' || isEsModule(path, root))
      throw new Error(`${path} is an ES module; the model runs CommonJS only`);
    const source = readFileSync(path, 'utf8');
    if (extname(path) === '.json') return JSON.parse(source);
    const module = { exports: {} as unknown };
    loaded.set(path, module);
    return evaluate(source, path, globals, (id) => required(id, path), module);
  };
  const required = (id: string, from: string): unknown => {
    if (isBuiltin(id)) return builtIn(id, root);
    const path = createRequire(from).resolve(id);
    if (!isInside(root, path))
      throw new Error(`Cannot find module ${JSON.stringify(id)}: it is not in the package`);
    return load(path);
  };
  return (file) => {
    const path = ['.js', '.cjs', '.mjs']
      .map((extension) => join(root, `${file}${extension}`))
      .find((candidate) => existsSync(candidate));
    if (path === undefined) throw new Error(`${file}.js is not in its package`);
    return load(path);
  };
}

function evaluate(
  source: string,
  path: string,
  globals: object,
  require: (id: string) => unknown,
  module = { exports: {} as unknown },
): unknown {
  const wrapped = new Script(
    `(function (exports, require, module, __filename, __dirname) {${source}\n})`,
    { filename: path },
  );
  wrapped.runInContext(globals)(module.exports, require, module, path, dirname(path));
  return module.exports;
}

function isEsModule(path: string, root: string): boolean {
  const file = join(root, 'package.json');
  return (
    extname(path) === '.js' &&
    existsSync(file) &&
    JSON.parse(readFileSync(file, 'utf8')).type === 'module'
  );
}

function builtIn(id: string, root: string | undefined): unknown {
  const name = id.replace(/^node:/, '');
  if (MODULES.includes(name)) return require(`node:${name}`);
  if (name === 'fs' && root !== undefined) return ownFiles(root);
  if (name === 'fs/promises' && root !== undefined) return ownFiles(root).promises;
  throw new Error(
    `The model has no module ${JSON.stringify(id)} for edge functions. Available modules: ` +
      `fs (to read the package), ${MODULES.join(', ')}`,
  );
}

/** A read-only `fs`, restricted to one folder. */
function ownFiles(root: string) {
  const own = (path: unknown): string => {
    const full = resolve(root, String(path));
    if (!isInside(root, full)) throw new Error(`EACCES: ${full} is not in the function's package`);
    return full;
  };
  const read = (path: unknown, options?: BufferEncoding) => readFileSync(own(path), options);
  return {
    readFileSync: read,
    existsSync: (path: unknown) => existsSync(own(path)),
    readdirSync: (path: unknown) => readdirSync(own(path)),
    promises: { readFile: async (path: unknown, options?: BufferEncoding) => read(path, options) },
  };
}

/** The path is compared first: whether another file exists is not for the function to know. */
function isInside(root: string, path: string): boolean {
  const isOwn = (own: string) => own === root || own.startsWith(root + sep);
  return isOwn(path) && (!existsSync(path) || isOwn(realpathSync(path)));
}

function checkSize(root: string): void {
  const files = [...entriesBelow(root)]
    .filter(({ entry }) => entry.isFile())
    .map(({ path }) => path);
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
  // Measuring the compressed size is slow, and a small package needs none.
  if (bytes <= MAX_PACKAGE_BYTES) return;
  const compressed = files.reduce(
    (sum, path) => sum + deflateRawSync(readFileSync(path)).length,
    0,
  );
  if (compressed > MAX_PACKAGE_BYTES)
    throw new Error(`its package has ${compressed} bytes; Lambda@Edge allows ${MAX_PACKAGE_BYTES}`);
}
