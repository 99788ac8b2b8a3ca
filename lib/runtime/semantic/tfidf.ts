import { createHash } from 'node:crypto';
import { IsochroneError } from '../../model/errors';
import type { Embedder } from './embedder';
import { canonicalWord, tokensOf, wordSet } from './question';

export interface TfIdfEmbedderOptions {
  /**
   * Length of the vectors, 64 to 16,384. Terms are hashed into it, two in one place at times: fewer
   * dimensions, more chance likeness.
   *
   * @default 1024
   */
  readonly dimensions?: number;
  /**
   * Texts whose words say which ones are common, such as titles of the corpus. They are read once
   * and enter every tenant's vectors as weights: no tenant's own texts, please.
   *
   * @default none: words of a fixed list weigh less
   */
  readonly documents?: readonly string[];
}

/** Common words; negations and words of direction are not among them. */
const COMMON = wordSet(`
  a an the is are am was were be been do does did can could will would have has had i me my you
  your we our it its this that these those there what which how please tell know of in on at and
  or to for with by as so if get
`);
const COMMON_WEIGHT = 0.3;
/** Of a pair of neighbours, which brings the order into the vector. */
const PAIR_WEIGHT = 0.5;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/**
 * Vectors from the words and the pairs of neighbouring words, without a model and without a
 * network. The same text gets the same vector everywhere: nothing is learnt from the questions, so
 * nothing leaks from one tenant to another.
 *
 * It finds questions that share most words, not meanings. Opposites look alike to it, as to every
 * embedder: the guards tell them apart.
 */
export class TfIdfEmbedder implements Embedder {
  public readonly identity: string;
  public readonly dimensions: number;
  /**
   * Low, because the guards decide: on the pairs of the tests, 0.4 loses paraphrases and keeps
   * nearly every opposite (docs/runtime/semantic.md). At 0.95 it would find little besides the same
   * words.
   */
  public readonly threshold = 0.25;
  private readonly weights: ReadonlyMap<string, number>;

  /** @throws IsochroneError if `dimensions` is out of bounds */
  constructor(options: TfIdfEmbedderOptions = {}) {
    this.dimensions = options.dimensions ?? 1024;
    if (!Number.isInteger(this.dimensions) || this.dimensions < 64 || this.dimensions > 16_384) {
      throw new IsochroneError(
        `TfIdfEmbedder: dimensions must be a whole number from 64 to 16384, got ${this.dimensions}.\n` +
          'Hashed terms collide too often below, and vectors cost memory above. Leave it out for 1024.',
      );
    }
    this.weights = weightsOf(options.documents ?? []);
    const digest = createHash('sha256')
      .update(JSON.stringify([...this.weights]))
      .digest('hex')
      .slice(0, 12);
    this.identity = `tfidf/1/${this.dimensions}/${digest}`;
  }

  public embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return Promise.resolve(texts.map((text) => this.vectorOf(text)));
  }

  private vectorOf(text: string): Float32Array {
    const counts = new Map<string, number>();
    const terms = termsOf(text);
    for (const [at, term] of terms.entries()) {
      counts.set(term, (counts.get(term) ?? 0) + 1);
      const pair = `${terms[at - 1] ?? '^'} ${term}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
    const vector = new Float32Array(this.dimensions);
    for (const [term, count] of counts) {
      const weight = term.includes(' ')
        ? PAIR_WEIGHT * Math.min(...term.split(' ').map((part) => this.weightOf(part)))
        : this.weightOf(term);
      const place = hash(term);
      const index = place % this.dimensions;
      // The sign keeps what collides from always adding up.
      vector[index] =
        (vector[index] ?? 0) +
        (hash(`±${term}`) % 2 === 0 ? 1 : -1) * weight * (1 + Math.log(count));
    }
    let squares = 0;
    for (const value of vector) squares += value * value;
    return squares === 0 ? vector : vector.map((value) => value / Math.sqrt(squares));
  }

  private weightOf(term: string): number {
    return (
      this.weights.get(term) ?? (this.weights.size > 0 ? 1 : COMMON.has(term) ? COMMON_WEIGHT : 1)
    );
  }
}

function termsOf(text: string): string[] {
  return tokensOf(text)
    .filter(({ kind }) => kind !== 'pause' && kind !== 'end')
    .map(({ kind, text: term }) =>
      kind === 'word'
        ? canonicalWord(term.toLowerCase().replace(/n't$/, ' not').split(' ').pop() ?? '')
        : term,
    );
}

/** Inverse document frequencies between 0 and 1; empty without documents. */
function weightsOf(documents: readonly string[]): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const document of documents)
    for (const term of new Set(termsOf(document)))
      frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
  const rarest = Math.log(1 + documents.length);
  return new Map(
    [...frequencies]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([term, count]) => [term, Math.log((1 + documents.length) / count) / rarest || 0.01]),
  );
}
