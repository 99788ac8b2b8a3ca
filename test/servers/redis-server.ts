/**
 * Redis servers for tests: a single server, a replica, a cluster, and a proxy in front of them
 * whose address stays the same. Each can fail as machines do: it can be killed, hang, restart
 * empty, be slow, or be replaced by its replica.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Redis from 'iovalkey';
import { findProgram, freePort, ServerProcess } from './server-process';

export interface RedisServerOptions {
  /**
   * The port. A restart uses it again.
   *
   * @default - a free port
   */
  readonly port?: number;
  /**
   * Arguments such as `['--maxmemory', '3mb']`, for every start.
   *
   * @default - none
   */
  readonly args?: readonly string[];
  /**
   * The primary of this server.
   *
   * @default - none: the server is a primary
   */
  readonly replicaOf?: RedisServer;
  /**
   * The password of the user `default`, which `command` uses too.
   *
   * @default - none
   */
  readonly password?: string;
}

export class RedisServer {
  private process: ServerProcess | undefined;

  private constructor(
    public readonly port: number,
    private readonly directory: string,
    private readonly options: RedisServerOptions,
  ) {}

  public static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const directory = mkdtempSync(join(tmpdir(), 'isochrone-redis-'));
    const server = new RedisServer(options.port ?? (await freePort()), directory, options);
    await server.launch();
    if (options.replicaOf !== undefined) await server.waitUntilSynced();
    return server;
  }

  private async launch(): Promise<void> {
    const { args = [], replicaOf, password } = this.options;
    this.process = new ServerProcess(
      'redis-server',
      [
        ...[
          '--port',
          String(this.port),
          '--bind',
          '127.0.0.1',
          '--dir',
          this.directory,
          '--save',
          '',
          '--appendonly',
          'no',
        ],
        ...(replicaOf === undefined
          ? []
          : [
              '--replicaof',
              '127.0.0.1',
              String(replicaOf.port),
              '--repl-diskless-sync-delay',
              '0',
            ]),
        ...(password === undefined ? [] : ['--requirepass', password]),
        ...args,
      ],
      {},
    );
    try {
      await this.process.ready(async () => this.command('PING'));
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  private async waitUntilSynced(): Promise<void> {
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
      if (String(await this.command('INFO', 'replication')).includes('master_link_status:up'))
        return;
    }
    throw new Error(`The replica did not sync with its primary.\n${this.log}`);
  }

  /** The output of the server since its last start. */
  public get log(): string {
    return this.process?.log ?? '';
  }

  public get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  /** Sends one command over a connection of its own, and returns the client's reply. */
  public async command(...command: readonly (string | number | Buffer)[]): Promise<unknown> {
    const client = new Redis({
      ...this.address,
      lazyConnect: true,
      enableReadyCheck: false,
      connectTimeout: 1_000,
      disconnectTimeout: 100,
      retryStrategy: () => null,
      password: this.options.password,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.call(String(command[0]), ...command.slice(1));
    } finally {
      client.disconnect();
    }
  }

  /** Kills the server, as a failing machine does. The kernel still closes its connections. */
  public async kill(): Promise<void> {
    await this.process?.end('SIGKILL');
  }

  /** Makes the server hang: connections stay open and get no answers. */
  public pause(): void {
    this.process?.process.kill('SIGSTOP');
  }

  public resume(): void {
    this.process?.process.kill('SIGCONT');
  }

  /** Starts the server again on the same port, without data. Kills it first if it is running. */
  public async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** Makes a replica a primary. */
  public async promote(): Promise<void> {
    await this.command('REPLICAOF', 'NO', 'ONE');
  }

  /** Kills the server, even if it hangs, and removes its folder. */
  public async stop(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A proxy whose address stays the same while servers behind it change. */
export class TcpProxy {
  /** Milliseconds by which each chunk of an answer is delayed. */
  public delayMs = 0;
  private readonly sockets = new Set<Socket>();
  private isDead = false;

  private constructor(
    public readonly port: number,
    private readonly server: Server,
    private targetPort: number,
  ) {}

  public static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const proxy = new TcpProxy(
      address !== null && typeof address === 'object' ? address.port : 0,
      server,
      targetPort,
    );
    server.on('connection', (client) => proxy.forward(client));
    return proxy;
  }

  private forward(client: Socket): void {
    if (this.isDead) {
      this.mute(client);
      return;
    }
    const server = tcpConnect(this.targetPort, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (data) => {
        if (from === client || this.delayMs === 0) to.write(data);
        else setTimeout(() => to.writable && to.write(data), this.delayMs);
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  public get connections(): number {
    return this.sockets.size / 2;
  }

  /** Sends new connections to another server. `cut` ends the existing ones. */
  public target(port: number): void {
    this.targetPort = port;
  }

  /**
   * Accepts connections but forwards nothing, as if the machine behind were unplugged. Connections
   * that exist now or begin before `enliven` never work again.
   */
  public deaden(): void {
    this.isDead = true;
    for (const socket of this.sockets) {
      socket.removeAllListeners('data').removeAllListeners('close');
      this.mute(socket);
    }
  }

  /** Forwards connections that begin from now on. */
  public enliven(): void {
    this.isDead = false;
  }

  private mute(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.resume();
  }

  /** Ends every connection. */
  public cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  public async stop(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

/**
 * A cluster, with replicas on request. If a node is lost, only its slots are unavailable, as with
 * ElastiCache's default parameters.
 */
export class RedisCluster {
  private constructor(public readonly nodes: readonly RedisServer[]) {}

  /** Starts a cluster. Its `nodes` are the primaries, then the replicas. */
  public static async start(primaries = 3, replicasPerPrimary = 0): Promise<RedisCluster> {
    const nodes = await Promise.all(
      Array.from({ length: primaries * (1 + replicasPerPrimary) }, async () => {
        const cluster = [
          '--cluster-enabled',
          'yes',
          '--cluster-port',
          String(await freePort()),
          '--cluster-node-timeout',
          '1000',
        ];
        return RedisServer.start({ args: [...cluster, '--cluster-require-full-coverage', 'no'] });
      }),
    );
    const cluster = new RedisCluster(nodes);
    try {
      cluster.join(replicasPerPrimary);
      await cluster.waitUntilAgreed();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  private join(replicasPerPrimary: number): void {
    const cli = findProgram('redis-cli');
    if (cli === undefined)
      throw new Error('redis-cli is not installed. On Debian: apt-get install redis-tools');
    const addresses = this.nodes.map(({ port }) => `127.0.0.1:${port}`);
    const { status, stdout, stderr } = spawnSync(
      cli,
      [
        '--cluster',
        'create',
        ...addresses,
        '--cluster-replicas',
        String(replicasPerPrimary),
        '--cluster-yes',
      ],
      {
        encoding: 'utf8',
        timeout: 20_000,
      },
    );
    if (status !== 0) throw new Error(`The cluster was not created.\n${stdout}${stderr}`);
  }

  private async waitUntilAgreed(): Promise<void> {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) {
      const states = await Promise.all(
        this.nodes.map(async (node) => String(await node.command('CLUSTER', 'INFO'))),
      );
      if (states.every((state) => /cluster_state:ok[\s\S]*cluster_slots_ok:16384/.test(state)))
        return;
    }
    throw new Error('The nodes did not agree on the slots.');
  }

  /** The address from which clients discover the cluster. */
  public get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.nodes[0]?.port ?? 0 };
  }

  public async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
