import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { quiet, type SemanticMetrics } from '../metrics';
import { addWaiter, keyPart, type Load, newLoad, runLoader, waitingLoad } from '../shared';
import { unitVector } from './embedder';
import { ENGLISH_GUARDS, englishOnly, refusedBy, type SemanticGuard, signatureOf } from './guards';
import { MemorySemanticStore } from './memory-store';
import { checkOptions, isWorthStoring, type SemanticCacheOptions } from './options';
import { readQuestion, type SemanticQuestion } from './question';
import {
  checkCorpus,
  checkQuestion,
  checkScope,
  corpusKey,
  dayOf,
  type SemanticScope,
  scopeKey,
  textKey,
} from './scope';
import type { SemanticStore, StoredAnswer } from './store';

/** The result of a look-up. */
export type SemanticOutcome =
  | { readonly kind: 'exact' }
  /** `question` is the stored question whose answer was given, `score` the cosine similarity. */
  | { readonly kind: 'similar'; readonly score: number; readonly question: string }
  | {
      readonly kind: 'miss';
      /**
       * - `nothing-similar`: no question reached the threshold.
       * - `refused`: a question did, and `guard` refused it.
       * - `unreadable`: `guard` cannot read this question, so only its exact text can hit.
       * - `failed`: the embedder or the store failed or exceeded the time limit.
       */
      readonly reason: 'nothing-similar' | 'refused' | 'unreadable' | 'failed';
      readonly guard?: string;
      /** The nearest stored question. */
      readonly question?: string;
      /** The cosine similarity of the nearest stored question. */
      readonly score?: number;
    };

/** The outcome of a look-up, with the answer if one was found. */
export type SemanticLookup<Answer> = { readonly outcome: SemanticOutcome } & (
  | { readonly found: true; readonly answer: Answer }
  | { readonly found: false }
);

/** An answer, and how the cache came by it. */
export interface SemanticAnswer<Answer> {
  readonly answer: Answer;
  readonly outcome: SemanticOutcome;
}

/** What a look-up learned about a question; storing the answer needs it. */
interface Reading {
  readonly scope: string;
  readonly key: string;
  readonly signature?: string;
  vector?: Float32Array;
  generation?: string;
}

/** One look-up and answer, which all callers of a question share. */
interface SemanticFlight<Answer> extends Load {
  answered: Promise<{ answer: Answer; text: string | undefined; outcome: SemanticOutcome }>;
}

const MISS_FAILED: SemanticOutcome = { kind: 'miss', reason: 'failed' };

/**
 * Caches answers by the meaning of their question.
 *
 * A look-up tries the exact text first, then a question that the embedder finds similar and that
 * every guard passes. Answers pass through JSON, even for the first caller, so that all callers get
 * equal answers. A failure of the embedder or the store never reaches the caller: the answerer is
 * called instead.
 */
export class SemanticCache<Answer = string> {
  private readonly answers: SemanticStore;
  private readonly threshold: number;
  private readonly languages: Readonly<Record<string, readonly SemanticGuard[]>>;
  private readonly flights = new Map<string, SemanticFlight<Answer>>();
  private readonly metrics: SemanticMetrics;
  private readonly tasks: SemanticTasks;
  private readonly now: () => number;

  /** @throws IsochroneError for an invalid option */
  constructor(private readonly options: SemanticCacheOptions<Answer>) {
    checkOptions(options as SemanticCacheOptions<never>);
    keyPart('embedder.identity', options.embedder.identity, { owner: 'SemanticCache' });
    this.answers = options.store ?? new MemorySemanticStore();
    this.threshold = options.threshold ?? options.embedder.threshold ?? 0.95;
    this.languages = options.languages ?? { en: ENGLISH_GUARDS };
    this.now = options.now ?? Date.now;
    this.metrics = quiet(options.metrics);
    this.tasks = new SemanticTasks(options.lookupTimeoutMs ?? 500, this.metrics);
  }

