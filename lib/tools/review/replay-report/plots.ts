/** The four plots of a replay. */

import type { EChartsOption } from 'echarts';
import { shortened, visible } from '../../../model/visible';
import { MISS_REASONS, type ReplayReport, type ReplaySlice, type Span } from '../../simulation';
import { counted, middle, milliseconds, percent, span } from './figures';
import { type Content, html, type Markup } from './markup';
import type { PlotRenderer } from './svg';

/** The most rows of a plot by behavior; the tables have all of them. */
const SHOWN_ROWS = 20;

interface Format {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
  /** The most characters of a path beside its bar. */
  readonly characters: number;
  /** How many labels an axis of time has. */
  readonly times: number;
}

/**
 * Each plot is drawn twice, for a desktop and for a phone, because a plot that is only scaled down
 * cannot be read on a phone.
 */
const FORMATS: readonly Format[] = [
  { name: 'wide', width: 860, characters: 40, times: 8 },
  { name: 'narrow', width: 335, characters: 18, times: 3 },
];

const TEXT = { color: 'var(--ink)', fontSize: 12 };
const QUIET_TEXT = { color: 'var(--quiet)', fontSize: 12 };
const RULE_LINE = { lineStyle: { color: 'var(--rule)' } };
const NO_AXIS_LINE = { axisLine: { show: false }, axisTick: { show: false } };

export function hitRatePlot({ behaviors, objectives }: ReplayReport, draw: PlotRenderer): Markup {
  const rows = busiest(behaviors);
  const target = objectives.find(({ name }) => name === 'cacheHitPercent')?.target;
  return figure(
    draw,
    'hit-rate',
    'Hit rate by behavior',
    caption(
      rows.length,
      behaviors.length,
      'Solid: the lowest rate over the capacities. Light: up to the highest.',
    ),
    ({ characters }) => ({
      height: 52 + 26 * rows.length,
      option: {
        grid: {
          left: namesWidth(
            rows.map(({ pathPattern }) => pathPattern),
            characters,
          ),
          right: 92,
          top: 24,
          bottom: 4,
        },
        xAxis: percentAxis(),
        yAxis: [
          rowAxis(rows.map(({ pathPattern }) => shortened(pathPattern, characters))),
          {
            ...rowAxis(rows.map(({ hitPercent }) => span(hitPercent, percent))),
            position: 'right',
          },
        ],
        series: [
          {
            ...bar(
              'var(--hit)',
              rows.map(({ hitPercent }) => hitPercent.low),
            ),
            ...(target !== undefined && {
              markLine: {
                silent: true,
                symbol: 'none',
                data: [{ xAxis: target }],
                lineStyle: { color: 'var(--ink)', type: 'dashed' },
                label: {
                  ...TEXT,
                  formatter: `objective ${percent(target)}`,
                  position: 'start',
                  distance: 4,
                },
              },
            }),
          },
          {
            ...bar(
              'var(--hit-soft)',
              rows.map(({ hitPercent }) => hitPercent.high - hitPercent.low),
            ),
          },
        ],
      },
    }),
  );
}

export function missPlot({ behaviors }: ReplayReport, draw: PlotRenderer): Markup {
  const rows = busiest(behaviors);
  const reasons = MISS_REASONS.filter((reason) =>
    rows.some(({ misses }) => misses[reason].high > 0),
  );
  const text = caption(
    rows.length,
    behaviors.length,
    'Percent of the requests of each behavior; the middle of the span between the capacities.',
  );
  return figure(draw, 'misses', 'Misses by reason', text, ({ characters, name }) => ({
    height: (name === 'wide' ? 56 : 96) + 26 * rows.length,
    option: {
      legend: { ...legend(), data: [...reasons] },
      grid: {
        left: namesWidth(
          rows.map(({ pathPattern }) => pathPattern),
          characters,
        ),
        right: 8,
        top: name === 'wide' ? 36 : 76,
        bottom: 4,
      },
      xAxis: percentAxis(),
      yAxis: rowAxis(rows.map(({ pathPattern }) => shortened(pathPattern, characters))),
      series: reasons.map((reason) => ({
        ...bar(
          `var(--${reason})`,
          rows.map(
            ({ misses, requests }) => (100 * middle(misses[reason])) / Math.max(1, requests),
          ),
        ),
        name: reason,
        itemStyle: { color: `var(--${reason})`, borderColor: 'var(--paper)', borderWidth: 1 },
      })),
    },
  }));
}

