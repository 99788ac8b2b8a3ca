/** Runs the handler of one request, and records its response for the requests that wait for it. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Capture } from './capture';
import type { ResponseCacheOptions } from './options';
import type { Plan, PreparedRoute } from './route';
import { fieldValue, judgeResponse, type Verdict } from './rules';
import {
  type PlainResponse,
  responseFor,
  type SentResponse,
  type StoredResponse,
  storeResponse,
} from './stored-response';
import type { FrameworkRequest } from './view';

/** One request and its response in a framework, as the cache sees them. */
export interface Exchange<Request> {
  /** The framework's request. */
  readonly source: Request;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The URL as the client sent it. */
  readonly target: string;
  /** @see FrameworkRequest.checked */
  readonly checked?: FrameworkRequest['checked'];
  /** Headers that were set for this client before the request came to the cache. */
  headersBefore(): OutgoingHttpHeaders;
  /** Sends a response in place of the handler's. */
  send(response: SentResponse): void;
  /** Runs the handler, and whatever else comes after the cache. */
  proceed(): void;
  /** Runs the whole application for another request. */
  again(request: IncomingMessage, response: ServerResponse): void;
}

/** The response may be sent to its own client only. */
export class NotStoredError extends Error {
  override readonly name = 'NotStoredError';
}

/** The client went away before the response was complete: another request must run its handler. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/** The parts of the cache that a recorder uses. */
export interface RecorderContext {
  readonly options: ResponseCacheOptions;
  /** Called for a response with a status below 500 that may not be stored. */
  readonly refused: (plan: Plan, reason: string, unkeyed: string | undefined) => void;
  /** The cache's own headers. */
  readonly marks: (
    state: 'HIT' | 'MISS' | 'STALE' | 'BYPASS',
    reason?: string,
  ) => Record<string, string>;
  readonly tagHeaders: (tags: readonly string[]) => Record<string, string>;
}

/**
 * Request headers that the handler does not see, because its response is for all clients: the cache
 * itself validates and compresses.
 */
const HIDDEN = ['accept-encoding', 'if-none-match', 'if-modified-since'];

/** Runs the handler of one request, and records its response. */
export class ResponseRecorder<Request> {
  /** `held`: the handler failed, and its response waits for `sendHeld` or `sendInstead`. */
  readonly end: Promise<'sent' | 'held'>;
  private settle: (end: 'sent' | 'held') => void = () => {};
  private readonly original: IncomingMessage['headers'];
  private readonly before: OutgoingHttpHeaders;
  private capture: Capture | undefined;
  private verdict: Verdict = { stored: false, reason: 'unknown' };

