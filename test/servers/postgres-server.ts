/**
 * A PostgreSQL of its own for a test: a primary, or a standby that follows one by streaming
 * replication.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Client } from 'pg';
import { copyEmbeddedPostgres, type EmbeddedVersion } from './embedded-postgres';
import {
  type Account,
  findProgram,
  type ServerPlace,
  ServerProcess,
  serverPlace,
  TestServer,
} from './server-process';

export interface PostgresOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The primary to follow. */
  readonly follows?: PostgresServer;
  /**
   * The version, as npm brings it.
   *
   * @default - the one that is installed
   */
  readonly version?: EmbeddedVersion;
}

/**
 * Kept small and quick: what is tested is not how PostgreSQL keeps data through the loss of power.
 */
const SETTINGS: Readonly<Record<string, string | number>> = {
  listen_addresses: "'127.0.0.1'",
  fsync: 'off',
  shared_buffers: '128MB',
  max_connections: 100,
  max_wal_senders: 5,
  wal_level: 'replica',
  hot_standby: 'on',
};

export class PostgresServer extends TestServer {
  private constructor(
    place: ServerPlace,
    private readonly program: string,
  ) {
    super(place);
  }

  public static async start({
    settings = {},
    follows,
    version,
  }: PostgresOptions = {}): Promise<PostgresServer> {
    const place = await serverPlace('postgres');
    const { directory, account } = place;
    const programs = version && copyEmbeddedPostgres(version);
    const program = (name: string) => (programs ? join(programs, name) : name);
    const server = new PostgresServer(place, program('postgres'));
    if (follows) {
      run(
        'pg_basebackup',
        ['-D', server.data, '-R', '-X', 'stream', '-c', 'fast', '-d', follows.url()],
        account,
      );
    } else {
      run(
        program('initdb'),
        [
          '-D',
          server.data,
          '-U',
          'postgres',
          '-A',
          'trust',
          '-E',
          'UTF8',
          '--locale',
          'C',
          '--no-sync',
        ],
        account,
      );
      writeFileSync(
        join(server.data, 'pg_hba.conf'),
        'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n',
      );
    }
    const lines = Object.entries({
      ...SETTINGS,
      unix_socket_directories: `'${directory}'`,
      ...settings,
      port: server.port,
    });
    appendFileSync(
      join(server.data, 'postgresql.conf'),
      `\n${lines.map(([name, value]) => `${name} = ${value}`).join('\n')}\n`,
    );
    await server.restart();
    return server;
  }

  public get data(): string {
    return join(this.directory, 'data');
  }

  public url(database = 'postgres', user = 'postgres'): string {
    return `postgresql://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** A connection that the test ends. */
  public async connect(database = 'postgres'): Promise<Client> {
    const client = new Client({ connectionString: this.url(database) });
    // A server that is killed in a test ends its connections: that is no failure of the test.
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  public async query<Row extends object = Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
    database = 'postgres',
  ): Promise<Row[]> {
    const client = await this.connect(database);
    try {
      return (await client.query<Row & Record<string, unknown>>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Starts it, or again after `kill`. */
  public async restart(): Promise<void> {
    this.process = new ServerProcess(this.program, ['-D', this.data], this.account);
    try {
      await this.process.ready(() => this.query('SELECT 1'));
    } catch (error) {
      // The children of a server that was killed take a moment to see it.
      if (!String(error).includes('pre-existing shared memory block')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
      await this.restart();
    }
  }

  /**
   * As a machine fails: no shutdown, no last words. Its children end when they see that it is gone.
   */
  public async kill(): Promise<void> {
    await this.process?.end('SIGKILL');
  }

  /**
   * As a machine hangs: its processes stop, but the network still accepts what is sent to it.
   *
   * @returns lets them go on
   */
  public async freeze(): Promise<() => void> {
    const backends = await this.query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
    const postmaster = Number(
      readFileSync(join(this.data, 'postmaster.pid'), 'utf8').split('\n')[0],
    );
    const pids = [postmaster, ...backends.map(({ pid }) => pid)];
    const signal = (name: NodeJS.Signals) => {
      for (const pid of pids) {
        try {
          process.kill(pid, name);
        } catch {
          // The backend that answered the query has ended since.
        }
      }
    };
    signal('SIGSTOP');
    return () => signal('SIGCONT');
  }

  public async promote(): Promise<void> {
    await this.query('SELECT pg_promote(true, 30)');
  }

  /** Ends it and removes its data. */
  public async stop(): Promise<void> {
    if (this.process?.running) await this.process.end('SIGINT');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function run(name: string, args: readonly string[], account: Account): void {
  const program = isAbsolute(name) ? name : findProgram(name);
  if (program === undefined) throw new Error(`${name} is not installed.`);
  const { status, stdout, stderr } = spawnSync(program, [...args], {
    ...account,
    encoding: 'utf8',
    cwd: tmpdir(),
  });
  if (status !== 0) throw new Error(`${name} failed.\n${stdout}${stderr}`);
}
