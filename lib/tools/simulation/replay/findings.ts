/**
 * Findings about the deployment's cache keys that depend only on the log, not on capacity: the
 * highest possible hit rate, what splits an object into several, and unsafe merges.
 */
import { type BehaviorModel, parameterName, selects } from '../distribution';
import { hash53 } from '../hash';
import type { LogRecord } from '../logs';
import type { HttpRequest } from '../messages';
import { isRead, type PreparedRequest } from '../path';
import type { KeySplitter, ReplayReport, UnsafeMerge } from './report';
import { percentOf } from './tally';

/**
 * Up to this number, different objects are counted exactly for the ceilings; above it, within about
 * 0.3 percent.
 */
export const EXACT_OBJECTS = 262_144;

export interface Findings {
  observe(record: LogRecord, prepared: PreparedRequest): void;
  report(): Pick<ReplayReport, 'ceiling' | 'keySplitters' | 'unsafeMerges'>;
}

/** Findings about GET and HEAD requests. Caches serve no others. */
export function findings(): Findings {
  const urls = distinctCounter(EXACT_OBJECTS);
  const keys = distinctCounter(EXACT_OBJECTS);
  const splitters = keySplitters();
  const merges = unsafeMerges();
  let requests = 0;
  // A cache without limits misses each object once.
  const ceiling = (objects: number) => percentOf(Math.max(0, requests - objects), requests);
  return {
    observe(record, prepared) {
      if (!isRead(record.method)) return;
      const url = urlOf(prepared.viewer);
      requests++;
      urls.add(hash53(url));
      keys.add(hash53(objectKey(prepared)));
      splitters.observe(record, url, prepared, prepared.keyed?.request ?? prepared.viewer);
      merges.observe(record, url, prepared);
    },
    report: () => ({
      ceiling: { rawUrlHitPercent: ceiling(urls.count()), keyHitPercent: ceiling(keys.count()) },
      keySplitters: splitters.report(),
      unsafeMerges: merges.report(),
    }),
  };
}

/**
 * Whether a behavior caches. A maximum TTL of 0 is CloudFront's way to disable caching:
 * CachingDisabled in "Managed cache policies".
 */
function isCached({ cachePolicy }: BehaviorModel): boolean {
  return cachePolicy.maxTtlSeconds > 0;
}

/**
 * Identifies the object of a request by the deployment's key. If the behavior does not cache, its
 * key is empty, so the URL identifies the object, as the viewer-request function left it.
 */
function objectKey({ behavior, keyed, viewer }: PreparedRequest): string {
  return isCached(behavior) && keyed
    ? `${behavior.pathPattern} ${keyed.key}`
    : `${behavior.pathPattern} ${urlOf(keyed?.request ?? viewer)}`;
}

function urlOf({ host, path, query }: Pick<HttpRequest, 'host' | 'path' | 'query'>): string {
  return query === '' ? `${host}${path}` : `${host}${path}?${query}`;
}

/** How many names are counted, in each behavior separately. The first ones in the log count. */
export const MAX_SPLITTER_NAMES = 300;

/** Up to this number, different keys are counted exactly; above it, within about one percent. */
export const EXACT_SPLITTER_KEYS = 16_384;

/** How many parameters or cookies of one request are counted. Longer lists are attacks. */
const MAX_NAMES_PER_REQUEST = 32;

interface SplitterCounts {
  readonly kind: KeySplitter['kind'];
  readonly name: string;
  readonly pathPattern: string;
  requests: number;
  /** Requests that have the name in the deployment's key. */
  kept: number;
  readonly keysWith: DistinctCounter;
  readonly keysWithout: DistinctCounter;
}

interface KeySplitters {
  observe(record: LogRecord, url: string, prepared: PreparedRequest, normalized: HttpRequest): void;
  /** The names that cost hits, the most expensive first. */
  report(): KeySplitter[];
}

function keySplitters(): KeySplitters {
  const all = new Map<string, SplitterCounts>();

  const count = (
    kind: SplitterCounts['kind'],
    name: string,
    pathPattern: string,
    kept: boolean,
    withIt: string,
    withoutIt: string,
  ) => {
    const id = `${pathPattern} ${kind} ${name}`;
    let counted = all.get(id);
    if (counted === undefined) {
      if (all.size >= MAX_SPLITTER_NAMES) return;
      const counters = {
        keysWith: distinctCounter(EXACT_SPLITTER_KEYS),
        keysWithout: distinctCounter(EXACT_SPLITTER_KEYS),
      };
      counted = { kind, name, pathPattern, requests: 0, kept: 0, ...counters };
      all.set(id, counted);
    }
    counted.requests++;
    if (kept) counted.kept++;
    counted.keysWith.add(hash53(withIt));
    counted.keysWithout.add(hash53(withoutIt));
  };

  return {
    observe(record, url, { behavior }, normalized) {
      const { pathPattern, cachePolicy } = behavior;
      const parameters = record.query === '' ? [] : record.query.split('&');
      const stillThere = new Set(normalized.query.split('&').map(parameterName));
      const path = url.slice(0, url.length - record.query.length);
      for (const name of namesOf(parameters)) {
        // An uncached request is judged by its URL alone, as its ceiling is.
        const kept =
          stillThere.has(name) && (!isCached(behavior) || selects(cachePolicy.query, name));
        const others = parameters.filter((parameter) => parameterName(parameter) !== name);
        count('query', name, pathPattern, kept, url, path + others.join('&'));
      }
      for (const [name, values] of Object.entries(record.headers)) {
        // A header outside the key does not split objects. It was in no key before either, because
        // the URL alone identifies an object.
        if (!selects(cachePolicy.headers, name)) continue;
        count('header', name, pathPattern, true, `${url}\n${values.join()}`, url);
      }
      const cookies = (record.headers.cookie ?? []).flatMap((field) => field.split(/; */));
      for (const name of namesOf(cookies)) {
        if (!selects(cachePolicy.cookies, name)) continue;
        const own = cookies.filter((cookie) => parameterName(cookie) === name).join(';');
        count('cookie', name, pathPattern, true, `${url}\n${own}`, url);
      }
    },
    report() {
      const byName = new Map<string, SplitterCounts[]>();
      for (const counted of all.values()) {
        const name = `${counted.kind} ${counted.name}`;
        byName.set(name, [...(byName.get(name) ?? []), counted]);
      }
      return [...byName.values()]
        .map(summed)
        .filter(({ hitsLost }) => hitsLost > 0)
        .sort((a, b) => b.hitsLost - a.hitsLost || (a.name < b.name ? -1 : 1));
    },
  };
}

