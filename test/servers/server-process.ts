/** Servers of the real thing for tests, on loopback and on free ports: started by the test that needs them, ended with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { isPromised } from '../promised';

/** Who runs a server: PostgreSQL and PgBouncer refuse to be root, so root hands them to the account that Debian's packages make. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export function serverAccount(name = 'postgres'): Account {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => {
    const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
    if (status !== 0)
      throw new Error(`There is no account ${name}. Install PostgreSQL from Debian's packages, or run as another user than root.`);
    return Number(stdout);
  };
  return { uid: id('-u'), gid: id('-g') };
}

/** Debian keeps the programs of PostgreSQL out of the path, in a folder per version. */
function folders(): string[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
}

/** The path of a program; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  return folders()
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/**
 * Whether tests of these programs run here. Where they are promised, a missing program is an error; elsewhere it is said aloud, and the tests are skipped.
 */
export function serversHere(...programs: readonly string[]): boolean {
  const missing = programs.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return true;
  const message = `${missing.join(', ')} is not installed. On Debian: apt-get install postgresql postgresql-15-hypopg pgbouncer redis-server jq`;
  if (isPromised('servers')) throw new Error(message);
  console.warn(`SKIPPED, because ${message}`);
  return false;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('There is no port.')),
      );
    });
  });
}

/** One server, with what it has said. */
export class ServerProcess {
  public readonly process: ChildProcess;
  private said = '';
  private readonly ended: Promise<void>;

  constructor(name: string, args: readonly string[], account: Account, environment: Readonly<Record<string, string>> = {}) {
    const program = findProgram(name);
    if (program === undefined) throw new Error(`${name} is not installed.`);
    this.process = spawn(program, [...args], { ...account, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
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
        if (!this.running || Date.now() > end) throw new Error(`The server did not start: ${String(error)}\n${this.said}`);
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
