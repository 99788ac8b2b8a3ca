import { quiet, type SemanticMetrics } from '../metrics';
import { normalised } from './embedder';
import { ENGLISH_GUARDS, englishOnly, refusedBy, type SemanticGuard, signatureOf } from './guards';
import { MemorySemanticStore } from './memory-store';
import { checkOptions, type SemanticCacheOptions, worthKeeping } from './options';
import type { SemanticAnswer, SemanticLookup, SemanticOutcome } from './outcome';
import { readQuestion, type SemanticQuestion } from './question';
import {
  checkCorpus,
  checkScope,
  corpusKey,
  dayOf,
  type SemanticScope,
  scopeKey,
  textKey,
} from './scope';
import type { SemanticStore, StoredAnswer } from './store';
import { SemanticWork } from './work';

/** What a look-up learnt, which storing the answer needs. */
interface Reading {
  readonly scope: string;
  readonly key: string;
  readonly signature?: string;
  vector?: Float32Array;
  generation?: string;
}

const MISS_FAILED: SemanticOutcome = { kind: 'miss', reason: 'failed' };

/**
 * Answers of a service that are given again to a question that means the same.
 *
 * First the same text, then a question that the embedder finds similar AND that every guard lets
 * through. Answers pass through JSON, for the first caller too, so that everyone gets the same. No
 * failure of the embedder or the store reaches the caller: the answerer answers.
 */
export class SemanticCache<Answer = string> {
  private readonly store_: SemanticStore;
  private readonly threshold: number;
  private readonly languages: Readonly<Record<string, readonly SemanticGuard[]>>;
  private readonly flights = new Map<
    string,
    Promise<{ answer: Answer; text: string | undefined; outcome: SemanticOutcome }>
  >();
  private readonly metrics: SemanticMetrics;
  private readonly work: SemanticWork;
  private readonly now: () => number;

  /** @throws IsochroneError for bad options */
  constructor(private readonly options: SemanticCacheOptions<Answer>) {
    checkOptions(options as SemanticCacheOptions<never>);
    this.store_ = options.store ?? new MemorySemanticStore();
    this.threshold = options.threshold ?? options.embedder.threshold ?? 0.95;
    this.languages = options.languages ?? { en: ENGLISH_GUARDS };
    this.now = options.now ?? Date.now;
    this.metrics = quiet(options.metrics);
    this.work = new SemanticWork(options.lookupTimeoutMs ?? 500, this.metrics);
  }

  /**
   * The answer to a question: kept, or made by the answerer and then kept. Equal questions at one
   * time are answered once.
   *
   * @throws whatever the answerer throws; IsochroneError for a scope without tenant, model or
   * corpus version
   */
  public async getOrAnswer(
    question: string,
    answerer: () => Promise<Answer> | Answer,
    scope: SemanticScope,
  ): Promise<SemanticAnswer<Answer>> {
    const reading = this.read(question, scope);
    const flight = `${reading.scope}/${reading.key}`;
    const running =
      this.flights.get(flight) ??
      this.answer(question, reading, answerer, scope).finally(() => this.flights.delete(flight));
    this.flights.set(flight, running);
    const { answer, text, outcome } = await running;
    return { answer: text === undefined ? answer : (JSON.parse(text) as Answer), outcome };
  }

  /**
   * Looks, and answers nothing. @throws IsochroneError for a scope without tenant, model or corpus
   * version
   */
  public async lookup(question: string, scope: SemanticScope): Promise<SemanticLookup<Answer>> {
    const { outcome, text } = await this.find(question, this.read(question, scope), scope);
    return text === undefined
      ? { found: false, outcome }
      : { found: true, answer: JSON.parse(text) as Answer, outcome };
  }

  /**
   * Keeps an answer that was made elsewhere. Resolves to whether it is kept.
   *
   * @throws IsochroneError for a scope without tenant, model or corpus version
   */
  public async store(question: string, answer: Answer, scope: SemanticScope): Promise<boolean> {
    const reading = this.read(question, scope);
    const text = this.worth(question, answer);
    if (text === undefined) return false;
    const kept = this.work.bounded(async (signal) => {
      reading.generation = await this.store_.generation(corpusKey(scope));
      if (reading.signature !== undefined) reading.vector = await this.embed(question, signal);
      await this.put(question, reading, text);
      return true;
    });
    return (await kept) ?? false;
  }

