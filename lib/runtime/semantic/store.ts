/** Where answers lie. Everything may reject or hang: the cache then has the answerer answer. */

/** An answer with the question that it was given to. */
export interface SemanticEntry {
  /** Digest of all that answers are never shared across; lower-case letters and digits. */
  readonly scope: string;
  /** Digest of the question's exact text; lower-case letters and digits. */
  readonly key: string;
  readonly question: string;
  /**
   * Digest of what the guards compare; lower-case letters and digits. Without one, the entry is
   * found by its key only.
   */
  readonly signature?: string;
  /** Of length 1. */
  readonly vector?: Float32Array;
  /** The answer as JSON. */
  readonly answer: string;
  /** What `generation` said of the corpus before the question was answered. */
  readonly generation: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** What is read back: all but the vector. */
export type StoredAnswer = Omit<SemanticEntry, 'vector'>;

export interface SemanticCandidate {
  readonly entry: StoredAnswer;
  /** Cosine, −1 to 1. */
  readonly score: number;
}

export interface SemanticStore {
  /** The entry under this key, if it is there. It may have expired. */
  exact(scope: string, key: string): Promise<StoredAnswer | undefined>;
  /** The nearest entries of the scope that have this signature, best first; a handful. */
  nearest(
    scope: string,
    vector: Float32Array,
    signature: string,
  ): Promise<readonly SemanticCandidate[]>;
  /** The nearest entry of the scope, whatever its signature: to say why there was no hit. */
  closest(scope: string, vector: Float32Array): Promise<SemanticCandidate | undefined>;
  put(entry: SemanticEntry): Promise<void>;
  remove(scope: string, key: string): Promise<void>;
  /** A string that changes whenever the corpus is invalidated, and never comes back. */
  generation(corpus: string): Promise<string>;
  invalidate(corpus: string): Promise<void>;
}

/**
 * As many candidates of one signature are looked at. They differ in what no guard sees, so the best
 * is nearly always the first.
 */
export const CANDIDATES = 4;
