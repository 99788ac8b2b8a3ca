import {
  type Embedder,
  MemorySemanticStore,
  NEUTRAL_GUARDS,
  SemanticCache,
  type SemanticScope,
  type SemanticStore,
  TfIdfEmbedder,
} from '../../../lib/runtime/semantic';
import { ADVERSARIAL } from './pairs';

const SCOPE: SemanticScope = { tenant: 'acme', model: 'm1', corpusVersion: 'v1' };

/** Gives all texts the same vector, so that only the guards refuse. */
class AllAlike implements Embedder {
  public readonly identity: string = 'all-alike/1';
  public readonly dimensions = 4;
  public readonly asked: string[] = [];
  public async embed(texts: readonly string[]) {
    this.asked.push(...texts);
    return texts.map(() => Float32Array.of(1, 1, 1, 1));
  }
}

function counted() {
  const counts: Record<string, number> = {};
  const metrics = {
    count: (name: string, labels: Readonly<Record<string, string>> = {}) => {
      const key = [name, ...Object.values(labels).filter(Boolean)].join(' ');
      counts[key] = (counts[key] ?? 0) + 1;
    },
    observe: (name: string) => {
      counts[name] = (counts[name] ?? 0) + 1;
    },
  };
  return { counts, metrics };
}

const never = () => {
  throw new Error('The answerer was called.');
};
const until = (condition: () => boolean) =>
  new Promise<void>((resolve) => {
    const look = () => (condition() ? resolve() : setImmediate(look));
    look();
  });

