/** The request whose handler runs, and whose answer the others wait for. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import {
  answerFor,
  type PlainAnswer,
  type SentAnswer,
  type StoredAnswer,
  storeAnswer,
} from './answer';
import { Capture } from './capture';
import type { ResponseCacheOptions } from './options';
import type { Plan, PreparedRoute } from './route';
import { headerText, judgeAnswer, type Verdict } from './rules';

/** One request in a framework, as the cache sees it. */
export interface Exchange<Request> {
  /** The framework's request. */
  readonly source: Request;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The URL as the client sent it. */
  readonly target: string;
  /** Headers that were set for this client before the cache was asked. */
  headersBefore(): OutgoingHttpHeaders;
  /** Answers instead of the handler. */
  send(answer: SentAnswer): void;
  /** Runs what comes after the cache. */
  proceed(): void;
  /** Runs the whole application for another request. */
  again(request: IncomingMessage, response: ServerResponse): void;
}

/** The answer is its own client's alone. */
export class NotStored extends Error {
  override readonly name = 'NotStored';
}

/** The client went away before the answer was complete: somebody else must lead. */
export class LeaderGone extends Error {
  override readonly name = 'LeaderGone';
}

export interface LeaderContext {
  readonly options: ResponseCacheOptions;
  /** Called for an answer under 500 that may not be stored. */
  readonly refused: (plan: Plan, reason: string, unkeyed: string | undefined) => void;
  /** Headers that the cache adds of its own. */
  readonly marks: (
    state: 'HIT' | 'MISS' | 'STALE' | 'BYPASS',
    reason?: string,
  ) => Record<string, string>;
  readonly tagHeaders: (tags: readonly string[]) => Record<string, string>;
}

/**
 * What the handler doesn't see, because its answer is for all: the cache validates and compresses
 * by itself.
 */
const HIDDEN = ['accept-encoding', 'if-none-match', 'if-modified-since'];

export class Leader<Request> {
  /** `held`: the handler failed, and its answer waits for `sendHeld` or `sendInstead`. */
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
    private readonly context: LeaderContext,
  ) {
    this.original = { ...exchange.request.headers };
    this.before = exchange.headersBefore();
    this.end = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /**
   * Runs the handler and answers its client.
   * @throws NotStored, LeaderGone: others cannot use the answer
   */
  async run(): Promise<StoredAnswer> {
    let isHeld = false;
    try {
      const plain = await this.runHandler();
      if (!this.verdict.stored) {
        isHeld = true;
        throw new NotStored('failed');
      }
      return await this.share(plain, this.verdict);
    } finally {
      this.restoreHeaders();
      this.settle(isHeld ? 'held' : 'sent');
    }
  }

  /** Sends what the handler wrote, as it is. */
  sendHeld(): void {
    try {
      if (this.capture !== undefined) this.sendPlain(this.capture.answer);
    } catch (error) {
      this.exchange.response.destroy(error instanceof Error ? error : undefined);
    }
  }

  async sendInstead(stale: StoredAnswer): Promise<void> {
    await this.send(stale, false, this.context.marks('STALE'));
  }

  private async runHandler(): Promise<PlainAnswer> {
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
    if (outcome === 'complete') return capture.answer;
    if (outcome === 'aborted') throw new LeaderGone('The client went away.');
    if (response.statusCode < 500) this.refuse(passedFor);
    throw new NotStored(passedFor);
  }

  private holds(status: number, headers: OutgoingHttpHeaders): boolean {
    this.verdict = judgeAnswer(status, headers, this.plan.answers);
    const { serveStale, staleSeconds } = this.route.strategy;
    return this.verdict.stored || (status >= 500 && serveStale === 'if-error' && staleSeconds > 0);
  }

  private async share(
    plain: PlainAnswer,
    verdict: Verdict & { stored: true },
  ): Promise<StoredAnswer> {
    const length = plain.headers['content-length'];
    let stored: StoredAnswer;
    try {
      // "Storing Incomplete Responses", RFC 9111, section 3.3.
      if (length !== undefined && Number(headerText(length)) !== plain.body.length)
        throw new NotStored('incomplete');
      stored = await storeAnswer(plain, this.storeRules(verdict), Date.now());
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
      // A cache in front of the service must not take one user's answer, or a stranger's, for
      // everybody's.
      added: {
        ...(this.route.options.user === undefined ? {} : { 'cache-control': 'private' }),
        ...this.context.tagHeaders(this.plan.call.tags),
      },
      varyBy: this.route.varyBy,
      before: this.before,
    };
  }

  private async send(
    answer: StoredAnswer,
    isFirst: boolean,
    marks: Record<string, string>,
  ): Promise<void> {
    const sent = await answerFor(
      answer,
      this.original,
      headerText(this.before.vary),
      isFirst,
      Date.now(),
    );
    this.write(sent.status, { ...this.before, ...sent.headers, ...marks }, sent.body);
  }

  private sendPlain(plain: PlainAnswer): void {
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
