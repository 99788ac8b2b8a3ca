/**
 * Runs the schema statements of migrations on empty copies of the tables, in a transaction that is
 * rolled back. The server itself then tells what a statement will do: rewrite a table, read it,
 * build an index, or refuse. The tables themselves are not locked.
 *
 * While PostgreSQL works through ALTER TABLE, it reports each long step as a DEBUG1 message
 * (`ATRewriteTable`, `index_build` and `validateForeignKeyConstraint` in its source, the same in
 * PostgreSQL 12 to 18). It takes these steps for an empty table too.
 */
import {
  asNode,
  kindOf,
  type Node,
  type NodeKind,
  type NodeOf,
  type ParsedStatement,
  parseSql,
  qualifiedName,
  relationName,
  relationsIn,
  type SqlName,
  scanSql,
} from '../../../model/sql';
import { isConnectionLost, type PostgresConnection, rowsOf, sqlState } from '../connection';
import { quoted, quoteName } from './names';
import { endOfName } from './statement-facts';
import { type Copied, copyStatements, type TableCopy, tablesToCopy } from './table-copy';

/** A long step of PostgreSQL, and the table that it works through. */
export interface Step {
  readonly work: 'rewrite' | 'verify' | 'index' | 'foreign key';
  /** The table's name in the rehearsal, without its schema; absent for a foreign key. */
  readonly table?: string;
}

/** What the server made of one action of a statement, or of a statement as a whole. */
export interface Rehearsed {
  readonly steps: readonly Step[];
  /** Implied by constraints, so that PostgreSQL does not read the rows of the default partition. */
  readonly sparesDefault: boolean;
  readonly error?: { readonly state: string; readonly message: string };
}

/** `untried` if the statement is of a kind that is not rehearsed, or lacks what it needs. */
export type Outcome = readonly Rehearsed[] | 'untried';

/** Where a name leads in the rehearsal. */
export interface Found {
  readonly oid: string;
  readonly kind: string;
  readonly schema: string;
  readonly name: string;
  /** The table of which it, or its table, is the copy; absent for what the run creates. */
  readonly copyOf?: Copied;
  /** Whether it was there before the run. */
  readonly existed: boolean;
}

/** An object with the name of a new index. */
export interface NameHolder {
  /** Whether it is an index of the same table. */
  readonly ofTable: boolean;
  /** Its definition, if it is another than the new index would have. */
  readonly other?: string;
}

const OTHER: NameHolder = { ofTable: false };
const WANTED = 'isochrone_wanted';

/** How much is rehearsed at once: each object takes a place in the lock table of the server. */
const MOST_STATEMENTS = 2_000;
const MOST_COPIES = 500;
const MOST_VIEWS = 50;

const REHEARSED: ReadonlySet<NodeKind> = new Set<NodeKind>([
  'AlterFunctionStmt',
  'AlterTableStmt',
  'AlterObjectSchemaStmt',
  'CompositeTypeStmt',
  'CreateDomainStmt',
  'CreateEnumStmt',
  'CreateFunctionStmt',
  'CreateRangeStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'CreateStmt',
  'CreateTableAsStmt',
  'DropStmt',
  'IndexStmt',
  'RenameStmt',
  'VariableSetStmt',
  'ViewStmt',
]);

/** The settings that change what a statement does to a table. */
const SETTINGS = [
  'search_path',
  'timezone',
  'datestyle',
  'intervalstyle',
  'default_table_access_method',
];

const STEPS: readonly (readonly [RegExp, Step['work']])[] = [
  [/^rewriting table "(.*)"$/s, 'rewrite'],
  [/^verifying table "(.*)"$/s, 'verify'],
  [/^building index ".*" on table "(.*)" (?:serially|with request for .*)$/s, 'index'],
  [/^validating foreign key constraint ".*"$/s, 'foreign key'],
];
const SPARES_DEFAULT = /^updated partition constraint for default partition .* is implied/;

const COPYABLE = new Set(['r', 'p', 'm']);

