import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IsochroneError, invalidOption } from '../../../model/errors';
import {
  asNode,
  type FileStatement,
  isSqlParserLoaded,
  loadSqlParserBlocking,
  type ParsedStatement,
  parseSql,
  SqlSyntaxError,
  splitSql,
  statementBody,
} from '../../../model/sql';
import { type StatementFacts, statementFacts } from './statement-facts';

export interface MigrationStatement extends ParsedStatement, StatementFacts {
  /** The position in the file, counted from 1. */
  readonly number: number;
  readonly checksum: string;
  /**
   * Whether the index of a partitioned table is built partition by partition: `-- isochrone: per
   * partition`.
   */
  readonly perPartition: boolean;
  /** The reason given by `-- isochrone: allow access-exclusive, because …`. */
  readonly allowedReason: string | undefined;
  /** The statements of a DO block. */
  readonly nested: readonly (ParsedStatement & StatementFacts)[];
}

/** A migration: one file of the folder. */
export interface Migration {
  readonly version: number;
  readonly file: string;
  /** The SHA-256 of its text. */
  readonly checksum: string;
  readonly statements: readonly MigrationStatement[];
  /** Whether the whole file is one transaction; otherwise it runs statement by statement. */
  readonly transactional: boolean;
}

const FILE_NAME = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;
const ALLOW = /^allow access-exclusive, because (.{10,})$/is;

/**
 * Reads the migrations of a folder, in order. Files that do not end in `.sql` are ignored.
 *
 * @throws IsochroneError for a folder that cannot be read or has no migrations, for names that are
 * not `0001-name.sql`, for gaps and duplicates, and for a file that cannot be split into statements
 */
export function readMigrations(folder: string): Migration[] {
  const files = namesIn(folder);
  return files.map((file, index) => {
    const version = Number(FILE_NAME.exec(file)?.[1]);
    if (version !== index + 1) {
      throw invalidOption(join(folder, file), {
        property: 'the number',
        value: file.slice(0, 4),
        allowed: String(index + 1).padStart(4, '0'),
        rule:
          'Migrations are numbered from 0001 without gaps or duplicates, ' +
          'so that every database runs the same ones in the same order.',
        fix: 'Renumber the files that have not been applied yet.',
      });
    }
    return parseMigration(file, readSql(join(folder, file)));
  });
}

/**
 * Reads a file without its byte order mark, which is not SQL. It refuses invalid bytes, which would
 * be stored as U+FFFD.
 */
function readSql(path: string): string {
  try {
    const sql = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    if (!sql.includes('\0')) return sql;
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
  }
  throw invalidOption(path, {
    property: 'the bytes',
    value: 'other bytes',
    allowed: 'UTF-8 without NUL',
    rule: 'PostgreSQL stores no NUL in a text, and the file does not name another encoding.',
    fix: 'Save it as UTF-8.',
  });
}

function namesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  } catch (error) {
    throw new IsochroneError(
      `The migration folder ${folder} cannot be read: ` +
        `${error instanceof Error ? error.message : error}`,
    );
  }
  const malformed = names.find((name) => !FILE_NAME.test(name));
  if (malformed !== undefined || names.length === 0) {
    throw invalidOption(folder, {
      property: 'the files',
      value: malformed ?? names,
      allowed: 'named like 0001-create-ticks.sql',
      rule:
        'The number is the order in which migrations run; ' +
        'the name consists of lower-case letters, digits and hyphens.',
      fix:
        malformed === undefined
          ? 'Name another folder, or write the first migration.'
          : 'Rename it.',
    });
  }
  return names.sort();
}

/**
 * Parses a file.
 *
 * @throws IsochroneError if PostgreSQL's grammar refuses it, or if it has an unknown comment for
 * isochrone
 */
export function parseMigration(file: string, sql: string): Migration {
  // A construct cannot wait; a command has loaded the parser before.
  if (!isSqlParserLoaded()) loadSqlParserBlocking();
  const statements = statementsOf(file, sql).map((statement, index): MigrationStatement => {
    const where = `${file}:${statement.line}`;
    const directives = directivesOf(statement).map((directive) => ({
      directive,
      reason: ALLOW.exec(directive)?.[1],
    }));
    for (const { directive, reason } of directives) {
      if (reason === undefined && directive !== 'per partition')
        throw unknownDirective(where, directive);
    }
    const block = asNode(statement.node, 'DoStmt') ? statementBody(statement) : undefined;
    return {
      ...statement,
      ...statementFacts(statement),
      number: index + 1,
      checksum: sha256(statement.text),
      perPartition: directives.some(({ directive }) => directive === 'per partition'),
      allowedReason: directives.find(({ reason }) => reason !== undefined)?.reason,
      nested: (block?.statements ?? []).map((inner) => ({ ...inner, ...statementFacts(inner) })),
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

const DIRECTIVE = /^isochrone:\s*(.*)$/is;

function directivesOf({ comments }: Pick<FileStatement, 'comments'>): string[] {
  return comments.flatMap(({ text }) => DIRECTIVE.exec(text)?.[1]?.trim() ?? []);
}

function statementsOf(file: string, sql: string): readonly FileStatement[] {
  try {
    const { statements, rest } = splitSql(sql);
    const lost = rest.find(({ text }) => DIRECTIVE.test(text));
    if (!lost) return statements;
    throw new IsochroneError(
      `${file}:${lost.line}: A comment for isochrone is not above a statement.\nMove or remove it.`,
    );
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error;
    throw new IsochroneError(
      `${file}:${error.line}: ${error.reason}.\n${notSql(sql, error) ?? PLAIN_SQL}`,
    );
  }
}

const PLAIN_SQL = 'Migrations are plain SQL, one statement after the other. Correct it.';

/** What stands in a file for psql instead of SQL, and what to do about it. */
function notSql(sql: string, { position }: SqlSyntaxError): string | undefined {
  const before = sql.slice(0, position);
  if (before.endsWith('\\') || sql[position] === '\\')
    return 'A backslash begins a command of psql, which the server does not understand. Remove it.';
  try {
    const copies = parseSql(before).some(({ node }) => {
      const copy = asNode(node, 'CopyStmt');
      return copy?.is_from === true && copy.filename === undefined;
    });
    if (copies)
      return (
        'It is in the data behind COPY … FROM STDIN, which psql reads and the server does not. ' +
        'Write INSERT, or load the data in another way.'
      );
  } catch {
    // The text before the error is no whole statement.
  }
  return undefined;
}

function unknownDirective(where: string, directive: string): IsochroneError {
  return invalidOption(where, {
    property: 'a comment for isochrone',
    value: directive,
    allowed: '`allow access-exclusive, because …` with a reason, or `per partition`',
    rule: 'A comment for isochrone that had no effect would be misleading.',
    fix: 'Correct it. A reason has at least 10 characters.',
  });
}

/**
 * The SHA-256 of the text with Unix line ends, so that a checkout on Windows has the same checksum.
 */
export function sha256(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}