  /**
   * Returns the stored answer to a question, or calls the answerer and stores its answer.
   * Concurrent calls with equal questions share one call of the answerer.
   *
   * @throws whatever the answerer throws; IsochroneError for a scope without tenant, model or
   *   corpus version, for a part of it that is not a string, and in an answerer that would wait for
   *   its own answer
   */
  public async getOrAnswer(
    question: string,
    answerer: () => Promise<Answer> | Answer,
    scope: SemanticScope,
  ): Promise<SemanticAnswer<Answer>> {
    const reading = this.read(question, scope);
    const key = `${reading.scope}/${reading.key}`;
    const caller = waitingLoad('SemanticCache', this, key);
    let flight = this.flights.get(key);
    if (flight === undefined) {
      const load = newLoad(this, key, caller);
      const answered = this.answer(question, reading, () => runLoader(load, answerer), scope);
      flight = Object.assign(load, { answered: answered.finally(() => this.flights.delete(key)) });
      this.flights.set(key, flight);
    } else addWaiter(flight, caller);
    const { answer, text, outcome } = await flight.answered;
    return { answer: text === undefined ? answer : (JSON.parse(text) as Answer), outcome };
  }

  /**
   * Looks up a question without calling an answerer.
   *
   * @throws IsochroneError for a scope without tenant, model or corpus version, or for a part of
   *   it that is not a string
   */
  public async lookup(question: string, scope: SemanticScope): Promise<SemanticLookup<Answer>> {
    const { outcome, text } = await this.find(question, this.read(question, scope), scope);
    return text === undefined
      ? { found: false, outcome }
      : { found: true, answer: JSON.parse(text) as Answer, outcome };
  }

  /**
   * Stores an answer that was made elsewhere. Resolves to whether it was stored.
   *
   * @throws IsochroneError for a scope without tenant, model or corpus version, or for a part of
   *   it that is not a string
   */
  public async store(question: string, answer: Answer, scope: SemanticScope): Promise<boolean> {
    const reading = this.read(question, scope);
    const text = this.storableText(question, answer);
    if (text === undefined) return false;
    const stored = this.tasks.run(async (signal) => {
      reading.generation = await this.answers.generation(corpusKey(scope));
      if (reading.signature !== undefined) reading.vector = await this.embed(question, signal);
      await this.put(question, reading, text);
      return true;
    });
    return (await stored) ?? false;
  }

  /**
   * Invalidates all answers from one corpus version of a tenant, for every model and locale,
   * including answers that are being made. Resolves to whether the store was reached; if not,
   * answers stay until their TTL ends.
   *
   * @throws IsochroneError without tenant or corpus version
   */
  public async invalidateCorpus(
    corpus: Pick<SemanticScope, 'tenant' | 'corpusVersion'>,
  ): Promise<{ reached: boolean }> {
    checkCorpus(corpus ?? {}, this.options.scope === 'shared');
    const reached = await this.tasks.run(() =>
      this.answers.invalidate(corpusKey(corpus)).then(() => true),
    );
    return { reached: reached ?? false };
  }

  /** Waits for pending writes. It does not close the store or the embedder. */
  public async close(): Promise<void> {
    await this.tasks.drained();
  }

  private read(question: string, scope: SemanticScope): Reading {
    checkScope(scope ?? {}, this.options.scope === 'shared');
    checkQuestion(question);
    const read = readQuestion(
      question.slice(0, this.options.maxQuestionLength ?? 2000),
      scope.locale,
    );
    const guards = this.guardsFor(scope);
    const day = dayOf(
      read,
      englishOnly.signature(read) !== undefined,
      this.now(),
      this.options.timeZone ?? 'UTC',
    );
    const signature = guards && signatureOf(guards, read);
    return {
      scope: scopeKey(scope, this.options.embedder.identity),
      key: textKey(question, day),
      ...(signature !== undefined && { signature: `${signature}${day}` }),
    };
  }