describe('SemanticCache', () => {
  test('answers the same text and the same meaning, and reports which matched', async () => {
    const { counts, metrics } = counted();
    const cache = new SemanticCache({ embedder: new TfIdfEmbedder(), metrics });
    const first = await cache.getOrAnswer(
      'How do I reset my password?',
      () => 'Click "Forgot".',
      SCOPE,
    );
    expect(first).toEqual({
      answer: 'Click "Forgot".',
      outcome: { kind: 'miss', reason: 'nothing-similar' },
    });
    await cache.close();
    expect(await cache.getOrAnswer('how do I reset my password', never, SCOPE)).toEqual({
      answer: 'Click "Forgot".',
      outcome: { kind: 'exact' },
    });
    const similar = await cache.getOrAnswer(
      'What are the steps to reset my password?',
      never,
      SCOPE,
    );
    expect(similar).toEqual({
      answer: 'Click "Forgot".',
      outcome: {
        kind: 'similar',
        score: expect.any(Number),
        question: 'How do I reset my password?',
      },
    });
    expect(counts).toMatchObject({
      'semantic_lookups_total exact': 1,
      'semantic_lookups_total similar': 1,
      semantic_similarity: 1,
    });
  });

  test('reports the guard that refused the best candidate', async () => {
    const { counts, metrics } = counted();
    const cache = new SemanticCache({ embedder: new AllAlike(), metrics });
    await cache.store('How do I convert USD to EUR?', 'So.', SCOPE);
    expect(await cache.lookup('How do I convert EUR to USD?', SCOPE)).toEqual({
      found: false,
      outcome: {
        kind: 'miss',
        reason: 'refused',
        guard: 'order',
        score: 1,
        question: 'How do I convert USD to EUR?',
      },
    });
    expect(counts['semantic_refusals_total order']).toBe(1);
    const silent = new SemanticCache({ embedder: new AllAlike(), explainMisses: false });
    await silent.store('Is the market open?', 'Yes.', SCOPE);
    expect((await silent.lookup('Is the market closed?', SCOPE)).outcome).toEqual({
      kind: 'miss',
      reason: 'nothing-similar',
    });
  });

  test.each([
    ['TF-IDF', () => new TfIdfEmbedder()],
    ['an embedder that finds all questions alike', () => new AllAlike()],
  ])(
    'gives no wrong answer to an adversarial pair with %s and default options',
    async (_, embedder) => {
      const wrong: string[] = [];
      for (const locale of [undefined, 'en']) {
        const cache = new SemanticCache({ embedder: embedder() });
        const all = Object.values(ADVERSARIAL).flat();
        for (const [pair, [one, other]] of all.entries()) {
          for (const [asked, kept] of [
            [one, other],
            [other, one],
          ] as const) {
            const scope = { ...SCOPE, tenant: `${pair} ${kept}`, locale };
            await cache.store(kept, 'kept', scope);
            if ((await cache.lookup(kept, scope)).outcome.kind !== 'exact')
              wrong.push(`lost: ${kept}`);
            if ((await cache.lookup(asked, scope)).found) wrong.push(`${asked} ≠ ${kept}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  test('gives no wrong answer when all adversarial questions share one scope', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    const questions = [...new Set(Object.values(ADVERSARIAL).flat(2))];
    for (const question of questions) await cache.store(question, question, SCOPE);
    for (const question of questions)
      expect(await cache.lookup(question, SCOPE)).toMatchObject({
        answer: question,
        outcome: { kind: 'exact' },
      });
  });
});

describe('scope', () => {
  const other: Record<string, SemanticScope> = {
    tenant: { ...SCOPE, tenant: 'globex' },
    model: { ...SCOPE, model: 'm2' },
    corpusVersion: { ...SCOPE, corpusVersion: 'v2' },
    locale: { ...SCOPE, locale: 'en' },
    audience: { ...SCOPE, audience: 'admins' },
  };
  test.each(Object.entries(other))(
    'an answer is not shared with another %s, by text or by meaning',
    async (_, scope) => {
      const cache = new SemanticCache({ embedder: new AllAlike() });
      await cache.store('What is inflation?', 'A rise.', SCOPE);
      expect((await cache.lookup('What is inflation?', scope)).found).toBe(false);
      expect((await cache.lookup('What does inflation mean?', scope)).found).toBe(false);
      expect((await cache.lookup('What does inflation mean?', SCOPE)).found).toBe(true);
    },
  );

  test('an answer is not shared with another version of the embedder', async () => {
    const store = new MemorySemanticStore();
    await new SemanticCache({ embedder: new AllAlike(), store }).store(
      'What is inflation?',
      'A rise.',
      SCOPE,
    );
    const newer = new (class extends AllAlike {
      public override readonly identity = 'all-alike/2';
    })();
    expect(
      (await new SemanticCache({ embedder: newer, store }).lookup('What is inflation?', SCOPE))
        .found,
    ).toBe(false);
  });

  test('the boundaries between the parts of a scope count', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    await cache.store('What is inflation?', 'A rise.', {
      tenant: 'a',
      model: 'b","c',
      corpusVersion: 'd',
    });
    expect(
      (
        await cache.lookup('What is inflation?', {
          tenant: 'a","b',
          model: 'c',
          corpusVersion: 'd',
        })
      ).found,
    ).toBe(false);
  });

  const wrong = (name: string): Record<string, unknown> => ({
    'a Promise': Promise.resolve(name),
    'a Map': new Map([['name', name]]),
    'a Set': new Set([name]),
    'an object that converts itself': { toString: () => name, toJSON: () => ({}) },
    'an array': [name],
    'a number': 7,
    NaN: Number.NaN,
    null: null,
    'a boxed string': Object(name),
    'half a surrogate pair': `${name}\ud800`,
  });
  describe.each(['tenant', 'model', 'corpusVersion', 'locale', 'audience'] as const)(
    'a %s that is not a string',
    (part) => {
      test.each(Object.keys(wrong('')))('%s is refused', async (kind) => {
        let asked = 0;
        for (const mode of ['tenant', 'shared'] as const) {
          const cache = new SemanticCache({ embedder: new AllAlike(), scope: mode });
          for (const name of ['acme', 'umbrella']) {
            const scope = { ...SCOPE, [part]: wrong(name)[kind] } as SemanticScope;
            const calls = [
              cache.getOrAnswer('Why?', () => `${++asked}`, scope),
              cache.lookup('Why?', scope),
              cache.store('Why?', 'Because.', scope),
              ...(part === 'tenant' || part === 'corpusVersion'
                ? [cache.invalidateCorpus(scope)]
                : []),
            ];
            for (const call of calls)
              await expect(call).rejects.toThrow(`SemanticCache: ${part} must be a string`);
          }
        }
        expect(asked).toBe(0);
      });
    },
  );

  test('a forgotten await is named, and a scope or a question of another type is refused', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    const scope = Promise.resolve(SCOPE) as never;
    await expect(cache.lookup('Why?', { ...SCOPE, tenant: scope })).rejects.toThrow(
      'forget `await`',
    );
    for (const bad of [scope, undefined, null] as never[])
      await expect(cache.lookup('Why?', bad)).rejects.toThrow('tenant must be a string');
    await expect(cache.lookup(Promise.resolve('Why?') as never, SCOPE)).rejects.toThrow(
      'SemanticCache: question must be a string',
    );
    const identity = Promise.resolve('a') as never;
    expect(() => new SemanticCache({ embedder: { ...new AllAlike(), identity } as never })).toThrow(
      'SemanticCache: embedder.identity must be a string',
    );
  });

  test('an empty audience and half a surrogate pair in a question are accepted', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    const scope = { ...SCOPE, audience: '' };
    await cache.store('Why \ud800?', 'Because.', scope);
    expect((await cache.lookup('Why \ud800?', scope)).found).toBe(true);
    expect((await cache.lookup('Why \udc00?', { ...scope, audience: 'a' })).found).toBe(false);
  });

  test('a missing tenant is refused unless the cache is shared', async () => {
    const { tenant: _, ...open } = SCOPE;
    const cache = new SemanticCache({ embedder: new AllAlike() });
    await expect(cache.getOrAnswer('What is inflation?', never, open)).rejects.toThrow(
      /tenant must be a string that is not empty, got nothing\.\n.*'shared'/,
    );
    await expect(cache.lookup('What is inflation?', { ...SCOPE, tenant: '' })).rejects.toThrow(
      'tenant must be',
    );
    await expect(cache.invalidateCorpus({ corpusVersion: 'v1' })).rejects.toThrow('tenant must be');
    const shared = new SemanticCache({ embedder: new AllAlike(), scope: 'shared' });
    expect((await shared.getOrAnswer('What is inflation?', () => 'A rise.', open)).answer).toBe(
      'A rise.',
    );
    expect(await shared.invalidateCorpus({ corpusVersion: 'v1' })).toEqual({ reached: true });
  });

  test.each(['model', 'corpusVersion'] as const)('a missing %s is refused', async (part) => {
    const cache = new SemanticCache({ embedder: new AllAlike(), scope: 'shared' });
    await expect(cache.lookup('Why?', { ...SCOPE, [part]: '' })).rejects.toThrow(`${part} must be`);
  });
});

describe('time', () => {
  const DAY = 24 * 3600 * 1000;
  test('an answer expires after its TTL', async () => {
    let now = Date.UTC(2026, 0, 1);
    const cache = new SemanticCache({ embedder: new AllAlike(), ttlSeconds: 60, now: () => now });
    await cache.store('What is inflation?', 'A rise.', SCOPE);
    now += 59_999;
    expect((await cache.lookup('What does inflation mean?', SCOPE)).found).toBe(true);
    now += 1;
    expect((await cache.lookup('What is inflation?', SCOPE)).found).toBe(false);
    expect((await cache.lookup('What does inflation mean?', SCOPE)).found).toBe(false);
  });

  test('a question with "today" misses on the next day; other questions hit', async () => {
    let now = Date.UTC(2026, 0, 1, 22);
    const cache = new SemanticCache({
      embedder: new AllAlike(),
      ttlSeconds: 7 * 24 * 3600,
      now: () => now,
    });
    await cache.store('What is the price of gold today?', '4,000', SCOPE);
    await cache.store('What is the capital of France?', 'Paris', SCOPE);
    expect((await cache.lookup('How much does gold cost today?', SCOPE)).found).toBe(true);
    now += DAY / 6;
    expect((await cache.lookup('What is the price of gold today?', SCOPE)).found).toBe(false);
    expect((await cache.lookup('How much does gold cost today?', SCOPE)).found).toBe(false);
    expect((await cache.lookup("What is France's capital?", SCOPE)).found).toBe(true);
  });

  test('days begin in the time zone of the options', async () => {
    let now = Date.UTC(2026, 0, 1, 22, 30);
    const cache = new SemanticCache({
      embedder: new AllAlike(),
      timeZone: 'Europe/Berlin',
      ttlSeconds: 9e4,
      now: () => now,
    });
    await cache.store('What is due today?', 'A', SCOPE);
    now += 3600 * 1000;
    expect((await cache.lookup('What is due today?', SCOPE)).found).toBe(false);
  });
});

describe('languages', () => {
  test('a question in another language matches only its exact text, on the same day', async () => {
    let now = Date.UTC(2026, 0, 1);
    const cache = new SemanticCache({ embedder: new AllAlike(), now: () => now, ttlSeconds: 1e6 });
    for (const question of [
      'Kann ich das Konto kündigen?',
      '口座を解約できますか',
      '¿Puedo cerrar la cuenta?',
      'Можно закрыть счёт?',
      'کیا؟',
    ]) {
      await cache.store(question, 'ja', SCOPE);
      expect((await cache.lookup(question, SCOPE)).outcome).toEqual({ kind: 'exact' });
      expect((await cache.lookup(`${question} nicht`, SCOPE)).outcome).toMatchObject({
        kind: 'miss',
        reason: 'unreadable',
        guard: 'language',
      });
    }
    now += 24 * 3600 * 1000;
    expect((await cache.lookup('Kann ich das Konto kündigen?', SCOPE)).found).toBe(false);
  });

  test.each([
    'Was kostet das Konto in Euro?',
    'Wie ist der Preis?',
    'Was macht Siemens in Berlin?',
    '¿Cuál es el precio de la acción?',
    'Quel est le prix du pain?',
    'Wat is de prijs van goud?',
    'Is goud duur in Gent?',
    'Quanto costa il pane a Roma?',
    'Is Peter in Berlin?',
    'HOW DO I CLOSE MY ACCOUNT',
  ])('the English guards cannot read: %s', async (question) => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    expect((await cache.lookup(question, SCOPE)).outcome).toMatchObject({
      kind: 'miss',
      reason: 'unreadable',
    });
  });

  test('the caller opts in to a language with guards for it', async () => {
    const negation = {
      name: 'nicht',
      signature: ({ text }: { text: string }) => String(/\b(?:nicht|kein\w*)\b/.test(text)),
    };
    const cache = new SemanticCache({
      embedder: new AllAlike(),
      languages: { de: [...NEUTRAL_GUARDS, negation] },
    });
    const de = { ...SCOPE, locale: 'de-AT' };
    const en = { ...SCOPE, locale: 'en' };
    await cache.store('Darf ich Hunde halten?', 'Ja', de);
    for (const [question, scope, outcome] of [
      ['Sind Hunde erlaubt?', de, { kind: 'similar' }],
      ['Sind Hunde nicht erlaubt?', de, { kind: 'miss', guard: 'nicht' }],
      ['Sind 3 Hunde erlaubt?', de, { kind: 'miss', guard: 'numbers' }],
      ['How do I keep dogs?', en, { reason: 'unreadable' }],
    ] as const)
      expect((await cache.lookup(question, scope)).outcome).toMatchObject(outcome);
  });
});

describe('failures', () => {
  const broken = (method: keyof SemanticStore): SemanticStore =>
    new Proxy(new MemorySemanticStore(), {
      get: (store, name) =>
        name === method
          ? async () => Promise.reject(new TypeError('down'))
          : Reflect.get(store, name).bind(store),
    });

  test.each(['exact', 'nearest', 'closest', 'put', 'generation'] as const)(
    'the caller never sees that %s of the store fails',
    async (method) => {
      const { counts, metrics } = counted();
      const cache = new SemanticCache({ embedder: new AllAlike(), store: broken(method), metrics });
      await cache.getOrAnswer('What is a bond?', () => 'a loan', SCOPE);
      await cache.close();
      expect((await cache.getOrAnswer('What is a stock?', () => 'a part', SCOPE)).answer).toBe(
        'a part',
      );
      await cache.close();
      expect(counts['semantic_failures_total TypeError']).toBeGreaterThanOrEqual(1);
    },
  );

  test('the exact text still hits if the embedder fails or returns an invalid vector', async () => {
    for (const vector of [
      undefined,
      new Float32Array(4),
      Float32Array.of(Number.NaN, 1, 1, 1),
      Float32Array.of(1),
    ]) {
      const embedder: Embedder = {
        identity: 'bad',
        dimensions: 4,
        embed: async () => (vector ? [vector] : Promise.reject(new Error('throttled'))),
      };
      const cache = new SemanticCache({ embedder });
      expect(
        (await cache.getOrAnswer('What is inflation?', () => 'A rise.', SCOPE)).outcome,
      ).toEqual({ kind: 'miss', reason: 'failed' });
      await cache.close();
      expect((await cache.getOrAnswer('What is inflation?', never, SCOPE)).outcome).toEqual({
        kind: 'exact',
      });
    }
  });

  test('an embedder that hangs is aborted at the time limit', async () => {
    let aborted = false;
    const embedder: Embedder = {
      identity: 'hung',
      dimensions: 4,
      embed: (_, options) =>
        new Promise(() => options?.signal?.addEventListener('abort', () => (aborted = true))),
    };
    const cache = new SemanticCache({ embedder, lookupTimeoutMs: 20 });
    expect((await cache.getOrAnswer('What is inflation?', () => 'A rise.', SCOPE)).answer).toBe(
      'A rise.',
    );
    expect(aborted).toBe(true);
    await cache.close();
  });

  test('an invalidation reports that it did not reach the store', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike(), store: broken('invalidate') });
    expect(await cache.invalidateCorpus(SCOPE)).toEqual({ reached: false });
  });

  test('the caller never sees that the metrics throw', async () => {
    const cache = new SemanticCache({
      embedder: new AllAlike(),
      metrics: { count: never, observe: never },
    });
    expect((await cache.getOrAnswer('What is inflation?', () => 'A rise.', SCOPE)).answer).toBe(
      'A rise.',
    );
    await cache.close();
    expect((await cache.lookup('What does inflation mean?', SCOPE)).outcome).toMatchObject({
      kind: 'similar',
    });
  });

  test('an error of the answerer reaches the caller and is not stored', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    await expect(
      cache.getOrAnswer('What is inflation?', () => Promise.reject(new RangeError('quota')), SCOPE),
    ).rejects.toThrow(RangeError);
    expect((await cache.getOrAnswer('What is inflation?', () => 'A rise.', SCOPE)).answer).toBe(
      'A rise.',
    );
  });
});

describe('storing', () => {
  test('concurrent equal questions are answered once, each with its own object', async () => {
    const cache = new SemanticCache<{ text: string }>({ embedder: new AllAlike() });
    let asked = 0;
    let go: (answer: { text: string }) => void = () => undefined;
    const answerer = () => {
      asked++;
      return new Promise<{ text: string }>((resolve) => {
        go = resolve;
      });
    };
    const all = ['What is inflation?', 'what is inflation', 'What is  inflation ?'].map(
      (question) => cache.getOrAnswer(question, answerer, SCOPE),
    );
    await until(() => asked > 0);
    go({ text: 'A rise.' });
    const [one, two, three] = await Promise.all(all);
    expect(asked).toBe(1);
    expect([one?.answer, two?.answer, three?.answer]).toEqual(Array(3).fill({ text: 'A rise.' }));
    expect(one?.answer).not.toBe(two?.answer);
  });

  test('an answer that is invalidated while it is made is not given again', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    await cache.getOrAnswer(
      'What is inflation?',
      async () => {
        await cache.invalidateCorpus(SCOPE);
        return 'old';
      },
      SCOPE,
    );
    await cache.close();
    expect((await cache.lookup('What is inflation?', SCOPE)).found).toBe(false);
    expect((await cache.lookup('What does inflation mean?', SCOPE)).outcome).toEqual({
      kind: 'miss',
      reason: 'nothing-similar',
    });
  });

  test('an invalidation covers one corpus of one tenant, for every model', async () => {
    const cache = new SemanticCache({ embedder: new AllAlike() });
    const scopes = [
      SCOPE,
      { ...SCOPE, model: 'm2' },
      { ...SCOPE, tenant: 'globex' },
      { ...SCOPE, corpusVersion: 'v2' },
    ];
    for (const scope of scopes) await cache.store('What is inflation?', 'A rise.', scope);
    expect(await cache.invalidateCorpus(SCOPE)).toEqual({ reached: true });
    const found = await Promise.all(
      scopes.map(async (scope) => (await cache.lookup('What is inflation?', scope)).found),
    );
    expect(found).toEqual([false, false, true, true]);
  });

  test.each([
    ['an empty text', ' '],
    ['null', null],
    ['an error', { error: 'no sources' }],
    ['an empty list', []],
    ['a value that JSON cannot represent', 10n],
    ['an answer that is too large', 'x'.repeat(262_143)],
  ])('%s is not stored', async (_, answer) => {
    const cache = new SemanticCache<unknown>({ embedder: new AllAlike() });
    expect((await cache.getOrAnswer('What is inflation?', () => answer, SCOPE)).answer).toEqual(
      answer,
    );
    await cache.close();
    expect((await cache.lookup('What is inflation?', SCOPE)).found).toBe(false);
    expect(await cache.store('What is inflation?', answer, SCOPE)).toBe(false);
  });

  test('shouldStore decides, and its failure means no', async () => {
    const cache = new SemanticCache({
      embedder: new AllAlike(),
      shouldStore: (answer) => answer !== 'I do not know.',
    });
    expect(await cache.store('What is inflation?', 'I do not know.', SCOPE)).toBe(false);
    expect(await cache.store('What is inflation?', 'A rise.', SCOPE)).toBe(true);
    const failing = new SemanticCache({ embedder: new AllAlike(), shouldStore: never });
    expect((await failing.getOrAnswer('What is inflation?', () => 'A rise.', SCOPE)).answer).toBe(
      'A rise.',
    );
  });

  test('a question that is too long or empty is not stored', async () => {
    const embedder = new AllAlike();
    const cache = new SemanticCache({ embedder, maxQuestionLength: 20 });
    for (const question of ['What is inflation in Germany?', '', '  ']) {
      expect((await cache.getOrAnswer(question, () => 'A rise.', SCOPE)).answer).toBe('A rise.');
      await cache.close();
      expect((await cache.lookup(question, SCOPE)).found).toBe(false);
    }
    expect(embedder.asked).toEqual([]);
  });
});

describe('options', () => {
  test.each([
    [{ threshold: 0 }, /threshold must be more than 0 and at most 1, got 0\./],
    [{ threshold: 1.01 }, /threshold must be/],
    [{ ttlSeconds: 0 }, /ttlSeconds must be a number above 0/],
    [{ lookupTimeoutMs: Number.NaN }, /lookupTimeoutMs must be/],
    [{ timeZone: 'Mars/Olympus' }, /timeZone must be a name of the IANA time zone database/],
  ])('%j is refused', (options, message) => {
    expect(() => new SemanticCache({ embedder: new AllAlike(), ...options })).toThrow(message);
  });

  test('valid values at the limits are accepted', () => {
    expect(
      () =>
        new SemanticCache({
          embedder: new AllAlike(),
          threshold: 1,
          ttlSeconds: 1,
          timeZone: 'Asia/Tokyo',
        }),
    ).not.toThrow();
  });

  test('the threshold excludes distant questions, by default at 0.95 or as the embedder sets', async () => {
    const vectors: Record<string, Float32Array> = {
      'What is inflation?': Float32Array.of(1, 0),
      'What does inflation mean?': Float32Array.of(0.94, 0.341),
    };
    const embedder: Embedder = {
      identity: 'angles',
      dimensions: 2,
      embed: async (texts) => texts.map((text) => vectors[text] ?? Float32Array.of(0, 1)),
    };
    for (const [options, found] of [
      [{ embedder }, false],
      [{ embedder, threshold: 0.93 }, true],
      [{ embedder: { ...embedder, threshold: 0.93 } }, true],
    ] as const) {
      const cache = new SemanticCache(options);
      await cache.store('What is inflation?', 'A rise.', SCOPE);
      expect((await cache.lookup('What does inflation mean?', SCOPE)).found).toBe(found);
    }
  });
});
