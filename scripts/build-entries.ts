/**
 * Finishes what the compiler built, so that both packages can be published.
 *
 * - `require('isochrone-cdk')` loads a room when one of its names is first touched: a stack that uses
 *   one construct does not load cdk-nag, zod and all other constructs.
 * - A room is one file. Node.js takes longer to find and read its fifty small ones than to run them.
 * - `import` of isochrone-runtime gives the very objects that `require` gives. A program that uses
 *   both has one of each class, so `instanceof` and private fields work across the two.
 * - The types of isochrone-runtime compile where an optional peer is not installed.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build } from 'esbuild';
import { peerDependencies, exports as runtimeExports } from '../lib/runtime/package.json';

const ROOT = join(__dirname, '..');
const RUNTIME = join(ROOT, 'lib', 'runtime');
const HEADER = '// Made by the build.\n';
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** What an index takes from one module. */
interface Reexports {
  readonly path: string;
  readonly names: string[];
  /** Names of the whole module, as by `export * as`. */
  readonly namespaces: string[];
}

/** What a compiled index re-exports; undefined if it does anything else. */
function reexportsOf(file: string): Reexports[] | undefined {
  const found = new Map<string, Reexports>();
  const at = (path: string) => {
    const entry = found.get(path) ?? { path, names: [], namespaces: [] };
    found.set(path, entry);
    return entry;
  };
  const modules = new Map<string, string>();
  const compiled = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\/\/.*$/gm, '');
  // The helper with which the compiler imports a namespace comes first.
  for (const line of compiled
    .slice(compiled.indexOf('Object.defineProperty(exports'))
    .split('\n')) {
    const [, id, path] = /^(?:var|const) (\w+) = require\("(\.[^"]+)"\);$/.exec(line) ?? [];
    const [, name, from] =
      /^Object\.defineProperty\(exports, "(\w+)", .* return (\w+)\.\w+; \} \}\);$/.exec(line) ?? [];
    const [, namespace, whole] =
      /^exports\.(\w+) = __importStar\(require\("(\.[^"]+)"\)\);$/.exec(line) ?? [];
    if (id && path) modules.set(id, path);
    else if (name && from && modules.has(from)) at(String(modules.get(from))).names.push(name);
    else if (namespace && whole) at(whole).namespaces.push(namespace);
    else if (!/^$|"__esModule"|^exports\.\w+ = .*void 0;$/.test(line)) return undefined;
  }
  return [...found.values()];
}

/** An index whose getters load a module when one of its names is first used. */
function lazyIndex(reexports: readonly Reexports[], place: (path: string) => string): string {
  const loads = reexports.map(({ path, names, namespaces }) => {
    const load = `() => require('${place(path)}')`;
    return `lazy(${load}, ${JSON.stringify(names)}, ${JSON.stringify(namespaces)});`;
  });
  return `'use strict';
${HEADER}Object.defineProperty(exports, '__esModule', { value: true });
function lazy(load, names, namespaces) {
  for (const name of names.concat(namespaces)) {
    Object.defineProperty(exports, name, {
      enumerable: true,
      configurable: true,
      get() {
        const value = namespaces.includes(name) ? load() : load()[name];
        Object.defineProperty(exports, name, { enumerable: true, value });
        return value;
      },
    });
  }
}
${loads.join('\n')}
`;
}

/** Makes the indexes of rooms lazy, so that a construct loads its own files and no others. */
function makeFoldersLazy(lib: string): void {
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith(`${sep}index.js`)) continue;
    const reexports = reexportsOf(join(lib, file));
    if (reexports === undefined) continue;
    writeFileSync(
      join(lib, file),
      lazyIndex(reexports, (path) => path),
    );
  }
}

/** Writes the entry of isochrone-cdk anew: it loads a room when one of its names is first used. */
function makeEntryLazy(file: string): void {
  const reexports = reexportsOf(file);
  if (reexports === undefined || reexports.length === 0) {
    throw new Error(`${file} must only re-export names of other modules.`);
  }
  const room = (path: string) => `./rooms/${path.slice(2).replaceAll('/', '-')}`;
  const all = reexports.flatMap(({ names, namespaces }) => [...names, ...namespaces]).sort();
  writeFileSync(
    file,
    `${lazyIndex(reexports, room)}// Never runs: tells \`import\` which names there are.
0 && (module.exports = { ${all.join(', ')} });
`,
  );
}

/** Where the rooms of isochrone-cdk are as one file each. */
const ROOMS = join(ROOT, 'dist', 'lib', 'rooms');

/** A room is a folder with an index, or a file. */
interface Room {
  /** Its file in `dist/lib/rooms`, without the extension. */
  readonly name: string;
  /** Its folder or file in `dist/lib`, without the extension. */
  readonly path: string;
  readonly entry: string;
}