export class Rehearsal {
  /** The copies by the oid of their table, and by their own. */
  private readonly copies = new Map<string, Copied>();
  private readonly byCopy = new Map<string, Copied>();
  /** The schemas of the copies by the schemas that they stand for. */
  private readonly schemas = new Map<string, string>();
  private readonly messages: string[] = [];
  private path: readonly string[] = [];
  private statements = 0;
  private copiesViews = false;
  private copiesKeys = false;
  /** The tables copied without their foreign keys, each with those that were copied with it. */
  private readonly keysLeft = new Map<string, readonly TableCopy[]>();

  private constructor(
    private readonly connection: PostgresConnection,
    private readonly existing: Set<string>,
  ) {}

  /**
   * Begins a transaction for the rehearsal.
   *
   * @returns undefined if this role may not create schemas, the server only reads, or the connection
   * does not tell the messages of the server
   */
  public static async begin(connection: PostgresConnection): Promise<Rehearsal | undefined> {
    if (!connection.on) return undefined;
    await connection.query('BEGIN');
    try {
      const schemas = await rowsOf<{ name: string }>(
        connection,
        'SELECT nspname AS name FROM pg_namespace',
      );
      const rehearsal = new Rehearsal(connection, new Set(schemas.map(({ name }) => name)));
      connection.on('notice', rehearsal.listen);
      await rehearsal.reset();
      return rehearsal;
    } catch (error) {
      await connection.query('ROLLBACK');
      // insufficient_privilege, read_only_sql_transaction
      if (['42501', '25006'].includes(sqlState(error) ?? '')) return undefined;
      throw error;
    }
  }

  public async end(): Promise<void> {
    this.connection.off?.('notice', this.listen);
    await this.connection.query('ROLLBACK');
  }

  private readonly listen = ({ message }: { readonly message?: string }): void => {
    if (message !== undefined) this.messages.push(message);
  };

  /** Gives the session its settings back, as the run does before each file. */
  public async reset(): Promise<void> {
    await this.connection.query(
      `RESET ALL; SET LOCAL standard_conforming_strings = on; SET LOCAL lock_timeout = '2s';
       SET LOCAL check_function_bodies = off;
       SET LOCAL client_min_messages = debug1`,
    );
    await this.followPath();
  }

  /** Whether there is room for more. What is left out is rehearsed before its own file runs. */
  private get isFull(): boolean {
    return this.statements >= MOST_STATEMENTS || this.copies.size >= MOST_COPIES;
  }

  /** Puts the copies in front of the schemas of the path. */
  private async followPath(): Promise<void> {
    const [row] = await rowsOf<{ path: string[] }>(
      this.connection,
      'SELECT array_to_json(current_schemas(false)::text[]) AS path',
    );
    this.path = (row?.path ?? []).filter((schema) => !this.isCopy(schema));
    await this.setPath();
  }

  private async setPath(): Promise<void> {
    const schemas: string[] = [];
    for (const schema of this.path) {
      if (this.existing.has(schema) && !isSystem(schema))
        schemas.push(await this.schemaFor(schema));
      schemas.push(schema);
    }
    const path = schemas.length > 0 ? schemas.map((schema) => quoteName(schema)).join(', ') : "''";
    await this.connection.query(`SET LOCAL search_path = ${path}`);
  }

  private isCopy(schema: string): boolean {
    return [...this.schemas.values()].includes(schema);
  }

  /** The schema of the copies of this schema's tables. */
  private async schemaFor(schema: string): Promise<string> {
    const before = this.schemas.get(schema);
    if (before !== undefined) return before;
    let name = `isochrone_rehearsal_${this.schemas.size + 1}`;
    while (this.existing.has(name)) name += '_';
    this.schemas.set(schema, name);
    await this.connection.query(`CREATE SCHEMA ${quoteName(name)}`);
    return name;
  }

  /** Runs a statement on the copies. */
  public async run(statement: ParsedStatement): Promise<Outcome> {
    const text = createsTable(statement.node)
      ? asCreateTable(statement)
      : REHEARSED.has(kindOf(statement.node)) && statement.text;
    if (!text || this.isFull) return 'untried';
    this.statements += 1;
    const texts = await this.attempt(() => this.translate(text));
    if (!Array.isArray(texts) || texts.length === 0) return 'untried';
    const outcomes = await this.all(texts);
    // One action may need another one of the statement that PostgreSQL runs first.
    if (texts.length > 1 && outcomes.some(({ error }) => error)) {
      const [whole] = (await this.attempt(() => this.translate(text, false))) as string[];
      return this.all([whole ?? '']);
    }
    return outcomes;
  }

