/**
 * Servers of the real thing for tests, on loopback and on free ports: started by the test that
 * needs them, ended with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { noteNotRun } from '../not-run';
import { isPromised } from '../promised';
import { embeddedPrograms } from './embedded-postgres';

/** Who runs a server: PostgreSQL and PgBouncer refuse to be root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Root hands servers to the account that Debian's packages make, or to the one of nobody, which
 * every system has.
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'There is no account postgres and none of nobody. Run as another user than root.',
  );
}

/**
 * Debian keeps the programs of PostgreSQL out of the path, in a folder per version. What npm brings
 * comes last.
 */
function folders(): string[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian)
    ? readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    : [];
  return [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    embeddedPrograms(),
  ];
}

/** The path of a program; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  return folders()
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/**
 * Whether tests of these programs run here. Where they are promised, a missing program is an error;
 * elsewhere the tests are skipped, and the run says so at its end.
 */
export function serversHere(...programs: readonly string[]): boolean {
  return areHere(programs.filter((name) => findProgram(name) === undefined));
}

/**
 * Whether tests of this extension of PostgreSQL run here: by its control file, where Debian keeps
 * it or beside the programs.
 */
export function extensionHere(name: string): boolean {
  const server = findProgram('postgres');
  // What is missing is the server, and that is told where it is asked for.
  if (server === undefined && !isPromised('servers')) return false;
  const bin = dirname(server ?? '');
  const shared = [
    bin.replace(/^\/usr\/lib\/(.*)\/bin$/, '/usr/share/$1'),
    join(bin, '../share/postgresql'),
    join(bin, '../share'),
  ];
  return areHere(
    shared.some((folder) => existsSync(join(folder, 'extension', `${name}.control`))) ? [] : [name],
  );
}

function areHere(missing: readonly string[]): boolean {
  if (missing.length === 0) return true;
  if (isPromised('servers')) throw new Error(`${missing.join(', ')} is not installed.`);
  noteNotRun(missing);
  return false;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('There is no port.')),
      );
    });
  });
}

/** One server, with what it has said. */
export class ServerProcess {
  public readonly process: ChildProcess;
  private said = '';
  private readonly ended: Promise<void>;

  constructor(
    name: string,
    args: readonly string[],
    account: Account,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const program = findProgram(name);
    if (program === undefined) throw new Error(`${name} is not installed.`);
    this.process = spawn(program, [...args], {
      ...account,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-20_000);
      });
    }
    this.ended = new Promise((resolve) => this.process.once('exit', () => resolve()));
  }

  get log(): string {
    return this.said;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Waits until something answers, and fails with the server's own words if it never does. */
  public async ready(answers: () => Promise<unknown>, timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      try {
        await answers();
        return;
      } catch (error) {
        if (!this.running || Date.now() > end)
          throw new Error(`The server did not start: ${String(error)}\n${this.said}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Sends a signal and waits for the end; SIGKILL is how a machine fails. */
  public async end(signal: NodeJS.Signals): Promise<void> {
    if (this.running) this.process.kill(signal);
    await this.ended;
  }
}
