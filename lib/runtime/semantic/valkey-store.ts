import { randomUUID } from 'node:crypto';
import { describeKind, IsochroneError } from '../../model/errors';
import { MemorySemanticStore } from './memory-store';
import {
  CANDIDATES,
  type SemanticCandidate,
  type SemanticEntry,
  type SemanticStore,
  type StoredAnswer,
} from './store';

/** The part of a client that is used here. iovalkey's `Redis` and `Cluster` have it. */
export interface SemanticCommands {
  call(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
}

/** Options of `ValkeySemanticStore`. */
export interface ValkeySemanticStoreOptions {
  /** The client of the server. */
  readonly commands: SemanticCommands;
  /**
   * The length of the embedder's vectors. Each length has its own index; ElastiCache 8.2 has room
   * for ten indexes.
   */
  readonly dimensions: number;
  /**
   * The prefix of every key.
   *
   * @default 'semantic'
   */
  readonly namespace?: string;
}

/** A corpus that is not read for this long is forgotten; its entries have expired by then. */
const GENERATION_SECONDS = 30 * 24 * 3600;
const FIELDS = ['question', 'signature', 'answer', 'generation', 'expiresAt'] as const;

/**
 * Stores answers in a Valkey server with vector search: node-based ElastiCache for Valkey 8.2 and
 * later, or the module valkey-search. Its HNSW index is approximate: it can miss a near entry, but
 * never returns a distant one as near.
 */
export class ValkeySemanticStore implements SemanticStore {
  private readonly commands: SemanticCommands;
  private readonly dimensions: number;
  private readonly prefix: string;
  private readonly namespace: string;
  private index: Promise<void> | undefined;

  /** @throws IsochroneError for a vector length or a namespace that the server would refuse */
  constructor(options: ValkeySemanticStoreOptions) {
    this.commands = options.commands;
    this.dimensions = options.dimensions;
    this.namespace = options.namespace ?? 'semantic';
    if (!Number.isInteger(this.dimensions) || this.dimensions < 1 || this.dimensions > 32_768) {
      throw new IsochroneError(
        'ValkeySemanticStore: dimensions must be a whole number from 1 to 32768, ' +
          `got ${describeKind(this.dimensions)}.\n` +
          "Valkey does not index longer vectors. Set the embedder's `dimensions`.",
      );
    }
    if (!/^[\w:-]{1,100}$/.test(this.namespace)) {
      throw new IsochroneError(
        'ValkeySemanticStore: namespace must be 1 to 100 letters, digits, and : _ -, ' +
          `got ${describeKind(this.namespace)}.\n` +
          'It names an index and prefixes the keys. Choose a plain name.',
      );
    }
    this.prefix = `${this.namespace}:${this.dimensions}:`;
  }

  /**
   * Whether the server has vector search. It asks by `FT._LIST`, because managed servers refuse
   * `MODULE LIST` and their version numbers mislead.
   */
  public static async supported(commands: SemanticCommands): Promise<boolean> {
    return commands.call('FT._LIST').then(Array.isArray, () => false);
  }

  public async exact(scope: string, key: string): Promise<StoredAnswer | undefined> {
    const values = await this.read(this.keyOf(scope, key), 'HMGET', ...FIELDS);
    if (!Array.isArray(values)) return undefined;
    return storedAnswer(
      scope,
      key,
      Object.fromEntries(FIELDS.map((field, at) => [field, values[at]])),
    );
  }

  public nearest(
    scope: string,
    vector: Float32Array,
    signature: string,
  ): Promise<readonly SemanticCandidate[]> {
    return this.search(
      scope,
      `@scope:{${escapeTag(scope)}} @signature:{${escapeTag(signature)}}`,
      vector,
      CANDIDATES,
    );
  }

  public async closest(
    scope: string,
    vector: Float32Array,
  ): Promise<SemanticCandidate | undefined> {
    return (await this.search(scope, `@scope:{${escapeTag(scope)}}`, vector, 1))[0];
  }

  public async put(entry: SemanticEntry): Promise<void> {
    const key = this.keyOf(entry.scope, entry.key);
    const { scope, question, answer, generation, expiresAt } = entry;
    const fields: (string | Buffer)[] = Object.entries({
      scope,
      question,
      answer,
      generation,
      expiresAt: String(expiresAt),
    }).flat();
    if (entry.signature !== undefined && entry.vector?.length === this.dimensions) {
      fields.push('signature', entry.signature, 'vector', vectorBytes(entry.vector));
    }
    // The index may be created after the entry: the server fills it with the existing keys.
    await Promise.all([
      this.commands.call('HSET', key, ...fields),
      this.commands.call('PEXPIREAT', key, entry.expiresAt),
      this.ensureIndex(),
    ]);
  }

  public async remove(scope: string, key: string): Promise<void> {
    await this.commands.call('UNLINK', this.keyOf(scope, key));
  }

  public async generation(corpus: string): Promise<string> {
    const key = `${this.namespace}:corpus:${corpus}`;
    const known = await this.read(key, 'GETEX', 'EX', GENERATION_SECONDS);
    if (typeof known === 'string') return known;
    await this.commands.call('SET', key, randomUUID(), 'EX', GENERATION_SECONDS, 'NX');
    const made = await this.commands.call('GET', key);
    if (typeof made !== 'string') throw new Error(`The server did not store ${key}.`);
    return made;
  }