  /** Runs texts, all or none. */
  private async all(texts: readonly string[]): Promise<Rehearsed[]> {
    const outcomes: Rehearsed[] = [];
    await this.connection.query('SAVEPOINT statement');
    for (const text of texts) {
      this.messages.length = 0;
      const error = await this.attempt(() => this.connection.query(text));
      outcomes.push({
        steps: this.messages.flatMap(stepOf),
        sparesDefault: this.messages.some((message) => SPARES_DEFAULT.test(message)),
        ...(error instanceof Refused && {
          error: { state: error.state, message: this.original(error.message) },
        }),
      });
      if (!(error instanceof Refused)) continue;
      await this.connection.query('ROLLBACK TO statement');
      break;
    }
    await this.connection.query('RELEASE statement');
    return outcomes;
  }

  /**
   * What has the name of a new index already; undefined if nothing has. INVALID indexes are left
   * out, because a run builds them anew.
   */
  public async holderOfName({ text }: ParsedStatement): Promise<NameHolder | undefined> {
    const index = asNode(parseSql(text)[0]?.node, 'IndexStmt');
    const table = index?.relation && (await this.find(relationName(index.relation)));
    if (!index?.relation || index.idxname === undefined || !table || this.isFull) return undefined;
    const copy = await this.copied(table);
    const holder = await this.find({ schema: table.schema, name: index.idxname });
    if (holder?.existed && !holder.copyOf && 'iI'.includes(holder.kind)) await this.copied(holder);
    const start = Buffer.from(text).subarray(0, index.relation.location).toString().length;
    const only = index.relation.inh === true ? '' : 'ONLY ';
    const wanted = quoteName(copy.schema, WANTED);
    await this.connection.query('SAVEPOINT wanted');
    const created = await this.attempt(() =>
      this.connection.query(
        `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoteName(WANTED)}
         ON ${only}${quoted(copy)} ${text.slice(endOfName(text, start))}`,
      ),
    );
    const [found] = await rowsOf<{ ofTable: boolean; definition: string; isWanted: boolean }>(
      this.connection,
      `WITH described AS (
         SELECT indexrelid, indrelid, concat(
           CASE WHEN indisunique THEN 'UNIQUE ' END,
           regexp_replace(pg_get_indexdef(indexrelid), '^.*? (?=USING )', '')) AS definition
         FROM pg_index)
       SELECT definition, coalesce(indrelid = to_regclass($2), false) AS "ofTable",
         definition = (SELECT definition FROM described WHERE indexrelid = to_regclass($3))
           AS "isWanted"
       FROM pg_class LEFT JOIN described ON indexrelid = oid WHERE oid = to_regclass($1)`,
      [quoteName(copy.schema, index.idxname), quoted(copy), wanted],
    );
    await this.connection.query('ROLLBACK TO wanted; RELEASE wanted');
    if (!found) return holder && !holder.copyOf && !'iI'.includes(holder.kind) ? OTHER : undefined;
    if (!found.ofTable) return OTHER;
    if (created instanceof Refused || found.isWanted) return { ofTable: true };
    return { ofTable: true, other: found.definition };
  }

  /**
   * The tables that a statement reads as a whole, by their names in the rehearsal; a row found by a
   * unique key does not count.
   *
   * @returns undefined if PostgreSQL cannot plan it here
   */
  public async tablesReadWhole(statement: ParsedStatement): Promise<SqlName[] | undefined> {
    if (this.isFull) return undefined;
    const planned = await this.attempt(async () => {
      const [text] = await this.translate(statement.text);
      await this.connection.query(
        `SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
         SET LOCAL enable_mergejoin = off; SET LOCAL enable_bitmapscan = off`,
      );
      return rowsOf<{ 'QUERY PLAN': unknown }>(
        this.connection,
        `EXPLAIN (FORMAT JSON, VERBOSE) ${text}`,
      );
    });
    await this.connection.query(
      `SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
       SET LOCAL enable_mergejoin = on; SET LOCAL enable_bitmapscan = on`,
    );
    if (planned instanceof Refused) return undefined;
    const tables: SqlName[] = [];
    for (const { scan, isShort } of scansOf(planned)) {
      if (isShort) continue;
      const name = { schema: scan.Schema, name: scan['Relation Name'] ?? '' };
      if (!(await this.isLookup(scan))) tables.push(name);
    }
    return tables;
  }

