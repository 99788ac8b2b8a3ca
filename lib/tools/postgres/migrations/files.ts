import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type InvalidValue, IsochroneError, invalidOption } from '../../../model/errors';
import {
  asNode,
  type FileStatement,
  isSqlParserLoaded,
  loadSqlParserBlocking,
  namesOf,
  parseSql,
  type SqlFile,
  SqlSyntaxError,
  splitSql,
  statementBody,
} from '../../../model/sql';
import { type Batch, batchProblems } from './batch';
import { lostDirective, readDirectives } from './directives';
import { FORMAT_NAMES, formatOf, type MigrationFormat } from './formats';
import { type Runs, statementFacts } from './statement-facts';
import { controlOf, type MigrationStatement, type MigrationStep, stepsOf } from './steps';

export type { MigrationStatement } from './steps';

/** The text of a migration, as its file has it. */
export interface MigrationSource {
  readonly format: MigrationFormat;
  /** The path below the folder. */
  readonly file: string;
  /** What the tool of the format knows it by. */
  readonly id: string;
  readonly sql: string;
  /** Whether the file as a whole is no transaction, according to its tool. */
  readonly withoutTransaction?: boolean;
  /** The checksum that the tool of the format records. */
  readonly toolChecksum?: string;
  /** Why the file cannot run. */
  readonly problems?: readonly Error[];
}

/** What a file consists of. */
interface Content {
  readonly statements: readonly MigrationStatement[];
  readonly steps: readonly MigrationStep[];
  readonly transactional: boolean;
  readonly opening: string;
  readonly problems: readonly Error[];
}

/**
 * A migration: one file of the folder. It is parsed when its statements are asked for, so that a
 * file which was applied long ago needs not be one that would be accepted today.
 */
export class Migration {
  public readonly format: MigrationFormat;
  public readonly file: string;
  public readonly id: string;
  /** The SHA-256 of its text. */
  public readonly checksum: string;
  private content: Content | undefined;

  constructor(public readonly source: MigrationSource) {
    this.format = source.format;
    this.file = source.file;
    this.id = source.id;
    this.checksum = sha256(source.sql);
  }

  /** The checksum that the tool of the format records. */
  public get toolChecksum(): string | undefined {
    return this.source.toolChecksum;
  }

  /** Whether it runs again when its text has changed. */
  public get isRepeatable(): boolean {
    return formatOf(this.format).isRepeatable?.(this.id) === true;
  }

  public get statements(): readonly MigrationStatement[] {
    return this.read().statements;
  }

  /** What runs and is recorded at once, if the file is not one transaction. */
  public get steps(): readonly MigrationStep[] {
    return this.read().steps;
  }

  /** Whether the whole file is one transaction; otherwise it runs step by step. */
  public get transactional(): boolean {
    return this.read().transactional;
  }

  /** The statement that opens the transaction of the whole file. */
  public get opening(): string {
    return this.read().opening;
  }

  /** Why the file cannot be run, as far as its text shows. */
  public get problems(): readonly Error[] {
    return this.read().problems;
  }

  private read(): Content {
    // A construct cannot wait; a run has loaded the parser before.
    if (!isSqlParserLoaded()) loadSqlParserBlocking();
    this.content ??= contentOf(this.source);
    return this.content;
  }
}

/**
 * Reads the migrations of a folder, in the order in which they run. Files that are no migrations
 * are ignored.
 *
 * @param format the tool whose folder it is
 * @default format - found out from the names and the texts of the files
 * @throws IsochroneError for a folder that cannot be read, has no migrations, or could be of more
 * than one tool; for two files of the same version; and in a folder of Isochrone's own for names
 * that are not `0001-name.sql` and for gaps
 */
