/**
 * The layouts of other migration tools: which files of a folder are migrations, in what order they
 * run, and which part of a file goes up. Each follows the source or the manual of its tool.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The tools whose folders can be read as they are. */
export const FORMATS = [
  'isochrone',
  'golang-migrate',
  'dbmate',
  'goose',
  'sql-migrate',
  'flyway',
  'prisma',
  'diesel',
  'node-pg-migrate',
] as const;
export type MigrationFormat = (typeof FORMATS)[number];

/** The part of a file that runs. */
export interface UpPart {
  /** The text, with line breaks in place of what does not run, so that line numbers stay. */
  readonly sql: string;
  /** Whether the tool would run it outside of a transaction. */
  readonly withoutTransaction: boolean;
  /** Why the file cannot be read as its tool would read it. */
  readonly problem?: { readonly value: string; readonly rule: string; readonly fix: string };
}

export interface Layout {
  /** What the tool knows a file by; undefined for a file that is no migration. */
  readonly id: (file: string) => string | undefined;
  /** The order in which the tool runs two files. */
  readonly compare: (a: string, b: string) => number;
  /** Whether the name, or the text, shows that the file is one of this tool. */
  readonly isSign: (file: string, text: () => string) => boolean;
  /** The part of the text that goes up. */
  readonly up: (sql: string) => UpPart;
  /** The file beside a migration with its settings, and whether it asks for no transaction. */
  readonly settings?: {
    readonly file: (file: string) => string;
    readonly withoutTransaction: (text: string) => boolean;
  };
  /** Whether a file may run after files that are newer than it. */
  readonly runsLate: boolean;
  /** Whether a file runs again when its text has changed. */
  readonly isRepeatable: (id: string) => boolean;
  /** The checksum that the tool records. */
  readonly checksum?: (text: string) => string;
  /** The id of a version as a user writes it. */
  readonly idOfVersion: (version: string) => string;
}

const whole = (sql: string): UpPart => ({ sql, withoutTransaction: false });
const never = () => false;
const asIs = (version: string) => version;
const number = (digits: string) => (/^\d+$/.test(digits) ? String(BigInt(digits)) : digits);

/** Compares as Go, Rust and `Array.sort` do: by code units. */
function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function byNumber(a: string, b: string): number {
  const [first, second] = [a, b].map((text) => BigInt(/^\d+/.exec(text)?.[0] ?? 0)) as [
    bigint,
    bigint,
  ];
  if (first === second) return byText(a, b);
  return first < second ? -1 : 1;
}

/** By the number at the beginning, and names without one at the end (`Migration.Less`). */
function bySqlMigrate(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => /^\d/.test(file));
  if (first !== second) return first ? -1 : 1;
  return first ? byNumber(a, b) : byText(a, b);
}

/**
 * The sections of a file, each of which begins with a comment such as `-- migrate:up`.
 *
 * @returns the text of the sections that go up, in place, with the lines that begin them
 */
function sections(
  sql: string,
  mark: RegExp,
  isUp: (found: RegExpExecArray) => boolean,
): { sql: string; marks: string[] } {
  const found = [...sql.matchAll(mark)];
  let text = blank(sql.slice(0, found[0]?.index ?? sql.length));
  const marks: string[] = [];
  for (const [i, match] of found.entries()) {
    const part = sql.slice(match.index, found[i + 1]?.index ?? sql.length);
    const up = isUp(match as RegExpExecArray);
    if (up) marks.push(match[0]);
    text += up ? part : blank(part);
  }
  return { sql: text, marks };
}

/** A text of the same number of lines, without what they say. */
function blank(text: string): string {
  return text.replace(/[^\n]+/g, '');
}

function missing(mark: string, tool: string): UpPart['problem'] {
  return {
    value: `no \`${mark}\``,
    rule: `${tool} runs only what stands below that line.`,
    fix: 'Add the line, or take the file out of the folder.',
  };
}

const GOLANG = /^(\d+)_.*\.up\.sql$/;
const NUMBERED = /^(\d+)[^/]*\.sql$/;
const FLYWAY = /(?:^|\/)(?:V([\d._]+?)|(R))__([^/]*)\.sql$/;
const NATIVE = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/;

