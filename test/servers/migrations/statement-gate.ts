/**
 * A gate between a client and PostgreSQL that sees each statement ("Message Formats", PostgreSQL),
 * and can stop what follows.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../server-process';

/**
 * What happens to a statement: it passes, or it is the last one. `before`: the server does not get
 * it. `after`: the server has run it, and the client does not get the result.
 */
export type Passage = 'through' | 'before' | 'after';

export class StatementGate {
  private readonly sockets: Socket[] = [];

  private constructor(
    public readonly port: number,
    private readonly listener: Server,
  ) {}

  /**
   * @param server the port of the server
   * @param decide is asked for each statement
   * @param onStop is called when the last statement is where it should be
   */
  public static async open(
    server: number,
    decide: (statement: string) => Passage,
    onStop: () => void,
  ): Promise<StatementGate> {
    const port = await freePort();
    const listener = createServer();
    const gate = new StatementGate(port, listener);
    listener.on('connection', (client) => gate.join(client, connect(server), decide, onStop));
    await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
    return gate;
  }

  private join(
    client: Socket,
    server: Socket,
    decide: (statement: string) => Passage,
    onStop: () => void,
  ): void {
    this.sockets.push(client, server);
    for (const socket of this.sockets) socket.setNoDelay(true);
    let stop: Passage = 'through';
    const fromClient = new Frames(false);
    const fromServer = new Frames(true);
    client.on('data', (data) => {
      for (const frame of fromClient.push(data)) {
        if (stop === 'before') return;
        const statement = textOf(frame);
        if (stop === 'through' && statement !== undefined) stop = decide(statement);
        if (stop === 'before') onStop();
        else server.write(frame);
      }
    });
    server.on('data', (data) => {
      for (const frame of fromServer.push(data)) {
        if (stop === 'through') client.write(frame);
        // ReadyForQuery
        else if (stop === 'after' && frame[0] === 'Z'.charCodeAt(0)) onStop();
      }
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }

  public async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}

/** Divides a stream into messages: a type, and a length that counts itself. */
class Frames {
  private left: Buffer = Buffer.alloc(0);

  /** @param hasType whether the first message has a type; a client's first one has none */
  constructor(private hasType: boolean) {}

  public push(data: Buffer): Buffer[] {
    this.left = Buffer.concat([this.left, data]);
    const frames: Buffer[] = [];
    for (;;) {
      const before = this.hasType ? 1 : 0;
      if (this.left.length < before + 4) return frames;
      const end = before + this.left.readUInt32BE(before);
      if (this.left.length < end) return frames;
      frames.push(this.left.subarray(0, end));
      this.left = this.left.subarray(end);
      this.hasType = true;
    }
  }
}

/** The statement of a Query or Parse message. */
function textOf(frame: Buffer): string | undefined {
  const [type] = frame.toString('latin1', 0, 1);
  const [first = '', second = ''] = frame.toString('utf8', 5).split('\0');
  if (type === 'Q') return first;
  // The name of the prepared statement comes first.
  return type === 'P' ? second : undefined;
}
