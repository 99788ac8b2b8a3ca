/**
 * Access logs for measurements, and their query strings; generated queries if the logs are missing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The folder of the logs: ISOCHRONE_TRACES, or `shared/traces` beside the checkout. */
export function tracesDirectory(): string {
  return process.env.ISOCHRONE_TRACES ?? join(__dirname, '..', '..', 'shared', 'traces');
}

/** Log files in that folder. */
export const TRACE_FILES = ['website.log.gz', 'data-api.log.gz', 'dashboard-api.jsonl.gz'];

/** A request line, in the combined format or in a line of JSON. */
const REQUEST_WITH_QUERY = /"[A-Z]+ [^ "?]*\?([^ "]*)/g;

const GENERATED = 20_000;

const NAMES = 'page sort q symbol from to utm_source _ ref datasetID'.split(' ');
const VALUES = ['1', 'list', 'a%20b', 'https%3A%2F%2Fwww.example.com%2Fa%3Fb%3Dc', ''];

/**
 * The query strings of all logs in a folder.
 *
 * @param directory the folder of the logs
 * @param warn called if a log is missing, in which case the queries are generated
 */
export function readQueries(directory: string, warn: (message: string) => void): string[] {
  const missing = TRACE_FILES.filter((file) => !existsSync(join(directory, file)));
  if (missing.length === 0) return TRACE_FILES.flatMap((file) => queriesOf(join(directory, file)));
  warn(
    `${missing.join(', ')} not found in ${directory}: measured on generated queries. ` +
      'Name the folder with --traces or ISOCHRONE_TRACES.',
  );
  return generateQueries();
}

function queriesOf(file: string): string[] {
  const log = gunzipSync(readFileSync(file)).toString('latin1');
  // A match points into the whole log; a copy is a separate string, as a request's query would be.
  return [...log.matchAll(REQUEST_WITH_QUERY)].map(([, query]) =>
    Buffer.from(String(query), 'latin1').toString('latin1'),
  );
}

/**
 * Generates the same queries at every run. As in the logs, most have one parameter and others have
 * several in any order, with some noise, many escaped values and few escaped names.
 */
function generateQueries(): string[] {
  const next = random(1);
  const pick = (list: readonly string[]) => list[Math.floor(next() * list.length)] as string;
  const parameter = () => {
    const name = next() < 0.01 ? 'time%3E' : pick(NAMES);
    return `${name}=${pick(VALUES)}${Math.floor(next() * 1e6)}`;
  };
  return Array.from({ length: GENERATED }, () =>
    Array.from({ length: next() < 0.8 ? 1 : 2 + Math.floor(next() * 4) }, parameter).join('&'),
  );
}

/** Pseudorandom numbers from 0 to below 1, by the linear congruence of "Numerical Recipes". */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
