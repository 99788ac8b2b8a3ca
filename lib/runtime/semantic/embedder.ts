/** Turns questions into vectors. Implement it for a model of your own. */
export interface Embedder {
  /**
   * Names the model, its version and its settings. It is part of every key, so vectors of two
   * identities are never compared. Change it whenever the same text would get another vector.
   */
  readonly identity: string;
  /** The length of every vector. */
  readonly dimensions: number;
  /**
   * The cosine similarity from which the guards compare two questions.
   *
   * @default 0.95
   */
  readonly threshold?: number;
  /**
   * Returns one vector for each text, in order. Vectors need not be of length 1. A rejection is a
   * miss of the cache; the caller never sees it.
   */
  embed(
    texts: readonly string[],
    options?: { signal?: AbortSignal },
  ): Promise<readonly Float32Array[]>;
}

/** The vector scaled to length 1; undefined if its length is 0 or not finite. */
export function unitVector(vector: Float32Array): Float32Array | undefined {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (!Number.isFinite(squares) || squares === 0) return undefined;
  const length = Math.sqrt(squares);
  return vector.map((value) => value / length);
}