/** https://github.com/amacneil/dbmate: `pkg/dbmate/migration.go`. */
const DBMATE_MARK = /^--[ \t]*migrate:(up|down)\b.*$/gm;
/** https://github.com/pressly/goose: `internal/sqlparser/parser.go`. */
const GOOSE_MARK = /^--[ \t]*\+goose[ \t]+(Up|Down)\b.*$/gim;
/** https://github.com/rubenv/sql-migrate: `sqlparse/sqlparse.go`. */
const SQL_MIGRATE_MARK = /^--[ \t]*\+migrate[ \t]+(Up|Down)\b.*$/gm;
/** https://github.com/salsita/node-pg-migrate: `src/sqlMigration.ts`. */
const NODE_MARK = /^[^\S\n]*--[\s-]*(up|down)\s+migration/gim;

/** The version of Flyway: numbers, where `1`, `1.0` and `01` are the same. */
function flywayVersion(version: string): string {
  const parts = version.split(/[._]/).map(number);
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return `V${parts.join('.')}`;
}

function flywayId(file: string): string | undefined {
  const [, version, , description] = FLYWAY.exec(file) ?? [];
  if (description === undefined) return undefined;
  return version === undefined ? `R__${description}` : flywayVersion(version);
}

/** Versions in order, then what repeats, by its description. */
function compareFlyway(a: string, b: string): number {
  const [first = '', second = ''] = [flywayId(a), flywayId(b)];
  const [repeats, other] = [first.startsWith('R'), second.startsWith('R')];
  if (repeats !== other) return repeats ? 1 : -1;
  if (repeats) return byText(first, second);
  const [left, right] = [first, second].map((id) => id.slice(1).split('.'));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i += 1) {
    const order = byNumber(left?.[i] ?? '0', right?.[i] ?? '0');
    if (order !== 0) return order;
  }
  return byText(a, b);
}

/** What stands before the first `_`, without hyphens (`version_from_string`). */
function dieselVersion(file: string): string | undefined {
  return /^([^/_]+)[^/]*\/up\.sql$/.exec(file)?.[1]?.replaceAll('-', '');
}

/** The CRC-32 of the lines without their ends, as a signed number ("Checksum", Flyway). */
function flywayChecksum(text: string): string {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  return String(crc32(lines.join('')) | 0);
}

/** The time of a name of node-pg-migrate: milliseconds, or the date in 17 digits. */
function nodeTime(file: string): number {
  const prefix = file.split('_')[0] ?? '';
  const utc = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/.exec(prefix);
  if (!utc) return Number(prefix) || 0;
  const [year, month, day, hour, minute, second, ms] = utc.slice(1).map(Number);
  return Date.UTC(
    year as number,
    (month as number) - 1,
    day as number,
    hour as number,
    minute as number,
    second as number,
    ms as number,
  );
}

