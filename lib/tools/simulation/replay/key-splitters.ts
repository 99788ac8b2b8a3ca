/**
 * Which query parameters, headers and cookies make several objects of one, and how many hits that
 * costs.
 */

import type { LogRecord } from '../logs';
import type { HttpRequest } from '../messages';
import type { Prepared } from '../path';
import { type DistinctCounter, distinctCounter, textHash } from './distinct';
import { isCached } from './object';
import type { KeySplitter } from './report';

/** Names that are followed, the first that come; in each behaviour apart. */
export const MAX_SPLITTER_NAMES = 300;

/** Different keys that are counted exactly; above, within about one percent. */
export const EXACT_SPLITTER_KEYS = 16_384;

/** Parameters or cookies of one request that are looked at: longer lists are attacks. */
const MAX_OF_A_REQUEST = 32;

interface Counted {
  readonly kind: KeySplitter['kind'];
  readonly name: string;
  readonly pathPattern: string;
  requests: number;
  /** Requests of which the deployment's key has it. */
  kept: number;
  readonly keysWith: DistinctCounter;
  readonly keysWithout: DistinctCounter;
}

export interface KeySplitters {
  observe(record: LogRecord, url: string, prepared: Prepared, normalized: HttpRequest): void;
  /** Those that lose hits, the worst first. */
  report(): KeySplitter[];
}

export function keySplitters(): KeySplitters {
  const all = new Map<string, Counted>();

  const count = (
    kind: Counted['kind'],
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
    counted.keysWith.add(textHash(withIt));
    counted.keysWithout.add(textHash(withoutIt));
  };

  return {
    observe(record, url, { behavior }, normalized) {
      const { pathPattern, cachePolicy } = behavior;
      const parameters = record.query === '' ? [] : record.query.split('&');
      const stillThere = new Set(normalized.query.split('&').map(nameOf));
      const path = url.slice(0, url.length - record.query.length);
      for (const name of namesOf(parameters)) {
        // What is not cached is judged by the URL alone, as its ceiling is.
        const kept =
          stillThere.has(name) && (!isCached(behavior) || selects(cachePolicy.query, name));
        const others = parameters.filter((parameter) => nameOf(parameter) !== name);
        count('query', name, pathPattern, kept, url, path + others.join('&'));
      }
      for (const [name, values] of Object.entries(record.headers)) {
        // One that is not in the key splits nothing, and was in no key before: a URL is not split
        // by who asks for it.
        if (!selects(cachePolicy.headers, name)) continue;
        count('header', name, pathPattern, true, `${url}\n${values.join()}`, url);
      }
      const cookies = (record.headers.cookie ?? []).flatMap((field) => field.split(/; */));
      for (const name of namesOf(cookies)) {
        if (!selects(cachePolicy.cookies, name)) continue;
        const own = cookies.filter((cookie) => nameOf(cookie) === name).join(';');
        count('cookie', name, pathPattern, true, `${url}\n${own}`, url);
      }
    },
    report() {
      const byName = new Map<string, Counted[]>();
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

/** Of one name, over the behaviours. */
function summed(counted: readonly Counted[]): KeySplitter {
  const lost = ({ keysWith, keysWithout }: Counted) =>
    Math.max(0, keysWith.count() - keysWithout.count());
  const worst = counted.reduce((a, b) => (lost(b) > lost(a) ? b : a));
  const total = (of: (each: Counted) => number) => counted.reduce((sum, each) => sum + of(each), 0);
  const requests = total((each) => each.requests);
  return {
    kind: worst.kind,
    name: worst.name,
    pathPattern: worst.pathPattern,
    requests,
    hitsLost: total(lost),
    // A function may drop it of some requests: what holds for most of those where it costs most.
    inKey: 2 * worst.kept > worst.requests,
  };
}

function namesOf(pairs: readonly string[]): Set<string> {
  return new Set(pairs.slice(0, MAX_OF_A_REQUEST).map(nameOf).filter(Boolean));
}

function nameOf(pair: string): string {
  const end = pair.indexOf('=');
  return end < 0 ? pair : pair.slice(0, end);
}

function selects(
  { kind, names }: { readonly kind: string; readonly names: readonly string[] },
  name: string,
): boolean {
  return kind === 'all' || (kind !== 'none' && names.includes(name) === (kind === 'only'));
}
