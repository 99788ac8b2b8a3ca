/** One process of an application, with a cache, that a test drives by messages. */
import { CACHE_STRATEGIES, TieredCache, ValkeyServer } from '../../../lib/runtime';

export type Order =
  | {
      readonly do: 'load';
      readonly key: string;
      readonly callers: number;
      readonly lasts: number;
      readonly tags?: readonly string[];
    }
  | { readonly do: 'forget'; readonly key?: string; readonly tag?: string };
export type Report =
  | { readonly is: 'ready' }
  | { readonly is: 'loading'; readonly key: string }
  | {
      readonly is: 'loaded';
      readonly values: readonly string[];
      readonly loads: number;
      readonly milliseconds: number;
    }
  | { readonly is: 'forgotten'; readonly reached: boolean };

const strategy = CACHE_STRATEGIES.kpi;
// Four processes on a machine with less cores than that are late for themselves: what is tried here
// is not the deadline.
const PATIENCE_MS = 2000;
const server = new ValkeyServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  namespace: 'processes',
  commandTimeoutMs: PATIENCE_MS,
});
const cache = new TieredCache({ server, strategy, budgetMs: PATIENCE_MS });
const say = (report: Report) => process.send?.(report);

async function obey(order: Order): Promise<void> {
  if (order.do === 'forget') {
    const { reached } =
      order.tag === undefined
        ? await cache.delete(order.key ?? '')
        : await cache.invalidateTags(order.tag);
    say({ is: 'forgotten', reached });
    return;
  }
  let loads = 0;
  const loader = async () => {
    loads++;
    say({ is: 'loading', key: order.key });
    await new Promise((resolve) => setTimeout(resolve, order.lasts));
    return `${process.pid}:${performance.now()}`;
  };
  const began = performance.now();
  const options = order.tags === undefined ? {} : { tags: order.tags };
  const values = await Promise.all(
    Array.from({ length: order.callers }, () => cache.getOrLoad(order.key, loader, options)),
  );
  say({
    is: 'loaded',
    values: [...new Set(values)],
    loads,
    milliseconds: performance.now() - began,
  });
}

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());
const ready = setInterval(() => {
  if (!server.available || !server.busAlive) return;
  clearInterval(ready);
  say({ is: 'ready' });
}, 10);