export function readMigrations(folder: string, format?: MigrationFormat): Migration[] {
  const names = namesIn(folder);
  const texts = new Map<string, string>();
  const textOf = (file: string): string => {
    const text = texts.get(file) ?? readFileSync(join(folder, file), 'latin1');
    texts.set(file, text);
    return text;
  };
  const found = format ?? detectFormat(folder, names, textOf);
  const { id: idOf, compare } = formatOf(found);
  if (found === 'isochrone') checkNames(folder, names);
  const files = names.filter((file) => idOf(file) !== undefined).sort(compare);
  if (files.length === 0) throw noMigrations(folder, names, found);
  const byId = new Map<string, string>();
  return files.map((file, index) => {
    const id = String(idOf(file));
    if (found === 'isochrone' && Number(id) !== index + 1) {
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
    const other = byId.get(id);
    if (other !== undefined) {
      throw invalidOption(join(folder, file), {
        property: 'the version',
        value: id,
        allowed: 'that of one file only',
        rule: `${other} has it too, and ${found} records one file for a version.`,
        fix: 'Renumber the file that has not been applied yet.',
      });
    }
    byId.set(id, file);
    return new Migration(sourceOf(folder, file, found, id, names));
  });
}

/** The paths of all files below a folder, with `/`. Names that begin with a dot are left out. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((name) => !/(?:^|\/)(?:\.|node_modules\/)/.test(name))
      .sort();
  } catch (error) {
    throw new IsochroneError(
      `The migration folder ${folder} cannot be read: ` +
        `${error instanceof Error ? error.message : error}`,
    );
  }
}

function detectFormat(
  folder: string,
  names: readonly string[],
  textOf: (file: string) => string,
): MigrationFormat {
  const signs = FORMAT_NAMES.filter((format) =>
    names.some((file) => formatOf(format).isSign(file, () => textOf(file))),
  );
  // Numbered names are shared; the comments of a tool in the text are its own.
  const [first, second] = signs.length > 1 ? signs.filter((each) => each !== 'isochrone') : signs;
  if (second !== undefined) {
    throw invalidOption(folder, {
      property: 'the files',
      value: signs.join(' and '),
      allowed: 'those of one tool',
      rule: 'Each tool has an order of its own, and a record of its own of what was applied.',
      fix: `Give --format, one of ${FORMAT_NAMES.join(', ')}, or divide the folder.`,
    });
  }
  return first ?? 'isochrone';
}

function checkNames(folder: string, names: readonly string[]): void {
  const sql = names.filter((name) => !name.includes('/') && name.endsWith('.sql'));
  const malformed = sql.find((name) => formatOf('isochrone').id(name) === undefined);
  if (malformed !== undefined) throw noMigrations(folder, [malformed], 'isochrone');
}

function noMigrations(
  folder: string,
  names: readonly string[],
  format: MigrationFormat,
): IsochroneError {
  const sql = names.filter((name) => name.endsWith('.sql'));
  return invalidOption(folder, {
    property: 'the files',
    value: sql.length === 1 ? sql[0] : sql,
    allowed: format === 'isochrone' ? 'named like 0001-create-ticks.sql' : `those of ${format}`,
    rule:
      format === 'isochrone'
        ? 'The number is the order in which migrations run; ' +
          'the name consists of lower-case letters, digits and hyphens.'
        : 'The name of a file is the order in which it runs.',
    fix:
      sql.length === 0
        ? 'Name another folder, or write the first migration.'
        : `Rename it, or give --format if it is of another tool: ${FORMAT_NAMES.slice(1).join(', ')}.`,
  });
}

function sourceOf(
  folder: string,
  file: string,
  format: MigrationFormat,
  id: string,
  names: readonly string[],
): MigrationSource {
  const { up, settings, checksum } = formatOf(format);
  const { text, problem: bytes } = readSql(join(folder, file), file);
  const part = up?.(text) ?? { sql: text, withoutTransaction: false };
  const beside = settings?.file(file);
  const asked =
    beside !== undefined && names.includes(beside)
      ? settings?.withoutTransaction(readFileSync(join(folder, beside), 'utf8'))
      : false;
  const problems = bytes ? [bytes] : [];
  if (part.problem) {
    problems.push(
      invalidOption(file, {
        property: `a file of ${format}`,
        allowed: 'plain SQL, with the comments of its tool',
        ...part.problem,
      }),
    );
  }
  return {
    format,
    file,
    id,
    sql: part.sql,
    withoutTransaction: part.withoutTransaction || asked === true,
    toolChecksum: checksum?.(text),
    problems,
  };
}

/**
 * Reads a file without its byte order mark, which is not SQL. Invalid bytes, which would be stored
 * as U+FFFD, are a problem.
 */
function readSql(path: string, file: string): { text: string; problem?: Error } {
  const bytes = readFileSync(path);
  const text = new TextDecoder('utf-8').decode(bytes);
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return { text };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
  }
  const problem = invalidOption(file, {
    property: 'the bytes',
    value: 'other bytes',
    allowed: 'UTF-8 without NUL',
    rule: 'PostgreSQL stores no NUL in a text, and the file does not name another encoding.',
    fix: 'Save it as UTF-8.',
  });
  return { text, problem };
}

