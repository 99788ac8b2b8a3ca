/** Holds back what a handler writes until the cache knows whether the response may be shared. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { PlainResponse } from './stored-response';

/**
 * `passed`: the client receives what the handler writes, as it writes it. `aborted`: the client
 * went away, or the handler destroyed the response.
 */
export type CaptureOutcome = 'complete' | 'passed' | 'aborted';

/** Decides what a `Capture` holds back. */
export interface CaptureRules {
  readonly maxBodyBytes: number;
  /**
   * Called once, when status and headers are known.
   *
   * @returns whether to hold the response back
   */
  readonly holds: (status: number, headers: OutgoingHttpHeaders) => boolean;
  /**
   * Called before a response passes to the client, at its start or after it was held back. Headers
   * can still be set.
   */
  readonly passing: (reason: 'refused' | 'too-large' | 'flushed') => void;
}

type Callback = (error?: Error | null) => void;
type Chunk = string | Uint8Array | null | undefined;

/** The members of the response that the capture overrides. */
const OVERRIDDEN = [
  'writeHead',
  'write',
  'end',
  'flushHeaders',
  'headersSent',
  'writableEnded',
] as const;

/**
 * Intercepts a response of Node's HTTP server. Both frameworks write to such a response after their
 * hooks and serializers, so the capture sees what a client would receive.
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
    this.override();
    response.once('close', this.onClose);
  }

  /**
   * The whole response.
   *
   * @throws Error before the outcome is `complete`
   */
  get recorded(): PlainResponse {
    if (this.head === undefined) throw new Error('The response is not complete.');
    return { ...this.head, body: Buffer.concat(this.chunks) };
  }

  /** Ends the capture: what the handler writes from now on reaches the client. */
  release(outcome: CaptureOutcome = 'complete'): void {
    if (this.state === 'released') return;
    this.state = 'released';
    for (const name of OVERRIDDEN) Reflect.deleteProperty(this.response, name);
    this.restoreOwn();
    this.response.off('close', this.onClose);
    this.settle(outcome);
  }

  /** Own methods of the response, which earlier middleware may have defined. */
  private readonly own: [string, PropertyDescriptor][] = [];

  private restoreOwn(): void {
    for (const [name, descriptor] of this.own)
      Object.defineProperty(this.response, name, descriptor);
  }

  private override(): void {
    const { response } = this;
    for (const name of OVERRIDDEN) {
      const descriptor = Object.getOwnPropertyDescriptor(response, name);
      if (descriptor !== undefined) this.own.push([name, descriptor]);
    }
    const define = (name: (typeof OVERRIDDEN)[number], property: PropertyDescriptor) =>
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
    // Frameworks read these to find out whether the handler has responded.
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

  /** A handler that flushes wants its first bytes to reach the client at once. */
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

  /** @returns whether the body still fits */
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
 * Throws where Node would, while the framework can still send another response.
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
