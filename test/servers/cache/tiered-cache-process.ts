/** An application process with a cache, which a test controls by messages. */
import { CACHE_STRATEGIES, TieredCache, ValkeyServer } from '../../../lib/runtime';

/** A message from the test. */
export type Command =
  | {
      readonly do: 'load';
      readonly key: string;
      readonly callers: number;
      readonly lastsMs: number;
      readonly tags?: readonly string[];
    }
  | { readonly do: 'invalidate'; readonly key?: string; readonly tag?: string };
/** A message to the test. */
export type Report =
  | { readonly is: 'ready' }
  | { readonly is: 'loading'; readonly key: string }
  | {
      readonly is: 'loaded';
      readonly values: readonly string[];
      readonly loads: number;
      readonly milliseconds: number;
    }
  | { readonly is: 'invalidated'; readonly reached: boolean };

const strategy = CACHE_STRATEGIES.kpi;
// Long, because four processes on fewer cores delay each other. Deadlines are not tested here.
const TIMEOUT_MS = 2000;
const server = new ValkeyServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  namespace: 'processes',
  commandTimeoutMs: TIMEOUT_MS,
});
const cache = new TieredCache({ server, strategy, budgetMs: TIMEOUT_MS });
const send = (report: Report) => process.send?.(report);

async function run(command: Command): Promise<void> {
  if (command.do === 'invalidate') {
    const { reached } =
      command.tag === undefined
        ? await cache.delete(command.key ?? '')
        : await cache.invalidateTags(command.tag);
    send({ is: 'invalidated', reached });
    return;
  }
  let loads = 0;
  const loader = async () => {
    loads++;
    send({ is: 'loading', key: command.key });
    await new Promise((resolve) => setTimeout(resolve, command.lastsMs));
    return `${process.pid}:${performance.now()}`;
  };
  const startedAt = performance.now();
  const options = command.tags === undefined ? {} : { tags: command.tags };
  const values = await Promise.all(
    Array.from({ length: command.callers }, () => cache.getOrLoad(command.key, loader, options)),
  );
  send({
    is: 'loaded',
    values: [...new Set(values)],
    loads,
    milliseconds: performance.now() - startedAt,
  });
}

process.on('message', (command: Command) => void run(command));
process.on('disconnect', () => process.exit());
const ready = setInterval(() => {
  if (!server.available || !server.busAlive) return;
  clearInterval(ready);
  send({ is: 'ready' });
}, 10);
