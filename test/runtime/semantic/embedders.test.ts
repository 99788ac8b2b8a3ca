import fc from 'fast-check';
import { BedrockEmbedder, TfIdfEmbedder } from '../../../lib/runtime/semantic';

const cosine = (one: Float32Array | undefined, other: Float32Array | undefined) =>
  (one ?? new Float32Array()).reduce((sum, value, at) => sum + value * (other?.[at] ?? 0), 0);

describe('TfIdfEmbedder', () => {
  const embedder = new TfIdfEmbedder();

  test('gives a text the same unit vector in every instance and every batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), {
          minLength: 1,
          maxLength: 5,
        }),
        async (texts) => {
          const together = await embedder.embed(texts);
          for (const [at, text] of texts.entries()) {
            const [alone] = await new TfIdfEmbedder().embed([text]);
            expect(together[at]).toEqual(alone);
            const length = cosine(alone, alone);
            expect(Math.abs(length - 1) < 1e-4 || length === 0).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each([
    ['a negation', 'Is the item covered?', 'Is the item not covered?'],
    ['a contracted negation', 'Can I go?', "Can't I go?"],
    ['the order', 'USD to EUR', 'EUR to USD'],
    ['a sign', 'What is -3%', 'What is 3%'],
  ])('gives another vector for %s', async (_, one, other) => {
    const [a, b] = await embedder.embed([one, other]);
    expect(cosine(a, b)).toBeLessThan(0.97);
  });

  test('has an identity per weights and length, and learns nothing from questions', async () => {
    const documents = ['the price of gold', 'the price of oil'];
    const fitted = new TfIdfEmbedder({ documents });
    const before = fitted.identity;
    await fitted.embed(['gold gold gold']);
    expect(fitted.identity).toBe(before);
    expect(new TfIdfEmbedder({ documents }).identity).toBe(before);
    expect(
      new Set([before, embedder.identity, new TfIdfEmbedder({ dimensions: 512 }).identity]).size,
    ).toBe(3);
    const [gold, price] = await fitted.embed(['price gold', 'price']);
    const [evenly] = await embedder.embed(['price gold']);
    const [alone] = await embedder.embed(['price']);
    expect(cosine(gold, price)).toBeLessThan(cosine(evenly, alone));
  });

  test.each([[63], [16_385], [100.5]])('%d dimensions are refused', (dimensions) => {
    expect(() => new TfIdfEmbedder({ dimensions })).toThrow(
      `dimensions must be a whole number from 64 to 16384, got ${dimensions}.`,
    );
  });

  test('64 dimensions are accepted', () => {
    expect(new TfIdfEmbedder({ dimensions: 64 }).dimensions).toBe(64);
  });
});

/** Has the shape of the SDK's client: `send` takes a command with `input` and returns bytes. */
class FakeBedrock {
  public readonly inputs: { modelId: string; body: Record<string, unknown> }[] = [];
  public running = 0;
  public most = 0;
  constructor(
    private readonly answer: (body: Record<string, unknown>, signal?: AbortSignal) => unknown,
  ) {}
  public async send(
    command: never,
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ body: Uint8Array }> {
    const { input } = command as { input: { modelId: string; body: string } };
    const body = JSON.parse(input.body) as Record<string, unknown>;
    this.inputs.push({ modelId: input.modelId, body });
    this.most = Math.max(this.most, ++this.running);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      return {
        body: new TextEncoder().encode(
          JSON.stringify(await this.answer(body, options?.abortSignal)),
        ),
      };
    } finally {
      this.running--;
    }
  }
}

