import { describeKind, IsochroneError } from '../../model/errors';
import type { SemanticMetrics } from '../metrics';
import type { Embedder } from './embedder';
import type { SemanticGuard } from './guards';
import type { SemanticStore } from './store';

/** Options of `SemanticCache`. */
export interface SemanticCacheOptions<Answer> {
  /** Turns questions into vectors. */
  readonly embedder: Embedder;
  /**
   * Stores the answers.
   *
   * @default - a MemorySemanticStore of its own
   */
  readonly store?: SemanticStore;
  /**
   * The cosine similarity from which another question is a candidate, more than 0 and at most 1.
   * The guards decide about candidates; the threshold spares them distant questions.
   *
   * @default - the embedder's own, which is 0.25 for TfIdfEmbedder; otherwise 0.95
   */
  readonly threshold?: number;
  /**
   * Whether every call must name its tenant, or answers are shared by all.
   *
   * @default 'tenant'
   */
  readonly scope?: 'tenant' | 'shared';
  /**
   * How long an answer is kept, in seconds.
   *
   * @default 3600
   */
  readonly ttlSeconds?: number;
  /**
   * The guards by language, the first part of `locale`. A question in a language without guards
   * matches only its exact text, because no guard knows that language's negations and opposites.
   *
   * @default { en: ENGLISH_GUARDS }
   */
  readonly languages?: Readonly<Record<string, readonly SemanticGuard[]>>;
  /**
   * Whether an answer may be stored.
   *
   * @default - any answer that is neither empty nor an object with an `error`
   */
  readonly shouldStore?: (answer: Answer) => boolean;
  /**
   * The largest answer that is stored, in bytes of JSON.
   *
   * @default 262144
   */
  readonly maxAnswerBytes?: number;
  /**
   * The longest question that is cached, in characters. A longer question is always answered anew.
   *
   * @default 2000
   */
  readonly maxQuestionLength?: number;
  /**
   * The time limit of a look-up in milliseconds, including the embedder. After it, the answerer is
   * called.
   *
   * @default 500
   */
  readonly lookupTimeoutMs?: number;
  /**
   * Whether a miss names the guard that refused the nearest question. That costs a second search:
   * up to 2 ms in this process, or one command to the server.
   *
   * @default true
   */
  readonly explainMisses?: boolean;
  /**
   * The IANA time zone in which days begin, for questions with "today" and similar words.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string;
  /**
   * Counts look-ups, failures and scores.
   *
   * @default - nothing is counted
   */
  readonly metrics?: SemanticMetrics;
  /**
   * The clock, in Unix milliseconds.
   *
   * @default Date.now
   */
  readonly now?: () => number;
}

const invalidOption = (property: string, allowed: string, value: unknown, rule: string) =>
  new IsochroneError(
    `SemanticCache: ${property} must be ${allowed}, got ${describeKind(value)}.\n${rule}`,
  );

/** @throws IsochroneError for an invalid option */
export function checkOptions(options: SemanticCacheOptions<never>): void {
  const { threshold, timeZone } = options;
  if (threshold !== undefined && !(threshold > 0 && threshold <= 1)) {
    throw invalidOption(
      'threshold',
      'more than 0 and at most 1',
      threshold,
      'It is a cosine similarity; 1 means the same direction. Omit it for a fitting default.',
    );
  }
  for (const property of [
    'ttlSeconds',
    'maxAnswerBytes',
    'maxQuestionLength',
    'lookupTimeoutMs',
  ] as const) {
    const value = options[property];
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) {
      throw invalidOption(
        property,
        'a number above 0',
        value,
        'Otherwise the cache would never find anything. Omit it for its default.',
      );
    }
  }
  if (timeZone !== undefined) {
    try {
      new Intl.DateTimeFormat('en', { timeZone });
    } catch {
      throw invalidOption(
        'timeZone',
        'a name of the IANA time zone database',
        timeZone,
        'It decides when a day begins. Set a name such as "Europe/Berlin", or omit it for UTC.',
      );
    }
  }
}

/** The default of `shouldStore`: neither empty, nor an error. */
export function isWorthStoring(answer: unknown): boolean {
  if (answer === undefined || answer === null || answer === false) return false;
  if (typeof answer === 'string') return answer.trim() !== '';
  if (typeof answer !== 'object') return true;
  if (answer instanceof Error || ('error' in answer && Boolean(answer.error))) return false;
  return Object.keys(answer).length > 0;
}