/** A migration in the format of Isochrone, from its text. */
export function parseMigration(file: string, sql: string): Migration {
  return new Migration({ format: 'isochrone', file, id: String(Number(file.slice(0, 4))), sql });
}

const SEVERAL_TRANSACTIONS: InvalidValue = {
  property: 'a statement',
  value: 'one outside of the BEGIN … COMMIT of its file',
  allowed: 'in the one transaction of its file',
  rule: 'If it fails, what the block has done stays.',
  fix:
    'Put it into a file of its own, or write `-- isochrone: in this file, no transaction` at the ' +
    'top: each block and each other statement is then recorded by itself.',
};

/** The line of what follows a block, if nothing but the block keeps the file from running whole. */
function secondTransaction(
  steps: readonly MigrationStep[],
  statements: readonly MigrationStatement[],
): number | undefined {
  const [first, second] = steps;
  if (!first || !second || !steps.some(({ opening }) => opening)) return undefined;
  const needsSteps = statements.some(
    ({ runs, perPartition, isAlone }) =>
      (runs !== 'transaction' && runs !== 'session') || perPartition || isAlone,
  );
  return needsSteps ? undefined : (second.opening ?? second.statements[0])?.line;
}

function contentOf(source: MigrationSource): Content {
  const { file, sql } = source;
  const problems: Error[] = [...(source.problems ?? [])];
  const read = problems.length > 0 ? undefined : split(source, problems);
  const onProblem = (problem: Error) => problems.push(problem);
  const lost = read && lostDirective(file, read.rest);
  if (lost) onProblem(lost);
  let forFile = { allowedReason: undefined as string | undefined, withoutTransaction: false };
  const parsed = (read?.statements ?? []).map(searchPathAsSetting);
  const statements = parsed.map((statement, index): MigrationStatement => {
    const directives = readDirectives(file, statement.comments, index === 0, onProblem);
    if (index === 0) {
      forFile = {
        allowedReason: directives.file.allowedReason,
        withoutTransaction:
          source.withoutTransaction === true || directives.file.withoutTransaction === true,
      };
    }
    const { perPartition, batch, withoutTransaction } = directives.statement;
    const facts = statementFacts(statement);
    const block = asNode(statement.node, 'DoStmt') ? statementBody(statement) : undefined;
    for (const problem of batchProblems(statement.node, batch))
      onProblem(invalidOption(`${file}:${statement.line}`, problem));
    return {
      ...statement,
      ...facts,
      number: index + 1,
      step: 0,
      checksum: sha256(statement.text),
      perPartition,
      batch,
      isAlone: withoutTransaction,
      runs: runsOf(statement, facts.runs, batch, withoutTransaction || forFile.withoutTransaction),
      allowedReason: directives.statement.allowedReason ?? forFile.allowedReason,
      nested: (block?.statements ?? []).map((inner) => ({ ...inner, ...statementFacts(inner) })),
    };
  });
  const divided = stepsOf(file, sql, statements);
  problems.push(...divided.problems);
  const { steps, transactional } = divided;
  const second = source.format === 'isochrone' ? secondTransaction(steps, statements) : undefined;
  if (second !== undefined && !forFile.withoutTransaction)
    onProblem(invalidOption(`${file}:${second}`, SEVERAL_TRANSACTIONS));
  const stepOf = new Map(
    steps.flatMap(({ number, statements: own }) => own.map((each) => [each.number, number])),
  );
  const placed = statements.map((statement) => ({
    ...statement,
    step: transactional ? 0 : (stepOf.get(statement.number) ?? statement.number),
  }));
  const byNumber = new Map(placed.map((statement) => [statement.number, statement]));
  return {
    statements: placed,
    steps: steps.map((step) => ({
      ...step,
      statements: step.statements.map((own) => byNumber.get(own.number) ?? own),
    })),
    transactional,
    opening: (transactional && steps[0]?.opening?.text) || 'BEGIN',
    problems,
  };
}

