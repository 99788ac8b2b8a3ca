/** Stale answers that are being renewed in the background. */
import type { IncomingMessage } from 'node:http';
import type { StoredAnswer } from './answer';
import { detachedExchange } from './detached';
import { type Exchange, NotStored } from './leader';
import type { ResponseStore } from './options';
import type { Plan } from './route';

/** A route that takes longer in the background is given up; its stale answer stays what it is. */
const LONGEST_RENEWAL_MS = 30_000;

/** A request without a client that has come to the cache. */
export interface Renewal {
  /** @param key of the request as it came; another one than expected ends the renewal */
  take(key: string | undefined, run: () => Promise<StoredAnswer>): Promise<void>;
}

export class ResponseRenewals {
  private readonly byRequest = new WeakMap<IncomingMessage, Renewal>();
  private readonly underWay = new Map<string, Promise<unknown>>();
  private readonly ended = new AbortController();

  constructor(
    private readonly store: ResponseStore,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  /** The renewal that this request was made for. */
  of(request: IncomingMessage): Renewal | undefined {
    return this.byRequest.get(request);
  }

  /** Runs the route again for a key, once at a time. */
  begin<Request>(exchange: Exchange<Request>, plan: Plan): void {
    if (this.underWay.has(plan.key) || this.ended.signal.aborted) return;
    // Taken now: the client's request may be gone when the renewal begins.
    const headers = { ...exchange.request.headers };
    const renew = async (): Promise<unknown> =>
      this.store.getOrLoad(plan.key, () => this.run(exchange, headers, plan), plan.call);
    const renewed = renew()
      .catch((error: unknown) => {
        if (!(error instanceof NotStored)) this.onFailure(error);
      })
      .finally(() => this.underWay.delete(plan.key));
    this.underWay.set(plan.key, renewed);
  }

  async close(): Promise<void> {
    this.ended.abort();
    await Promise.allSettled(this.underWay.values());
  }

  private async run<Request>(
    exchange: Exchange<Request>,
    headers: IncomingMessage['headers'],
    plan: Plan,
  ): Promise<StoredAnswer> {
    const detached = detachedExchange(exchange.request, headers, exchange.target);
    const { signal } = this.ended;
    let timer: NodeJS.Timeout | undefined;
    let onEnd: () => void = () => {};
    try {
      return await new Promise<StoredAnswer>((resolve, reject) => {
        onEnd = () => reject(new NotStored('closed'));
        signal.addEventListener('abort', onEnd);
        timer = setTimeout(() => reject(new NotStored('took too long')), LONGEST_RENEWAL_MS);
        this.byRequest.set(detached.request, {
          take: async (key, run) => {
            if (key !== plan.key) return reject(new NotStored('another key'));
            await run().then(resolve, reject);
          },
        });
        // The leader hears of its answer before this does; what ends without one never came to the
        // cache.
        detached.response.once('finish', () =>
          setImmediate(() => reject(new NotStored('answered before the cache'))),
        );
        if (signal.aborted) return onEnd();
        exchange.again(detached.request, detached.response);
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onEnd);
      detached.close();
    }
  }
}
