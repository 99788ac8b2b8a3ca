import { createHash } from 'node:crypto';
import { IsochroneError } from '../../model/errors';
import { dependsOnToday } from './guards';
import { exactText, type SemanticQuestion } from './question';

/** What an answer depends on besides its question. Answers are never shared between two scopes. */
export interface SemanticScope {
  /**
   * The tenant that owns the answer.
   *
   * @default - required, unless the cache has `scope: 'shared'`
   */
  readonly tenant?: string;
  /** The model that makes the answer, with its version. */
  readonly model: string;
  /** The version of the corpus: the texts that answers are made from. */
  readonly corpusVersion: string;
  /**
   * The language of the question and its answer, such as `en-GB`. Answers are never shared between
   * two locales, not even `en-GB` and `en-US`.
   *
   * @default - English is detected; a question in another language matches only its exact text
   */
  readonly locale?: string;
  /**
   * Anything else that changes answers, in one string: role, filters, system prompt, and the
   * conversation if questions refer to it ("and its price?").
   *
   * @default - nothing else
   */
  readonly audience?: string;
}

const digest = (...parts: readonly (string | undefined)[]) =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex')
    .slice(0, 32);

/** @throws IsochroneError if tenant, model or corpus version is missing */
export function checkScope(scope: Partial<SemanticScope>, shared: boolean): void {
  if (!shared && !scope.tenant) {
    throw new IsochroneError(
      `SemanticCache: tenant must be a name, got ${JSON.stringify(scope.tenant)}.\n` +
        'An answer of one tenant is never given to another. ' +
        "Set `tenant`, or `scope: 'shared'` on a cache whose answers suit all tenants.",
    );
  }
  checkCorpus(scope);
  if (!scope.model) {
    throw new IsochroneError(
      `SemanticCache: model must be a name, got ${JSON.stringify(scope.model)}.\n` +
        'Two models answer differently. Set the model with its version.',
    );
  }
}

/** @throws IsochroneError if the corpus version is missing */
export function checkCorpus(scope: Partial<SemanticScope>): void {
  if (scope.corpusVersion) return;
  throw new IsochroneError(
    `SemanticCache: corpusVersion must be a version, got ` +
      `${JSON.stringify(scope.corpusVersion)}.\n` +
      'An answer from old texts is wrong once they have changed. ' +
      'Set what changes with the texts: a release, a date, a digest.',
  );
}

/** The part of an entry's key that separates scopes and embedders. */
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

/** The key of a corpus, whose entries are invalidated together. */
export function corpusKey(scope: Pick<SemanticScope, 'tenant' | 'corpusVersion'>): string {
  return digest('corpus', scope.tenant, scope.corpusVersion);
}

/** The part of an entry's key that names the exact text, and the day if it matters. */
export function textKey(text: string, day: string): string {
  return digest('text', exactText(text), day);
}

/**
 * The day that is part of a question's key, as YYYYMMDD: "today's rate" asked tomorrow is another
 * question. Empty for an English question without such words. A question in another language may
 * contain such words, so it always gets its day.
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
