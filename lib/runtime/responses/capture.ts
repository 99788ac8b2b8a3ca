/** What a handler writes, held back until it is known whether it may be shared. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { PlainAnswer } from './answer';

/**
 * `passed`: the client gets what the handler writes, as it writes it. `aborted`: the client went
 * away, or the handler gave up.
 */
export type CaptureOutcome = 'complete' | 'passed' | 'aborted';

export interface CaptureRules {
  readonly maxBodyBytes: number;
  /**
   * Asked once, when status and headers are known.
   *
   * @returns whether to hold the answer back
   */
  readonly holds: (status: number, headers: OutgoingHttpHeaders) => boolean;
  /**
   * Called before an answer that is not held back, or no longer, goes out. Headers can still be
   * set.
   */
  readonly passing: (reason: 'refused' | 'too-large' | 'flushed') => void;
}

type Callback = (error?: Error | null) => void;
type Chunk = string | Uint8Array | null | undefined;

const TAKEN = [
  'writeHead',
  'write',
  'end',
  'flushHeaders',
  'headersSent',
  'writableEnded',
] as const;

/**
 * Stands before a response of Node's HTTP server. Both frameworks write to one in the end, after
 * their hooks and serialisers, so what is seen here is what a client would get.
 */
export class Capture {
  readonly outcome: Promise<CaptureOutcome>;
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private head: { readonly status: number; readonly headers: OutgoingHttpHeaders } | undefined;
  private headArguments: unknown[] | undefined;
  private state: 'open' | 'ended' | 'released' = 'open';
  private settle: (outcome: CaptureOutcome) => void = () => {};
  private readonly onClose = () => {
    if (this.state === 'open') this.release('aborted');
  };

  constructor(
    private readonly response: ServerResponse,
    private readonly rules: CaptureRules,
  ) {
    this.outcome = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.take();
    response.once('close', this.onClose);
  }

  /** The whole answer, once the outcome is `complete`. */
  get answer(): PlainAnswer {
    if (this.head === undefined) throw new Error('The answer is not complete.');
    return { ...this.head, body: Buffer.concat(this.chunks) };
  }

  /** Gives the response back: what is written from now on goes out. */
  release(outcome: CaptureOutcome = 'complete'): void {
    if (this.state === 'released') return;
    this.state = 'released';
    for (const name of TAKEN) Reflect.deleteProperty(this.response, name);
    this.restoreOwn();
    this.response.off('close', this.onClose);
    this.settle(outcome);
  }

  /** Other middleware may have put methods of its own on the response before us. */
  private readonly own: [string, PropertyDescriptor][] = [];

  private restoreOwn(): void {
    for (const [name, descriptor] of this.own)
      Object.defineProperty(this.response, name, descriptor);
  }

  private take(): void {
    const { response } = this;
    for (const name of TAKEN) {
      const descriptor = Object.getOwnPropertyDescriptor(response, name);
      if (descriptor !== undefined) this.own.push([name, descriptor]);
    }
    const define = (name: (typeof TAKEN)[number], property: PropertyDescriptor) =>
      Object.defineProperty(response, name, { configurable: true, ...property });
    define('writeHead', { writable: true, value: (...head: unknown[]) => this.onWriteHead(head) });
    define('write', {
      writable: true,
      value: (chunk: Chunk, encoding?: BufferEncoding | Callback, done?: Callback) =>
        this.onWrite(chunk, encoding, done),
    });
    define('end', {
      writable: true,
      value: (chunk?: Chunk | Callback, encoding?: BufferEncoding | Callback, done?: Callback) =>
        this.onEnd(chunk, encoding, done),
    });
    define('flushHeaders', { writable: true, value: () => this.onFlush() });
    // Frameworks ask these to learn whether an answer was given.
    define('headersSent', { get: () => this.head !== undefined });
    define('writableEnded', { get: () => this.state === 'ended' });
  }

  private onWriteHead(head: unknown[]): ServerResponse {
    if (this.head !== undefined) {
      throw Object.assign(new Error('Cannot write headers after they are sent to the client'), {
        code: 'ERR_HTTP_HEADERS_SENT',
      });
    }
    const given = head
      .slice(1)
      .find((argument) => typeof argument === 'object' && argument !== null);
    const headers = asHeaders(given);
    refuseBadHeaders(headers);
    this.begin(Number(head[0]), { ...lowerCase(this.response.getHeaders()), ...headers }, head);
    return this.response;
  }

