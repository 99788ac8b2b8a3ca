/** What a format of migrations is, and what several of them share. */
import { type PostgresConnection, rowsOf } from '../../connection';

/** The part of a file that runs. */
export interface UpPart {
  /** The text, with line breaks in place of what does not run, so that line numbers stay. */
  readonly sql: string;
  /** Whether the tool would run it outside of a transaction. */
  readonly withoutTransaction: boolean;
  /** Why the file cannot be read as its tool would read it. */
  readonly problem?: { readonly value: string; readonly rule: string; readonly fix: string };
}

/** A file, as the record of a tool may know it. */
export interface RecordedFile {
  readonly id: string;
  readonly file: string;
  readonly isRepeatable: boolean;
  /** The checksum that the tool would record. */
  readonly toolChecksum: string | undefined;
}

/** What the table of a tool says. */
export interface ToolRecord {
  /** Whether the tool has applied the file. */
  readonly has: (file: RecordedFile) => boolean;
  /** The ids that it has applied, as far as it lists them. */
  readonly ids: readonly string[];
  /** The checksums by id, if it keeps them. */
  readonly checksums?: ReadonlyMap<string, string>;
  /** Why the table is in no state to go on from. */
  readonly problem?: string;
}

/** The table in which a tool records what it has applied, under its default name. */
export interface ToolTable {
  readonly name: string;
  /** Columns that tell it from a table of the same name of another tool. */
  readonly columns: Readonly<Record<string, string>>;
  /** Whether an id that no file has shows that the folder is too old. */
  readonly mustHaveFiles?: boolean;
  /** @param table the quoted name with its schema */
  readonly read: (connection: PostgresConnection, table: string) => Promise<ToolRecord>;
}

/** The files of a tool: which ones are migrations, in what order they run, and what goes up. */
export interface Format {
  /** What the tool knows a file by; undefined for a file that is no migration. */
  readonly id: (file: string) => string | undefined;
  /** The order in which the tool runs two files. */
  readonly compare: (a: string, b: string) => number;
  /** Whether the name, or the text, shows that the file is one of this tool. */
  readonly isSign: (file: string, text: () => string) => boolean;
  /**
   * The part of the text that goes up.
   *
   * @default - the whole text
   */
  readonly up?: (sql: string) => UpPart;
  /** The file beside a migration with its settings, and whether it asks for no transaction. */
  readonly settings?: {
    readonly file: (file: string) => string;
    readonly withoutTransaction: (text: string) => boolean;
  };
  /** Whether a file may run after files that are newer than it. */
  readonly runsLate: boolean;
  /**
   * Whether a file runs again when its text has changed.
   *
   * @default - none does
   */
  readonly isRepeatable?: (id: string) => boolean;
  /** The checksum that the tool records. */
  readonly checksum?: (text: string) => string;
  /** The id of a version as a user writes it. */
  readonly idOfVersion: (version: string) => string;
  readonly table?: ToolTable;
}

/** A row, or several, as text. */
export type Row = Readonly<Record<string, string | null>>;

/** The values of the column `id` of a query. */
export async function idsOf(connection: PostgresConnection, query: string): Promise<string[]> {
  return (await rowsOf<Row>(connection, query)).map(({ id }) => String(id));
}

/** A record that lists each applied file. */
export function listed(ids: readonly string[], more: Partial<ToolRecord> = {}): ToolRecord {
  const set = new Set(ids);
  return { has: ({ id }) => set.has(id), ids, ...more };
}

/** A number without leading zeros; another text as it is. */
export function withoutZeros(digits: string): string {
  return /^\d+$/.test(digits) ? String(BigInt(digits)) : digits;
}

/** The number that a pattern captures in a file name; undefined for another name. */
export function numberIn(pattern: RegExp, file: string): string | undefined {
  const digits = pattern.exec(file)?.[1];
  return digits === undefined ? undefined : withoutZeros(digits);
}

/** Compares as Go, Rust and `Array.sort` do: by code units. */
export function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Compares by the number at the beginning, then by text. */
export function byNumber(a: string, b: string): number {
  const [first = 0n, second = 0n] = [a, b].map((text) => BigInt(/^\d+/.exec(text)?.[0] ?? 0));
  if (first === second) return byText(a, b);
  return first < second ? -1 : 1;
}

/**
 * The sections of a file that go up. Each section begins with a comment such as `-- migrate:up`.
 *
 * @param mark matches the comments; its group is `up` or `down`
 * @returns the text with the sections in place, and the comments that begin them
 */
export function upSections(sql: string, mark: RegExp): { sql: string; marks: string[] } {
  const found = [...sql.matchAll(mark)];
  let text = blank(sql.slice(0, found[0]?.index ?? sql.length));
  const marks: string[] = [];
  for (const [i, match] of found.entries()) {
    const section = sql.slice(match.index, found[i + 1]?.index ?? sql.length);
    const isUp = match[1]?.toLowerCase() === 'up';
    if (isUp) marks.push(match[0]);
    text += isUp ? section : blank(section);
  }
  return { sql: text, marks };
}

/** The line breaks of a text. */
function blank(text: string): string {
  return text.replace(/[^\n]+/g, '');
}

/** The problem of a file without the comment that begins its section. */
export function withoutMark(mark: string, tool: string): UpPart['problem'] {
  return {
    value: `no \`${mark}\``,
    rule: `${tool} runs only what stands below that line.`,
    fix: 'Add the line, or take the file out of the folder.',
  };
}
