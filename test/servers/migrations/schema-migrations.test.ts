/** Runs of migrations on a real server: what they refuse, wait for and report. */

import { Catalog } from '../../../lib/tools/postgres/migrations/catalog';
import { checkAgainstCatalog } from '../../../lib/tools/postgres/migrations/catalog-checks';
import { migrate } from '../../../lib/tools/postgres/migrations/migrate';
import { planMigrations } from '../../../lib/tools/postgres/migrations/plan';
import type { MigrationEvent } from '../../../lib/tools/postgres/migrations/runner';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';
import { FILES, MigratedServer, migrations } from './migration-fixture';

const describeHere = serversHere('postgres', 'initdb', 'pg_dump') ? describe : describe.skip;

describeHere('migrations on a server', () => {
  let server: PostgresServer;
  let migrated: MigratedServer;
  let name: string;
  beforeAll(async () => {
    server = await PostgresServer.start();
    migrated = new MigratedServer(server);
    name = await migrated.database();
    await migrated.run(name);
    await server.query(
      `CREATE SCHEMA market; CREATE TABLE market.bars AS SELECT id FROM trades;
       CREATE UNIQUE INDEX bars_key ON market.bars (id);
       CREATE DOMAIN positive AS bigint CHECK (value > 0); CREATE DOMAIN any_text AS text;
       CREATE TABLE months (at int) PARTITION BY RANGE (at);
       CREATE TABLE rest PARTITION OF months DEFAULT;
       INSERT INTO months SELECT -n FROM generate_series(1, 400) AS n;
       CREATE TABLE parts (LIKE months) PARTITION BY RANGE (at);
       CREATE TABLE loose AS SELECT * FROM months;
       CREATE TABLE moments (at timestamptz, day date);
       CREATE TABLE heirs (a int); CREATE TABLE heir () INHERITS (heirs);
       INSERT INTO heir VALUES (1);
       CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
       CREATE TABLE far (at int) PARTITION BY RANGE (at);
       CREATE FOREIGN TABLE far_1 PARTITION OF far DEFAULT SERVER elsewhere`,
      [],
      name,
    );
    await server.query(
      `CREATE TABLE empty (id int);
       CREATE FUNCTION yesterday() RETURNS date STABLE RETURN CURRENT_DATE - 1`,
      [],
      name,
    );
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
  });

  test('a second run has nothing to do', async () => {
    expect(await migrated.run(name)).toEqual({ applied: [], before: 3 });
  });

  test('an applied file may neither change nor disappear', async () => {
    const changed = { ...FILES, '0002-indexes.sql': `${FILES['0002-indexes.sql']}\n-- changed` };
    await expect(migrated.run(name, { files: migrations(changed) })).rejects.toThrow(
      new RegExp(
        '^0002-indexes\\.sql: a file that was applied must be as it was then, ' +
          'SHA-256 [0-9a-f]{12}, got',
      ),
    );
    await expect(migrated.run(name, { files: migrations().slice(0, 2) })).rejects.toThrow(
      /^0003-check\.sql: .* the folder ends at 2/s,
    );
  });

  test('a failed statement may be corrected, and its INVALID index is dropped', async () => {
    const own = await migrated.database();
    const first = 'CREATE TABLE a (b int); INSERT INTO a VALUES (1), (1);';
    const files = (second: string) =>
      migrations({ '0001-a.sql': first, '0002-b.sql': `INSERT INTO a VALUES (2); ${second}` });
    await expect(
      migrated.run(own, { files: files('CREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b)') }),
    ).rejects.toThrow(
      new RegExp(
        '^0002-b\\.sql:1: could not create unique index "a_b" \\(SQLSTATE 23505\\)\\.\n' +
          'Key \\(b\\)=\\(1\\) is duplicated',
      ),
    );
    expect(
      await server.query(
        'SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid',
        [],
        own,
      ),
    ).toEqual([]);
    await migrated.run(own, { files: files('CREATE INDEX CONCURRENTLY a_b ON a (b)') });
    expect(await server.query('SELECT count(*)::int FROM a', [], own)).toEqual([{ count: 3 }]);
    const [row] = await server.query(
      `SELECT state, attempts, started_by, database_user, error
       FROM isochrone.migrations WHERE statement = 2`,
      [],
      own,
    );
    expect(row).toEqual({
      state: 'done',
      attempts: 2,
      started_by: 'a test',
      database_user: 'postgres',
      error: null,
    });
  });

  test('an index that failed on one partition leaves no INVALID index there', async () => {
    const database = await migrated.database();
    await server.query(
      `CREATE TABLE p (at int, a int) PARTITION BY RANGE (at);
       CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1) PARTITION BY LIST (a);
       CREATE TABLE p1a PARTITION OF p1 FOR VALUES IN (1);
       CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1) TO (2);
       INSERT INTO p VALUES (0, 1), (1, 1), (1, 1)`,
      [],
      database,
    );
    const files = (kind: string) =>
      migrations({
        '0001-x.sql': `-- isochrone: per partition
CREATE ${kind} CONCURRENTLY i ON p (at, a)`,
      });
    const invalid = `
      SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid
      WHERE NOT indisvalid AND relkind = 'i'`;
    await expect(migrated.run(database, { files: files('UNIQUE INDEX') })).rejects.toThrow(
      /23505[\s\S]*single partitions that are valid remain/,
    );
    expect(await server.query(invalid, [], database)).toEqual([]);
    await migrated.run(database, { files: files('INDEX') });
    const found = `
      SELECT count(*)::int, bool_and(indisvalid AND NOT indisunique) AS good
      FROM pg_index WHERE indrelid::regclass::text ~ '^p(1|1a|2)?$'`;
    expect(await server.query(found, [], database)).toEqual([{ count: 4, good: true }]);
  });

  test('a half detached partition is detached by the next run', async () => {
    const database = await migrated.database();
    await server.query(
      `CREATE TABLE p (at int) PARTITION BY RANGE (at);
       CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1)`,
      [],
      database,
    );
    const reader = await server.connect(database);
    await reader.query('BEGIN; SELECT * FROM p');
    const files = migrations({ '0001-x.sql': 'ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY' });
    const run = migrated.run(database, { files });
    const cancel = `
      SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'
        AND query LIKE 'ALTER TABLE p DETACH%' AND wait_event_type = 'Lock'`;
    const failed = expect(run).rejects.toThrow(/57014/);
    while ((await server.query(cancel)).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await failed;
    await reader.end();
    await migrated.run(database, { files });
    expect(await server.query('SELECT 1 FROM pg_inherits', [], database)).toEqual([]);
  });

  test('an INVALID index is rebuilt, although IF NOT EXISTS would skip it', async () => {
    const own = await migrated.database();
    await server.query('CREATE TABLE a (b int)', [], own);
    await server.query('INSERT INTO a VALUES (1), (1)', [], own);
    await expect(
      server.query('CREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b)', [], own),
    ).rejects.toThrow();
    await migrated.run(own, {
      files: migrations({ '0001-a.sql': 'CREATE INDEX CONCURRENTLY IF NOT EXISTS a_b ON a (b)' }),
    });
    expect(
      await server.query(
        `SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_b'::regclass`,
        [],
        own,
      ),
    ).toEqual([{ indisvalid: true }]);
  });

  test('an index whose name a valid index has is refused without a trace', async () => {
    const files = [
      ...migrations(),
      ...migrations({ '0004-a.sql': 'CREATE INDEX CONCURRENTLY trades_symbol ON trades (id)' }),
    ];
    await expect(migrated.run(name, { files })).rejects.toThrow(
      /the name of the index must be free, got "trades_symbol"/,
    );
    expect(
      await server.query(
        'SELECT 1 FROM isochrone.migrations WHERE version = 4 AND statement > 0',
        [],
        name,
      ),
    ).toEqual([]);
  });

  test('a file that ran statement by statement continues so after its correction', async () => {
    const database = await migrated.database();
    const files = (concurrently: string) =>
      migrations({
        '0001-x.sql': 'CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)',
        '0002-x.sql': `INSERT INTO t VALUES (2); CREATE ${concurrently} i ON t (a)`,
      });
    await expect(
      migrated.run(database, { files: files('UNIQUE INDEX CONCURRENTLY') }),
    ).rejects.toThrow(/23505/);
    await migrated.run(database, { files: files('INDEX') });
    expect(await server.query('SELECT count(*)::int FROM t', [], database)).toEqual([{ count: 3 }]);
  });

  test('no state of the session reaches the next file', async () => {
    const database = await migrated.database();
    const files = migrations({
      '0001-x.sql': 'CREATE TABLE t (a int)',
      '0002-x.sql': 'CREATE TEMPORARY TABLE t (a int); PREPARE p AS SELECT 1',
      '0003-x.sql': 'INSERT INTO t VALUES (1); PREPARE p AS SELECT 2',
    });
    await migrated.run(database, { files });
    expect(await server.query('SELECT a FROM t', [], database)).toEqual([{ a: 1 }]);
  });

  test('strings keep standard syntax, also in a database with another setting', async () => {
    const database = await migrated.database();
    await server.query(`ALTER DATABASE ${database} SET standard_conforming_strings = off`);
    await migrated.run(database, {
      files: migrations({ '0001-x.sql': `CREATE TABLE t AS SELECT '\\'::text AS a; SELECT 'x'` }),
    });
    expect(await server.query('SELECT length(a) FROM t', [], database)).toEqual([{ length: 1 }]);
  });

  test('a history with a gap is refused, because old files would run after newer ones', async () => {
    const database = await migrated.database();
    await migrated.run(database);
    await server.query(
      'DELETE FROM isochrone.migrations WHERE version = 2 AND statement = 0',
      [],
      database,
    );
    await expect(migrated.run(database)).rejects.toThrow(
      /^0002-indexes\.sql: a file before one that was begun must be done, got nothing/,
    );
  });

  test('names keep letters outside of ASCII', async () => {
    const database = await migrated.database();
    const files = migrations({
      '0001-x.sql': 'CREATE TABLE straße (a int); INSERT INTO straße VALUES (1), (1)',
      '0002-x.sql': 'CREATE UNIQUE INDEX CONCURRENTLY straße_a ON straße (a)',
    });
    await expect(migrated.run(database, { files })).rejects.toThrow(/23505/);
    expect(await server.query('SELECT 1 FROM pg_index WHERE NOT indisvalid', [], database)).toEqual(
      [],
    );
  });

  test('the size of a table includes its TOAST, and an index has the size of its table', async () => {
    const database = await migrated.database();
    const client = await server.connect(database);
    await client.query(`
      CREATE TABLE t (id int PRIMARY KEY, note text); ALTER TABLE t ALTER note SET STORAGE EXTERNAL;
      INSERT INTO t VALUES (1, repeat('-', 100000))`);
    const catalog = new Catalog(client);
    for (const text of ['t', 't_pkey'])
      expect((await catalog.relation({ name: text }))?.bytes).toBeGreaterThan(100_000);
    await client.end();
  });

  test('a second run is refused while another one holds the lock', async () => {
    const other = await server.connect(name);
    await other.query('SELECT pg_advisory_lock(1769172835, 1835624306)');
    await expect(migrated.run(name, { waitForOthersMs: 1000 })).rejects.toThrow(
      /are running already: process \d+ of postgres since/,
    );
    await other.end();
  });

  test('a statement that waits too long for a lock gives way and is retried', async () => {
    const own = await migrated.database();
    await server.query('CREATE TABLE a (b int)', [], own);
    const other = await server.connect(own);
    await other.query('BEGIN; SELECT * FROM a');
    const events: MigrationEvent[] = [];
    const log = (event: MigrationEvent) => {
      events.push(event);
      if (event.message.startsWith('attempt 2')) void other.query('COMMIT');
    };
    const files = migrations({ '0001-a.sql': 'ALTER TABLE a ADD c int' });
    await migrated.run(own, { files, lockTimeoutMs: 50, log });
    expect(events.filter(({ level }) => level === 'WARN').map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^attempt 1 of 10: canceling statement due to lock timeout; retrying in \d+ ms$/,
      ),
      expect.stringMatching(/^attempt 2 of 10/),
    ]);
    await other.query('BEGIN; SELECT * FROM a');
    const more = [...files, ...migrations({ '0002-a.sql': 'ALTER TABLE a ADD d int' })];
    await expect(
      migrated.run(own, { files: more, lockTimeoutMs: 50, attempts: 2 }),
    ).rejects.toThrow(/SQLSTATE 55P03\), after 2 attempts/);
    await other.end();
  });

  test('a reader is tolerated for a while after a failover, but not before', async () => {
    const database = await migrated.database();
    const files = migrations({ '0001-x.sql': 'SELECT 1' });
    const run = (...answers: readonly ('lost' | 'reader' | 'writer')[]) => {
      const left = [...answers];
      const open = async () => {
        const client = await server.connect(database);
        const answer = left.shift();
        if (answer === 'lost') await client.end();
        if (answer === 'reader') await client.query('SET default_transaction_read_only = on');
        return client;
      };
      return migrate(open, files, { by: 'a test', log: () => {}, sleep: async () => {} });
    };
    await expect(run('reader', 'writer')).rejects.toThrow(
      /SQLSTATE 25006\)\.\nMigrations run on the writer/,
    );
    expect(await run('lost', 'reader', 'reader', 'writer')).toEqual({
      applied: ['0001-x.sql'],
      before: 0,
    });
  });

  test('a run and a dry run are refused behind a pooler, which shares sessions', async () => {
    const through = (client: object) => ({
      query: (client as { query: never }).query,
      processID: 1,
    });
    await expect(
      migrated.run(name, {
        through: (client) => ({
          ...through(client),
          query: (text, values) => client.query(text, values),
        }),
      }),
    ).rejects.toThrow(/There is a pooler between/);
    const client = await server.connect(name);
    const pooled = {
      query: (text: string, values?: unknown[]) => client.query(text, values),
      processID: 1,
    };
    await expect(planMigrations(pooled, migrations())).rejects.toThrow(/There is a pooler between/);
    await client.end();
  });

  /** A refused file, and a similar one that passes, where tables of 8 KiB are large. */
  test.each<[string, string]>([
    ['CREATE INDEX i ON trades (note)', 'CREATE INDEX i ON empty (id)'],
    ['ALTER TABLE trades ALTER note TYPE varchar(9)', 'ALTER TABLE empty ALTER id TYPE bigint'],
    [
      'ALTER TABLE trades ALTER COLUMN note SET NOT NULL',
      'ALTER TABLE trades ALTER COLUMN side SET NOT NULL',
    ],
    [
      'ALTER TABLE trades ADD CHECK (note IS NOT NULL)',
      'ALTER TABLE trades ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID; ALTER TABLE trades VALIDATE CONSTRAINT c; ALTER TABLE trades ALTER note SET NOT NULL',
    ],
    [
      'ALTER TABLE trades ADD d uuid DEFAULT gen_random_uuid()',
      'ALTER TABLE trades ADD d timestamptz DEFAULT now()',
    ],
    ['ALTER TABLE trades ADD d bigserial', 'ALTER TABLE trades ADD d bigint DEFAULT 0'],
    [
      'ALTER TABLE trades ADD FOREIGN KEY (id) REFERENCES trades',
      'ALTER TABLE empty ADD FOREIGN KEY (id) REFERENCES trades',
    ],
    ['ALTER TABLE trades ADD UNIQUE (note)', 'ALTER TABLE empty ADD UNIQUE (id)'],
    ['REINDEX TABLE trades', 'REINDEX TABLE CONCURRENTLY trades'],
    ['REFRESH MATERIALIZED VIEW symbols', 'REFRESH MATERIALIZED VIEW CONCURRENTLY symbols'],
    [
      'CLUSTER trades USING trades_pkey',
      '-- isochrone: allow access-exclusive, because the market is closed\nCLUSTER trades USING trades_pkey',
    ],
    [
      'CREATE INDEX CONCURRENTLY i ON ticks (at)',
      '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON ticks (at)',
    ],
    [
      '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON trades (id)',
      'CREATE INDEX CONCURRENTLY i ON trades (id)',
    ],
    [
      'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; REFRESH MATERIALIZED VIEW CONCURRENTLY v',
      'CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX v_a ON v (a); REFRESH MATERIALIZED VIEW CONCURRENTLY v',
    ],
    [
      'CREATE INDEX i ON empty (id) WHERE id > extract(day from yesterday())',
      'CREATE INDEX i ON empty (id) WHERE id > abs(2)',
    ],
    [`CREATE INDEX i ON empty (to_char(id, '9'))`, `CREATE INDEX i ON empty (lower(id::text))`],
    [
      `CREATE INDEX i ON empty (id) WHERE public.yesterday() < '2030-01-01'`,
      `CREATE INDEX i ON empty (id) WHERE '2030-01-01'::date > '2020-01-01'`,
    ],
    [
      'SET search_path = market; ALTER TABLE bars ALTER id TYPE int',
      'SET search_path = market; ALTER TABLE empty ALTER id TYPE int',
    ],
    [
      `SET LOCAL search_path TO market; CREATE INDEX i ON bars (id)`,
      `SET search_path = market; RESET ALL; CREATE INDEX i ON bars (id)`,
    ],
    [
      'ALTER TABLE trades ADD a int; UPDATE trades SET a = 1',
      'UPDATE trades SET id = 1; ALTER TABLE trades ADD a int',
    ],
    [
      'ALTER TABLE trades ADD a int; DELETE FROM trades',
      'ALTER TABLE trades ADD a int; DELETE FROM empty',
    ],
    [
      'ALTER TABLE trades ADD CONSTRAINT c CHECK (id > 0) NOT VALID, VALIDATE CONSTRAINT c',
      'ALTER TABLE trades ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE trades VALIDATE CONSTRAINT c',
    ],
    [
      'ALTER TABLE trades ADD a int CHECK (a > 0)',
      'ALTER TABLE trades ADD a int; ALTER TABLE trades ADD CHECK (a > 0) NOT VALID',
    ],
    ['ALTER TABLE trades ADD a positive', 'ALTER TABLE trades ADD a any_text'],
    ['ALTER TABLE trades * ALTER note TYPE varchar(9)', 'ALTER TABLE trades * ADD a int'],
    [
      'ALTER TABLE market.bars ADD PRIMARY KEY USING INDEX bars_key',
      'ALTER TABLE market.bars ADD CONSTRAINT u UNIQUE USING INDEX bars_key',
    ],
    ['REINDEX INDEX market.bars_key', 'REINDEX INDEX CONCURRENTLY market.bars_key'],
    [
      'CREATE TABLE m PARTITION OF months FOR VALUES FROM (1) TO (2)',
      'CREATE TABLE m PARTITION OF parts FOR VALUES FROM (1) TO (2)',
    ],
    [
      `CREATE INDEX CONCURRENTLY i ON moments ((at::date))`,
      `CREATE INDEX CONCURRENTLY i ON moments (lower(added), ((at AT TIME ZONE 'UTC')::date))`,
    ],
    [
      `CREATE INDEX i ON moments (day) WHERE at > '2026-01-01'::date`,
      `CREATE INDEX i ON moments ((day + 1)) WHERE day > '2026-01-01'`,
    ],
    ['ALTER TABLE heirs ALTER a TYPE bigint', 'ALTER TABLE heirs ADD b int'],
    ['REINDEX TABLE ticks', 'REINDEX TABLE CONCURRENTLY ticks'],
    [
      '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON far (at)',
      '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON ticks (at)',
    ],
    [
      'ALTER TABLE parts ATTACH PARTITION loose FOR VALUES FROM (MINVALUE) TO (0)',
      'ALTER TABLE loose ADD CONSTRAINT c CHECK (at IS NOT NULL AND at < 0) NOT VALID; ALTER TABLE loose VALIDATE CONSTRAINT c; ALTER TABLE parts ATTACH PARTITION loose FOR VALUES FROM (MINVALUE) TO (0)',
    ],
    [
      `DO $$ BEGIN IF true THEN ALTER TABLE trades ALTER note TYPE varchar(9); END IF; END $$`,
      `DO $$ BEGIN ALTER TABLE trades ADD a int; END $$`,
    ],
    [
      `DO $$ BEGIN EXECUTE 'CREATE INDEX i ON trades (note)'; END $$`,
      `DO $$ BEGIN EXECUTE 'CREATE INDEX i ON ' || 'empty (id)'; END $$`,
    ],
    [
      'DO $$ BEGIN ALTER TABLE trades ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE trades VALIDATE CONSTRAINT c; END $$',
      'DO $$ BEGIN ALTER TABLE trades VALIDATE CONSTRAINT c; END $$',
    ],
  ])('%s is refused, %s is not', async (bad, good) => {
    const client = await server.connect(name);
    const check = (sql: string) =>
      checkAgainstCatalog(migrations({ '0001-x.sql': sql }), new Catalog(client), 8192);
    try {
      await expect(check(bad)).rejects.toThrow(/^0001-x\.sql:\d: .* must be .*, got .*\n.+/s);
      await expect(check(good)).resolves.toBeUndefined();
    } finally {
      await client.end();
    }
  });
});