export const LAYOUTS: Readonly<Record<MigrationFormat, Layout>> = {
  isochrone: {
    id: (file) => number(NATIVE.exec(file)?.[1] ?? '') || undefined,
    compare: byText,
    isSign: (file) => NATIVE.test(file),
    up: whole,
    runsLate: false,
    isRepeatable: never,
    idOfVersion: number,
  },

  // https://github.com/golang-migrate/migrate: `source/parse.go`, MIGRATIONS.md.
  'golang-migrate': {
    id: (file) => number(GOLANG.exec(file)?.[1] ?? '') || undefined,
    compare: byNumber,
    isSign: (file) => GOLANG.test(file),
    up: whole,
    runsLate: false,
    isRepeatable: never,
    idOfVersion: number,
  },

  dbmate: {
    id: (file) => NUMBERED.exec(file)?.[1],
    compare: byText,
    isSign: (file, text) => NUMBERED.test(file) && text().search(DBMATE_MARK) >= 0,
    up: (text) => {
      const { sql, marks } = sections(text, DBMATE_MARK, (found) => found[1] === 'up');
      return {
        sql,
        withoutTransaction: marks.some((mark) => /\stransaction:false\b/.test(mark)),
        problem: marks.length === 0 ? missing('-- migrate:up', 'dbmate') : undefined,
      };
    },
    runsLate: true,
    isRepeatable: never,
    idOfVersion: asIs,
  },

  goose: {
    id: (file) => number(/^(\d+)_[^/]*\.sql$/.exec(file)?.[1] ?? '') || undefined,
    compare: byNumber,
    isSign: (file, text) => NUMBERED.test(file) && text().search(GOOSE_MARK) >= 0,
    up: (text) => {
      const { sql, marks } = sections(
        text,
        GOOSE_MARK,
        (found) => found[1]?.toLowerCase() === 'up',
      );
      return {
        sql,
        withoutTransaction: /^--\s*\+goose\s+NO\s+TRANSACTION\b/im.test(text),
        problem: /^--\s*\+goose\s+ENVSUB\s+ON\b/im.test(text)
          ? {
              value: '`-- +goose ENVSUB ON`',
              rule: 'goose then puts variables of the environment into the SQL.',
              fix: 'Write the values.',
            }
          : marks.length === 0
            ? missing('-- +goose Up', 'goose')
            : undefined,
      };
    },
    runsLate: false,
    isRepeatable: never,
    idOfVersion: number,
  },

  'sql-migrate': {
    id: (file) => (/^[^/]+\.sql$/.test(file) ? file : undefined),
    compare: bySqlMigrate,
    isSign: (file, text) => /^[^/]+\.sql$/.test(file) && text().search(SQL_MIGRATE_MARK) >= 0,
    up: (text) => {
      const { sql, marks } = sections(text, SQL_MIGRATE_MARK, (found) => found[1] === 'Up');
      return {
        sql,
        withoutTransaction: marks.some((mark) => /\snotransaction\b/.test(mark)),
        problem: marks.length === 0 ? missing('-- +migrate Up', 'sql-migrate') : undefined,
      };
    },
    runsLate: true,
    isRepeatable: never,
    idOfVersion: (version) => (version.endsWith('.sql') ? version : `${version}.sql`),
  },

  // "Versioned migrations" and "Repeatable migrations", Flyway documentation.
  flyway: {
    id: flywayId,
    compare: compareFlyway,
    isSign: (file) => FLYWAY.test(file),
    up: (sql) => {
      const placeholder = /\$\{[\w:.]+\}/.exec(sql)?.[0];
      return {
        sql,
        withoutTransaction: false,
        problem: placeholder
          ? {
              value: `the placeholder ${placeholder}`,
              rule: 'Flyway puts values of its configuration in the place of placeholders.',
              fix: 'Write the value.',
            }
          : undefined,
      };
    },
    settings: {
      file: (file) => `${file}.conf`,
      withoutTransaction: (text) => /^\s*executeInTransaction\s*=\s*false\b/m.test(text),
    },
    runsLate: false,
    isRepeatable: (id) => id.startsWith('R__'),
    checksum: flywayChecksum,
    idOfVersion: (version) => flywayVersion(version.replace(/^V/, '')),
  },

  // "Migration histories", Prisma documentation.
  prisma: {
    id: (file) => /^([^/]+)\/migration\.sql$/.exec(file)?.[1],
    compare: byText,
    isSign: (file) => /^[^/]+\/migration\.sql$/.test(file),
    up: whole,
    runsLate: true,
    isRepeatable: never,
    checksum: (text) => createHash('sha256').update(text).digest('hex'),
    idOfVersion: asIs,
  },

  // https://github.com/diesel-rs/diesel: `diesel_migrations`. Hasura has the same layout.
  diesel: {
    id: dieselVersion,
    compare: (a, b) => byText(dieselVersion(a) ?? '', dieselVersion(b) ?? '') || byText(a, b),
    isSign: (file) => /^[^/]+\/up\.sql$/.test(file),
    up: whole,
    settings: {
      file: (file) => file.replace(/[^/]*$/, 'metadata.toml'),
      // A file of settings without this one means false.
      withoutTransaction: (text) => !/^\s*run_in_transaction\s*=\s*true\b/m.test(text),
    },
    runsLate: true,
    isRepeatable: never,
    idOfVersion: (version) => (version.split('_')[0] ?? '').replaceAll('-', ''),
  },

  'node-pg-migrate': {
    id: (file) => /^(\d[^/]*)\.sql$/.exec(file)?.[1],
    compare: (a, b) =>
      nodeTime(a) - nodeTime(b) || a.localeCompare(b, undefined, { numeric: true }) || byText(a, b),
    isSign: (file, text) => NUMBERED.test(file) && text().search(NODE_MARK) >= 0,
    up: (text) => {
      const { sql, marks } = sections(text, NODE_MARK, (found) => found[1]?.toLowerCase() === 'up');
      return {
        // A file without these comments goes up as a whole.
        sql: marks.length === 0 ? text : sql,
        withoutTransaction: /^\s*--[ \t]*no[ \t]*transaction[ \t]*$/im.test(text),
      };
    },
    runsLate: false,
    isRepeatable: never,
    idOfVersion: asIs,
  },
};