function runsOf(
  statement: FileStatement,
  runs: Runs,
  batch: Batch | undefined,
  withoutTransaction: boolean,
): Runs {
  if (batch) return 'batches';
  if (!withoutTransaction || runs !== 'transaction' || controlOf(statement)) return runs;
  return 'alone';
}

/**
 * The statement `SET search_path` in place of `SELECT set_config('search_path', …)`, with which
 * pg_dump begins a file. So the checks look tables up along the path, and a resumed run repeats it.
 */
function searchPathAsSetting(statement: FileStatement): FileStatement {
  const select = asNode(statement.node, 'SelectStmt');
  const [target, ...others] = select?.targetList ?? [];
  const call = asNode(asNode(target, 'ResTarget')?.val, 'FuncCall');
  if (
    !call ||
    others.length > 0 ||
    select?.fromClause ||
    namesOf(call.funcname).at(-1) !== 'set_config'
  )
    return statement;
  const [name, value, isLocal] = (call.args ?? []).map((node) => asNode(node, 'A_Const'));
  const path = value?.sval?.sval ?? (value?.sval ? '' : undefined);
  if (name?.sval?.sval?.toLowerCase() !== 'search_path' || path === undefined || !isLocal?.boolval)
    return statement;
  const text = `SET ${isLocal.boolval.boolval ? 'LOCAL ' : ''}search_path = ${path.trim() || "''"}`;
  const [setting] = parseSql(text);
  return setting ? { ...statement, text, node: setting.node } : statement;
}

/** Splits a file; its problem is why it cannot be split. */
function split({ file, sql }: MigrationSource, problems: Error[]): SqlFile | undefined {
  try {
    return splitSql(sql);
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error;
    problems.push(syntaxProblem(`${file}:${error.line}`, sql, error));
    return undefined;
  }
}

function syntaxProblem(where: string, sql: string, { reason, position }: SqlSyntaxError): Error {
  const rest = sql.slice(position);
  const command = /^\\\S*/.exec(rest)?.[0];
  const variable = /^:["']?\w+/.exec(rest)?.[0];
  if (copiesFromClient(sql.slice(0, position))) return invalidOption(where, COPY_OF_CLIENT);
  if (command === undefined && variable === undefined) {
    return new IsochroneError(
      `${where}: ${reason}.\n` +
        'Migrations are plain SQL, one statement after the other. Correct it.',
    );
  }
  return invalidOption(where, {
    property: 'a statement',
    value: command ?? variable,
    allowed: 'SQL',
    rule:
      command === undefined
        ? 'psql puts the values of its variables into the text; the server does not know them.'
        : 'A backslash begins a command of psql, which the server does not know.',
    fix:
      command === undefined
        ? 'Write the value.'
        : 'Remove it, and write what it does as SQL: instead of \\set the value, ' +
          'instead of \\i the statements of the file.',
  });
}

/** Whether the text before an error has COPY … FROM STDIN, so that data of it follows. */
function copiesFromClient(before: string): boolean {
  try {
    return parseSql(before).some(({ node }) => {
      const copy = asNode(node, 'CopyStmt');
      return copy?.is_from === true && copy.filename === undefined;
    });
  } catch (error) {
    if (error instanceof SqlSyntaxError) return false;
    throw error;
  }
}

/** The problem of COPY with the rows in the file. */
export const COPY_OF_CLIENT = {
  property: 'COPY',
  value: 'STDIN or STDOUT',
  allowed: 'from or to a file of the server',
  rule: 'psql, not the server, reads the data that follows such a statement in a file.',
  fix: 'Write INSERT, or load the data in another way.',
} as const;

/**
 * The SHA-256 of the text with Unix line ends, so that a checkout on Windows has the same checksum.
 */
export function sha256(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}
