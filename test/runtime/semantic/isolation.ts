/** Generated questions of many tenants through `SemanticCache`. */
import { MemorySemanticStore, SemanticCache, TfIdfEmbedder } from '../../../lib/runtime/semantic';
import { type Isolation, MISTAKES, sendAll } from '../isolation';
import type { Random } from '../random';

const NAMES = [
  ...['acme', 'Acme', 'acme ', 'globex', '["acme"]', '{}', 'null', 'undefined', 'acme","m1'],
  ...['[object Object]', '[object Promise]', 'é', 'e\u0301'],
  ...Array.from({ length: 12 }, (_, i) => `tenant-${i}`),
];
const QUESTIONS = [
  'How do I reset my password?',
  'how do I reset my password',
  'What are the steps to reset my password?',
  'Where can I see my invoices?',
  'Where do I find my invoices?',
  'How do I cancel my order?',
];
const AUDIENCES = [undefined, 'admins', 'acme'];

/** What callers pass by mistake. */
const TENANT_MISTAKES = [...MISTAKES, () => undefined];

/** Concurrent callers, so that answers in the making are shared. */
const CALLERS = 8;

export async function isolationOfQuestions(
  seed: number,
  requests: number,
  progress: (sent: number) => void = () => {},
): Promise<Isolation> {
  const result = { requests: 0, hits: 0, bypasses: 0, leaks: 0, examples: [] as string[] };
  const cache = new SemanticCache({
    embedder: new TfIdfEmbedder(),
    store: new MemorySemanticStore(),
    // Misses of a busy process would only make the check weaker.
    lookupTimeoutMs: 60_000,
    explainMisses: false,
  });
  const call = async (random: Random): Promise<void> => {
    const tenant = random.pick(NAMES);
    const scope = {
      tenant,
      model: random.pick(['m1', 'm2']),
      corpusVersion: random.pick(['v1', 'acme']),
      audience: random.pick(AUDIENCES),
    };
    const isMistaken = random.chance(0.05);
    const given = isMistaken ? { ...scope, tenant: random.pick(TENANT_MISTAKES)(tenant) } : scope;
    const own = JSON.stringify(scope);
    try {
      const { answer, outcome } = await cache.getOrAnswer(
        random.pick(QUESTIONS),
        () => own,
        given as typeof scope,
      );
      if (outcome.kind !== 'miss') result.hits++;
      if (!isMistaken && answer === own) return;
      result.leaks++;
      if (result.examples.length < 5) result.examples.push(`${own}: ${answer}`);
    } catch (error) {
      if (!isMistaken) throw error;
      result.bypasses++;
    }
  };
  await sendAll({ seed, requests, callers: CALLERS }, result, progress, call, (random) =>
    cache.invalidateCorpus({ tenant: random.pick(NAMES), corpusVersion: 'v1' }),
  );
  await cache.close();
  return result;
}