  public async invalidate(corpus: string): Promise<void> {
    await this.commands.call(
      'SET',
      `${this.namespace}:corpus:${corpus}`,
      randomUUID(),
      'EX',
      GENERATION_SECONDS,
    );
  }

  /** Reads a key. A value of another type is none of this store's, and is removed. */
  private async read(
    key: string,
    command: string,
    ...rest: readonly (string | number)[]
  ): Promise<unknown> {
    try {
      return await this.commands.call(command, key, ...rest);
    } catch (error) {
      if (!/WRONGTYPE/.test(String(error))) throw error;
      await this.commands.call('UNLINK', key);
      return undefined;
    }
  }

  private async search(
    scope: string,
    filter: string,
    vector: Float32Array,
    count: number,
  ): Promise<SemanticCandidate[]> {
    if (vector.length !== this.dimensions)
      throw new Error(
        `The index has vectors of ${this.dimensions} numbers, ` +
          `but the embedder returned ${vector.length}.`,
      );
    await this.ensureIndex();
    const returned = [...FIELDS, 'distance'];
    const reply = await this.commands.call(
      'FT.SEARCH',
      this.prefix,
      `${filter}=>[KNN ${count} @vector $vector AS distance]`,
      ...['PARAMS', 2, 'vector', vectorBytes(vector)],
      ...['RETURN', returned.length, ...returned],
      ...['LIMIT', 0, count, 'DIALECT', 2],
    );
    return candidatesOf(reply, scope, this.prefix + scope, count).sort(
      (one, other) => other.score - one.score,
    );
  }

  private ensureIndex(): Promise<void> {
    this.index ??= this.createIndex().catch((error: unknown) => {
      this.index = undefined;
      throw error;
    });
    return this.index;
  }

  private async createIndex(): Promise<void> {
    const existing = await this.commands.call('FT._LIST');
    if (Array.isArray(existing) && existing.map(String).includes(this.prefix)) return;
    const vector = ['TYPE', 'FLOAT32', 'DIM', this.dimensions, 'DISTANCE_METRIC', 'COSINE'];
    await this.commands
      .call(
        'FT.CREATE',
        ...[this.prefix, 'ON', 'HASH', 'PREFIX', 1, this.prefix],
        ...['SCHEMA', 'scope', 'TAG', 'signature', 'TAG'],
        ...['vector', 'VECTOR', 'HNSW', vector.length, ...vector],
      )
      .catch((error: unknown) => {
        // Another process created it first.
        if (!/already exists/i.test(String(error))) throw error;
      });
  }

  private keyOf(scope: string, key: string): string {
    return `${this.prefix}${scope}:${key}`;
  }
}

/**
 * The store that fits a server: `ValkeySemanticStore` if the server has vector search, otherwise
 * `MemorySemanticStore`. It never rejects; a server that does not answer counts as one without
 * vector search.
 */
export async function semanticStoreFor(
  options: ValkeySemanticStoreOptions,
): Promise<SemanticStore> {
  return (await ValkeySemanticStore.supported(options.commands))
    ? new ValkeySemanticStore(options)
    : new MemorySemanticStore();
}

/** Escapes a value of a TAG field for a query, where all but letters, digits and `_` is syntax. */
export function escapeTag(value: string): string {
  return value.replace(/[^\p{L}\p{N}_]/gu, (character) => `\\${character}`);
}

/** The vector as 32-bit floats, little-endian on every machine. */
export function vectorBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (const [at, value] of vector.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes;
}

function candidatesOf(
  reply: unknown,
  scope: string,
  keyPrefix: string,
  count: number,
): SemanticCandidate[] {
  if (!Array.isArray(reply)) return [];
  const candidates: SemanticCandidate[] = [];
  for (let at = 1; at + 1 < reply.length && at <= 2 * count; at += 2) {
    const pairs: unknown = reply[at + 1];
    if (!Array.isArray(pairs)) continue;
    const fields: Record<string, unknown> = {};
    for (let field = 0; field + 1 < pairs.length; field += 2)
      fields[String(pairs[field])] = pairs[field + 1];
    const entry = storedAnswer(scope, String(reply[at]).slice(keyPrefix.length + 1), fields);
    const score = scoreOf(fields.distance);
    // A key of another scope would mean that the server did not apply the filter.
    if (entry && score !== undefined && String(reply[at]).startsWith(`${keyPrefix}:`))
      candidates.push({ entry, score });
  }
  return candidates;
}

/** The cosine similarity behind a distance; undefined if it cannot be one. Floats are not exact. */
function scoreOf(distance: unknown): number | undefined {
  if (typeof distance !== 'string' || distance.trim() === '') return undefined;
  const score = 1 - Number(distance);
  return score >= -1.001 && score <= 1.001 ? score : undefined;
}

function storedAnswer(
  scope: string,
  key: string,
  fields: Readonly<Record<string, unknown>>,
): StoredAnswer | undefined {
  const { question, answer, generation, signature } = fields;
  const expiresAt = Number(fields.expiresAt);
  if (
    typeof question !== 'string' ||
    typeof answer !== 'string' ||
    typeof generation !== 'string' ||
    !(expiresAt > 0 && Number.isSafeInteger(expiresAt))
  )
    return undefined;
  return {
    scope,
    key,
    question,
    answer,
    generation,
    expiresAt,
    ...(typeof signature === 'string' && { signature }),
  };
}