  private guardsFor(scope: SemanticScope): readonly SemanticGuard[] | undefined {
    const language = new Map(Object.entries(this.languages));
    return language.get(scope.locale?.split(/[-_]/)[0]?.toLowerCase() ?? 'en');
  }

  private async answer(
    question: string,
    reading: Reading,
    answerer: () => Promise<Answer> | Answer,
    scope: SemanticScope,
  ) {
    const found = await this.find(question, reading, scope);
    if (found.text !== undefined)
      return { answer: JSON.parse(found.text) as Answer, text: found.text, outcome: found.outcome };
    const answer = await answerer();
    const text = this.encode(answer);
    if (reading.generation !== undefined && this.storableText(question, answer) !== undefined)
      this.tasks.runInBackground(() => this.put(question, reading, text ?? ''));
    return { answer, text, outcome: found.outcome };
  }

  private async find(
    question: string,
    reading: Reading,
    scope: SemanticScope,
  ): Promise<{ outcome: SemanticOutcome; text?: string }> {
    const found =
      question.trim() === '' || this.tooLong(question)
        ? undefined
        : await this.tasks.run((signal) => this.search(question, reading, scope, signal));
    const result = found ?? { outcome: MISS_FAILED };
    const { outcome } = result;
    this.metrics.count('semantic_lookups_total', {
      outcome: outcome.kind,
      reason: outcome.kind === 'miss' ? outcome.reason : '',
    });
    if (outcome.kind === 'similar') this.metrics.observe('semantic_similarity', outcome.score);
    if (outcome.kind === 'miss' && outcome.guard)
      this.metrics.count('semantic_refusals_total', { guard: outcome.guard });
    return result;
  }

  private async search(
    question: string,
    reading: Reading,
    scope: SemanticScope,
    signal: AbortSignal,
  ): Promise<{ outcome: SemanticOutcome; text?: string }> {
    const [generation, exact] = await Promise.all([
      this.answers.generation(corpusKey(scope)),
      this.answers.exact(reading.scope, reading.key),
    ]);
    reading.generation = generation;
    if (exact && this.valid(exact, generation))
      return { outcome: { kind: 'exact' }, text: exact.answer };
    const guards = this.guardsFor(scope);
    const asked = readQuestion(question, scope.locale);
    if (!guards || reading.signature === undefined) {
      const guard = guards
        ? guards.find((guard) => guard.signature(asked) === undefined)?.name
        : 'language';
      return { outcome: { kind: 'miss', reason: 'unreadable', guard } };
    }
    reading.vector = await this.embed(question, signal);
    for (const { entry, score } of await this.answers.nearest(
      reading.scope,
      reading.vector,
      reading.signature,
    )) {
      if (score < this.threshold || !this.valid(entry, generation)) continue;
      // The digests are equal, but a wrong answer costs more than a second comparison.
      if (refusedBy(guards, asked, readQuestion(entry.question, scope.locale)) !== undefined)
        continue;
      return {
        outcome: { kind: 'similar', score: Math.min(1, score), question: entry.question },
        text: entry.answer,
      };
    }
    return { outcome: await this.explain(asked, guards, reading, scope, generation) };
  }

  /** The outcome of a miss, with the nearest question and the guard that refused it. */
  private async explain(
    asked: SemanticQuestion,
    guards: readonly SemanticGuard[],
    reading: Reading,
    scope: SemanticScope,
    generation: string,
  ): Promise<SemanticOutcome> {
    const closest =
      this.options.explainMisses === false || !reading.vector
        ? undefined
        : await this.answers.closest(reading.scope, reading.vector);
    if (!closest || !this.valid(closest.entry, generation))
      return { kind: 'miss', reason: 'nothing-similar' };
    const { entry, score } = closest;
    const guard =
      score < this.threshold
        ? undefined
        : refusedBy(guards, asked, readQuestion(entry.question, scope.locale));
    const near = { question: entry.question, score: Math.min(1, score) };
    return guard
      ? { kind: 'miss', reason: 'refused', guard, ...near }
      : { kind: 'miss', reason: 'nothing-similar', ...near };
  }