  private onWrite(chunk: Chunk, encoding?: BufferEncoding | Callback, done?: Callback): boolean {
    if (this.state === 'open' && this.head === undefined) this.beginImplicitly();
    if (this.state === 'released')
      return (this.response.write as (...all: unknown[]) => boolean)(chunk, encoding, done);
    const callback = typeof encoding === 'function' ? encoding : done;
    if (this.state === 'ended') {
      if (callback !== undefined)
        process.nextTick(
          callback,
          Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' }),
        );
      return false;
    }
    const isFull = !this.keep(chunk, encoding);
    if (callback !== undefined) process.nextTick(callback, null);
    return isFull ? this.overflow() : true;
  }

  private onEnd(
    chunk?: Chunk | Callback,
    encoding?: BufferEncoding | Callback,
    done?: Callback,
  ): ServerResponse {
    if (this.state === 'ended') return this.response;
    if (this.state === 'open' && this.head === undefined) this.beginImplicitly();
    if (this.state === 'released')
      return (this.response.end as (...all: unknown[]) => ServerResponse)(chunk, encoding, done);
    const callback = [chunk, encoding, done].find(
      (argument): argument is Callback => typeof argument === 'function',
    );
    if (callback !== undefined) this.response.once('finish', callback);
    const isFull = typeof chunk !== 'function' && !this.keep(chunk, encoding);
    if (isFull) {
      this.overflow();
      return this.response.end();
    }
    this.state = 'ended';
    this.settle('complete');
    return this.response;
  }

  /** Whoever flushes wants the first bytes to be there at once. */
  private onFlush(): void {
    if (this.state === 'open' && this.head === undefined) this.beginImplicitly(true);
    else if (this.state === 'open') this.overflow('flushed');
    if (this.state === 'released') this.response.flushHeaders();
  }

  private beginImplicitly(isFlushed = false): void {
    this.begin(
      this.response.statusCode,
      lowerCase(this.response.getHeaders()),
      undefined,
      isFlushed,
    );
  }

  private begin(
    status: number,
    headers: OutgoingHttpHeaders,
    head: unknown[] | undefined,
    isFlushed = false,
  ): void {
    const length = Number(headers['content-length'] ?? 0);
    const isHeld = this.rules.holds(status, headers);
    this.headArguments = head;
    if (isHeld && length <= this.rules.maxBodyBytes && !isFlushed) {
      this.head = { status, headers };
      return;
    }
    this.pass(isHeld ? (isFlushed ? 'flushed' : 'too-large') : 'refused');
  }

  /** @returns whether it fits */
  private keep(chunk: Chunk, encoding?: BufferEncoding | Callback): boolean {
    if (chunk === null || chunk === undefined) return true;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
        : Buffer.from(chunk);
    this.chunks.push(bytes);
    this.size += bytes.length;
    return this.size <= this.rules.maxBodyBytes;
  }

  private overflow(reason: 'too-large' | 'flushed' = 'too-large'): boolean {
    this.pass(reason);
    let hasRoom = true;
    for (const chunk of this.chunks.splice(0)) hasRoom = this.response.write(chunk);
    return hasRoom;
  }

  private pass(reason: 'refused' | 'too-large' | 'flushed'): void {
    this.release('passed');
    this.rules.passing(reason);
    if (this.headArguments !== undefined)
      (this.response.writeHead as (...all: unknown[]) => unknown)(...this.headArguments);
  }
}

/** "Fields", RFC 9110, section 5. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NOT_IN_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * Throws where Node would, so that the framework hears of it while it can still answer otherwise.
 */
function refuseBadHeaders(headers: OutgoingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name))
      throw Object.assign(new TypeError(`Header name must be a valid HTTP token ["${name}"]`), {
        code: 'ERR_INVALID_HTTP_TOKEN',
      });
    if ([value].flat().some((one) => one !== undefined && NOT_IN_A_VALUE.test(String(one)))) {
      throw Object.assign(new TypeError(`Invalid character in header content ["${name}"]`), {
        code: 'ERR_INVALID_CHAR',
      });
    }
  }
}

function lowerCase(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** `writeHead` takes an object, a flat list of names and values, or a list of pairs. */
function asHeaders(given: unknown): OutgoingHttpHeaders {
  if (given === undefined) return {};
  if (!Array.isArray(given)) return lowerCase(given as OutgoingHttpHeaders);
  const pairs = (Array.isArray(given[0]) ? given : pairsOf(given)) as [string, string][];
  const headers: Record<string, string[]> = {};
  for (const [name, value] of pairs)
    headers[name.toLowerCase()] = [
      ...(headers[name.toLowerCase()] ?? []),
      ...[value].flat().map(String),
    ];
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [
      name,
      values.length === 1 ? values[0] : values,
    ]),
  );
}

function pairsOf(flat: readonly unknown[]): [unknown, unknown][] {
  return Array.from({ length: Math.floor(flat.length / 2) }, (_, i) => [
    flat[2 * i],
    flat[2 * i + 1],
  ]);
}
