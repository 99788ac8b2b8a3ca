/** The findings of a replay that need an action, each with what to do. */
import type { KeySplitter, ReplayReport, UnsafeMerge } from '../../simulation';
import { bytes, count, counted, milliseconds, percent, span } from './figures';
import { code, html, type Markup } from './markup';
import { table } from './tables';

/** The most findings of one kind on the page; the JSON has all of them. */
const SHOWN = 25;

export function objectiveSection({ objectives }: ReplayReport): Markup {
  if (objectives.length === 0) return html``;
  return html`<section><h2>Objectives</h2><ul class="cards">${objectives.map(
    ({ name, target, actual, met }) => {
      const [title, aim, figure] =
        name === 'cacheHitPercent'
          ? ['Hit rate', `at least ${percent(target)}`, span(actual, percent)]
          : [
              'Latency, 95th percentile',
              `at most ${milliseconds(target)}`,
              span(actual, milliseconds),
            ];
      const [style, verdict] = met ? ['pass', '✓ Pass'] : ['fail', '✗ Missed'];
      return html`<li class="card ${style}"><p class="verdict">${verdict}</p><h3>${title}</h3><p
 class="figure">${figure}</p><p>Objective: ${aim}. The worse end of the span decides.</p></li>`;
    },
  )}</ul></section>`;
}

export function unsafeSection({ unsafeMerges }: ReplayReport): Markup {
  if (unsafeMerges.length === 0)
    return html`<section><h2>Unsafe merges</h2><p>None: URLs that share a cache key had the same
 response.</p></section>`;
  return html`<section class="danger"><h2>✗ ${counted(unsafeMerges.length, 'unsafe merge')}</h2>
<p>Each pair of URLs shares one cache key, but the log has different responses for them. A viewer of
 one may receive the other. Add what distinguishes them to the cache key of the behavior, or do not
 cache it.</p>
<ol>${unsafeMerges.slice(0, SHOWN).map(merge)}</ol>${omitted(unsafeMerges.length)}</section>`;
}

function merge({ pathPattern, key, first, second, requests }: UnsafeMerge): Markup {
  const answer = ({ url, status, bytes: size }: UnsafeMerge['first']) =>
    html`<li>${code(url, 120)}: ${status}, ${bytes(size)}</li>`;
  const answers = [answer(first), answer(second)];
  const place = html`In ${code(pathPattern, 48)}, ${counted(requests, 'request')}`;
  return html`<li>${place}:<ul>${answers}</ul><p class="key">Key: ${code(key, 120)}</p></li>`;
}

export function splitterSection({ keySplitters }: ReplayReport): Markup {
  if (keySplitters.length === 0) return html``;
  const ordered = [...keySplitters].sort(
    (a, b) => Number(b.inKey) - Number(a.inKey) || b.hitsLost - a.hitsLost,
  );
  return html`<section><h2>Key splitters</h2>
<p>Query parameters, headers and cookies that split one object into several, by the hits that an
 unlimited cache loses if they are in its key.</p>
${table({
  caption: 'Key splitters, with those in the key first',
  noun: 'splitter',
  rows: ordered.slice(0, SHOWN),
  columns: [
    { head: 'Splitter', cell: ({ kind, name }) => html`${kind} ${code(name, 32)}` },
    { head: 'Behavior', words: true, cell: ({ pathPattern }) => code(pathPattern, 40) },
    { head: 'Requests', cell: ({ requests }) => count(requests) },
    {
      head: 'Hits lost',
      cell: ({ hitsLost, inKey }) =>
        inKey ? count(hitsLost) : html`${count(0)} <small>saves ${count(hitsLost)}</small>`,
    },
    {
      head: 'What to do',
      words: true,
      cell: (splitter) => html`<span class="advice">${advice(splitter)}</span>`,
    },
  ],
})}${omitted(keySplitters.length)}</section>`;
}

function advice({ kind, inKey, hitsLost }: KeySplitter): string {
  if (!inKey) return 'Nothing: it is not in the key.';
  if (hitsLost === 0) return 'Nothing: it costs no hits.';
  if (kind === 'query')
    return (
      'If the response does not depend on it, leave it out of the key: ' +
      'exclude it in the cache policy or drop it in the viewer-request function.'
    );
  if (kind === 'header')
    return (
      'In the viewer-request function, reduce it to the values that the origin distinguishes, ' +
      'or forward it by the origin request policy only.'
    );
  return (
    'If the response does not depend on it, forward it by the origin request policy only. ' +
    'If it does, do not cache the behavior.'
  );
}

export function ceilingSection({ ceiling, total }: ReplayReport): Markup {
  if (total.requests === 0) return html``;
  const gap = ceiling.keyHitPercent - total.hitPercent.high;
  const gain = ceiling.keyHitPercent - ceiling.rawUrlHitPercent;
  return html`<section><h2>The ceiling of the hit rate</h2>
<dl class="ceiling">
<dt>By the URL as logged</dt><dd>${percent(ceiling.rawUrlHitPercent)}</dd>
<dt>By the deployment's key</dt><dd>${percent(ceiling.keyHitPercent)}</dd>
<dt>Reached</dt><dd>${span(total.hitPercent, percent)}</dd>
</dl>
<p>The first two are the hit rates of one unlimited cache that never expires. ${
    gain >= 0
      ? `The key gains ${points(gain)} over the plain URL.`
      : `The key loses ${points(-gain)} against the plain URL: it distinguishes more than the URL.`
  } ${
    gap > 0
      ? `Another ${points(gap)} are lost to expiry, to evictions, ` +
        'and to edge locations that each fetch their own copy.'
      : ''
  }</p></section>`;
}

function points(value: number): string {
  return `${value.toFixed(1)} points`;
}

export function troubleSection({ log, functionErrors }: ReplayReport): Markup {
  if (log.broken === 0 && functionErrors.length === 0 && log.outOfOrder === 0) return html``;
  return html`<section><h2>Lines and requests not replayed as logged</h2>${
    log.outOfOrder > 0
      ? html`<p>${counted(log.outOfOrder, 'line')} not in chronological order.</p>`
      : undefined
  }${
    log.broken > 0
      ? html`<p>${counted(log.broken, 'line')} of ${count(log.lines)} could not be read${
          log.broken > log.brokenExamples.length ? '; the first few' : ''
        }:</p><ul>${log.brokenExamples
          .slice(0, SHOWN)
          .map(
            ({ line, reason, text }) =>
              html`<li>Line ${count(line)}: ${reason}. ${code(text, 120)}</li>`,
          )}</ul>`
      : undefined
  }${
    functionErrors.length > 0
      ? html`<p>Edge functions failed:</p><ul>${functionErrors
          .slice(0, SHOWN)
          .map(
            ({ message, count: times }) =>
              html`<li>${counted(times, 'time')}: ${code(message, 160)}</li>`,
          )}</ul>${omitted(functionErrors.length)}`
      : undefined
  }</section>`;
}

/** A note on the findings that are left out. */
function omitted(all: number): Markup {
  return all > SHOWN ? html`<p>${count(all - SHOWN)} more are in the report as JSON.</p>` : html``;
}