  private valid(entry: StoredAnswer, generation: string): boolean {
    if (entry.generation === generation && entry.expiresAt > this.now()) return true;
    this.tasks.runInBackground(() => this.answers.remove(entry.scope, entry.key));
    return false;
  }

  private async embed(question: string, signal: AbortSignal): Promise<Float32Array> {
    const { embedder } = this.options;
    const [vector] = await embedder.embed([question], { signal });
    const unit = vector?.length === embedder.dimensions ? unitVector(vector) : undefined;
    if (!unit)
      throw new Error(
        `${embedder.identity} did not return a vector of ${embedder.dimensions} numbers.`,
      );
    return unit;
  }

  private async put(question: string, reading: Reading, text: string): Promise<void> {
    const { scope, key, signature, vector, generation = '' } = reading;
    const expiresAt = this.now() + Math.round((this.options.ttlSeconds ?? 3600) * 1000);
    await this.answers.put({
      scope,
      key,
      question,
      answer: text,
      generation,
      expiresAt,
      ...(vector && signature && { vector, signature }),
    });
  }

  /** The answer as JSON if it may be stored; otherwise counts why not. */
  private storableText(question: string, answer: Answer): string | undefined {
    const text = this.encode(answer);
    const dropped = (reason: string) => this.metrics.count('semantic_dropped_total', { reason });
    if (text === undefined || !this.shouldStore(answer) || question.trim() === '')
      dropped('not-worth-keeping');
    else if (
      this.tooLong(question) ||
      Buffer.byteLength(text) > (this.options.maxAnswerBytes ?? 262_144)
    )
      dropped('too-large');
    else return text;
    return undefined;
  }

  private shouldStore(answer: Answer): boolean {
    try {
      return (this.options.shouldStore ?? isWorthStoring)(answer);
    } catch {
      this.metrics.count('semantic_failures_total', { kind: 'shouldStore' });
      return false;
    }
  }

  private tooLong(question: string): boolean {
    return question.length > (this.options.maxQuestionLength ?? 2000);
  }

  /** The answer as JSON; undefined if JSON cannot represent it. */
  private encode(answer: Answer): string | undefined {
    try {
      return JSON.stringify(answer);
    } catch {
      return undefined;
    }
  }
}

/** Concurrent background tasks. Further ones are dropped and counted: an answer can be remade. */
const MAX_BACKGROUND_TASKS = 100;

/**
 * Runs tasks that may fail or hang, within a time limit: look-ups before an answer, writes in the
 * background after it. No method rejects.
 */
class SemanticTasks {
  private readonly background = new Set<Promise<void>>();

  constructor(
    private readonly timeoutMs: number,
    private readonly metrics: SemanticMetrics,
  ) {}

  /**
   * Runs a task. Its signal aborts when the task ends or the time is up.
   *
   * @returns what the task resolves to; undefined if it fails or exceeds the time limit
   */
  public async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const controller = new AbortController();
    try {
      const result = await withTimeLimit(this.timeoutMs, task(controller.signal));
      if (result !== TIMED_OUT) return result;
      this.countFailure('timeout');
    } catch (error) {
      this.countFailure(error instanceof Error ? error.name : 'unknown');
    } finally {
      controller.abort();
    }
    return undefined;
  }

  /** Starts a task in the background. */
  public runInBackground(task: () => Promise<void>): void {
    if (this.background.size >= MAX_BACKGROUND_TASKS) {
      this.metrics.count('semantic_dropped_total', { reason: 'too-many-writes' });
      return;
    }
    const running: Promise<void> = this.run(task).then(() => {
      this.background.delete(running);
    });
    this.background.add(running);
  }

  /** Resolves when no task runs in the background. */
  public async drained(): Promise<void> {
    while (this.background.size > 0) await Promise.all(this.background);
  }

  private countFailure(kind: string): void {
    this.metrics.count('semantic_failures_total', { kind });
  }
}