export function timePlot({ timeline }: ReplayReport, draw: PlotRenderer): Markup {
  const oneDay = timeline[0]?.at.slice(0, 10) === timeline.at(-1)?.at.slice(0, 10);
  const times = timeline.map(({ at }) =>
    visible(oneDay ? at.slice(11, 16) : at.slice(5, 16).replace('T', ' ')),
  );
  const isEmpty = timeline.map(({ requests }) => requests === 0);
  const line = (data: readonly number[], area?: string) => ({
    type: 'line' as const,
    silent: true,
    symbol: 'none',
    stack: 'hits',
    lineStyle: { color: 'var(--hit)', width: area ? 0 : 2 },
    ...(area && { areaStyle: { color: area } }),
    data: data.map((value, i) => (isEmpty[i] ? null : value)),
  });
  return figure(
    draw,
    'time',
    'Hit rate and requests over time',
    'Times are UTC. The band is the span between the capacities.',
    ({ times: labels }) => {
      const axis = (gridIndex: number, show: boolean) => ({
        type: 'category' as const,
        gridIndex,
        data: times,
        axisTick: { show: false },
        axisLine: RULE_LINE,
        axisLabel: {
          ...QUIET_TEXT,
          show,
          interval: Math.max(0, Math.ceil(times.length / labels) - 1),
        },
      });
      const textStyle = { ...QUIET_TEXT, fontWeight: 'normal' as const };
      return {
        height: 340,
        option: {
          grid: [
            { left: 52, right: 24, top: 30, height: 150 },
            { left: 52, right: 24, top: 222, height: 86 },
          ],
          title: [
            { text: 'Hit rate, percent', left: 0, top: 2, textStyle },
            { text: 'Requests', left: 0, top: 194, textStyle },
          ],
          xAxis: [axis(0, false), axis(1, true)],
          yAxis: [
            { type: 'value', min: 0, max: 100, axisLabel: QUIET_TEXT, splitLine: RULE_LINE },
            {
              type: 'value',
              gridIndex: 1,
              splitNumber: 2,
              axisLabel: { ...QUIET_TEXT, formatter: shortCount },
              splitLine: RULE_LINE,
            },
          ],
          series: [
            line(timeline.map(({ hitPercent }) => hitPercent.low)),
            line(
              timeline.map(({ hitPercent }) => hitPercent.high - hitPercent.low),
              'var(--hit-soft)',
            ),
            {
              type: 'bar',
              silent: true,
              xAxisIndex: 1,
              yAxisIndex: 1,
              barCategoryGap: '10%',
              itemStyle: { color: 'var(--quiet)' },
              data: timeline.map(({ requests }) => requests),
            },
          ],
        },
      };
    },
  );
}

const PERCENTILES = [
  { name: 'p50', symbol: 'circle', color: 'var(--p50)' },
  { name: 'p95', symbol: 'diamond', color: 'var(--p95)' },
  { name: 'p99', symbol: 'triangle', color: 'var(--p99)' },
] as const;

