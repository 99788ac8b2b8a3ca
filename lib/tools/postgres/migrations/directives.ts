import { invalidOption } from '../../../model/errors';
import type { SqlComment } from '../../../model/sql';
import { type Batch, parseBatch } from './batch';

/** What the comments for isochrone above a statement, and at the top of its file, ask for. */
export interface Directives {
  /** `per partition`: the index of a partitioned table is built partition by partition. */
  readonly perPartition: boolean;
  /** The reason of `allow access-exclusive, because …`. */
  readonly allowedReason: string | undefined;
  /** `no transaction`: the statement is not part of the transaction of its file. */
  readonly withoutTransaction: boolean;
  /** `batch TABLE by COLUMN, …`: the statement runs for one range of keys after the other. */
  readonly batch: Batch | undefined;
}

/** What is asked for all statements of a file. */
export interface FileDirectives {
  readonly allowedReason?: string;
  readonly withoutTransaction?: boolean;
}

const NO_EFFECT = 'A comment for isochrone that had no effect would be misleading.';
const COMMENT = /^isochrone:\s*(.*)$/is;
const FOR_FILE = /^in this file,?\s+(.*)$/is;
const ALLOW = /^allow access-exclusive, because (.{10,})$/is;

const ALLOWED =
  '`allow access-exclusive, because …` with a reason of 10 characters, `per partition`, ' +
  '`no transaction` or `batch TABLE by COLUMN`';

/**
 * Reads the comments that are for isochrone.
 *
 * @param isFirst whether the statement is the first of its file, where `in this file, …` may stand
 * @param onProblem receives the problem of a comment that has no effect
 */
export function readDirectives(
  file: string,
  comments: readonly SqlComment[],
  isFirst: boolean,
  onProblem: (problem: Error) => void,
): { readonly statement: Directives; readonly file: FileDirectives } {
  let statement: Directives = {
    perPartition: false,
    allowedReason: undefined,
    withoutTransaction: false,
    batch: undefined,
  };
  let all: FileDirectives = {};
  for (const { text, line } of comments) {
    const directive = COMMENT.exec(text)?.[1]?.trim();
    if (directive === undefined) continue;
    const forFile = FOR_FILE.exec(directive)?.[1];
    const said = forFile ?? directive;
    const reason = ALLOW.exec(said)?.[1];
    const batch = forFile === undefined ? parseBatch(said) : undefined;
    const none = said === 'no transaction';
    const found = reason
      ? { allowedReason: reason }
      : none
        ? { withoutTransaction: true }
        : undefined;
    if (forFile !== undefined && found && isFirst) all = { ...all, ...found };
    else if (forFile === undefined && found) statement = { ...statement, ...found };
    else if (forFile === undefined && said === 'per partition')
      statement = { ...statement, perPartition: true };
    else if (batch) statement = { ...statement, batch };
    else onProblem(unknownDirective(`${file}:${line}`, directive, forFile !== undefined));
  }
  return { statement, file: all };
}

/** A comment for isochrone behind the last statement. */
export function lostDirective(file: string, comments: readonly SqlComment[]): Error | undefined {
  const lost = comments.find(({ text }) => COMMENT.test(text));
  return (
    lost &&
    invalidOption(`${file}:${lost.line}`, {
      property: 'a comment for isochrone',
      value: lost.text,
      allowed: 'above a statement',
      rule: NO_EFFECT,
      fix: 'Move it.',
    })
  );
}

function unknownDirective(where: string, directive: string, forFile: boolean): Error {
  return invalidOption(where, {
    property: 'a comment for isochrone',
    value: directive,
    allowed: forFile
      ? 'above the first statement, and `in this file, allow access-exclusive, because …` ' +
        'or `in this file, no transaction`'
      : ALLOWED,
    rule: NO_EFFECT,
    fix: 'Correct it.',
  });
}