  /**
   * Forgets all answers from one version of a tenant's texts, of every model and locale, those that
   * are being made included. Resolves to whether the store was reached: if not, answers live on
   * until their TTL.
   */
  public async invalidateCorpus(
    corpus: Pick<SemanticScope, 'tenant' | 'corpusVersion'>,
  ): Promise<{ reached: boolean }> {
    checkCorpus(corpus);
    if (this.options.scope !== 'shared') checkScope({ ...corpus, model: '-' }, false);
    const reached = await this.work.bounded(() =>
      this.store_.invalidate(corpusKey(corpus)).then(() => true),
    );
    return { reached: reached ?? false };
  }

  /** Waits for what is being written. The store and the embedder are the caller's. */
  public async close(): Promise<void> {
    await this.work.done();
  }

  private read(question: string, scope: SemanticScope): Reading {
    checkScope(scope, this.options.scope === 'shared');
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
    if (reading.generation !== undefined && this.worth(question, answer) !== undefined)
      this.work.later(() => this.put(question, reading, text ?? ''));
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
        : await this.work.bounded((signal) => this.search(question, reading, scope, signal));
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
      this.store_.generation(corpusKey(scope)),
      this.store_.exact(reading.scope, reading.key),
    ]);
    reading.generation = generation;
    if (exact && this.valid(exact, generation))
      return { outcome: { kind: 'exact' }, text: exact.answer };
    const guards = this.guardsFor(scope);
    const asked = readQuestion(question, scope.locale);
    if (!guards || reading.signature === undefined) {
      const guard = guards
        ? guards.find((one) => one.signature(asked) === undefined)?.name
        : 'language';
      return { outcome: { kind: 'miss', reason: 'unreadable', guard } };
    }
    reading.vector = await this.embed(question, signal);
    for (const { entry, score } of await this.store_.nearest(
      reading.scope,
      reading.vector,
      reading.signature,
    )) {
      if (score < this.threshold || !this.valid(entry, generation)) continue;
      // The digests were equal; what they were made from is asked again, because a wrong answer
      // costs more than a comparison.
      if (refusedBy(guards, asked, readQuestion(entry.question, scope.locale)) !== undefined)
        continue;
      return {
        outcome: { kind: 'similar', score: Math.min(1, score), question: entry.question },
        text: entry.answer,
      };
    }
    return { outcome: await this.explain(asked, guards, reading, scope, generation) };
  }

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
        : await this.store_.closest(reading.scope, reading.vector);
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
    this.work.later(() => this.store_.remove(entry.scope, entry.key));
    return false;
  }

  private async embed(question: string, signal: AbortSignal): Promise<Float32Array> {
    const { embedder } = this.options;
    const [vector] = await embedder.embed([question], { signal });
    const unit = vector?.length === embedder.dimensions ? normalised(vector) : undefined;
    if (!unit)
      throw new Error(`${embedder.identity} gave no vector of ${embedder.dimensions} numbers.`);
    return unit;
  }

  private async put(question: string, reading: Reading, text: string): Promise<void> {
    const { scope, key, signature, vector, generation = '' } = reading;
    const expiresAt = this.now() + Math.round((this.options.ttlSeconds ?? 3600) * 1000);
    await this.store_.put({
      scope,
      key,
      question,
      answer: text,
      generation,
      expiresAt,
      ...(vector && signature && { vector, signature }),
    });
  }

  private worth(question: string, answer: Answer): string | undefined {
    const text = this.encode(answer);
    const dropped = (reason: string) => this.metrics.count('semantic_dropped_total', { reason });
    if (text === undefined || !this.wanted(answer) || question.trim() === '')
      dropped('not-worth-keeping');
    else if (
      this.tooLong(question) ||
      Buffer.byteLength(text) > (this.options.maxAnswerBytes ?? 262_144)
    )
      dropped('too-large');
    else return text;
    return undefined;
  }

  private wanted(answer: Answer): boolean {
    try {
      return (this.options.shouldStore ?? worthKeeping)(answer);
    } catch {
      this.metrics.count('semantic_failures_total', { kind: 'shouldStore' });
      return false;
    }
  }

  private tooLong(question: string): boolean {
    return question.length > (this.options.maxQuestionLength ?? 2000);
  }

  /** As JSON, or nothing for what JSON cannot say. */
  private encode(answer: Answer): string | undefined {
    try {
      return JSON.stringify(answer);
    } catch {
      return undefined;
    }
  }
}
