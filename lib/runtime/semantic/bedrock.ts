import { describeKind, IsochroneError } from '../../model/errors';
import type { Embedder } from './embedder';

/** The part of the SDK's client that is used here. `BedrockRuntimeClient` has it. */
export interface BedrockClient {
  send(
    command: never,
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ readonly body?: Uint8Array }>;
}

/** Options of `BedrockEmbedder`. */
export interface BedrockEmbedderOptions {
  /**
   * The model: Titan Text Embeddings V2, or a Cohere Embed model of version 3.
   *
   * @default 'amazon.titan-embed-text-v2:0'
   */
  readonly modelId?: string;
  /**
   * The length of the vectors. Titan V2 offers 256, 512 and 1024; Cohere Embed v3 has 1024.
   *
   * @default 1024
   */
  readonly dimensions?: number;
  /**
   * The region of the model.
   *
   * @default - as the SDK finds it
   */
  readonly region?: string;
  /**
   * A client of the SDK, if the application already has one.
   *
   * @default - created for the first text
   */
  readonly client?: BedrockClient;
  /**
   * Concurrent calls. Above the account's quota, Bedrock throttles.
   *
   * @default 8
   */
  readonly concurrency?: number;
  /**
   * The time limit of one call in milliseconds, including the SDK's retries.
   *
   * @default 1000
   */
  readonly timeoutMs?: number;
}

/**
 * Cohere takes 96 texts of up to 2,048 characters in one call; Titan takes one text of up to 50,000
 * ("Inference request parameters and response fields for foundation models", Amazon Bedrock user
 * guide).
 */
const COHERE_BATCH = 96;
const COHERE_CHARACTERS = 2048;
const TITAN_CHARACTERS = 50_000;

/**
 * Gets vectors from a model on Amazon Bedrock. It needs the optional peer dependency
 * `@aws-sdk/client-bedrock-runtime` and permission for `bedrock:InvokeModel`.
 */
export class BedrockEmbedder implements Embedder {
  public readonly identity: string;
  public readonly dimensions: number;
  public readonly threshold = 0.95;
  private readonly modelId: string;
  private readonly cohere: boolean;
  private readonly timeoutMs: number;
  private freeSlots: number;
  private readonly waiting: (() => void)[] = [];
  private client: BedrockClient | undefined;

  /** @throws IsochroneError for an unsupported model or an invalid option */
  constructor(private readonly options: BedrockEmbedderOptions = {}) {
    this.modelId = options.modelId ?? 'amazon.titan-embed-text-v2:0';
    this.cohere = /(?:^|\.)cohere\.embed-.*-v3/.test(this.modelId);
    const titan = /(?:^|\.)amazon\.titan-embed-text-v2/.test(this.modelId);
    if (!this.cohere && !titan) {
      throw new IsochroneError(
        'BedrockEmbedder: modelId must be Titan Text Embeddings V2 or Cohere Embed v3, got ' +
          `${describeKind(this.modelId)}.\n` +
          'Each model has its own request and response. For another model, implement `Embedder`.',
      );
    }
    this.dimensions = options.dimensions ?? 1024;
    const allowed = this.cohere ? [1024] : [256, 512, 1024];
    if (!allowed.includes(this.dimensions)) {
      throw new IsochroneError(
        `BedrockEmbedder: dimensions must be one of ${allowed.join(', ')}, ` +
          `got ${describeKind(this.dimensions)}.\n` +
          `${this.modelId} supports no other length. Omit it for 1024.`,
      );
    }
    const concurrency = options.concurrency ?? 8;
    this.timeoutMs = options.timeoutMs ?? 1000;
    if (!Number.isInteger(concurrency) || concurrency < 1 || !(this.timeoutMs > 0)) {
      throw new IsochroneError(
        'BedrockEmbedder: concurrency must be a whole number of at least 1 and timeoutMs more ' +
          `than 0, got ${describeKind(concurrency)} and ` +
          `${describeKind(this.timeoutMs)}.\n` +
          'Otherwise no call could succeed. Omit them for 8 and 1000.',
      );
    }
    this.freeSlots = concurrency;
    this.identity = `bedrock/${this.modelId}/${this.dimensions}`;
    this.client = options.client;
  }

  /**
   * Embeds texts, several in one call where the model allows it.
   *
   * @throws whatever the SDK throws, or an Error for an unexpected response; the cache treats both
   *   as a miss
   */
  public async embed(
    texts: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<readonly Float32Array[]> {
    const size = this.cohere ? COHERE_BATCH : 1;
    const batches = Array.from({ length: Math.ceil(texts.length / size) }, (_, index) =>
      texts.slice(index * size, (index + 1) * size),
    );
    return (
      await Promise.all(
        batches.map((batch) => this.withSlot(() => this.invoke(batch, options.signal))),
      )
    ).flat();
  }

  private async invoke(
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    // Truncated, two long texts with the same beginning would get the same vector.
    const longest = this.cohere ? COHERE_CHARACTERS : TITAN_CHARACTERS;
    if (texts.some((text) => text.length > longest))
      throw new Error(`${this.modelId} reads at most ${longest} characters.`);
    const { BedrockRuntimeClient, InvokeModelCommand } = await import(
      '@aws-sdk/client-bedrock-runtime'
    );
    this.client ??= new BedrockRuntimeClient({
      region: this.options.region,
    }) as unknown as BedrockClient;
    const timeout = AbortSignal.timeout(this.timeoutMs);
    const command = new InvokeModelCommand({
      modelId: this.modelId,
      contentType: 'application/json',
      accept: 'application/json',
      body: JSON.stringify(
        this.cohere
          ? { texts, input_type: 'search_query', truncate: 'NONE' }
          : { inputText: texts[0], dimensions: this.dimensions, normalize: true },
      ),
    });
    const { body } = await this.client.send(command as never, {
      abortSignal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const response = JSON.parse(Buffer.from(body ?? new Uint8Array()).toString('utf8')) as {
      embedding?: number[];
      embeddings?: number[][] | { float?: number[][] };
    };
    const vectors = this.cohere
      ? Array.isArray(response.embeddings)
        ? response.embeddings
        : response.embeddings?.float
      : [response.embedding ?? []];
    if (
      vectors?.length !== texts.length ||
      vectors.some((vector) => vector.length !== this.dimensions)
    ) {
      throw new Error(
        `${this.modelId} did not return ${texts.length} vectors of ${this.dimensions} numbers.`,
      );
    }
    return vectors.map((vector) => Float32Array.from(vector));
  }

  /** Runs at most `concurrency` calls at a time; the others wait in order. */
  private async withSlot<T>(call: () => Promise<T>): Promise<T> {
    if (this.freeSlots > 0) this.freeSlots--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await call();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.freeSlots++;
    }
  }
}
