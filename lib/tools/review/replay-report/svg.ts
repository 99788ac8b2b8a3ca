/**
 * Plots as SVG inside the page: no script draws them, and the page's own colours, light or dark,
 * apply to them.
 */
import type { EChartsOption } from 'echarts';
import { html, type Markup, trusted } from './markup';

export interface PlotSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws one plot. Ids in it start with `id`, which is unique in the page; `label` is what a screen
 * reader says.
 */
export type PlotRenderer = (plot: {
  readonly id: string;
  readonly label: string;
  readonly size: PlotSize;
  readonly option: EChartsOption;
}) => Markup;

/** @param echarts the package, which whoever wants the report has loaded: nothing else needs it */
export function plotRenderer(echarts: typeof import('echarts')): PlotRenderer {
  return ({ id, label, size, option }) => {
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
    try {
      chart.setOption({ animation: false, ...option });
      return html`<svg role="img" aria-label="${label}" viewBox="0 0 ${size.width} ${size.height}">${trusted(cleaned(chart.renderToSVGString(), id))}</svg>`;
    } finally {
      chart.dispose();
    }
  };
}

/**
 * What is inside the `<svg>`. Without style sheets and style attributes, which the page's policy
 * forbids; without marks for a script that is not there; and with ids of our own, because echarts
 * counts its own up through the life of the process. Quotes and angle brackets in text are escaped
 * by echarts, so that none of these patterns can match there.
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

/** A style attribute as the presentation attributes of the same names: "Styling", SVG 2. */
function presentation(declarations: string): string {
  return declarations
    .split(';')
    .map((declaration) => /^\s*([a-z-]+)\s*:\s*(.+)$/.exec(declaration))
    .map((match) => (match && match[1] !== 'font-family' ? ` ${match[1]}="${match[2]}"` : ''))
    .join('');
}
