/**
 * `-- isochrone: batch TABLE by COLUMN`: a statement that runs for one range of keys after the
 * other, each in a transaction with its progress. It changes each row once, however often the run
 * is interrupted.
 */
import { type InvalidValue, invalidOption } from '../../../model/errors';
import { asNode, kindOf, type Node, nodesOf } from '../../../model/sql';
import { type PostgresConnection, rowsOf } from '../connection';

export interface Batch {
  /** The table, as it was written. */
  readonly table: string;
  /** The columns of its key, as they were written. Only one can be used. */
  readonly columns: readonly string[];
  /** How many keys a step has. */
  readonly rows: number;
  /** The pause between two steps, in milliseconds. */
  readonly pauseMs: number;
  /** How far a replica may be behind before the next step waits, in milliseconds. */
  readonly lagMs: number;
}

/** The first and the last key of a step, as text. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

const NAME = '(?:"(?:[^"]|"")+"|[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*)';
const BATCH = new RegExp(
  `^batch\\s+(${NAME}(?:\\.${NAME})?)\\s+by\\s+(${NAME}|\\(.+\\))((?:\\s*,\\s*[\\w ]+)*)$`,
  'i',
);
const ROWS = /^(\d{1,7}) rows$/i;
const TIME = /^(pause|lag) (\d{1,6}) ?(ms|s)$/i;
const DEFAULTS = { rows: 5000, pauseMs: 100, lagMs: 10_000 };

/** Parses the text of a comment; undefined if it is no batch, or has an unknown option. */
export function parseBatch(text: string): Batch | undefined {
  const [, table, key, options] = BATCH.exec(text) ?? [];
  if (table === undefined || key === undefined) return undefined;
  const columns = key.startsWith('(') ? key.slice(1, -1).split(/\s*,\s*/) : [key];
  let batch: Batch = { table, columns, ...DEFAULTS };
  for (const option of (options ?? '').split(',').slice(1)) {
    const rows = ROWS.exec(option.trim())?.[1];
    const [, name, amount, unit] = TIME.exec(option.trim()) ?? [];
    if (rows !== undefined && Number(rows) > 0) batch = { ...batch, rows: Number(rows) };
    else if (name !== undefined) {
      const milliseconds = Number(amount) * (unit?.toLowerCase() === 's' ? 1000 : 1);
      batch = { ...batch, [name.toLowerCase() === 'pause' ? 'pauseMs' : 'lagMs']: milliseconds };
    } else return undefined;
  }
  return batch;
}

/** The identifier that a written name stands for. */
function identifier(written: string): string {
  return written.startsWith('"')
    ? written.slice(1, -1).replaceAll('""', '"')
    : written.toLowerCase();
}

const CHANGES = new Set(['UpdateStmt', 'DeleteStmt', 'InsertStmt', 'MergeStmt', 'SelectStmt']);

/** The problems of a statement that can be seen without a server. */
export function batchProblems(node: Node, batch: Batch | undefined): InvalidValue[] {
  const kind = kindOf(node);
  const parameters = new Set([...nodesOf(node, 'ParamRef')].map(({ number = 0 }) => number));
  if (!batch) return CHANGES.has(kind) && parameters.size > 0 ? [PARAMETER] : [];
  if (!CHANGES.has(kind)) return [{ ...NOT_ROWS, value: kind.replace(/Stmt$/, '') }];
  const problems: InvalidValue[] = [];
  if (batch.columns.length > 1) problems.push(compositeKey(batch));
  if (parameters.size !== 2 || !parameters.has(1) || !parameters.has(2)) {
    const found = [...parameters].map((number) => `$${number}`).join(', ');
    problems.push({ ...WITHOUT_RANGE, value: found || 'neither' });
  }
  const update = asNode(node, 'UpdateStmt');
  const changed = (asNode(node, 'InsertStmt') ?? update)?.relation;
  const table = identifier(batch.table.split('.').at(-1) ?? '');
  if (changed?.relname === table) {
    const [column = ''] = batch.columns.map(identifier);
    const sets = (update?.targetList ?? []).map((node) => asNode(node, 'ResTarget')?.name);
    if (!update || sets.includes(column)) problems.push(movesKeys(batch));
  }
  return problems;
}

/** The types whose text form, and whose order, do not depend on the session. */
const KEY_TYPES = [
  ...['smallint', 'integer', 'bigint', 'numeric', 'uuid', 'text', 'character varying', 'character'],
  ...['date', 'timestamp without time zone', 'timestamp with time zone'],
];

/**
 * Checks the key of a batch against the catalog.
 *
 * @param where the file and line, for messages
 * @param isLater whether the table may be created by an earlier file, and is then not checked
 * @throws IsochroneError for a table or column that does not exist, and for a key that may be NULL,
 * has no index, or has another type
 */
