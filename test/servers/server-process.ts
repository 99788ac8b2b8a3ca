/**
 * Real servers for tests, on free loopback ports. The test that needs a server starts and stops it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { noteNotRun } from '../not-run';
import { isPromised } from '../promised';
import { copyEmbeddedPostgres, type EmbeddedVersion, embeddedPrograms } from './embedded-postgres';

/** The account that runs a server: PostgreSQL and PgBouncer refuse to run as root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * The account for servers if the tests run as root: the one that Debian's packages create, or
 * `nobody`, which every system has.
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'There is neither an account postgres nor an account nobody. Do not run as root.',
  );
}

/** Where a server of one test runs. */
export interface ServerPlace {
  readonly port: number;
  readonly directory: string;
  readonly account: Account;
}

/** A free port, and a new folder that belongs to the account for servers. */
export async function serverPlace(name: string): Promise<ServerPlace> {
  const account = serverAccount();
  const directory = mkdtempSync(join(tmpdir(), `isochrone-${name}-`));
  if (account.uid !== undefined && account.gid !== undefined)
    chownSync(directory, account.uid, account.gid);
  return { port: await freePort(), directory, account };
}

/** A server of one test, and its process once it is started. */
export abstract class TestServer {
  protected process: ServerProcess | undefined;

  protected constructor(private readonly place: ServerPlace) {}

  public get port(): number {
    return this.place.port;
  }

  public get directory(): string {
    return this.place.directory;
  }

  protected get account(): Account {
    return this.place.account;
  }
}

/**
 * The folders to search for programs. Debian installs PostgreSQL outside the PATH, in a folder per
 * version. The programs of the npm package come last.
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
 * Whether the tests that need these programs run. If the machine promises them, a missing program
 * is an error; otherwise the tests are skipped, and the run reports it at its end.
 */
export function serversHere(...programs: readonly string[]): boolean {
  return areInstalled(programs.filter((name) => findProgram(name) === undefined));
}

/**
 * Whether the tests that need this version of PostgreSQL run, besides those of the version that is
 * installed.
 */
export function postgresHere(version: EmbeddedVersion): boolean {
  return areInstalled(copyEmbeddedPostgres(version) ? [] : [`PostgreSQL ${version} of npm`]);
}

/**
 * Whether the tests that need an extension of PostgreSQL run. Looks for the extension's control
 * file where Debian installs it, and beside the programs.
 */
export function extensionHere(name: string): boolean {
  const server = findProgram('postgres');
  // The server itself is missing, which `serversHere` reports.
  if (server === undefined && !isPromised('servers')) return false;
  const bin = dirname(server ?? '');
  const shareFolders = [
    bin.replace(/^\/usr\/lib\/(.*)\/bin$/, '/usr/share/$1'),
    join(bin, '../share/postgresql'),
    join(bin, '../share'),
  ];
  return areInstalled(
    shareFolders.some((folder) => existsSync(join(folder, 'extension', `${name}.control`)))
      ? []
      : [name],
  );
}

function areInstalled(missing: readonly string[]): boolean {
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

/** The process of a server, and its output. */
export class ServerProcess {
  public readonly process: ChildProcess;
  private output = '';
  private readonly ended: Promise<void>;

  constructor(
    name: string,
    args: readonly string[],
    account: Account,
    environment: Readonly<Record<string, string>> = {},
  ) {
    const program = isAbsolute(name) ? name : findProgram(name);
    if (program === undefined) throw new Error(`${name} is not installed.`);
    this.process = spawn(program, [...args], {
      ...account,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-20_000);
      });
    }
    this.ended = new Promise((resolve) => this.process.once('exit', () => resolve()));
  }

  get log(): string {
    return this.output;
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  /** Waits until the server answers, and fails with its output if it does not. */
  public async ready(answers: () => Promise<unknown>, timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      try {
        await answers();
        return;
      } catch (error) {
        if (!this.running || Date.now() > end)
          throw new Error(`The server did not start: ${String(error)}\n${this.output}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Sends a signal and waits for the end. SIGKILL simulates a failing machine. */
  public async end(signal: NodeJS.Signals): Promise<void> {
    if (this.running) this.process.kill(signal);
    await this.ended;
  }
}
