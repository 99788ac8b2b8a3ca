/** What the plots of a report share: two formats, axes, and the figure around each. */
import type { EChartsOption } from 'echarts';
import type { ReplaySlice } from '../../simulation';
import { counted } from './figures';
import { type Content, html, type Markup, shortened } from './markup';
import type { PlotRenderer } from './svg';

/** Rows of a plot by behaviour; the tables have all of them. */
const ROWS = 20;

interface Format {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
  /** Characters of a path beside its bar. */
  readonly characters: number;
  /** Labels along an axis of time. */
  readonly times: number;
}

/**
 * Each plot is drawn twice, for a desk and for a phone: one that is only scaled down cannot be read
 * there.
 */
const FORMATS: readonly Format[] = [
  { name: 'wide', width: 860, characters: 40, times: 8 },
  { name: 'narrow', width: 335, characters: 18, times: 3 },
];

export const TEXT = { color: 'var(--ink)', fontSize: 12 };
export const QUIET = { color: 'var(--quiet)', fontSize: 12 };
export const RULE = { lineStyle: { color: 'var(--rule)' } };
const NO_AXIS_LINE = { axisLine: { show: false }, axisTick: { show: false } };

export function figure(
  draw: PlotRenderer,
  id: string,
  title: string,
  explanation: Content,
  plot: (format: Format) => { readonly height: number; readonly option: EChartsOption },
): Markup {
  const drawn = FORMATS.map((format) => {
    const { height, option } = plot(format);
    const label = `${title}. The tables below have the figures.`;
    return html`<div class="${format.name}">${draw({ id: `${id}-${format.name}`, label, size: { width: format.width, height }, option })}</div>`;
  });
  return html`<figure><figcaption><strong>${title}</strong> ${explanation}</figcaption>${drawn}</figure>`;
}

export function caption(shown: number, all: number, text: string): string {
  return shown < all ? `${text} The ${counted(shown, 'busiest behaviour')} of ${all}.` : text;
}

/** Those with the most requests, in the order of the distribution. */
export function busiest<Row extends ReplaySlice>(rows: readonly Row[]): readonly Row[] {
  const chosen = rows
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => b.requests - a.requests)
    .slice(0, ROWS);
  return rows.filter((row) => chosen.includes(row));
}

/**
 * Room for the names of rows. echarts would measure them in a font of its own, and cut them off in
 * a wider one.
 */
export function besides(names: readonly string[], characters: number): number {
  return 12 + 7.3 * Math.max(...names.map((name) => shortened(name, characters).length));
}

export function bar(color: string, data: readonly number[]) {
  return {
    type: 'bar' as const,
    stack: 'one',
    silent: true,
    barWidth: 14,
    itemStyle: { color },
    data: [...data],
  };
}

export function percentAxis() {
  return {
    type: 'value' as const,
    min: 0,
    max: 100,
    splitNumber: 4,
    axisLabel: { show: false },
    splitLine: RULE,
  };
}

export function rowAxis(names: readonly string[]) {
  return {
    type: 'category' as const,
    inverse: true,
    data: [...names],
    axisLabel: TEXT,
    ...NO_AXIS_LINE,
  };
}

export function legend() {
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

export function shortCount(value: number): string {
  return value >= 1000 ? `${value / 1000}k` : String(value);
}