export async function checkBatch(
  connection: PostgresConnection,
  batch: Batch,
  where: string,
  isLater = false,
): Promise<void> {
  const column = identifier(batch.columns[0] ?? '');
  const [key] = await rowsOf<{
    exists: boolean;
    type: string | null;
    notNull: boolean;
    indexed: boolean;
  }>(
    connection,
    `WITH RECURSIVE col AS (
       SELECT attrelid, attnum, atttypid, attnotnull, attcollation FROM pg_attribute
       WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped AND attnum > 0
     ), base AS (
       SELECT t.oid, typtype, typbasetype FROM col JOIN pg_type t ON t.oid = atttypid
       UNION ALL SELECT t.oid, t.typtype, t.typbasetype
       FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
     )
     SELECT to_regclass($1) IS NOT NULL AS exists,
       (SELECT format_type(oid, NULL) FROM base WHERE typtype <> 'd') AS type,
       coalesce((SELECT attnotnull FROM col), false) AS "notNull",
       EXISTS (
         SELECT FROM col JOIN pg_index i ON indrelid = attrelid AND indkey[0] = attnum
         JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = c.relam
         JOIN pg_opclass o ON o.oid = indclass[0]
         WHERE indisvalid AND indpred IS NULL AND amname = 'btree' AND opcdefault
           AND indcollation[0] = attcollation
       ) AS indexed`,
    [batch.table, column],
  );
  if (isLater && !key?.exists) return;
  const refuse = (value: unknown, allowed: string, rule: string, fix: string) =>
    invalidOption(where, {
      property: `the key of the batch, ${batch.table}.${column},`,
      value,
      allowed,
      rule,
      fix,
    });
  if (!key?.exists || key.type === null) {
    throw refuse(
      undefined,
      'a column of an existing table',
      'A batch is a range of its values.',
      'Correct the comment.',
    );
  }
  if (!KEY_TYPES.includes(key.type)) {
    throw refuse(
      key.type,
      `of one of the types ${KEY_TYPES.join(', ')}`,
      'The last key is kept as text, and must compare in the same way in every session.',
      'Name another column.',
    );
  }
  if (!key.notNull) {
    throw refuse(
      'a column that may be NULL',
      'NOT NULL',
      'A row without a key is in no range.',
      'Name another column, such as the primary key.',
    );
  }
  if (!key.indexed) {
    throw refuse(
      'a column without an index',
      'the first column of a valid B-tree index over all rows',
      'Without an index, each step would read the whole table.',
      'Name another column, or create the index CONCURRENTLY before it.',
    );
  }
}

/** The next range of keys after a key; undefined when there is none. */
export async function nextRange(
  connection: PostgresConnection,
  { table, columns: [column = ''], rows }: Batch,
  after: string | undefined,
): Promise<KeyRange | undefined> {
  // to_jsonb writes times in ISO 8601, whatever the settings of the session are.
  const [range] = await rowsOf<{ from: string | null; to: string | null }>(
    connection,
    `WITH batch AS MATERIALIZED (
       SELECT ${column} AS key FROM ${table}
       ${after === undefined ? '' : `WHERE ${column} > $1 `}ORDER BY ${column} LIMIT ${rows}
     )
     SELECT (SELECT to_jsonb(key) #>> '{}' FROM batch ORDER BY key LIMIT 1) AS from,
       (SELECT to_jsonb(key) #>> '{}' FROM batch ORDER BY key DESC LIMIT 1) AS to`,
    after === undefined ? [] : [after],
  );
  return range && range.from !== null && range.to !== null
    ? { from: range.from, to: range.to }
    : undefined;
}

/** The replica that is furthest behind, if it is further than this; as far as this role may see. */
export async function laggingReplica(
  connection: PostgresConnection,
  lagMs: number,
): Promise<{ readonly name: string; readonly seconds: number } | undefined> {
  const [replica] = await rowsOf<{ name: string; seconds: number }>(
    connection,
    `SELECT coalesce(nullif(application_name, ''), client_addr::text, 'a replica') AS name,
       round(extract(epoch FROM replay_lag))::int AS seconds
     FROM pg_stat_replication WHERE replay_lag > make_interval(secs => $1::float8)
     ORDER BY replay_lag DESC LIMIT 1`,
    [lagMs / 1000],
  );
  return replica;
}

/** How many rows the table has, as the last ANALYZE counted; undefined if it has not run. */
export async function estimatedRows(
  connection: PostgresConnection,
  { table }: Batch,
): Promise<number | undefined> {
  const [row] = await rowsOf<{ rows: string | null }>(
    connection,
    `SELECT sum(reltuples)::bigint::text AS rows FROM pg_class
     WHERE oid = to_regclass($1) AND reltuples > 0`,
    [table],
  );
  return row?.rows == null ? undefined : Number(row.rows);
}

const PARAMETER: InvalidValue = {
  property: 'a statement',
  value: 'a parameter such as $1',
  allowed: 'without parameters',
  rule: 'Only the steps of a batch have parameters: their first and last key.',
  fix: 'Write the value, or put `-- isochrone: batch TABLE by COLUMN` above the statement.',
};

const NOT_ROWS: Omit<InvalidValue, 'value'> = {
  property: 'the statement of a batch',
  allowed: 'UPDATE, DELETE, INSERT … SELECT, MERGE or SELECT',
  rule: 'A batch works on a range of rows.',
  fix: 'Remove the comment.',
};

const WITHOUT_RANGE: Omit<InvalidValue, 'value'> = {
  property: 'the parameters of a batch',
  allowed: '$1 and $2, its first and last key',
  rule: 'Without its range, each step would work on the whole table.',
  fix: 'Add a condition such as `WHERE id BETWEEN $1 AND $2`.',
};

function compositeKey({ columns }: Batch): InvalidValue {
  return {
    property: 'the key of a batch',
    value: columns.join(', '),
    allowed: 'one column',
    rule: 'The steps are ranges of the values of one column, which may occur more than once.',
    fix: `Write \`by ${columns[0]}\`, the first column of the index.`,
  };
}

function movesKeys({ table, columns }: Batch): InvalidValue {
  return {
    property: 'the statement of a batch',
    value: `one that changes keys of ${table}`,
    allowed: 'one that leaves the keys as they are',
    rule: 'A row that gets a higher key would be found again, possibly without end.',
    fix: `Do not change ${columns[0]}, or work by another column.`,
  };
}

/** The table and column of the key, as they were written. */
export function keyOf({ table, columns }: Batch): string {
  return `${table}.${columns.join(', ')}`;
}
