/**
 * What the child of a simulation may do: the options of Node.js, and what it takes away from itself.
 *
 * Node.js forbids it files, child processes, threads, addons and the inspector: "Permissions",
 * Node.js documentation. It forbids the network from version 25 on. In older versions, the child
 * only loses all ways to load a module that has a network, which is a hurdle and not a wall.
 */
import { realpathSync } from 'node:fs';
import Module from 'node:module';
import { IsochroneError } from '../../../model/errors';

export interface Permissions {
  /** The files and folders that it may read. */
  readonly reads: readonly string[];
  readonly network: boolean;
  /** The maximum size of the heap in bytes. */
  readonly heapBytes: number;
}

/**
 * The options of Node.js for a child with these permissions and no others.
 *
 * @param known the options that this Node.js has
 * @throws IsochroneError if it has no permission model, or if a path cannot be expressed
 */
export function nodeOptions(
  { reads, network, heapBytes }: Permissions,
  known: ReadonlySet<string> = process.allowedNodeEnvironmentFlags,
): string[] {
  const model = ['--permission', '--experimental-permission'].find((option) => known.has(option));
  if (model === undefined)
    throw new IsochroneError(
      `Node.js ${process.version} has no permission model, and edge code of an assembly runs only ` +
        'in a process that can do little.\nUse Node.js 20 or later.',
    );
  const paths = new Set(reads.flatMap((path) => [path, realpathSync(path)]));
  const wildcard = [...paths].find((path) => path.includes('*'));
  if (wildcard !== undefined)
    throw new IsochroneError(
      `${wildcard}: the path must not contain an asterisk.\n` +
        'Node.js would let the edge code read every path that the pattern matches. Move the folder.',
    );
  return [
    model,
    ...[...paths].map((path) => `--allow-fs-read=${path}`),
    ...(network && known.has('--allow-net') ? ['--allow-net'] : []),
    // Code in a context of `node:vm` reaches functions of the main context, whose constructor would
    // evaluate code there. Contexts of edge functions can still evaluate code.
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${Math.floor(heapBytes / 2 ** 20)}`,
    '--no-warnings',
  ];
}

/**
 * Ways out of the process, or to objects and modules that have some: a stream of standard output is
 * a socket. A function that escapes from its context reaches `process`.
 */
const WAYS_OUT = (
  '_debugEnd _debugProcess _getActiveHandles _getActiveRequests _kill _linkedBinding abort ' +
  'binding chdir dlopen execve exit getBuiltinModule initgroups kill loadEnvFile mainModule ' +
  'openStdin reallyExit report setegid seteuid setgid setgroups setuid stderr stdin stdout umask'
).split(' ');
const NETWORK_GLOBALS = 'BroadcastChannel EventSource WebSocket fetch'.split(' ');

/**
 * Takes from this process what a simulation does not need. Modules that are loaded stay usable for
 * the code that has them.
 *
 * @param modules the modules of Node.js that can still be loaded
 * @returns ends the process
 */
export function lockDown(modules: readonly string[]): (exitCode: number) => never {
  const { reallyExit } = process as unknown as { reallyExit: (exitCode: number) => never };
  for (const name of WAYS_OUT) Reflect.deleteProperty(process, name);
  for (const name of NETWORK_GLOBALS) Reflect.deleteProperty(globalThis, name);
  const loader = Module as unknown as { _load: (id: string, ...rest: unknown[]) => unknown };
  const load = loader._load;
  loader._load = (id, ...rest) => {
    if (!modules.includes(id.replace(/^node:/, '')))
      throw new Error(`${JSON.stringify(id)} cannot be loaded in a simulation.`);
    return load.call(Module, id, ...rest);
  };
  return (exitCode) => reallyExit.call(process, exitCode);
}
