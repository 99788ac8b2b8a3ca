/**
 * Redis of its own for a test: one server, a replica of it, a cluster, and a proxy that stands
 * before them as the address that stays. Each can fail as machines do: killed, hung, restarted
 * empty, slow, or replaced by its replica.
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
  /** The port; a restart uses it again. */
  readonly port?: number;
  /** Arguments such as `['--maxmemory', '3mb']`, given at every start. */
  readonly args?: readonly string[];
  /** The server that this one copies. */
  readonly replicaOf?: RedisServer;
  /** For `command` where a password is asked: it is given to the user `default`. */
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
    if (options.replicaOf !== undefined) await server.synchronised();
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

  private async synchronised(): Promise<void> {
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(20)) {
      if (String(await this.command('INFO', 'replication')).includes('master_link_status:up'))
        return;
    }
    throw new Error(`The replica never followed its primary.\n${this.log}`);
  }

  /** What the server has said since its last start. */
  public get log(): string {
    return this.process?.log ?? '';
  }

  public get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.port };
  }

  /** One command over a connection of its own, with the reply as the client gives it. */
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

  /**
   * Ends it without a word to anyone, as a machine that fails; the kernel still closes its
   * connections.
   */
  public async kill(): Promise<void> {
    await this.process?.end('SIGKILL');
  }

  /** Hangs it: connections stay open and nothing answers. */
  public pause(): void {
    this.process?.process.kill('SIGSTOP');
  }

  public resume(): void {
    this.process?.process.kill('SIGCONT');
  }

  /** Starts it again on the same port, empty; kills it first if it still runs. */
  public async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** Makes a replica the primary. */
  public async promote(): Promise<void> {
    await this.command('REPLICAOF', 'NO', 'ONE');
  }

  /** Ends it and removes its folder. A server that hangs is ended as well. */
  public async stop(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** An address that stays while servers behind it change. It can be slow, dead silent, or closed. */
export class TcpProxy {
  /** Milliseconds that each piece of an answer is held back. */
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
    server.on('connection', (client) => proxy.carry(client));
    return proxy;
  }

  private carry(client: Socket): void {
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

  /** Sends new connections to another server; `cut` ends the old ones. */
  public target(port: number): void {
    this.targetPort = port;
  }

  /**
   * Connections stand and are taken, and nothing ever goes through them, as before a machine that
   * was unplugged. Those that exist now or begin before `enliven` stay so.
   */
  public deaden(): void {
    this.isDead = true;
    for (const socket of this.sockets) {
      socket.removeAllListeners('data').removeAllListeners('close');
      this.mute(socket);
    }
  }

  /** Carries what connects from now on. */
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
 * Primaries that share the slots, with replicas behind them if asked for. A lost node loses its
 * slots only, as with ElastiCache's default parameters.
 */
export class RedisCluster {
  private constructor(public readonly nodes: readonly RedisServer[]) {}

  /** The nodes are primaries first, then replicas. */
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
      await cluster.agreed();
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
    if (status !== 0) throw new Error(`The cluster was not made.\n${stdout}${stderr}`);
  }

  private async agreed(): Promise<void> {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) {
      const states = await Promise.all(
        this.nodes.map(async (node) => String(await node.command('CLUSTER', 'INFO'))),
      );
      if (states.every((state) => /cluster_state:ok[\s\S]*cluster_slots_ok:16384/.test(state)))
        return;
    }
    throw new Error('The nodes never agreed on the slots.');
  }

  /** Where clients begin. */
  public get address(): { readonly host: string; readonly port: number } {
    return { host: '127.0.0.1', port: this.nodes[0]?.port ?? 0 };
  }

  public async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