/** Adds up one name over the behaviors. */
function summed(counted: readonly SplitterCounts[]): KeySplitter {
  const lost = ({ keysWith, keysWithout }: SplitterCounts) =>
    Math.max(0, keysWith.count() - keysWithout.count());
  const worst = counted.reduce((a, b) => (lost(b) > lost(a) ? b : a));
  const total = (of: (each: SplitterCounts) => number) =>
    counted.reduce((sum, each) => sum + of(each), 0);
  const requests = total((each) => each.requests);
  return {
    kind: worst.kind,
    name: worst.name,
    pathPattern: worst.pathPattern,
    requests,
    hitsLost: total(lost),
    // A function may drop the name from some requests, so the majority decides, in the behavior
    // where it costs most.
    inKey: 2 * worst.kept > worst.requests,
  };
}

function namesOf(pairs: readonly string[]): Set<string> {
  return new Set(pairs.slice(0, MAX_NAMES_PER_REQUEST).map(parameterName).filter(Boolean));
}

/** How many objects are compared. The first ones in the log count. */
export const MAX_MERGE_KEYS = 100_000;

/**
 * How many URLs of one object, and responses to one URL, are remembered. A URL with more different
 * responses varies on its own, so it proves nothing.
 */
const MAX_URLS = 4;
const MAX_RESPONSES = 8;

/** The maximum number of findings in a report. */
const MAX_FINDINGS = 50;

interface UrlResponses {
  readonly url: string;
  /** `STATUS SIZE`; the report shows the first one. */
  readonly responses: Set<string>;
}

interface MergedUrls {
  readonly pathPattern: string;
  readonly key: string;
  readonly urls: UrlResponses[];
  requests: number;
}

interface UnsafeMerges {
  observe(record: LogRecord, url: string, prepared: PreparedRequest): void;
  /** Pairs of URLs with the same key and no response in common, the most requested first. */
  report(): UnsafeMerge[];
}

function unsafeMerges(): UnsafeMerges {
  const byKey = new Map<string, MergedUrls>();
  return {
    observe({ method, status, bytes }, url, { behavior, keyed }) {
      // Ranges, 304 and HEAD do not reveal the whole object.
      if (!keyed || !isCached(behavior) || method !== 'GET' || status === 206 || status === 304)
        return;
      const { pathPattern } = behavior;
      const id = `${pathPattern} ${keyed.key}`;
      const merged = byKey.get(id) ?? { pathPattern, key: keyed.key, urls: [], requests: 0 };
      if (merged.requests === 0 && byKey.size >= MAX_MERGE_KEYS) return;
      byKey.set(id, merged);
      merged.requests++;
      const known = merged.urls.find((each) => each.url === url);
      if (known) {
        if (known.responses.size < MAX_RESPONSES) known.responses.add(`${status} ${bytes}`);
      } else if (merged.urls.length < MAX_URLS) {
        merged.urls.push({ url, responses: new Set([`${status} ${bytes}`]) });
      }
    },
    report: () =>
      [...byKey.values()]
        .flatMap((merged) => conflict(merged) ?? [])
        .sort((a, b) => b.requests - a.requests)
        .slice(0, MAX_FINDINGS),
  };
}

function conflict({ pathPattern, key, urls, requests }: MergedUrls): UnsafeMerge | undefined {
  const stable = urls.filter(({ responses }) => responses.size < MAX_RESPONSES);
  for (const [i, a] of stable.entries()) {
    const b = stable
      .slice(i + 1)
      .find(({ responses }) => ![...responses].some((response) => a.responses.has(response)));
    if (b) return { pathPattern, key, first: example(a), second: example(b), requests };
  }
  return undefined;
}

function example({ url, responses }: UrlResponses): UnsafeMerge['first'] {
  const [status, bytes] = String([...responses][0])
    .split(' ')
    .map(Number);
  return { url, status: status ?? 0, bytes: bytes ?? 0 };
}

/** Counts different hashes: exactly up to a limit, and by an estimate above it. */
export interface DistinctCounter {
  add(hash: number): void;
  count(): number;
}

/**
 * Adaptive sampling: above the limit, it keeps only the hashes that are divisible by a power of
 * two, and multiplies their number by it. Flajolet, "On adaptive sampling", Computing 1990: the
 * standard error is 1.2 divided by the square root of the limit.
 */
export function distinctCounter(limit: number): DistinctCounter {
  let kept = new Set<number>();
  let divisor = 1;
  return {
    add(hash) {
      if (hash % divisor !== 0) return;
      kept.add(hash);
      while (kept.size > limit) {
        divisor *= 2;
        kept = new Set([...kept].filter((each) => each % divisor === 0));
      }
    },
    count: () => kept.size * divisor,
  };
}
