/**
 * Reading SQL: what a new text and a known one cost, against the bare parser and a bare look-up;
 * and, for a folder of SQL files, whether they are split where psql splits them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as parser from 'libpg-query';
import { LRUCache } from 'lru-cache';
import { loadSqlParser, parseSql, SqlSyntaxError, splitSql } from '../lib/model/sql';
import { analysisOf } from '../lib/runtime/statements';
import { type Benchmark, type Figures, median, rounded } from './benchmark';
import { psqlStatements } from './psql-statements';

const ROUNDS = 15;
const TEXTS_PER_ROUND = 1_000;
const LOOKUPS_PER_ROUND = 200_000;

/** A query of an application, in as many texts as are asked for. */
const queries = (count: number, from: number): string[] =>
  Array.from(
    { length: count },
    (_, i) => `SELECT t.id, t.price, s.name FROM ticks t JOIN symbols s ON s.id = t.symbol_id
     WHERE t.symbol_id = $1 AND t.at > $2 AND t.id > ${from + i} ORDER BY t.at DESC LIMIT 10`,
  );

export const sqlBenchmark: Benchmark = {
  name: 'sql',
  about:
    'microseconds for a new SQL text against the bare parser, and nanoseconds for a known one ' +
    'against a bare look-up; with --sql-files, whether files are split where psql does',

  async run(progress): Promise<Figures> {
    await loadSqlParser();
    const figures = { ...(await costs()), scanningLines: scanningLines(progress) };
    // Such as `src/test/regress/sql` of PostgreSQL's source.
    const folder = process.env.ISOCHRONE_SQL_FILES;
    return folder === undefined ? figures : { ...figures, ...(await splitting(folder, progress)) };
  },
};

async function costs(): Promise<Record<string, number>> {
  const fresh: number[] = [];
  const bare: number[] = [];
  const known: number[] = [];
  const lookup: number[] = [];
  const [text = ''] = queries(1, 0);
  await analysisOf(text);
  const cache = new LRUCache<string, object>({ max: 2_000 });
  cache.set(text, {});
  for (let round = 0; round < ROUNDS; round += 1) {
    const texts = queries(TEXTS_PER_ROUND, round * TEXTS_PER_ROUND);
    let start = performance.now();
    for (const one of texts) await analysisOf(one);
    fresh.push(((performance.now() - start) / TEXTS_PER_ROUND) * 1_000);
    start = performance.now();
    for (const one of texts) parser.parseSync(one);
    bare.push(((performance.now() - start) / TEXTS_PER_ROUND) * 1_000);
    await analysisOf(text);
    start = performance.now();
    for (let i = 0; i < LOOKUPS_PER_ROUND; i += 1) analysisOf(text);
    known.push(((performance.now() - start) / LOOKUPS_PER_ROUND) * 1e6);
    start = performance.now();
    for (let i = 0; i < LOOKUPS_PER_ROUND; i += 1) cache.get(text);
    lookup.push(((performance.now() - start) / LOOKUPS_PER_ROUND) * 1e6);
  }
  return {
    parseMicroseconds: rounded(median(fresh)),
    bareParserMicroseconds: rounded(median(bare)),
    parseRatio: rounded(median(fresh) / median(bare)),
    knownQueryNanoseconds: rounded(median(known)),
    lookupNanoseconds: rounded(median(lookup)),
  };
}

/** Patterns that only a scanner of SQL contains: ends of strings, comments and dollar quotes. */
const SCANNER = /--\[\^|\[\^'\]\|''|\|''\)\*'|\$\[\^\$\]|\/\\\*\|\\\*\/|DOLLAR_QUOTE/;

/** The lines of our code that scan SQL themselves. */
function scanningLines(progress: (message: string) => void): number {
  const lib = join(__dirname, '..', 'lib');
  let count = 0;
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || /(?:^|\/)(?:dist|node_modules)\//.test(file)) continue;
    for (const [i, line] of readFileSync(join(lib, file), 'utf8').split('\n').entries()) {
      if (!SCANNER.test(line)) continue;
      count += 1;
      progress(`lib/${file}:${i + 1} looks like a scanner of SQL.`);
    }
  }
  return count;
}

async function splitting(
  folder: string,
  progress: (message: string) => void,
): Promise<Record<string, number>> {
  const counts = { files: 0, statements: 0, refused: 0, differentFiles: 0, skippedFiles: 0 };
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.sql'))) {
    const texts = await psqlStatements(join(folder, name)).catch(() => undefined);
    if (!texts) {
      counts.skippedFiles += 1;
      progress(`${name}: psql stops without a real server.`);
      continue;
    }
    const accepted = texts.filter(isAccepted);
    const expected = accepted.flatMap((text) =>
      parseSql(text).map((one) => withoutSpace(one.text)),
    );
    // A text that psql sends is one statement, unless `\;` has joined several.
    const several = accepted.filter((text) => parseSql(text).length > 1);
    const joined = readFileSync(join(folder, name), 'latin1').includes('\\;');
    const { statements } = splitSql(
      accepted.map((text) => `${text.replace(/;\s*$/, '')}\n;`).join('\n'),
    );
    const found = statements.map(({ text }) => withoutSpace(text));
    const isSame =
      found.length === expected.length && found.every((text, i) => text === expected[i]);
    if (!isSame || (several.length > 0 && !joined)) {
      counts.differentFiles += 1;
      progress(`${name}: psql sees ${expected.length} statements, we see ${found.length}.`);
    }
    counts.files += 1;
    counts.statements += expected.length;
    counts.refused += texts.length - accepted.length;
  }
  return counts;
}

function withoutSpace(text: string): string {
  return text.replace(/;\s*$/, '').trim();
}

/** Whether PostgreSQL's grammar accepts a text: its tests contain many that it must refuse. */
function isAccepted(text: string): boolean {
  try {
    return parseSql(text).length > 0;
  } catch (error) {
    if (error instanceof SqlSyntaxError) return false;
    throw error;
  }
}
