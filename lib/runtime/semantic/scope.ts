import { createHash } from 'node:crypto';
import { IsochroneError } from '../../model/errors';
import { dependsOnToday } from './guards';
import { exactText, type SemanticQuestion } from './question';

/**
 * What an answer depends on besides its question. No answer is shared across any difference in it.
 */
export interface SemanticScope {
  /** Whose answer it is. Required unless the cache says `scope: 'shared'`. */
  readonly tenant?: string;
  /** The model that answers, with its version. */
  readonly model: string;
  /** The version of the texts that answers are made from. */
  readonly corpusVersion: string;
  /**
   * The language of the question and its answer, such as `en-GB`. Answers of two locales are never
   * shared, be it `en-GB` and `en-US`.
   *
   * @default what is not seen to be English is found by its exact text only
   */
  readonly locale?: string;
  /**
   * Anything else that changes answers, in one string: role, filters, system prompt, and the
   * conversation if questions lean on it ("and its price?").
   *
   * @default nothing else
   */
  readonly audience?: string;
}

const digest = (...parts: readonly (string | undefined)[]) =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex')
    .slice(0, 32);

/** @throws IsochroneError for a scope that would share what must not be shared */
export function checkScope(scope: Partial<SemanticScope>, shared: boolean): void {
  if (!shared && !scope.tenant) {
    throw new IsochroneError(
      `SemanticCache: tenant must be a name, got ${JSON.stringify(scope.tenant)}.\n` +
        "One tenant's answers are nobody else's. Give `tenant`, or say `scope: 'shared'` of a cache whose answers are for everybody.",
    );
  }
  checkCorpus(scope);
  if (!scope.model) {
    throw new IsochroneError(
      `SemanticCache: model must be a name, got ${JSON.stringify(scope.model)}.\n` +
        'Answers of two models are not the same. Give the model with its version.',
    );
  }
}

/** @throws IsochroneError without a version */
export function checkCorpus(scope: Partial<SemanticScope>): void {
  if (scope.corpusVersion) return;
  throw new IsochroneError(
    `SemanticCache: corpusVersion must be a version, got ${JSON.stringify(scope.corpusVersion)}.\n` +
      'An answer from old texts is wrong once they changed. Give what changes with the texts: a release, a date, a digest.',
  );
}

export function scopeKey(scope: SemanticScope, embedderIdentity: string): string {
  return digest(
    'scope',
    scope.tenant,
    scope.model,
    scope.corpusVersion,
    scope.locale?.toLowerCase(),
    scope.audience,
    embedderIdentity,
  );
}

export function corpusKey(scope: Pick<SemanticScope, 'tenant' | 'corpusVersion'>): string {
  return digest('corpus', scope.tenant, scope.corpusVersion);
}

export function textKey(text: string, day: string): string {
  return digest('text', exactText(text), day);
}

/**
 * The day that belongs to a question's key: "today's rate" asked tomorrow is another question.
 * Empty for questions that are seen to be without such words; a question that is not read as
 * English may have them, so it always has its day.
 */
export function dayOf(
  question: SemanticQuestion,
  english: boolean,
  now: number,
  timeZone: string,
): string {
  if (english && !dependsOnToday(question)) return '';
  return new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
    .format(now)
    .replaceAll('-', '');
}
