/**
 * The report of a replay as one self-contained page: no script, nothing loaded from elsewhere, and
 * a layout for a desktop, a phone and paper.
 */
import { shortened } from '../../../model/visible';
import type { ReplayReport } from '../../simulation';
import { bytes, count, counted, milliseconds, minute, percent, span } from './figures';
import {
  ceilingSection,
  objectiveSection,
  splitterSection,
  troubleSection,
  unsafeSection,
} from './findings';
import { type Content, code, html, type Markup, rendered, trusted } from './markup';
import { hitRatePlot, latencyPlot, missPlot, timePlot } from './plots';
import { CONTENT_SECURITY_POLICY, STYLE } from './style';
import type { PlotRenderer } from './svg';
import { cellTable, sliceTables } from './tables';

/**
 * Renders the report.
 *
 * @param draw draws the plots: see `plotRenderer`
 * @returns one HTML file, the same bytes for the same report
 */
export async function renderReplayHtml(report: ReplayReport, draw: PlotRenderer): Promise<string> {
  const title = `Replay of ${shortened(report.log.file.split('/').at(-1) ?? report.log.file, 60)}`;
  return rendered(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="verdict">${verdict(report)}</p>
<p>${counted(report.log.replayed, 'request')}${period(report)}, replayed through ${code(
    report.distribution,
    90,
  )} of ${code(report.assembly, 60)}.</p>
</header>
<main>
${totals(report)}
${objectiveSection(report)}
${unsafeSection(report)}
${report.total.requests > 0 ? plots(report, draw) : undefined}
${splitterSection(report)}
${ceilingSection(report)}
<section><h2>By behavior</h2>${sliceTables(report.behaviors, {
    head: 'Behavior',
    noun: 'behavior',
    name: ({ pathPattern }) => pathPattern,
  })}${cellTable(report)}</section>
<section><h2>By continent</h2>${sliceTables(report.continents, {
    head: 'Continent',
    noun: 'continent',
    name: ({ continent }) => continent,
  })}</section>
${troubleSection(report)}
${assumptions(report)}
</main>
</body>
</html>
`);
}

/** The result in one sentence. */
function verdict({ objectives, unsafeMerges, total }: ReplayReport): string {
  if (total.requests === 0) return 'Nothing was replayed.';
  const missed = objectives.filter(({ met }) => !met).length;
  const aims =
    missed === 0
      ? `Meets ${objectives.length === 1 ? 'its objective' : 'all objectives'}`
      : `Misses ${missed} of ${counted(objectives.length, 'objective')}`;
  const merges =
    unsafeMerges.length > 0
      ? `${counted(unsafeMerges.length, 'unsafe merge')} to fix first`
      : 'no unsafe merge';
  return objectives.length === 0 ? `Found ${merges}.` : `${aims}; ${merges}.`;
}

function period({ log }: ReplayReport): string {
  return log.from && log.to ? ` from ${minute(log.from)} to ${minute(log.to)} UTC` : '';
}

function totals({ total, log }: ReplayReport): Markup {
  if (total.requests === 0) return html``;
  const tiles: readonly [string, string, Content][] = [
    ['Hit rate', span(total.hitPercent, percent), 'served by the edge location'],
    [
      'Without the origin',
      span(total.offloadPercent, percent),
      html`${span(total.originRequests, count)} origin requests`,
    ],
    ['p50', span(total.latencyMs.p50, milliseconds), 'modeled latency'],
    [
      'p95',
      span(total.latencyMs.p95, milliseconds),
      html`p99 ${span(total.latencyMs.p99, milliseconds)}`,
    ],
    ['To viewers', bytes(total.bytes), html`${span(total.originBytes, bytes)} from the origin`],
    ['Lines', count(log.lines), html`${log.format} format, ${count(log.broken)} broken`],
  ];
  return html`<section><h2>At a glance</h2><dl class="tiles">${tiles.map(
    ([name, figure, note]) =>
      html`<div><dt>${name}</dt><dd><span class="figure">${figure}</span><span
 class="note">${note}</span></dd></div>`,
  )}</dl></section>`;
}

function plots(report: ReplayReport, draw: PlotRenderer): Markup {
  const drawn = [
    hitRatePlot(report, draw),
    report.timeline.length > 1 ? timePlot(report, draw) : undefined,
    missPlot(report, draw),
    latencyPlot(report, draw),
  ];
  return html`<section><h2>Plots</h2>${drawn}</section>`;
}

function assumptions({ modelled, capacityBytes }: ReplayReport): Markup {
  const capacities = capacityBytes.map((capacity) =>
    capacity === null ? 'no limit' : bytes(capacity),
  );
  return html`<section><h2>Modeled, not measured</h2>
<p>AWS does not publish the capacity of an edge location. ${
    capacities.length > 1
      ? `The log was replayed with ${capacities.join(', ')} for each; ` +
        'a figure such as 88.1–91.4 % is the lowest and the highest of these runs.'
      : `The log was replayed with ${capacities.join('')} for each.`
  }</p>
<ul>${modelled.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>`;
}