  /**
   * Whether a scan finds one row: each column of a unique index equals something. EXPLAIN has the
   * condition as text alone, and its text is not always SQL, such as `(InitPlan 1).col1`, so that
   * the parser cannot read it.
   */
  private async isLookup(scan: PlanNode): Promise<boolean> {
    if (scan['Index Name'] === undefined || scan['Index Cond'] === undefined) return false;
    const equal = scan['Index Cond'].match(/\([^()\s]+ = /g)?.length ?? 0;
    const [row] = await rowsOf<{ keys: number }>(
      this.connection,
      `SELECT indnkeyatts AS keys FROM pg_index
       JOIN pg_class c ON c.oid = indexrelid JOIN pg_class t ON t.oid = indrelid
       WHERE c.relname = $1 AND t.relname = $2 AND indisunique`,
      [scan['Index Name'], scan['Relation Name']],
    );
    return row !== undefined && equal >= row.keys;
  }

  /** Where a name leads; undefined if nowhere. */
  public async find(name: SqlName): Promise<Found | undefined> {
    const copy = name.schema === undefined ? undefined : this.schemas.get(name.schema);
    const names = copy === undefined ? [name] : [{ schema: copy, name: name.name }, name];
    for (const each of names) {
      const [row] = await rowsOf<{ oid: string; kind: string; schema: string; name: string }>(
        this.connection,
        `SELECT c.oid::text, relkind AS kind, nspname AS schema, relname AS name
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = to_regclass($1)`,
        [quoted(each)],
      );
      if (!row) continue;
      const ofIndex = 'iI'.includes(row.kind) && this.isNew(row);
      const copyOf = this.byCopy.get(ofIndex ? await this.tableOf(row.oid) : row.oid);
      // Renamed, moved or dropped by the run: only the copy still has the name.
      if (!copyOf && this.copies.has(row.oid)) return undefined;
      const existed = copyOf !== undefined || (this.existing.has(row.schema) && !this.isNew(row));
      return { ...row, copyOf, existed };
    }
    return undefined;
  }

  private isNew({ schema }: { readonly schema: string }): boolean {
    return this.isCopy(schema) || schema.startsWith('pg_temp');
  }

  /** The copies of a table's tree: the table with its partitions and heirs, as the run has it. */
  public async treeOf({
    oid,
  }: Found): Promise<{ readonly oid: string; readonly copyOf?: Copied }[]> {
    const rows = await rowsOf<{ oid: string }>(
      this.connection,
      `WITH RECURSIVE tree AS (
         SELECT $1::oid AS oid
         UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid)
       SELECT oid::text FROM tree`,
      [oid],
    );
    return rows.map((row) => ({ oid: row.oid, copyOf: this.byCopy.get(row.oid) }));
  }

  /** The copies of this name, whatever their schema: messages of the server have no schema. */
  public async named(name: string): Promise<Found[]> {
    const rows = await rowsOf<{ oid: string; schema: string }>(
      this.connection,
      `SELECT c.oid::text, nspname AS schema FROM pg_class c
       JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relname = $1 AND (c.oid::text = ANY ($2) OR nspname <> ALL ($3))`,
      [name, [...this.byCopy.keys()], [...this.existing]],
    );
    return rows.map((row) => ({
      ...row,
      name,
      kind: 'r',
      copyOf: this.byCopy.get(row.oid),
      existed: this.byCopy.has(row.oid),
    }));
  }

  /** Copies a table with its whole tree, unless that is done, and returns the copy's name. */
  private async copied(found: Found): Promise<SqlName & { readonly schema: string }> {
    if (!found.existed) return { schema: found.schema, name: found.name };
    if (found.copyOf) {
      await this.copyKeys(found.copyOf.oid);
      return { schema: found.schema, name: found.name };
    }
    const table =
      found.kind === 'i' || found.kind === 'I' ? await this.tableOf(found.oid) : found.oid;
    const tables = (await tablesToCopy(this.connection, table)).filter(
      ({ oid }) => !this.copies.has(oid),
    );
    for (const { schema } of tables) await this.schemaFor(schema);
    const place = ({ schema, name }: TableCopy) =>
      quoteName(this.schemas.get(schema) ?? schema, name);
    for (const text of copyStatements(tables, place)) {
      // A copy may lack what cannot be copied, such as an index with a function that is gone.
      await this.attempt(() => this.connection.query(text));
    }
    const rows = await rowsOf<{ oid: string | null; of: string }>(
      this.connection,
      `SELECT to_regclass(name)::oid::text AS oid, of FROM unnest($1::text[], $2::text[]) AS w (name, of)`,
      [tables.map(place), tables.map(({ oid }) => oid)],
    );
    rows.forEach(({ oid, of }, i) => {
      const { schema, name, bytes } = tables[i] as TableCopy;
      const copy = { oid: of, schema, name, bytes };
      this.copies.set(of, copy);
      if (oid !== null) this.byCopy.set(oid, copy);
      this.keysLeft.set(of, tables);
    });
    await this.copyKeys(table);
    if (!this.copiesViews) {
      this.copiesViews = true;
      await this.copyViews(tables.map(({ oid }) => oid));
      this.copiesViews = false;
    }
    return { schema: await this.schemaFor(found.schema), name: found.name };
  }

  /**
   * Copies the foreign keys of a table's tree, because a partitioned table takes over those of its
   * partitions. The tables that they refer to get theirs when a statement names them.
   */
  private async copyKeys(table: string): Promise<void> {
    const tables = this.keysLeft.get(table);
    if (!tables || this.copiesKeys) return;
    for (const { oid } of tables) this.keysLeft.delete(oid);
    this.copiesKeys = true;
    // Partitions first, as for indexes.
    for (const { schema, name, foreignKeys } of [...tables].reverse()) {
      const copy = quoteName(this.schemas.get(schema) ?? schema, name);
      for (const key of foreignKeys) {
        await this.attempt(async () => {
          const [text] = await this.translate(
            `ALTER TABLE ${copy} ADD CONSTRAINT ${quoteName(key.name)} ${key.definition}`,
          );
          await this.connection.query(text ?? '');
        });
      }
    }
    this.copiesKeys = false;
  }

  /** Copies the views on tables, because PostgreSQL lets no column change that a view uses. */
  private async copyViews(tables: readonly string[]): Promise<void> {
    const views = await rowsOf<{ schema: string; name: string; kind: string; query: string }>(
      this.connection,
      `SELECT DISTINCT nspname AS schema, relname AS name, relkind AS kind,
         rtrim(pg_get_viewdef(v.oid), ';') AS query
       FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
       JOIN pg_class v ON v.oid = ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
       WHERE refclassid = 'pg_class'::regclass AND refobjid::text = ANY ($1) AND relkind = 'v'
         AND NOT EXISTS (SELECT FROM pg_namespace s WHERE s.oid = relnamespace AND nspname = ANY ($2))
       LIMIT ${MOST_VIEWS}`,
      [[...tables], [...this.schemas.values()]],
    );
    for (const { schema, name, query } of views) {
      const copy = quoteName(await this.schemaFor(schema), name);
      await this.attempt(async () => {
        const [text] = await this.translate(`CREATE VIEW ${copy} AS ${query}`);
        await this.connection.query(text ?? '');
      });
    }
  }

  private async tableOf(index: string): Promise<string> {
    const [row] = await rowsOf<{ table: string }>(
      this.connection,
      'SELECT indrelid::text AS "table" FROM pg_index WHERE indexrelid = $1',
      [index],
    );
    return row?.table ?? index;
  }

  /**
   * The statement on the copies: names are replaced, CONCURRENTLY is left out, and the actions of
   * ALTER TABLE are apart. Empty if it is not to be run here.
   */
  private async translate(text: string, apart = true): Promise<string[]> {
    const [parsed] = parseSql(text);
    if (!parsed) return [];
    const { node } = parsed;
    const set = asNode(node, 'VariableSetStmt');
    if (set) return this.translateSetting(set, text);
    const drop = asNode(node, 'DropStmt');
    if (drop) return this.translateDrop(drop);
    const move = asNode(node, 'AlterObjectSchemaStmt');
    if (move && move.objectType !== 'OBJECT_DOMAIN') return this.translateMove(move);
    const rename = asNode(node, 'RenameStmt');
    if (rename?.renameType === 'OBJECT_SCHEMA') return this.renameSchema(rename, text);
    if (!isRehearsable(node)) return [];
    let bytes = Buffer.from(text);
    const places = relationsIn(node)
      .filter(({ location }) => location !== undefined)
      .sort((a, b) => (b.location ?? 0) - (a.location ?? 0));
    for (const relation of places) {
      const replacement = await this.replacement(relation, node);
      if (replacement === 'stop') return [];
      if (replacement === undefined) continue;
      const start = bytes.subarray(0, relation.location).toString().length;
      const now = bytes.toString();
      bytes = Buffer.from(now.slice(0, start) + replacement + now.slice(endOfName(now, start)));
    }
    const translated = withoutConcurrently(node, bytes.toString());
    // The copy of a materialized view is a table.
    if (rename?.renameType === 'OBJECT_MATVIEW')
      return [translated.replace(/^\s*ALTER\s+MATERIALIZED\s+VIEW/i, 'ALTER TABLE')];
    const alter = asNode(node, 'AlterTableStmt');
    if (alter && apart) return actionsApart(translated, alter.cmds?.length ?? 0);
    if ('CreateTableAsStmt' in node) return [withoutData(translated)];
    return [translated];
  }

  /** What stands for a name: `stop` if the statement would touch what has no copy. */
  private async replacement(relation: NodeOf<'RangeVar'>, node: Node): Promise<string | undefined> {
    if (relation.relpersistence === 't') return undefined;
    const name = relationName(relation);
    const found = await this.find(name);
    const isCreated = created(node) === relation;
    if (found && !isCreated) {
      if (!found.existed) return quoteName(found.schema, found.name);
      if (found.copyOf) return quoted(await this.copied(found));
      if (isSystem(found.schema)) return undefined;
      if (COPYABLE.has(found.kind) || found.kind === 'i' || found.kind === 'I')
        return quoted(await this.copied(found));
      // A view, a sequence or a foreign table may be read, but not changed.
      return READERS.has(kindOf(node)) ? undefined : 'stop';
    }
    if (found?.copyOf || (found && !found.existed)) return quoteName(found.schema, found.name);
    if (found && COPYABLE.has(found.kind)) return quoted(await this.copied(found));
    if (name.schema === undefined) return undefined;
    if (!this.existing.has(name.schema)) return undefined;
    return quoteName(await this.schemaFor(name.schema), name.name);
  }

  private async translateSetting(set: NodeOf<'VariableSetStmt'>, text: string): Promise<string[]> {
    const name = set.name?.toLowerCase() ?? '';
    if (set.kind !== 'VAR_RESET_ALL' && !SETTINGS.includes(name)) return [];
    await this.connection.query(
      set.kind === 'VAR_RESET_ALL' ? SETTINGS.map((each) => `RESET ${each}`).join('; ') : text,
    );
    if (set.kind === 'VAR_RESET_ALL' || name === 'search_path') await this.followPath();
    return ['SELECT 1'];
  }

  private async translateDrop(drop: NodeOf<'DropStmt'>): Promise<string[]> {
    const words = DROPPED[drop.removeType ?? ''];
    if (words === undefined) return [];
    const texts: string[] = [];
    for (const object of drop.objects ?? []) {
      const found = await this.find(qualifiedName(asNode(object, 'List')?.items));
      if (!found) continue;
      if (found.existed && !found.copyOf && !'rpiI'.includes(found.kind)) return [];
      const name = quoted(await this.copied(found));
      // The copy of a materialized view is a table.
      const kind = found.existed && words === DROPPED.OBJECT_MATVIEW ? 'TABLE' : words;
      texts.push(
        `DROP ${kind} IF EXISTS ${name}${drop.behavior === 'DROP_CASCADE' ? ' CASCADE' : ''}`,
      );
    }
    return texts;
  }

  private async translateMove(move: NodeOf<'AlterObjectSchemaStmt'>): Promise<string[]> {
    const { relation, newschema = '', objectType } = move;
    if ((objectType !== 'OBJECT_TABLE' && objectType !== 'OBJECT_MATVIEW') || !relation) return [];
    const found = await this.find(relationName(relation));
    if (!found || !COPYABLE.has(found.kind)) return [];
    const table = quoted(await this.copied(found));
    const schema = this.existing.has(newschema) ? await this.schemaFor(newschema) : newschema;
    return [`ALTER TABLE ${table} SET SCHEMA ${quoteName(schema)}`];
  }

  /** The schema itself is renamed, which locks no table, and its copies stand for the new name. */
  private async renameSchema(
    { subname = '', newname = '' }: NodeOf<'RenameStmt'>,
    text: string,
  ): Promise<string[]> {
    await this.connection.query(text);
    const copy = this.schemas.get(subname);
    this.schemas.delete(subname);
    if (copy !== undefined) this.schemas.set(newname, copy);
    if (this.existing.delete(subname)) this.existing.add(newname);
    await this.followPath();
    return ['SELECT 1'];
  }

  /** The message with the schemas that the user knows. */
  private original(message: string): string {
    let text = message;
    for (const [schema, copy] of this.schemas) text = text.replaceAll(copy, schema);
    return text;
  }

  /** Does something that may fail without ending the transaction. */
  private async attempt<T>(work: () => Promise<T>): Promise<T | Refused> {
    await this.connection.query('SAVEPOINT attempt');
    try {
      const result = await work();
      await this.connection.query('RELEASE attempt');
      return result;
    } catch (error) {
      const state = sqlState(error);
      if (state === undefined || isConnectionLost(error)) throw error;
      await this.connection.query('ROLLBACK TO attempt; RELEASE attempt');
      return new Refused(state, (error as Error).message);
    }
  }
}

class Refused {
  constructor(
    public readonly state: string,
    public readonly message: string,
  ) {}
}

const READERS: ReadonlySet<NodeKind> = new Set<NodeKind>([
  'ViewStmt',
  'CreateTableAsStmt',
  'CreateFunctionStmt',
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
]);

const DROPPED: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'TABLE',
  OBJECT_INDEX: 'INDEX',
  OBJECT_VIEW: 'VIEW',
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
};

