import { IsochroneError } from '../../model/errors';
import type { SemanticMetrics } from '../metrics';
import type { Embedder } from './embedder';
import type { SemanticGuard } from './guards';
import type { SemanticStore } from './store';

export interface SemanticCacheOptions<Answer> {
  /** What turns questions into vectors. */
  readonly embedder: Embedder;
  /**
   * Where answers lie.
   *
   * @default a MemorySemanticStore of its own
   */
  readonly store?: SemanticStore;
  /**
   * The cosine from which another question is a candidate, above 0 to 1. The guards decide; this
   * spares them what is far.
   *
   * @default the embedder's own, which is 0.25 for TfIdfEmbedder; otherwise 0.95
   */
  readonly threshold?: number;
  /**
   * Whether every call must name its tenant, or answers are for everybody.
   *
   * @default 'tenant'
   */
  readonly scope?: 'tenant' | 'shared';
  /**
   * Seconds that an answer is kept.
   *
   * @default 3600
   */
  readonly ttlSeconds?: number;
  /**
   * The guards by language, as the beginning of `locale`. A language that is not named here is
   * found by its exact text only: its negations and opposites are known to nobody.
   *
   * @default { en: ENGLISH_GUARDS }
   */
  readonly languages?: Readonly<Record<string, readonly SemanticGuard[]>>;
  /**
   * Whether an answer may be given again.
   *
   * @default not if it is empty, or an object with an `error`
   */
  readonly shouldStore?: (answer: Answer) => boolean;
  /**
   * Bytes of an answer as JSON; longer ones are not kept.
   *
   * @default 262144
   */
  readonly maxAnswerBytes?: number;
  /**
   * Characters of a question; longer ones are always answered anew.
   *
   * @default 2000
   */
  readonly maxQuestionLength?: number;
  /**
   * Milliseconds that a look-up may take, the embedder's included. Then the answerer answers.
   *
   * @default 500
   */
  readonly lookupTimeoutMs?: number;
  /**
   * Whether a miss says which guard refused the nearest question. It costs a second search: up to 2
   * ms of this process, or a command to the server.
   *
   * @default true
   */
  readonly explainMisses?: boolean;
  /**
   * Where days begin, for questions with "today" and the like.
   *
   * @default 'UTC'
   */
  readonly timeZone?: string;
  /**
   * Where look-ups, failures and scores are counted.
   *
   * @default nowhere
   */
  readonly metrics?: SemanticMetrics;
  /**
   * The clock, in Unix milliseconds.
   *
   * @default Date.now
   */
  readonly now?: () => number;
}

const refused = (property: string, allowed: string, value: unknown, rule: string) =>
  new IsochroneError(
    `SemanticCache: ${property} must be ${allowed}, got ${String(value)}.\n${rule}`,
  );

/** @throws IsochroneError for a value that cannot be meant */
export function checkOptions(options: SemanticCacheOptions<never>): void {
  const { threshold, timeZone } = options;
  if (threshold !== undefined && !(threshold > 0 && threshold <= 1)) {
    throw refused(
      'threshold',
      'more than 0 and at most 1',
      threshold,
      'It is a cosine: 1 is the same direction. Leave it out for what suits the embedder.',
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
      throw refused(
        property,
        'a number above 0',
        value,
        'Nothing would ever be found. Leave it out for its default.',
      );
    }
  }
  if (timeZone !== undefined) {
    try {
      new Intl.DateTimeFormat('en', { timeZone });
    } catch {
      throw refused(
        'timeZone',
        'a name of the IANA database',
        timeZone,
        'Days begin by it. Write it as in "Europe/Berlin", or leave it out for UTC.',
      );
    }
  }
}

/** What is given again unless the caller says otherwise. */
export function worthKeeping(answer: unknown): boolean {
  if (answer === undefined || answer === null || answer === false) return false;
  if (typeof answer === 'string') return answer.trim() !== '';
  if (typeof answer !== 'object') return true;
  if (answer instanceof Error || ('error' in answer && Boolean(answer.error))) return false;
  return Object.keys(answer).length > 0;
}
