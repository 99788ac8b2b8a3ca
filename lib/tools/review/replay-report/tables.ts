/**
 * Tables that become cards on a phone. Roles are said outright, because `display` takes them away
 * from a table that is laid out anew.
 */
import type { ReplayReport, ReplaySlice, Span } from '../../simulation';
import { bytes, count, counted, milliseconds, percent, span } from './figures';
import { type Content, code, html, type Markup } from './markup';
import { MISS_REASONS } from './plots';

interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => Content;
  /** Words stand on the left, figures on the right. */
  readonly words?: true;
}

interface TableSpec<Row> {
  readonly caption: string;
  /** The first names the row. */
  readonly columns: readonly [Column<Row>, ...Column<Row>[]];
  readonly rows: readonly Row[];
  /** What a row is, for the line that opens the rest. */
  readonly noun: string;
}

/** Rows before the rest is folded away. */
const ROWS_OPEN = 20;

export function table<Row>(spec: TableSpec<Row>): Markup {
  const rest = spec.rows.slice(ROWS_OPEN);
  return html`${part(spec, spec.caption, spec.rows.slice(0, ROWS_OPEN))}${
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
<thead role="rowgroup"><tr role="row">${columns.map(({ head, words }) => html`<th role="columnheader" scope="col" class="${words ? 'words' : 'number'}">${head}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) =>
      html`<tr role="row"><th role="rowheader" scope="row">${name.cell(row)}</th>${others.map(
        ({ head, cell, words }) =>
          html`<td role="cell" class="${words ? 'words' : 'number'}" data-label="${head}">${cell(row)}</td>`,
      )}</tr>
`,
  )}</tbody>
</table>`;
}

/** Figures, then why not all were hits; for behaviours and for parts of the world alike. */
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
      caption: `Requests that the edge location's cache did not answer, by ${by.noun} and reason`,
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

/** Hit rates of each behaviour in each part of the world. */
export function cellTable({ behaviors, continents, cells }: ReplayReport): Markup {
  const found = new Map(
    cells.map((cell) => [JSON.stringify([cell.pathPattern, cell.continent]), cell]),
  );
  return folded(
    'Hit rate by behaviour and part of the world',
    table({
      caption: 'Hit rate by behaviour and part of the world, with the requests',
      noun: 'behaviour',
      rows: behaviors,
      columns: [
        { head: 'Behaviour', cell: ({ pathPattern }) => code(pathPattern, 48) },
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

/** The figure, over a bar of it: solid up to the low end, light up to the high one. */
function hitRate(value: Span): Markup {
  return html`${span(value, percent)}<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="4"/><rect class="high" width="${value.high.toFixed(1)}" height="4"/><rect class="low" width="${value.low.toFixed(1)}" height="4"/></svg>`;
}