/** A domain is renamed itself, which locks no table. */
const RENAMED = new Set([
  'OBJECT_INDEX',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_MATVIEW',
  'OBJECT_DOMAIN',
]);

/** Whether a statement changes tables and their indexes alone. */
function isRehearsable(node: Node): boolean {
  const rename = asNode(node, 'RenameStmt');
  if (rename) {
    const ofTable = rename.relationType === 'OBJECT_TABLE' || rename.renameType === 'OBJECT_TABLE';
    return ofTable || RENAMED.has(rename.renameType ?? '');
  }
  const alter = asNode(node, 'AlterTableStmt');
  return !alter || alter.objtype === 'OBJECT_TABLE' || alter.objtype === 'OBJECT_INDEX';
}

/** The name of the object that a statement creates. */
function created(node: Node): NodeOf<'RangeVar'> | undefined {
  return (
    asNode(node, 'CreateStmt')?.relation ??
    asNode(node, 'CreateTableAsStmt')?.into?.rel ??
    asNode(node, 'ViewStmt')?.view ??
    asNode(node, 'CreateSeqStmt')?.sequence
  );
}

function withoutConcurrently(node: Node, text: string): string {
  if (!('IndexStmt' in node) && !('AlterTableStmt' in node)) return text;
  const word = scanSql(text).find(
    (token) => token.kind === 'keyword' && token.text.toUpperCase() === 'CONCURRENTLY',
  );
  return word ? `${text.slice(0, word.start)}${text.slice(word.end)}` : text;
}

