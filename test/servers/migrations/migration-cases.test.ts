/**
 * What runs refuse on large tables and what they accept, on each version of PostgreSQL that is here.
 * Where the advice of a refusal is SQL, it is followed: it must be accepted, run, and lead to the
 * schema that the refused statements lead to.
 */
import type { EmbeddedVersion } from '../embedded-postgres';
import { PostgresServer } from '../postgres-server';
import { postgresHere, serversHere } from '../server-process';
import { ACCEPTED, type MigrationCase, REFUSED, SCHEMA } from './migration-cases';
import { MigratedServer, migrations } from './migration-fixture';

const LARGE = { largeTableBytes: 1024 * 1024, attempts: 1 };
const installed = serversHere('postgres', 'initdb');

describe.each<[string, EmbeddedVersion | undefined, boolean]>([
  ['the installed PostgreSQL', undefined, installed],
  ['PostgreSQL 17', 17, postgresHere(17)],
  ['PostgreSQL 18', 18, postgresHere(18)],
])('on %s', (_, version, isHere) => {
  if (!isHere) return test.skip('nothing runs', () => {});
  let server: PostgresServer;
  let migrated: MigratedServer;
  let template: string;
  let major: number;

  beforeAll(async () => {
    server = await PostgresServer.start({ version, settings: { timezone: 'UTC' } });
    migrated = new MigratedServer(server);
    template = await migrated.database();
    await server.query(SCHEMA, [], template);
    const [row] = await server.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version`,
    );
    major = row?.version ?? 0;
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  async function databaseFor({ setup }: MigrationCase): Promise<string> {
    const name = await migrated.database(template);
    if (setup !== undefined) await server.query(setup, [], name);
    return name;
  }

  function apply(name: string, texts: string | readonly string[]) {
    const files = Object.fromEntries(
      filesOf(texts).map((sql, i) => [`${String(i + 1).padStart(4, '0')}-x.sql`, sql]),
    );
    return migrated.run(name, { files: migrations(files), ...LARGE });
  }

  const schema = (name: string) => server.query(CATALOG, [], name);
  const drop = (name: string) => server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  /** Whether this version decides so. */
  const applies = ({ since = 0, until = Infinity }: MigrationCase) =>
    since <= major && major <= until;

  test.each(Object.entries(ACCEPTED))('%s is accepted', async (_name, accepted) => {
    if (!applies(accepted)) return;
    const name = await databaseFor(accepted);
    expect(await apply(name, accepted.files)).toMatchObject({
      applied: filesOf(accepted.files).map(() => expect.any(String)),
    });
    await drop(name);
  });

  test.each(Object.entries(REFUSED))('%s is refused', async (_name, refused) => {
    if (!applies(refused)) return;
    const name = await databaseFor(refused);
    const before = await schema(name);
    const { message } = await apply(name, refused.files).then(
      () => ({ message: 'accepted' }),
      (error: Error) => error,
    );
    expect(message).toMatch(refused.rule);
    expect(message).toMatch(/^000\d-x\.sql:\d+: .* must be .*, got .*\n.+/s);
    expect(await schema(name)).toEqual(before);
    const { advice } = refused;
    if (advice) {
      expect(message).toContain(advice.says);
      await apply(name, advice.files);
      const wanted = await databaseFor(refused);
      for (const sql of advice.wanted ?? filesOf(refused.files))
        await server.query(sql, [], wanted);
      expect(await schema(name)).toEqual(await schema(wanted));
      await drop(wanted);
    }
    await drop(name);
  });
});

function filesOf(texts: string | readonly string[]): readonly string[] {
  return typeof texts === 'string' ? [texts] : texts;
}

/**
 * The columns, constraints, indexes, partitions and domains of a database. The order of columns
 * and the names of the indexes of partitions are left out.
 */
const CATALOG = `
  WITH names AS (
    SELECT concat_ws('.', nspname, relname) AS name, c.* FROM pg_class c
    JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'isochrone'))
  SELECT concat_ws(' ', 'column', name, attname, format_type(atttypid, atttypmod),
    CASE WHEN attnotnull THEN 'NOT NULL' END, pg_get_expr(adbin, adrelid)) AS line
  FROM names c JOIN pg_attribute a ON attrelid = c.oid
  LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relkind IN ('r', 'p', 'm') AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT concat_ws(' ', 'constraint', name,
    CASE WHEN conparentid = 0 THEN conname END, pg_get_constraintdef(k.oid), convalidated)
  FROM pg_constraint k JOIN names c ON c.oid = conrelid WHERE contype <> 'n'
  UNION ALL
  SELECT concat_ws(' ', 'index', t.name,
    CASE WHEN inhparent IS NULL THEN i.relname ELSE concat('of ', inhparent::regclass) END,
    indisunique, indisprimary, indisvalid,
    regexp_replace(pg_get_indexdef(indexrelid), '^.*? (?=USING )', ''))
  FROM pg_index JOIN names t ON t.oid = indrelid JOIN pg_class i ON i.oid = indexrelid
  LEFT JOIN pg_inherits ON inhrelid = indexrelid
  UNION ALL
  SELECT concat_ws(' ', 'partition', c.name, inhparent::regclass,
    pg_get_expr(c.relpartbound, c.oid))
  FROM pg_inherits JOIN names c ON c.oid = inhrelid WHERE c.relkind IN ('r', 'p')
  UNION ALL
  SELECT concat_ws(' ', 'domain', typname, conname, pg_get_constraintdef(k.oid), convalidated)
  FROM pg_constraint k JOIN pg_type t ON t.oid = contypid JOIN pg_namespace n ON n.oid = typnamespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema')
  ORDER BY 1`;
