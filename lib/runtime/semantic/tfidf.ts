import { createHash } from 'node:crypto';
import { describeKind, IsochroneError } from '../../model/errors';
import type { Embedder } from './embedder';
import { canonicalWord, tokensOf, wordSet } from './question';

/** Options of `TfIdfEmbedder`. */
export interface TfIdfEmbedderOptions {
  /**
   * The length of the vectors, 64 to 16,384. Terms are hashed into that many places: with fewer
   * dimensions, more terms collide and more texts look similar by chance.
   *
   * @default 1024
   */
  readonly dimensions?: number;
  /**
   * Texts that show which words are common, such as the titles of the corpus. They are read once
   * and weight the vectors of every tenant, so do not pass texts that belong to one tenant.
   *
   * @default - a fixed list of common words weighs less
   */
  readonly documents?: readonly string[];
}

/** Common words. Negations and words of direction are left out on purpose. */
const COMMON = wordSet(`
  a an the is are am was were be been do does did can could will would have has had i me my you
  your we our it its this that these those there what which how please tell know of in on at and
  or to for with by as so if get
`);
const COMMON_WEIGHT = 0.3;
/** The weight of a pair of adjacent words, which brings word order into the vector. */
const PAIR_WEIGHT = 0.5;

/** The FNV-1a hash, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++)
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/**
 * Builds vectors from words and pairs of adjacent words, without a model and without a network. The
 * same text gets the same vector everywhere: nothing is learned from questions, so nothing leaks
 * from one tenant to another.
 *
 * It finds questions that share most words, not meanings. Opposites look alike to it, as they do to
 * every embedder; the guards tell them apart.
 */
export class TfIdfEmbedder implements Embedder {
  public readonly identity: string;
  public readonly dimensions: number;
  /**
   * Low, because the guards decide. On the test pairs, 0.4 loses paraphrases but still passes
   * nearly every opposite (docs/runtime/semantic.md), and 0.95 finds little besides identical
   * words.
   */
  public readonly threshold = 0.25;
  private readonly weights: ReadonlyMap<string, number>;

  /** @throws IsochroneError if `dimensions` is out of range */
  constructor(options: TfIdfEmbedderOptions = {}) {
    this.dimensions = options.dimensions ?? 1024;
    if (!Number.isInteger(this.dimensions) || this.dimensions < 64 || this.dimensions > 16_384) {
      throw new IsochroneError(
        'TfIdfEmbedder: dimensions must be a whole number from 64 to 16384, ' +
          `got ${describeKind(this.dimensions)}.\n` +
          'Below, hashed terms collide too often; above, vectors take too much memory. ' +
          'Omit it for 1024.',
      );
    }
    this.weights = weightsOf(options.documents ?? []);
    const digest = createHash('sha256')
      .update(JSON.stringify([...this.weights]))
      .digest('hex')
      .slice(0, 12);
    this.identity = `tfidf/1/${this.dimensions}/${digest}`;
  }

  /** Embeds texts in this process; it never rejects. */
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
      // With a sign by hash, terms that collide do not always add up.
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

/** Inverse document frequencies from 0 to 1; empty if there are no documents. */
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