function withoutData(text: string): string {
  const [before, last] = scanSql(text).slice(-2);
  const says = `${before?.text} ${last?.text}`.toUpperCase();
  if (says === 'NO DATA') return text;
  return `${says === 'WITH DATA' ? text.slice(0, before?.start) : text} WITH NO DATA`;
}

/** Whether it is SELECT … INTO. */
export function createsTable(node: Node): boolean {
  return asNode(node, 'SelectStmt')?.intoClause !== undefined;
}

/** SELECT … INTO as CREATE TABLE AS; undefined for a temporary table. */
function asCreateTable({ text, node }: ParsedStatement): string | undefined {
  const table = asNode(parseSql(text)[0]?.node ?? node, 'SelectStmt')?.intoClause?.rel;
  if (!table || table.relpersistence === 't') return undefined;
  const start = Buffer.from(text).subarray(0, table.location).toString().length;
  const end = endOfName(text, start);
  const into = scanSql(text).findLast(
    (token) => token.start < start && token.text.toUpperCase() === 'INTO',
  );
  const query = `${text.slice(0, into?.start)}${text.slice(end)}`;
  return `CREATE TABLE ${text.slice(start, end)} AS ${query} WITH NO DATA`;
}

/**
 * Each action of ALTER TABLE as a statement of its own. The nodes of actions have no location, and
 * libpg-query writes no tree back as SQL, so the commas between them are looked up among the tokens
 * of PostgreSQL's scanner; a count that differs from the tree's leaves the statement whole.
 */
