import { createHash } from 'node:crypto';
import { keyPart } from '../shared';
import { dependsOnToday } from './guards';
import { exactText, type SemanticQuestion } from './question';

/**
 * What an answer depends on besides its question. Answers are never shared between two scopes. Each
 * part is a string; a call with anything else is refused.
 */
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

const OWNER = 'SemanticCache';

/**
 * @throws IsochroneError if tenant, model or corpus version is missing, or if a part of the scope is
 *   not a string
 */
export function checkScope(scope: Partial<SemanticScope>, shared: boolean): void {
  checkCorpus(scope, shared);
  keyPart('model', scope.model, {
    owner: OWNER,
    fix: 'Two models answer differently. Set the model with its version.',
  });
  for (const name of ['locale', 'audience'] as const)
    if (scope[name] !== undefined && scope[name] !== '')
      keyPart(name, scope[name], { owner: OWNER, fix: 'Give it as a string, or leave it out.' });
}

/** @throws IsochroneError if tenant or corpus version is missing or not a string */
export function checkCorpus(scope: Partial<SemanticScope>, shared: boolean): void {
  if (!shared || scope.tenant !== undefined) {
    keyPart('tenant', scope.tenant, {
      owner: OWNER,
      fix:
        'An answer of one tenant is never given to another. ' +
        "Set `tenant`, or `scope: 'shared'` on a cache whose answers suit all tenants.",
    });
  }
  keyPart('corpusVersion', scope.corpusVersion, {
    owner: OWNER,
    fix:
      'An answer from old texts is wrong once they have changed. ' +
      'Set what changes with the texts: a release, a date, a digest.',
  });
}

/** @throws IsochroneError for a question that is not a string. It may be empty. */
export function checkQuestion(question: unknown): void {
  if (typeof question !== 'string') keyPart('question', question, { owner: OWNER });
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
