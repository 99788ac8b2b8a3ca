/** URLs that the deployment takes for one object although the log shows that they are not. */
import type { LogRecord } from '../logs';
import type { Prepared } from '../path';
import { isCached } from './object';
import type { UnsafeMerge } from './report';

/** Objects that are followed, the first that come. */
export const MAX_MERGE_KEYS = 100_000;

/**
 * URLs of one object, and answers of one URL, that are remembered. What has more answers varies by
 * itself and proves nothing.
 */
const MAX_URLS = 4;
const MAX_ANSWERS = 8;

/** Findings of a report. */
const MAX_FINDINGS = 50;

interface Answered {
  readonly url: string;
  /** `STATUS SIZE`; the first is the example. */
  readonly answers: Set<string>;
}

interface Merged {
  readonly pathPattern: string;
  readonly key: string;
  readonly urls: Answered[];
  requests: number;
}

export interface UnsafeMerges {
  observe(record: LogRecord, url: string, prepared: Prepared): void;
  /** Two URLs of one key without any answer in common; the most requested first. */
  report(): UnsafeMerge[];
}

export function unsafeMerges(): UnsafeMerges {
  const byKey = new Map<string, Merged>();
  return {
    observe({ method, status, bytes }, url, { behavior, keyed }) {
      // Ranges, 304 and HEAD say nothing about what the whole object is.
      if (!keyed || !isCached(behavior) || method !== 'GET' || status === 206 || status === 304)
        return;
      const { pathPattern } = behavior;
      const id = `${pathPattern} ${keyed.key}`;
      const merged = byKey.get(id) ?? { pathPattern, key: keyed.key, urls: [], requests: 0 };
      if (merged.requests === 0 && byKey.size >= MAX_MERGE_KEYS) return;
      byKey.set(id, merged);
      merged.requests++;
      const answered = merged.urls.find((each) => each.url === url);
      if (answered) {
        if (answered.answers.size < MAX_ANSWERS) answered.answers.add(`${status} ${bytes}`);
      } else if (merged.urls.length < MAX_URLS) {
        merged.urls.push({ url, answers: new Set([`${status} ${bytes}`]) });
      }
    },
    report: () =>
      [...byKey.values()]
        .flatMap((merged) => conflict(merged) ?? [])
        .sort((a, b) => b.requests - a.requests)
        .slice(0, MAX_FINDINGS),
  };
}

function conflict({ pathPattern, key, urls, requests }: Merged): UnsafeMerge | undefined {
  const stable = urls.filter(({ answers }) => answers.size < MAX_ANSWERS);
  for (const [i, a] of stable.entries()) {
    const b = stable
      .slice(i + 1)
      .find(({ answers }) => ![...answers].some((answer) => a.answers.has(answer)));
    if (b) return { pathPattern, key, first: example(a), second: example(b), requests };
  }
  return undefined;
}

function example({ url, answers }: Answered): UnsafeMerge['first'] {
  const [status, bytes] = String([...answers][0])
    .split(' ')
    .map(Number);
  return { url, status: status ?? 0, bytes: bytes ?? 0 };
}
