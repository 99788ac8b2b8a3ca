/**
 * Plots as SVG inside the page. They need no script, and take on the colors of the page, light or
 * dark.
 */
import type { EChartsOption } from 'echarts';
import { html, type Markup, trusted } from './markup';

export interface PlotSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws one plot. Its ids start with `id`, which is unique in the page; `label` is for screen
 * readers.
 */
export type PlotRenderer = (plot: {
  readonly id: string;
  readonly label: string;
  readonly size: PlotSize;
  readonly option: EChartsOption;
}) => Markup;

/**
 * Creates a renderer.
 *
 * @param echarts the package, which the caller loads, because nothing else needs it
 */
export function plotRenderer(echarts: typeof import('echarts')): PlotRenderer {
  return ({ id, label, size, option }) => {
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
    try {
      chart.setOption({ animation: false, ...option });
      const content = trusted(cleaned(chart.renderToSVGString(), id));
      const viewBox = `0 0 ${size.width} ${size.height}`;
      return html`<svg role="img" aria-label="${label}" viewBox="${viewBox}">${content}</svg>`;
    } finally {
      chart.dispose();
    }
  };
}

/**
 * The content of the `<svg>` of echarts, without style sheets and style attributes, which the
 * policy of the page forbids, and without marks for a script. Its ids are replaced, because echarts
 * numbers them through the life of the process. echarts escapes quotes and angle brackets in text,
 * so these patterns cannot match there.
 */
function cleaned(svg: string, id: string): string {
  return svg
    .replace(/^<svg[^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/<rect [^>]*fill="none"><\/rect>/, '')
    .replace(/ (?:class|pointer-events|xml:space|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/ style="([^"]*)"/g, (_, declarations: string) => presentation(declarations))
    .replace(/\bzr\d+-/g, `${id}-`)
    .replace(/\n+/g, '\n');
}

/**
 * Converts a style attribute to the presentation attributes of the same names: "Styling", SVG 2.
 */
function presentation(declarations: string): string {
  return declarations
    .split(';')
    .map((declaration) => /^\s*([a-z-]+)\s*:\s*(.+)$/.exec(declaration))
    .map((match) => (match && match[1] !== 'font-family' ? ` ${match[1]}="${match[2]}"` : ''))
    .join('');
}