export function latencyPlot({ continents }: ReplayReport, draw: PlotRenderer): Markup {
  const rows = continents.filter(({ requests }) => requests > 0);
  return figure(
    draw,
    'latency',
    'Modeled latency by part of the world',
    'Percentiles in milliseconds. A mark is the middle of the span between the capacities; ' +
      'a bar shows the span.',
    ({ characters }) => ({
      height: 76 + 38 * rows.length,
      option: {
        legend: { ...legend(), data: PERCENTILES.map(({ name }) => name) },
        grid: {
          left: namesWidth(
            rows.map(({ continent }) => continent),
            characters,
          ),
          right: 20,
          top: 48,
          bottom: 28,
        },
        xAxis: {
          type: 'value',
          min: 0,
          splitNumber: 4,
          axisLabel: QUIET_TEXT,
          splitLine: RULE_LINE,
        },
        yAxis: rowAxis(rows.map(({ continent }) => shortened(continent, characters))),
        series: [
          ...PERCENTILES.flatMap(({ name, color }) => [
            spanSegment(
              rows.map(({ latencyMs }) => latencyMs[name]),
              color,
            ),
          ]),
          ...PERCENTILES.map(({ name, symbol, color }) => ({
            name,
            type: 'scatter' as const,
            silent: true,
            symbol,
            symbolSize: 11,
            itemStyle: { color },
            label: {
              ...TEXT,
              show: name === 'p95',
              position: 'top' as const,
              distance: 3,
              formatter: ({ dataIndex }: { dataIndex: number }) =>
                span((rows[dataIndex] as ReplaySlice).latencyMs[name], milliseconds),
            },
            data: rows.map(({ latencyMs }, row) => [middle(latencyMs[name]), row]),
          })),
        ],
      },
    }),
  );
}

/** Draws a bar from the low to the high end of each row's span. */
function spanSegment(
  spans: readonly Span[],
  color: string,
): NonNullable<Extract<EChartsOption['series'], readonly unknown[]>>[number] {
  return {
    type: 'custom',
    silent: true,
    data: spans.map(({ low, high }, row) => [low, high, row]),
    renderItem: (_, api) => {
      const [x1 = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
      const [x2 = 0] = api.coord([api.value(1), api.value(2)]);
      return {
        type: 'line',
        shape: { x1, y1: y, x2, y2: y },
        style: { stroke: color, lineWidth: 5, opacity: 0.5 },
      };
    },
  };
}

/** A plot in both formats, with its title and explanation. */
function figure(
  draw: PlotRenderer,
  id: string,
  title: string,
  explanation: Content,
  plot: (format: Format) => { readonly height: number; readonly option: EChartsOption },
): Markup {
  const both = FORMATS.map((format) => {
    const { height, option } = plot(format);
    const label = `${title}. The tables below have the figures.`;
    const size = { width: format.width, height };
    const drawn = draw({ id: `${id}-${format.name}`, label, size, option });
    return html`<div class="${format.name}">${drawn}</div>`;
  });
  const caption = html`<figcaption><strong>${title}</strong> ${explanation}</figcaption>`;
  return html`<figure>${caption}${both}</figure>`;
}

/** The text, with a note if not all behaviors are shown. */
function caption(shown: number, all: number, text: string): string {
  return shown < all ? `${text} The ${counted(shown, 'busiest behavior')} of ${all}.` : text;
}

/** The rows with the most requests, in the order of the distribution. */
function busiest<Row extends ReplaySlice>(rows: readonly Row[]): readonly Row[] {
  const chosen = rows
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => b.requests - a.requests)
    .slice(0, SHOWN_ROWS);
  return rows.filter((row) => chosen.includes(row));
}

/**
 * The width of the names of rows, in pixels. echarts would measure them in another font, and cut
 * them off if the font of the page is wider.
 */
function namesWidth(names: readonly string[], characters: number): number {
  return 12 + 7.3 * Math.max(...names.map((name) => shortened(name, characters).length));
}

function bar(color: string, data: readonly number[]) {
  return {
    type: 'bar' as const,
    stack: 'one',
    silent: true,
    barWidth: 14,
    itemStyle: { color },
    data: [...data],
  };
}

function percentAxis() {
  return {
    type: 'value' as const,
    min: 0,
    max: 100,
    splitNumber: 4,
    axisLabel: { show: false },
    splitLine: RULE_LINE,
  };
}

function rowAxis(names: readonly string[]) {
  return {
    type: 'category' as const,
    inverse: true,
    data: [...names],
    axisLabel: TEXT,
    ...NO_AXIS_LINE,
  };
}

function legend() {
  return {
    top: 0,
    left: 0,
    itemWidth: 12,
    itemHeight: 12,
    itemGap: 14,
    textStyle: TEXT,
    selectedMode: false as const,
    inactiveColor: 'var(--quiet)',
  };
}

/** A count on an axis: `20k` for 20,000. */
function shortCount(value: number): string {
  return value >= 1000 ? `${value / 1000}k` : String(value);
}
