import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeValue, type InvalidValue, IsochroneError } from '../../../model/errors';
import { lineOf, SqlScanError, type SqlStatement, splitStatements, statementsWithin } from '../sql';
import { type StatementFacts, statementFacts } from './statement-facts';

export interface MigrationStatement extends SqlStatement, StatementFacts {
  /** Its place in the file, counted from 1. */
  readonly number: number;
  readonly checksum: string;
  /**
   * The index of a partitioned table is built partition by partition: `-- isochrone: per
   * partition`.
   */
  readonly perPartition: boolean;
  /** The reason of `-- isochrone: allow access-exclusive, because …`. */
  readonly allowed: string | undefined;
  /** Those of a DO block. */
  readonly within: readonly (SqlStatement & StatementFacts)[];
}

/** A file of the folder. */
export interface Migration {
  readonly version: number;
  readonly file: string;
  /** SHA-256 of its text. */
  readonly checksum: string;
  readonly statements: readonly MigrationStatement[];
  /** Whether all of it is one transaction; otherwise it goes statement by statement. */
  readonly transactional: boolean;
}

const FILE_NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const ALLOW = /^allow access-exclusive, because (.{10,})$/is;

/** The error for something in a file that we refuse. */
export function refused(where: string, problem: InvalidValue): IsochroneError {
  const { property, value, allowed, rule, fix } = problem;
  return new IsochroneError(
    `${where}: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}

/**
 * The migrations of a folder, in order. Files that do not end in `.sql` are left alone.
 *
 * @throws IsochroneError for a folder that cannot be read or has no migrations, for names that are
 * not `0001-name.sql`, for gaps and duplicates, and for a file that cannot be split into statements
 */
export function readMigrations(folder: string): Migration[] {
  const files = namesIn(folder);
  return files.map((file, index) => {
    const version = Number(FILE_NAME.exec(file)?.[1]);
    if (version !== index + 1) {
      throw refused(join(folder, file), {
        property: 'the number',
        value: file.slice(0, 4),
        allowed: String(index + 1).padStart(4, '0'),
        rule: 'Migrations are counted from 0001 without gaps or duplicates, so that every database runs the same ones in the same order.',
        fix: 'Number the files that have not been applied yet anew.',
      });
    }
    return parseMigration(file, readSql(join(folder, file)));
  });
}

/**
 * Without a byte order mark, which is no SQL. Bytes that are no characters would be stored as
 * U+FFFD.
 */
function readSql(path: string): string {
  try {
    const sql = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    if (!sql.includes('\0')) return sql;
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
  }
  throw refused(path, {
    property: 'the bytes',
    value: 'others',
    allowed: 'UTF-8 without NUL',
    rule: 'PostgreSQL has no NUL in a text, and what another encoding means is not in the file.',
    fix: 'Save it as UTF-8.',
  });
}

function namesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  } catch (error) {
    throw new IsochroneError(
      `The folder of migrations ${folder} cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  const odd = names.find((name) => !FILE_NAME.test(name));
  if (odd !== undefined || names.length === 0) {
    throw refused(folder, {
      property: 'the files',
      value: odd ?? names,
      allowed: 'named like 0001-create-ticks.sql',
      rule: 'The number says when a migration runs, and the name is what people read: lower-case letters, digits and hyphens.',
      fix: odd === undefined ? 'Name another folder, or write the first migration.' : 'Rename it.',
    });
  }
  return names.sort();
}

/**
 * @throws IsochroneError if it cannot be split into statements, or says something to isochrone that
 * is not known
 */
export function parseMigration(file: string, sql: string): Migration {
  let split: SqlStatement[];
  try {
    split = splitStatements(sql);
  } catch (error) {
    if (!(error instanceof SqlScanError)) throw error;
    throw new IsochroneError(
      `${file}:${lineOf(sql, error.offset)}: ${error.message}\nMigrations are plain SQL, one statement after the other. Correct it.`,
    );
  }
  const statements = split.map((statement, index): MigrationStatement => {
    const where = `${file}:${statement.line}`;
    const said = statement.directives.map((directive) => ({
      directive,
      reason: ALLOW.exec(directive)?.[1],
    }));
    for (const { directive, reason } of said) {
      if (reason === undefined && directive !== 'per partition')
        throw unknownDirective(where, directive);
    }
    return {
      ...statement,
      ...statementFacts(statement),
      number: index + 1,
      checksum: sha256(statement.text),
      perPartition: said.some(({ directive }) => directive === 'per partition'),
      allowed: said.find(({ reason }) => reason !== undefined)?.reason,
      within: statementsWithin(statement).map((inner) => ({ ...inner, ...statementFacts(inner) })),
    };
  });
  const transactional = statements.every(
    ({ runs, perPartition }) => (runs === 'transaction' || runs === 'session') && !perPartition,
  );
  return {
    version: Number(file.slice(0, 4)),
    file,
    checksum: sha256(sql),
    statements,
    transactional,
  };
}

function unknownDirective(where: string, directive: string): IsochroneError {
  return refused(where, {
    property: 'a comment for isochrone',
    value: directive,
    allowed: '`allow access-exclusive, because …` with a reason, or `per partition`',
    rule: 'A comment that is ignored would promise what does not happen.',
    fix: 'Correct it; a reason has 10 characters at least.',
  });
}

/** Of the text with the line ends of Unix: a checkout on Windows is no change. */
export function sha256(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}
