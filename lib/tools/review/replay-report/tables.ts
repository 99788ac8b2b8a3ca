/**
 * Tables that become cards on a phone. They name their ARIA roles, because a change of `display`
 * removes the implicit role of a table.
 */
import type { ReplayReport, ReplaySlice, Span } from '../../simulation';
import { MISS_REASONS } from '../../simulation';
import { bytes, count, counted, milliseconds, percent, span } from './figures';
import { type Content, code, html, type Markup, trusted } from './markup';

interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => Content;
  /** Whether the column has words, which are aligned left; figures are aligned right. */
  readonly words?: true;
}

interface TableSpec<Row> {
  readonly caption: string;
  /** The first column names the row. */
  readonly columns: readonly [Column<Row>, ...Column<Row>[]];
  readonly rows: readonly Row[];
  /** The noun for a row, used in the line that unfolds the rest. */
  readonly noun: string;
}

/** The most rows that are not folded. */
const OPEN_ROWS = 20;

export function table<Row>(spec: TableSpec<Row>): Markup {
  const rest = spec.rows.slice(OPEN_ROWS);
  return html`${part(spec, spec.caption, spec.rows.slice(0, OPEN_ROWS))}${
    rest.length > 0
      ? folded(
          counted(rest.length, `more ${spec.noun}`),
          part(spec, `${spec.caption}, continued`, rest),
        )
      : undefined
  }`;
}

export function folded(summary: string, content: Content): Markup {
  return html`<details><summary>${summary}</summary>${content}</details>`;
}

function part<Row>(
  { columns }: Pick<TableSpec<Row>, 'columns'>,
  caption: string,
  rows: readonly Row[],
): Markup {
  const [name, ...others] = columns;
  return html`<table role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map(
    ({ head, words }) =>
      html`<th role="columnheader" scope="col" class="${words ? 'words' : 'number'}">${head}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) =>
      html`<tr role="row"><th role="rowheader" scope="row">${name.cell(row)}</th>${others.map(
        ({ head, cell, words }) =>
          html`<td role="cell" class="${words ? 'words' : 'number'}" data-label="${head}">${cell(
            row,
          )}</td>`,
      )}</tr>
`,
  )}</tbody>
</table>`;
}

/** The figures of behaviors or of continents, then their misses by reason. */
export function sliceTables<Row extends ReplaySlice>(
  rows: readonly Row[],
  by: { readonly head: string; readonly noun: string; readonly name: (row: Row) => string },
): Markup {
  const name: Column<Row> = { head: by.head, cell: (row) => code(by.name(row), 48) };
  return html`${table({
    caption: `Figures by ${by.noun}`,
    noun: by.noun,
    rows,
    columns: [
      name,
      { head: 'Requests', cell: ({ requests }) => count(requests) },
      {
        head: 'Hit rate',
        cell: ({ hitPercent, requests }) => (requests > 0 ? hitRate(hitPercent) : '–'),
      },
      {
        head: 'Without origin',
        cell: ({ offloadPercent, requests }) =>
          requests > 0 ? span(offloadPercent, percent) : '–',
      },
      { head: 'Origin requests', cell: ({ originRequests }) => span(originRequests, count) },
      { head: 'To viewers', cell: (row) => bytes(row.bytes) },
      { head: 'From origin', cell: ({ originBytes }) => span(originBytes, bytes) },
      { head: 'p50', cell: ({ latencyMs }) => span(latencyMs.p50, milliseconds) },
      { head: 'p95', cell: ({ latencyMs }) => span(latencyMs.p95, milliseconds) },
      { head: 'p99', cell: ({ latencyMs }) => span(latencyMs.p99, milliseconds) },
    ],
  })}${folded(
    `Misses by ${by.noun} and reason`,
    table({
      caption: `Requests that the edge location did not serve from cache, by ${by.noun} and reason`,
      noun: by.noun,
      rows,
      columns: [
        name,
        ...MISS_REASONS.map((reason) => ({
          head: reason,
          cell: ({ misses }: Row) => span(misses[reason], count),
        })),
      ],
    }),
  )}`;
}

/** The hit rate of each behavior on each continent. */
export function cellTable({ behaviors, continents, cells }: ReplayReport): Markup {
  const found = new Map(
    cells.map((cell) => [JSON.stringify([cell.pathPattern, cell.continent]), cell]),
  );
  return folded(
    'Hit rate by behavior and continent',
    table({
      caption: 'Hit rate by behavior and continent, with the requests',
      noun: 'behavior',
      rows: behaviors,
      columns: [
        { head: 'Behavior', cell: ({ pathPattern }) => code(pathPattern, 48) },
        ...continents.map(({ continent }) => ({
          head: continent,
          cell: ({ pathPattern }: { readonly pathPattern: string }) => {
            const cell = found.get(JSON.stringify([pathPattern, continent]));
            return cell && cell.requests > 0
              ? html`${span(cell.hitPercent, percent)} <small>of ${count(cell.requests)}</small>`
              : '–';
          },
        })),
      ],
    }),
  );
}

/** The hit rate above a bar: solid up to the low end of the span, light up to the high end. */
function hitRate(value: Span): Markup {
  const bar = (name: string, width: string) =>
    html`<rect class="${name}" width="${width}" height="4"/>`;
  const bars = [
    bar('track', '100'),
    bar('high', value.high.toFixed(1)),
    bar('low', value.low.toFixed(1)),
  ];
  return html`${span(value, percent)}${svgMeter(bars)}`;
}

function svgMeter(bars: readonly Markup[]): Markup {
  const attributes = trusted(
    'class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"',
  );
  return html`<svg ${attributes}>${bars}</svg>`;
}
