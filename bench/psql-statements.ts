/** What psql makes of a file: the statements that it would send to a server, in order. */
import { execFile } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';

/**
 * Runs psql over a file, against a server that executes nothing: it notes each text that it gets,
 * and answers that it is done. Texts of `COPY … FROM STDIN` are followed by data, which it drops.
 */
export async function psqlStatements(file: string): Promise<string[]> {
  const texts: string[] = [];
  const server = createServer((socket) => serve(socket, texts));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  try {
    const psql = ['-X', '-q', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-f', file];
    const run = promisify(execFile)('psql', psql, { timeout: 20_000, maxBuffer: 2 ** 28 });
    // A test asks for a password.
    run.child.stdin?.end();
    await run;
    return texts;
  } finally {
    server.close();
  }
}

const PARAMETERS = {
  server_version: '15.0',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
};

function serve(socket: Socket, texts: string[]): void {
  let received = Buffer.alloc(0);
  let started = false;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    for (;;) {
      const at = started ? 1 : 0;
      if (received.length < at + 4) return;
      const length = received.readInt32BE(at);
      if (received.length < at + length) return;
      const type = started ? String.fromCharCode(received[0] as number) : '';
      const body = received.subarray(at + 4, at + length);
      received = received.subarray(at + length);
      if (started) answer(socket, type, body, texts);
      else started = start(socket, body);
    }
  });
}

const SSL_REQUEST = 80_877_103;

/** @returns whether the session has begun */
function start(socket: Socket, body: Buffer): boolean {
  if (body.readInt32BE(0) === SSL_REQUEST) {
    socket.write('N');
    return false;
  }
  socket.write(message('R', Buffer.alloc(4)));
  for (const [name, value] of Object.entries(PARAMETERS))
    socket.write(message('S', Buffer.from(`${name}\0${value}\0`)));
  socket.write(message('Z', Buffer.from('I')));
  return true;
}

function answer(socket: Socket, type: string, body: Buffer, texts: string[]): void {
  if (type === 'X') socket.end();
  const done = () =>
    socket.write(
      Buffer.concat([message('C', Buffer.from('SELECT 0\0')), message('Z', Buffer.from('I'))]),
    );
  if (type === 'c' || type === 'f') done();
  if (type !== 'Q') return;
  const text = body.subarray(0, -1).toString('utf8');
  texts.push(text);
  if (/\bcopy\b[^;]*\bfrom\s+stdin\b/i.test(text)) socket.write(message('G', Buffer.alloc(3)));
  else done();
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
