/** What a replay found that somebody should act on, each with what to do. */
import type { KeySplitter, ReplayReport, UnsafeMerge } from '../../simulation';
import { bytes, count, counted, milliseconds, percent, span } from './figures';
import { code, html, type Markup } from './markup';
import { table } from './tables';

/** Findings that the page shows; the JSON has all of them. */
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
      return html`<li class="card ${met ? 'pass' : 'fail'}"><p class="verdict">${met ? '✓ Pass' : '✗ Falls short'}</p><h3>${title}</h3><p class="figure">${figure}</p><p>Objective: ${aim}. The worse end of the span decides.</p></li>`;
    },
  )}</ul></section>`;
}

export function unsafeSection({ unsafeMerges }: ReplayReport): Markup {
  if (unsafeMerges.length === 0)
    return html`<section><h2>Unsafe merges</h2><p>None: whatever the key takes for one object was answered alike.</p></section>`;
  return html`<section class="danger"><h2>✗ ${counted(unsafeMerges.length, 'unsafe merge')}</h2>
<p>Each pair of URLs has one cache key, but the log has different answers to them. Viewers of one may be given the other. Put what tells them apart into the key of the behaviour, or do not cache it.</p>
<ol>${unsafeMerges.slice(0, SHOWN).map(merge)}</ol>${left(unsafeMerges.length)}</section>`;
}

function merge({ pathPattern, key, first, second, requests }: UnsafeMerge): Markup {
  const answer = ({ url, status, bytes: size }: UnsafeMerge['first']) =>
    html`<li>${code(url, 120)} answered ${status}, ${bytes(size)}</li>`;
  return html`<li>In ${code(pathPattern, 48)}, ${counted(requests, 'request')}:<ul>${answer(first)}${answer(second)}</ul><p class="key">Key: ${code(key, 120)}</p></li>`;
}

export function splitterSection({ keySplitters }: ReplayReport): Markup {
  if (keySplitters.length === 0) return html``;
  const ordered = [...keySplitters].sort(
    (a, b) => Number(b.inKey) - Number(a.inKey) || b.hitsLost - a.hitsLost,
  );
  return html`<section><h2>What splits one object into several</h2>
<p>Query parameters, headers and cookies, by the hits that a cache without limits loses if they are in its key.</p>
${table({
  caption: 'Key splitters, those in the key first',
  noun: 'splitter',
  rows: ordered.slice(0, SHOWN),
  columns: [
    { head: 'Splitter', cell: ({ kind, name }) => html`${kind} ${code(name, 32)}` },
    { head: 'Behaviour', words: true, cell: ({ pathPattern }) => code(pathPattern, 40) },
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
})}${left(keySplitters.length)}</section>`;
}

function advice({ kind, inKey, hitsLost }: KeySplitter): string {
  if (!inKey) return 'Nothing: it is not in the key.';
  if (hitsLost === 0) return 'Nothing: it costs no hits.';
  if (kind === 'query')
    return 'If the answer does not depend on it, leave it out of the key: exclude it in the cache policy or drop it in the viewer-request function.';
  if (kind === 'header')
    return 'Reduce it to the few values that the origin tells apart in the viewer-request function, or send it on by the origin request policy only.';
  return 'If the answer does not depend on it, send it on by the origin request policy only. If it does, do not cache the behaviour.';
}

export function ceilingSection({ ceiling, total }: ReplayReport): Markup {
  if (total.requests === 0) return html``;
  const gap = ceiling.keyHitPercent - total.hitPercent.high;
  const gain = ceiling.keyHitPercent - ceiling.rawUrlHitPercent;
  return html`<section><h2>How much more there is to gain</h2>
<dl class="ceiling">
<dt>By the URL as logged</dt><dd>${percent(ceiling.rawUrlHitPercent)}</dd>
<dt>By the deployment's key</dt><dd>${percent(ceiling.keyHitPercent)}</dd>
<dt>Reached</dt><dd>${span(total.hitPercent, percent)}</dd>
</dl>
<p>The first two are the hit rates of one cache without limits that never expires. ${
    gain >= 0
      ? `The key is worth ${points(gain)} over the plain URL.`
      : `The key loses ${points(-gain)} to the plain URL: it takes more apart than the URL does.`
  } ${gap > 0 ? `Another ${points(gap)} go to expiry, to room, and to edge locations that each fetch for themselves.` : ''}</p></section>`;
}

function points(value: number): string {
  return `${value.toFixed(1)} points`;
}

export function troubleSection({ log, functionErrors }: ReplayReport): Markup {
  if (log.broken === 0 && functionErrors.length === 0 && log.outOfOrder === 0) return html``;
  return html`<section><h2>What could not be replayed as logged</h2>${
    log.outOfOrder > 0
      ? html`<p>${counted(log.outOfOrder, 'line')} stood out of the order of time.</p>`
      : undefined
  }${
    log.broken > 0
      ? html`<p>${counted(log.broken, 'line')} of ${count(log.lines)} could not be read${log.broken > log.brokenExamples.length ? '; the first few' : ''}:</p><ul>${log.brokenExamples
          .slice(0, SHOWN)
          .map(
            ({ line, reason, text }) =>
              html`<li>Line ${count(line)}: ${reason}. ${code(text, 120)}</li>`,
          )}</ul>`
      : undefined
  }${
    functionErrors.length > 0
      ? html`<p>Edge functions failed:</p><ul>${functionErrors.slice(0, SHOWN).map(({ message, count: times }) => html`<li>${counted(times, 'time')}: ${code(message, 160)}</li>`)}</ul>${left(functionErrors.length)}`
      : undefined
  }</section>`;
}

function left(all: number): Markup {
  return all > SHOWN ? html`<p>${count(all - SHOWN)} more are in the report as JSON.</p>` : html``;
}