  constructor(
    private readonly exchange: Exchange<Request>,
    private readonly route: PreparedRoute<Request>,
    private readonly plan: Plan,
    private readonly context: RecorderContext,
  ) {
    this.original = { ...exchange.request.headers };
    this.before = exchange.headersBefore();
    this.end = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /**
   * Runs the handler and responds to its client.
   *
   * @throws NotStoredError, ClientGoneError if no other request can use the response
   */
  async run(): Promise<StoredResponse> {
    let isHeld = false;
    try {
      const plain = await this.runHandler();
      if (!this.verdict.stored) {
        isHeld = true;
        throw new NotStoredError('failed');
      }
      return await this.share(plain, this.verdict);
    } finally {
      this.restoreHeaders();
      this.settle(isHeld ? 'held' : 'sent');
    }
  }

  /** Sends what the handler wrote, unchanged. */
  sendHeld(): void {
    try {
      if (this.capture !== undefined) this.sendPlain(this.capture.recorded);
    } catch (error) {
      this.exchange.response.destroy(error instanceof Error ? error : undefined);
    }
  }

  async sendInstead(stale: StoredResponse): Promise<void> {
    await this.send(stale, false, this.context.marks('STALE'));
  }

  private async runHandler(): Promise<PlainResponse> {
    const { request, response } = this.exchange;
    for (const name of HIDDEN) delete request.headers[name];
    if (this.plan.language !== undefined) request.headers['accept-language'] = this.plan.language;
    let passedFor = 'refused';
    const capture = new Capture(response, {
      maxBodyBytes: this.route.maxBodyBytes,
      holds: (status, headers) => this.holds(status, headers),
      passing: (reason) => {
        passedFor = reason === 'refused' && !this.verdict.stored ? this.verdict.reason : reason;
        this.restoreHeaders();
        for (const [name, value] of Object.entries(this.context.marks('MISS', passedFor)))
          response.setHeader(name, value);
      },
    });
    this.capture = capture;
    this.exchange.proceed();
    const outcome = await capture.outcome;
    if (outcome === 'complete') return capture.recorded;
    if (outcome === 'aborted') throw new ClientGoneError('The client went away.');
    if (response.statusCode < 500) this.refuse(passedFor);
    throw new NotStoredError(passedFor);
  }

  private holds(status: number, headers: OutgoingHttpHeaders): boolean {
    this.verdict = judgeResponse(status, headers, this.plan.storageRules);
    const { serveStale, staleSeconds } = this.route.strategy;
    return this.verdict.stored || (status >= 500 && serveStale === 'if-error' && staleSeconds > 0);
  }

  private async share(
    plain: PlainResponse,
    verdict: Verdict & { stored: true },
  ): Promise<StoredResponse> {
    const length = plain.headers['content-length'];
    let stored: StoredResponse;
    try {
      // "Storing Incomplete Responses", RFC 9111, section 3.3.
      if (length !== undefined && Number(fieldValue(length)) !== plain.body.length)
        throw new NotStoredError('incomplete');
      stored = await storeResponse(plain, this.storeRules(verdict), Date.now());
      await this.send(stored, true, this.context.marks('MISS'));
    } catch (error) {
      this.sendHeld();
      throw error;
    }
    return stored;
  }

  private storeRules({ ttlSeconds, mayBeStale }: Verdict & { stored: true }) {
    return {
      ttlSeconds,
      endsBefore: ttlSeconds < this.route.strategy.ttlSeconds,
      mayBeStale,
      compressionThresholdBytes: this.context.options.compressionThresholdBytes ?? 1024,
      // A cache in front of the service must not share the response to one user, or to an anonymous
      // client, with everybody.
      added: {
        ...(this.route.isPersonal ? { 'cache-control': 'private' } : {}),
        ...this.context.tagHeaders(this.plan.call.tags),
      },
      varyBy: this.route.varyBy,
      before: this.before,
    };
  }

  private async send(
    stored: StoredResponse,
    isFirst: boolean,
    marks: Record<string, string>,
  ): Promise<void> {
    const sent = await responseFor(
      stored,
      this.original,
      fieldValue(this.before.vary),
      isFirst,
      Date.now(),
    );
    this.write(sent.status, { ...this.before, ...sent.headers, ...marks }, sent.body);
  }

  private sendPlain(plain: PlainResponse): void {
    this.write(
      plain.status,
      {
        ...plain.headers,
        ...this.context.marks('MISS', this.verdict.stored ? 'incomplete' : this.verdict.reason),
      },
      plain.body,
    );
  }

  private write(status: number, headers: OutgoingHttpHeaders, body: Buffer | undefined): void {
    const { response } = this.exchange;
    this.capture?.release();
    if (response.headersSent || response.destroyed) return;
    const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    for (const name of response.getHeaderNames()) if (!names.has(name)) response.removeHeader(name);
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) response.setHeader(name, value);
    response.statusCode = status;
    response.end(body);
  }

  private refuse(reason: string): void {
    this.context.refused(this.plan, reason, this.verdict.stored ? undefined : this.verdict.unkeyed);
  }

  private restoreHeaders(): void {
    const { headers } = this.exchange.request;
    for (const name of [...HIDDEN, 'accept-language']) {
      if (this.original[name] !== undefined) headers[name] = this.original[name];
      else delete headers[name];
    }
  }
}
