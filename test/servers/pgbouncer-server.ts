/** A PgBouncer of its own for a test, with the ini that the fleets get. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { type PgbouncerOptions, pgbouncerIni } from '../../lib/tools/postgres/pgbouncer/pgbouncer';
import { pgbouncerUserList } from '../../lib/tools/postgres/pgbouncer/users';
import type { PostgresServer } from './postgres-server';
import { findProgram, ServerProcess, serverPlace, TestServer } from './server-process';

export interface PgbouncerServerOptions
  extends Partial<Pick<PgbouncerOptions, 'figures' | 'clientTls' | 'serverTls' | 'statsUsers'>> {
  readonly server: PostgresServer;
  /** The host by which PgBouncer knows the server. */
  readonly host?: string;
  /** SCRAM verifiers by user. */
  readonly users: Readonly<Record<string, string>>;
}

export class PgbouncerServer extends TestServer {
  public static async start({
    server,
    users,
    host = '127.0.0.1',
    ...options
  }: PgbouncerServerOptions): Promise<PgbouncerServer> {
    const place = await serverPlace('pgbouncer');
    const { directory, account } = place;
    // A umask may have closed it to others: the account must reach its socket.
    chmodSync(directory, 0o755);
    const pooler = new PgbouncerServer(place);
    pooler.write(
      'pgbouncer.ini',
      pgbouncerIni({
        version: installedVersion(),
        databases: { app: { host, port: server.port, databaseName: 'postgres' } },
        listenAddress: '127.0.0.1',
        listenPort: pooler.port,
        socketDirectory: directory,
        authFile: join(directory, 'userlist.txt'),
        clientTls: 'off',
        serverTls: 'off',
        ...options,
      }),
    );
    pooler.setUsers(users);
    pooler.process = new ServerProcess('pgbouncer', [join(directory, 'pgbouncer.ini')], account);
    await pooler.process.ready(async () => pooler.console('SHOW VERSION'));
    return pooler;
  }

  /** What an instance of a fleet does when the secret has changed, but for RELOAD. */
  public setUsers(users: Readonly<Record<string, string>>): void {
    this.write('userlist.txt', pgbouncerUserList(users));
  }

  /**
   * A command at the console, as the poolers' own timer gives it: by the socket, as the account of
   * the process. Rows as CSV.
   */
  public console(command: string): string {
    const { status, stdout, stderr } = spawnSync(
      'psql',
      [
        '--csv',
        '--no-psqlrc',
        '-h',
        this.directory,
        '-p',
        String(this.port),
        '-U',
        'pgbouncer',
        '-c',
        command,
        'pgbouncer',
      ],
      { ...this.account, encoding: 'utf8', cwd: tmpdir() },
    );
    if (status !== 0) throw new Error(`${command} failed.\n${stdout}${stderr}\n${this.log}`);
    return stdout;
  }

  /** A client of the pooler that the test ends. */
  public async connect(user: string, password: string, more: ClientConfig = {}): Promise<Client> {
    const client = new Client({
      host: '127.0.0.1',
      port: this.port,
      user,
      password,
      database: 'app',
      ...more,
    });
    // A pooler may drop a client in a test: that is no failure of the test.
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /**
   * As a machine hangs: the process stops, but the network still accepts what is sent to it.
   *
   * @returns lets it go on
   */
  public freeze(): () => void {
    const { process: child } = this.process ?? {};
    child?.kill('SIGSTOP');
    return () => child?.kill('SIGCONT');
  }

  public get log(): string {
    return this.process?.log ?? '';
  }

  /** Ends it and removes its files. */
  public async stop(): Promise<void> {
    await this.process?.end('SIGTERM');
    rmSync(this.directory, { recursive: true, force: true });
  }

  private write(name: string, text: string): void {
    const path = join(this.directory, name);
    // Moved into place: PgBouncer takes a file of the same inode, size and second for the one that
    // it has read.
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    const { uid, gid } = this.account;
    if (uid !== undefined && gid !== undefined) chownSync(`${path}.new`, uid, gid);
    renameSync(`${path}.new`, path);
  }
}

export function installedVersion(): string {
  const program = findProgram('pgbouncer');
  if (program === undefined) throw new Error('pgbouncer is not installed.');
  const [, version] =
    /PgBouncer (\d+\.\d+(?:\.\d+)?)/.exec(
      spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout,
    ) ?? [];
  if (version === undefined) throw new Error('pgbouncer does not say its version.');
  return version;
}
