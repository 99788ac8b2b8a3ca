/**
 * Background renewal of stale responses: each runs its route again, for a request without a client.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import type { ResponseStore } from './options';
import { type Exchange, NotStoredError } from './recorder';
import type { Plan } from './route';
import type { StoredResponse } from './stored-response';

/** A renewal that takes longer is abandoned; the stale response stays as it is. */
const RENEWAL_TIMEOUT_MS = 30_000;

/** The renewal that a detached request was made for. */
export interface Renewal {
  /**
   * Runs the handler for the renewal.
   *
   * @param key of the detached request; if it is not the expected one, the renewal ends
   */
  take(key: string | undefined, run: () => Promise<StoredResponse>): Promise<void>;
}

/** The renewals of one cache, one at a time for each key. */
export class ResponseRenewals {
  private readonly byRequest = new WeakMap<IncomingMessage, Renewal>();
  private readonly underWay = new Map<string, Promise<unknown>>();
  private readonly ended = new AbortController();

  constructor(
    private readonly store: ResponseStore,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** The renewal that this request was made for; undefined for a client's request. */
  of(request: IncomingMessage): Renewal | undefined {
    return this.byRequest.get(request);
  }

  /** Starts the renewal of a key, unless one is under way. */
  begin<Request>(exchange: Exchange<Request>, plan: Plan): void {
    if (this.underWay.has(plan.key) || this.ended.signal.aborted) return;
    // Copied now: the client's request may be gone when the renewal begins.
    const headers = { ...exchange.request.headers };
    const renew = async (): Promise<unknown> =>
      this.store.getOrLoad(plan.key, () => this.run(exchange, headers, plan), plan.call);
    const renewed = renew()
      .catch((error: unknown) => {
        if (!(error instanceof NotStoredError)) this.onFailure(error);
      })
      .finally(() => this.underWay.delete(plan.key));
    this.underWay.set(plan.key, renewed);
  }

  /** Abandons the renewals that are under way. */
  async close(): Promise<void> {
    this.ended.abort();
    await Promise.allSettled(this.underWay.values());
  }

  private async run<Request>(
    exchange: Exchange<Request>,
    headers: IncomingMessage['headers'],
    plan: Plan,
  ): Promise<StoredResponse> {
    const detached = detachedExchange(exchange.request, headers, exchange.target);
    const { signal } = this.ended;
    let onEnd: () => void = () => {};
    try {
      const recorded = new Promise<StoredResponse>((resolve, reject) => {
        onEnd = () => reject(new NotStoredError('closed'));
        signal.addEventListener('abort', onEnd);
        this.byRequest.set(detached.request, {
          take: async (key, run) => {
            if (key !== plan.key) return reject(new NotStoredError('another key'));
            await run().then(resolve, reject);
          },
        });
        // The recorder sees the end of its response before this listener does. A response that
        // reaches this point without a recorder was sent before the request came to the cache.
        detached.response.once('finish', () =>
          setImmediate(() => reject(new NotStoredError('answered before the cache'))),
        );
        if (signal.aborted) return onEnd();
        exchange.again(detached.request, detached.response);
      });
      const result = await withTimeLimit(RENEWAL_TIMEOUT_MS, recorded);
      if (result === TIMED_OUT) throw new NotStoredError('took too long');
      return result;
    } finally {
      signal.removeEventListener('abort', onEnd);
      detached.close();
    }
  }
}

/** Headers that belong to one client's copy, or to its connection. */
const DROPPED = [
  'if-none-match',
  'if-modified-since',
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
];

interface DetachedExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  close(): void;
}

/**
 * Makes a request without a client.
 *
 * @param original whose address the new request has
 * @param target the URL as the client sent it
 */
function detachedExchange(
  original: IncomingMessage,
  headers: IncomingMessage['headers'],
  target: string,
): DetachedExchange {
  // Writes are discarded: the cache takes the response before it comes here.
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const from = original.socket as Partial<Socket> & { readonly encrypted?: boolean };
  for (const name of [
    'remoteAddress',
    'remotePort',
    'remoteFamily',
    'localAddress',
    'localPort',
    'encrypted',
  ] as const) {
    Object.defineProperty(socket, name, { value: from[name], configurable: true });
  }
  for (const name of ['setTimeout', 'setNoDelay', 'setKeepAlive'] as const)
    Object.defineProperty(socket, name, { value: () => socket });
  const request = new IncomingMessage(socket as unknown as Socket);
  request.method = 'GET';
  request.url = target;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const kept = Object.entries(headers).filter(
    ([name]) => !DROPPED.includes(name) && !name.startsWith(':'),
  );
  request.headers = Object.fromEntries(kept);
  const authority = headers[':authority'];
  if (request.headers.host === undefined && typeof authority === 'string')
    request.headers.host = authority;
  request.rawHeaders = Object.entries(request.headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, String(one)]),
  );
  request.complete = true;
  request.push(null);
  const response = new ServerResponse(request);
  response.assignSocket(socket as unknown as Socket);
  return { request, response, close: () => void socket.destroy() };
}
