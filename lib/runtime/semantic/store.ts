/** A stored answer with its question. */
export interface SemanticEntry {
  /** Digest of the scope and the embedder's identity; lower-case letters and digits. */
  readonly scope: string;
  /** Digest of the question's exact text; lower-case letters and digits. */
  readonly key: string;
  readonly question: string;
  /**
   * Digest of what the guards compare; lower-case letters and digits.
   *
   * @default - the entry is found only by its key
   */
  readonly signature?: string;
  /**
   * The question's vector, of length 1.
   *
   * @default - the entry is found only by its key
   */
  readonly vector?: Float32Array;
  /** The answer as JSON. */
  readonly answer: string;
  /** The generation of the corpus, read before the question was answered. */
  readonly generation: string;
  /** When the answer expires, in Unix milliseconds. */
  readonly expiresAt: number;
}

/** An entry as it is read back, without the vector. */
export type StoredAnswer = Omit<SemanticEntry, 'vector'>;

/** An entry that a vector search found. */
export interface SemanticCandidate {
  readonly entry: StoredAnswer;
  /** Cosine similarity, −1 to 1. */
  readonly score: number;
}

/**
 * Stores answers. Each method may reject or hang: the cache then treats the look-up as a miss, and
 * drops the write.
 */
export interface SemanticStore {
  /** The entry under this key; undefined if there is none. It may have expired. */
  exact(scope: string, key: string): Promise<StoredAnswer | undefined>;
  /** The nearest entries of the scope with this signature, best first: about `CANDIDATES`. */
  nearest(
    scope: string,
    vector: Float32Array,
    signature: string,
  ): Promise<readonly SemanticCandidate[]>;
  /** The nearest entry of the scope with any signature, which explains a miss. */
  closest(scope: string, vector: Float32Array): Promise<SemanticCandidate | undefined>;
  /** Adds an entry, or replaces the entry under its key. */
  put(entry: SemanticEntry): Promise<void>;
  /** Removes the entry under this key, if there is one. */
  remove(scope: string, key: string): Promise<void>;
  /** A string that changes whenever the corpus is invalidated and never repeats. */
  generation(corpus: string): Promise<string>;
  /** Changes the generation of a corpus, so that all its entries become invalid. */
  invalidate(corpus: string): Promise<void>;
}

/**
 * Candidates of one signature that a look-up considers. They differ only in what no guard compares,
 * so the first is nearly always the best.
 */
export const CANDIDATES = 4;