function actionsApart(text: string, count: number): string[] {
  const location = asNode(parseSql(text)[0]?.node, 'AlterTableStmt')?.relation?.location ?? 0;
  const head = endOfName(text, Buffer.from(text).subarray(0, location).toString().length);
  const actions: string[] = [];
  let depth = 0;
  let from = head;
  for (const { text: token, start, end } of scanSql(text)) {
    if (start < head) continue;
    if (token === '(' || token === '[') depth += 1;
    if (token === ')' || token === ']') depth -= 1;
    if (token !== ',' || depth > 0) continue;
    actions.push(text.slice(from, start));
    from = end;
  }
  actions.push(text.slice(from));
  return actions.length === count
    ? actions.map((each) => `${text.slice(0, head)} ${each}`)
    : [text];
}

function stepOf(message: string): Step[] {
  for (const [pattern, work] of STEPS) {
    const found = pattern.exec(message);
    if (found) return [{ work, table: found[1] }];
  }
  return [];
}

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly Schema?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Node Type'?: string;
  readonly 'Parent Relationship'?: string;
  readonly 'Plan Rows'?: number;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
}

/**
 * The nodes of a plan that read a table. A scan is short if a LIMIT right above it ends it, as it
 * does for `max` of an indexed column. A LIMIT of more rows than PostgreSQL expects of an empty
 * table, some hundreds or thousands, does not count.
 */
function scansOf(
  rows: readonly { readonly 'QUERY PLAN': unknown }[],
): { readonly scan: PlanNode; readonly isShort: boolean }[] {
  const plans = rows[0]?.['QUERY PLAN'] as readonly { readonly Plan?: PlanNode }[] | undefined;
  const found: { scan: PlanNode; isShort: boolean }[] = [];
  const left = (plans ?? []).flatMap(({ Plan }) => (Plan ? [{ node: Plan, few: false }] : []));
  for (let next = left.pop(); next; next = left.pop()) {
    const { node } = next;
    if (node['Relation Name'] !== undefined && /Scan$/.test(node['Node Type'] ?? ''))
      found.push({ scan: node, isShort: next.few && node.Filter === undefined });
    const { 'Node Type': type, 'Plan Rows': rows = 0 } = node;
    for (const child of node.Plans ?? []) {
      const few = type === 'Limit' && child['Parent Relationship'] === 'Outer';
      left.push({ node: child, few: few && rows < (child['Plan Rows'] ?? 0) });
    }
  }
  return found;
}

function isSystem(schema: string): boolean {
  return schema === 'information_schema' || schema.startsWith('pg_');
}