describe('BedrockEmbedder', () => {
  test('sends Titan one text per call, within the concurrency, and keeps the order', async () => {
    const client = new FakeBedrock(({ inputText }) => ({
      embedding: Array(256).fill(Number(inputText)),
      inputTextTokenCount: 1,
    }));
    const embedder = new BedrockEmbedder({ client, dimensions: 256, concurrency: 3 });
    const vectors = await embedder.embed(['1', '2', '3', '4', '5', '6', '7']);
    expect(vectors.map((vector) => vector[0])).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(client.most).toBe(3);
    expect(client.inputs[0]).toEqual({
      modelId: 'amazon.titan-embed-text-v2:0',
      body: { inputText: '1', dimensions: 256, normalize: true },
    });
    expect(embedder.identity).toBe('bedrock/amazon.titan-embed-text-v2:0/256');
  });

  test.each([
    ['a list', (vectors: number[][]) => vectors],
    ['lists by type', (vectors: number[][]) => ({ float: vectors })],
  ])('sends Cohere 96 texts per call, and reads %s', async (_, shape) => {
    const client = new FakeBedrock(({ texts }) => ({
      embeddings: shape((texts as string[]).map((text) => Array(1024).fill(Number(text)))),
    }));
    const embedder = new BedrockEmbedder({ client, modelId: 'cohere.embed-multilingual-v3' });
    const vectors = await embedder.embed(Array.from({ length: 100 }, (_, at) => String(at)));
    expect(vectors.map((vector) => vector[1023])).toEqual(
      Array.from({ length: 100 }, (_, at) => at),
    );
    expect(client.inputs.map(({ body }) => (body.texts as string[]).length)).toEqual([96, 4]);
    expect(client.inputs[0]?.body).toMatchObject({ input_type: 'search_query', truncate: 'NONE' });
  });

  test('a failed call frees its slot', async () => {
    let calls = 0;
    const client = new FakeBedrock(() => {
      if (++calls === 1) throw new Error('ThrottlingException');
      return { embedding: Array(256).fill(1) };
    });
    const embedder = new BedrockEmbedder({ client, dimensions: 256, concurrency: 1 });
    await expect(embedder.embed(['a'])).rejects.toThrow('ThrottlingException');
    expect(await embedder.embed(['b'])).toHaveLength(1);
  });

  test('aborts at its time limit and with the signal of the caller', async () => {
    const hang = (_: unknown, signal?: AbortSignal) =>
      new Promise((_resolve, reject) => {
        if (signal?.aborted) reject(signal.reason);
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    await expect(
      new BedrockEmbedder({ client: new FakeBedrock(hang), timeoutMs: 5 }).embed(['a']),
    ).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    const controller = new AbortController();
    const given = new BedrockEmbedder({ client: new FakeBedrock(hang), timeoutMs: 60_000 }).embed(
      ['a'],
      { signal: controller.signal },
    );
    controller.abort(new Error('too late'));
    await expect(given).rejects.toThrow('too late');
  });

  test.each([[{}], [{ embedding: [1, 2] }], [{ message: 'no' }]])(
    'refuses the response %j',
    async (answer) => {
      await expect(
        new BedrockEmbedder({ client: new FakeBedrock(() => answer) }).embed(['a']),
      ).rejects.toThrow('did not return 1 vectors');
    },
  );

  test('refuses a text that is too long, because truncation could hide a difference', async () => {
    const client = new FakeBedrock(() => ({ embeddings: [Array(1024).fill(1)] }));
    const embedder = new BedrockEmbedder({ client, modelId: 'cohere.embed-english-v3' });
    await expect(embedder.embed(['x'.repeat(2049)])).rejects.toThrow(
      'reads at most 2048 characters',
    );
    expect(await embedder.embed(['x'.repeat(2048)])).toHaveLength(1);
  });

  test.each([
    [
      { modelId: 'meta.llama' },
      /modelId must be Titan Text Embeddings V2 or Cohere Embed v3, got text/,
    ],
    [{ dimensions: 300 }, /dimensions must be one of 256, 512, 1024, got 300/],
    [{ modelId: 'cohere.embed-english-v3', dimensions: 512 }, /dimensions must be one of 1024/],
    [{ concurrency: 0 }, /concurrency must be a whole number of at least 1/],
    [{ timeoutMs: 0 }, /timeoutMs more than 0/],
  ])('%j is refused', (options, message) => {
    expect(() => new BedrockEmbedder(options)).toThrow(message);
  });
});