function roomsOf(lib: string): Room[] {
  const containers = ['constructs', 'model', 'tools'].map((name) => join(lib, name));
  return [lib, ...containers]
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .flatMap((path) => {
      if (existsSync(join(path, 'index.js'))) return [{ path, entry: join(path, 'index.js') }];
      const isFile = path.endsWith('.js') && path !== join(lib, 'index.js');
      return isFile ? [{ path: path.slice(0, -'.js'.length), entry: path }] : [];
    })
    .map((room) => ({ ...room, name: relative(lib, room.path).replaceAll(sep, '-') }));
}

/**
 * Makes a room one file. Other rooms and packages stay outside, so that each class is there once.
 * All files are in one folder, where Node.js resolves each package of the CDK only once.
 */
async function joinRoom(room: Room, rooms: readonly Room[]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [room.entry],
    write: false,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Comments are in the declarations; without them, Node.js parses half as much.
    minifyWhitespace: true,
    // Messages name the class of a construct.
    keepNames: true,
    logLevel: 'warning',
    plugins: [
      {
        name: 'other rooms stay outside',
        setup({ onResolve }) {
          onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
            const target = join(resolveDir, path);
            if (target.startsWith(`${room.path}${sep}`)) return undefined;
            const other = rooms.find((each) => each.path === target);
            return other && { path: `./${other.name}`, external: true };
          });
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? '';
}

/** Joins all rooms. Where a room was, a file leads to it: the command line requires that. */
async function joinRooms(lib: string): Promise<void> {
  const rooms = roomsOf(lib);
  const joined = await Promise.all(rooms.map((room) => joinRoom(room, rooms)));
  mkdirSync(ROOMS);
  for (const [i, { name, path, entry }] of rooms.entries()) {
    if (entry.endsWith(`${sep}index.js`)) {
      for (const file of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
        if (file.endsWith('.js')) rmSync(join(path, file));
      }
    }
    writeFileSync(join(ROOMS, `${name}.js`), joined[i] ?? '');
    const target = relative(join(entry, '..'), join(ROOMS, name));
    const specifier = target.startsWith('.') ? target : `./${target}`;
    writeFileSync(entry, `${HEADER}module.exports = require('${specifier}');\n`);
  }
}

/** Writes the module of an entry, and its types, beside the CommonJS file. */
function makeModule(file: string): void {
  const names = Object.keys(require(`${file}.js`) as object)
    .filter((name) => name !== '__esModule')
    .sort();
  const wrong = names.find(
    (name) => !IDENTIFIER.test(name) || name === 'default' || name === 'entry',
  );
  if (names.length === 0 || wrong !== undefined) {
    throw new Error(`${file}.js must export names that a module can, got ${wrong ?? 'none'}.`);
  }
  const entry = `./${file.split('/').at(-1)}.js`;
  const lines = names.map((name) => `export const ${name} = entry.${name};`);
  writeFileSync(`${file}.mjs`, `${HEADER}import entry from '${entry}';\n${lines.join('\n')}\n`);
  // The types are those of the other entry: with declarations of its own, a class would be two to
  // the compiler.
  writeFileSync(`${file}.d.mts`, `${HEADER}export * from '${entry}';\n`);
}

/** Lets declarations compile where an optional peer is missing: what comes from it is `any` there. */
function forgiveMissingPeers(directory: string): void {
  const peers = Object.keys(peerDependencies).map((name) => name.replace('/', '\\/'));
  const needsPeer = new RegExp(
    `^(?:import |export |declare module |\\} from ).*['"](?:${peers.join('|')})['"]`,
  );
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue;
    const path = join(directory, file);
    const lines = readFileSync(path, 'utf8').split('\n');
    if (!lines.some((line) => needsPeer.test(line))) continue;
    const forgiven = lines.flatMap((line) =>
      needsPeer.test(line) ? ['// @ts-ignore: an optional peer may be missing', line] : [line],
    );
    writeFileSync(path, forgiven.join('\n'));
  }
}

async function main(): Promise<void> {
  const lib = join(ROOT, 'dist', 'lib');
  makeFoldersLazy(lib);
  await joinRooms(lib);
  makeEntryLazy(join(lib, 'index.js'));
  for (const entry of Object.values(runtimeExports)) {
    if (typeof entry === 'string') continue;
    makeModule(join(RUNTIME, entry.require.default.replace(/\.js$/, '')));
  }
  forgiveMissingPeers(join(RUNTIME, 'dist'));
  // A package can only hold what is in its folder.
  rmSync(join(RUNTIME, 'docs'), { recursive: true, force: true });
  cpSync(join(ROOT, 'docs', 'runtime'), join(RUNTIME, 'docs'), { recursive: true });
  copyFileSync(join(ROOT, 'LICENSE'), join(RUNTIME, 'LICENSE'));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
