/**
 * PostgreSQL's own grammar, compiled to WebAssembly (libpg-query). It reads a text as a server of
 * version 18 does with `standard_conforming_strings` on.
 */
import type { Node, RawStmt } from '@pgsql/types';
import { IsochroneError } from '../errors';
import { blockingLibrary, type Library } from './blocking';

export type { Node } from '@pgsql/types';

/** Why PostgreSQL's grammar refuses a text, and where. */
export class SqlSyntaxError extends IsochroneError {
  constructor(
    /** PostgreSQL's own words, such as `syntax error at or near "form"`. */
    public readonly reason: string,
    /** The position in the text, in UTF-16 code units. */
    public readonly position: number,
    /** The line of the position, counted from 1. */
    public readonly line: number,
  ) {
    super(`Line ${line}: ${reason}.`);
  }
}

/** One statement of a text. */
export interface ParsedStatement {
  /** Its text, without the semicolon and the space around it. */
  readonly text: string;
  /** Where its text begins and ends in the whole text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** The line at which it begins, counted from 1. */
  readonly line: number;
  /** The tree of PostgreSQL's parser: an object with one property, the kind, as in `SelectStmt`. */
  readonly node: Node;
}

/** A token of PostgreSQL's scanner. Comments are tokens; space is not. */
export interface SqlToken {
  readonly kind: 'keyword' | 'identifier' | 'string' | 'comment' | 'other';
  /** As it was written. */
  readonly text: string;
  /** Where it begins and ends, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

let library: Library | undefined;
let loading: Promise<void> | undefined;

/**
 * Loads the parser; the other functions of this folder need it. The first call takes about 10 ms
 * and 15 MB of memory, later ones nothing.
 *
 * @throws IsochroneError if the WebAssembly file cannot be read, as after bundling without it
 */
export function loadSqlParser(): Promise<void> {
  loading ??= load();
  return loading;
}

/** Whether `loadSqlParser` has finished. */
export function isSqlParserLoaded(): boolean {
  return library !== undefined;
}

async function load(): Promise<void> {
  try {
    const loaded = (await import('libpg-query')) as Library;
    await loaded.loadModule();
    library = loaded;
  } catch (error) {
    throw new IsochroneError(
      "PostgreSQL's parser could not be loaded: the package libpg-query or its file " +
        'libpg-query.wasm is missing. If the application is bundled, keep libpg-query out of the ' +
        'bundle (esbuild: --external:libpg-query) and install it beside the bundle.',
      { cause: error },
    );
  }
}

/**
 * Loads the parser for code that cannot wait, such as a construct: it then runs in a thread of its
 * own, and each call blocks until the thread has answered. A later `loadSqlParser` brings it here.
 *
 * @throws IsochroneError if libpg-query cannot be loaded
 */
export function loadSqlParserBlocking(): void {
  library ??= blockingLibrary();
}

function loaded(): Library {
  if (!library) throw new Error('loadSqlParser has not finished.');
  return library;
}

/**
 * The statements of a text, in order. Empty statements are left out.
 *
 * @throws SqlSyntaxError if PostgreSQL's grammar refuses the text, or if it is nested too deeply
 */
export function parseSql(sql: string): ParsedStatement[] {
  const offsets = new CharacterOffsets(sql);
  const { stmts = [] } = read(sql, (text) => loaded().parseSync(text));
  const lines = new LineNumbers(sql);
  return stmts.flatMap(({ stmt, stmt_location = 0, stmt_len = 0 }: RawStmt) => {
    if (!stmt) return [];
    const from = offsets.at(stmt_location);
    const to = stmt_len === 0 ? sql.length : offsets.at(stmt_location + stmt_len);
    const text = sql.slice(from, to);
    const start = from + (text.length - text.trimStart().length);
    const trimmed = text.trim();
    return [
      { text: trimmed, start, end: start + trimmed.length, line: lines.at(start), node: stmt },
    ];
  });
}

/**
 * The tokens of a text, comments included.
 *
 * @throws SqlSyntaxError if PostgreSQL's scanner refuses the text
 */
export function scanSql(sql: string): SqlToken[] {
  const offsets = new CharacterOffsets(sql);
  const { tokens = [] } = read(sql, (text) => loaded().scanSync(withoutControls(text)));
  return tokens.map(({ start, end, tokenType, keywordName }) => {
    const from = offsets.at(start);
    const to = offsets.at(end);
    return {
      kind: KINDS[tokenType] ?? (keywordName === 'NO_KEYWORD' ? 'other' : 'keyword'),
      text: sql.slice(from, to),
      start: from,
      end: to,
    };
  });
}

/**
 * What PostgreSQL's PL/pgSQL parser makes of a `DO` or `CREATE FUNCTION` statement.
 *
 * @throws SqlSyntaxError if it refuses the body
 */
export function parsePlpgsql(statement: string): unknown {
  return read(statement, (text) => loaded().parsePlPgSQLSync(text));
}

/** The numbers that PostgreSQL 18's grammar gives to tokens that are no keyword. */
const KINDS: Readonly<Record<number, SqlToken['kind']>> = {
  258: 'identifier',
  259: 'identifier',
  261: 'string',
  262: 'string',
  263: 'string',
  264: 'string',
  275: 'comment',
  276: 'comment',
};

/**
 * The same text to the scanner, byte by byte, without the control characters that libpg-query
 * writes into its JSON as they are.
 */
function withoutControls(sql: string): string {
  return sql
    .replace(/[\t\v\f]/g, ' ')
    .replace(/\r/g, '\n')
    .replace(/(?!\n)\p{Cc}/gu, (control) => (control < ' ' ? '\x7f' : control));
}

function read<T>(sql: string, parse: (text: string) => T): T {
  // The parser takes a C string, which would end here: the rest would go unread.
  const nul = sql.indexOf('\0');
  if (nul >= 0) throw syntaxError(sql, 'a NUL character, which PostgreSQL does not accept', nul);
  if (sql === '') return {} as T;
  try {
    // libpg-query measures half a surrogate pair wrongly and drops the end of the text. A server
    // gets the replacement character in its place, from every driver that sends UTF-8.
    return parse(sql.replace(/\p{Surrogate}/gu, '\ufffd'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof RangeError || error.name === 'RuntimeError')
      throw syntaxError(sql, 'the text is nested too deeply to be read', 0);
    const { sqlDetails } = error as { sqlDetails?: { readonly cursorPosition?: number } };
    const codePoints = Array.from(sql).slice(0, sqlDetails?.cursorPosition ?? 0);
    throw syntaxError(sql, error.message, codePoints.join('').length);
  }
}

function syntaxError(sql: string, reason: string, position: number): SqlSyntaxError {
  return new SqlSyntaxError(reason, position, new LineNumbers(sql).at(position));
}

/** Turns offsets in the UTF-8 form of a text, which ascend mostly, into offsets in the text. */
class CharacterOffsets {
  private readonly isAscii: boolean;
  private bytes = 0;
  private characters = 0;

  constructor(private readonly text: string) {
    this.isAscii = Buffer.byteLength(text) === text.length;
  }

  public at(byte: number): number {
    if (this.isAscii) return Math.min(byte, this.text.length);
    if (byte < this.bytes) {
      this.bytes = 0;
      this.characters = 0;
    }
    while (this.bytes < byte && this.characters < this.text.length) {
      const code = this.text.codePointAt(this.characters) as number;
      this.bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      this.characters += code < 0x10000 ? 1 : 2;
    }
    return this.characters;
  }
}

/** The numbers of lines, for ascending positions. */
export class LineNumbers {
  private line = 1;
  private counted = 0;

  constructor(private readonly text: string) {}

  public at(position: number): number {
    for (; this.counted < position; this.counted += 1)
      if (this.text.charCodeAt(this.counted) === 10) this.line += 1;
    return this.line;
  }
}
