/**
 * What turns questions into vectors. Give your own: one method, and a name that changes when the
 * vectors do.
 */
export interface Embedder {
  /**
   * Names the model, its version and its settings. Part of every key: vectors of different
   * identities are never compared. Change it whenever the same text would get another vector.
   */
  readonly identity: string;
  /** Length of every vector. */
  readonly dimensions: number;
  /**
   * The cosine from which two questions are worth the guards' look.
   *
   * @default 0.95
   */
  readonly threshold?: number;
  /**
   * One vector for each text, in their order. They need not be of length 1. A rejection is a miss,
   * never the caller's.
   */
  embed(
    texts: readonly string[],
    options?: { signal?: AbortSignal },
  ): Promise<readonly Float32Array[]>;
}

/** The vector at length 1, or nothing if it has none or holds what is no number. */
export function normalised(vector: Float32Array): Float32Array | undefined {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (!Number.isFinite(squares) || squares === 0) return undefined;
  const length = Math.sqrt(squares);
  return vector.map((value) => value / length);
}
