/**
 * Statements that are safe or harmful on large tables, for `migration-cases.test.ts`: what is
 * accepted, what is refused and why, and what the advice of a refusal leads to.
 */

/** Tables with and without many rows; those with many have more than 1 MiB. */
export const SCHEMA = `
  CREATE TABLE venues (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
  INSERT INTO venues SELECT n, 'v' || n FROM generate_series(1, 100) AS n;
  CREATE TABLE orders (
    id int PRIMARY KEY, qty int, side int, code varchar(50), note text, total numeric(10, 2),
    at timestamptz, ts timestamp, venue bigint, ip cidr, bits varbit(8));
  INSERT INTO orders
    SELECT n, n, n % 7, 'c' || n, repeat('n', 40), n, now(), now(), 1 + n % 100
    FROM generate_series(1, 20000) AS n;
  CREATE TABLE fills (id int PRIMARY KEY, order_id int, v int);
  INSERT INTO fills SELECT n, n, n FROM generate_series(1, 100) AS n;
  CREATE TABLE quotes (id int NOT NULL, day date NOT NULL, venue bigint, x int, pad text)
    PARTITION BY RANGE (day);
  CREATE TABLE quotes_a PARTITION OF quotes FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
  CREATE TABLE quotes_b PARTITION OF quotes FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
  INSERT INTO quotes
    SELECT n, date '2024-01-01' + n % 360, 1 + n % 100, n, repeat('p', 80)
    FROM generate_series(1, 40000) AS n;
  CREATE DOMAIN price AS int;
  CREATE TABLE priced (id int, p price, pad text);
  INSERT INTO priced SELECT n, n, repeat('p', 80) FROM generate_series(1, 20000) AS n;
  CREATE FUNCTION fold(text) RETURNS text LANGUAGE sql AS
    $$ SELECT replace(lower($1), '-', '_') $$;
  CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN n * 2; END $$;
  ANALYZE;`;

export interface MigrationCase {
  /** The files; a text stands for one file. */
  readonly files: string | readonly string[];
  /** What is there besides {@link SCHEMA}. */
  readonly setup?: string;
  /** The versions of the server that decide so, such as 18. */
  readonly since?: number;
  readonly until?: number;
}

export interface RefusedCase extends MigrationCase {
  readonly rule: RegExp;
  /** Set if the advice is SQL. */
  readonly advice?: {
    /** The words of the refusal. */
    readonly says: string;
    /** The files that follow it. */
    readonly files: string | readonly string[];
    /** The statements that lead to the same schema; by default, those that were refused. */
    readonly wanted?: readonly string[];
  };
}

const NO_VALID = 'Add it NOT VALID, then VALIDATE CONSTRAINT in a statement of its own';
const OWN_FILE = 'Put it into a file of its own.';
const SWAP = 'Add a column of the new type, fill it in batches, and swap the two.';
const LONG_READ = /may read and write the whole table, and holds ACCESS EXCLUSIVE/;
const REWRITES = /rewrites every row and its indexes, and holds ACCESS EXCLUSIVE/;
const READS = /reads the whole table, and holds ACCESS EXCLUSIVE/;
const LINKS = /looks up each row in the other table/;
const NOT_ACCEPTED = /a statement that this server accepts/;
const NOT_IMMUTABLE = /must be made of IMMUTABLE functions/;
const BOUNDS = "FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')";
const PER_PARTITION_KEY =
  'Add it to each partition NOT VALID, then VALIDATE CONSTRAINT in a statement of its own, ' +
  'then to the partitioned table';
const keysOfPartitions = ['quotes_a', 'quotes_b'].map(
  (table) => `ALTER TABLE ${table} ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
    ALTER TABLE ${table} VALIDATE CONSTRAINT f;`,
);
const batch = (set: string) =>
  `-- isochrone: batch orders by id, 9000 rows, pause 0 ms
   UPDATE orders SET ${set} WHERE id BETWEEN $1 AND $2`;

function onEachPartition(kind: string): string[] {
  return [
    `ALTER TABLE ONLY quotes ADD CONSTRAINT k ${kind} (id, day)`,
    ...['quotes_a', 'quotes_b'].map(
      (table) => `CREATE UNIQUE INDEX CONCURRENTLY ${table}_k ON ${table} (id, day);
        ALTER TABLE ${table} ADD CONSTRAINT ${table}_k ${kind} USING INDEX ${table}_k;
        ALTER INDEX k ATTACH PARTITION ${table}_k`,
    ),
  ];
}

/** A table with rows of 2025 that is to become a partition. */
function loose(constraint = ''): string {
  return `CREATE TABLE loose (
      id int NOT NULL, day date NOT NULL, venue bigint, x int, pad text ${constraint});
    INSERT INTO loose SELECT n, date '2025-01-01' + n % 300, 1, n, repeat('p', 80)
      FROM generate_series(1, 20000) AS n`;
}
const ATTACH = `ALTER TABLE quotes ATTACH PARTITION loose ${BOUNDS}`;

function table(name: string, columns: string, rows: string): string {
  return `CREATE TABLE ${name} (${columns}, pad text);
    INSERT INTO ${name} SELECT ${rows}, repeat('p', 80) FROM generate_series(1, 20000) AS n`;
}

const LARGE_DEFAULT = `CREATE TABLE quotes_rest PARTITION OF quotes DEFAULT;
  INSERT INTO quotes SELECT n, '2035-01-01', 1, n, repeat('p', 80)
    FROM generate_series(1, 20000) AS n`;
const VIEW = 'CREATE MATERIALIZED VIEW sides AS SELECT side, count(*) FROM orders GROUP BY side';

export const REFUSED: Readonly<Record<string, RefusedCase>> = {
  // Types
  'a shorter varchar': {
    files: 'ALTER TABLE orders ALTER code TYPE varchar(20)',
    rule: REWRITES,
    advice: {
      says: SWAP,
      files: [
        'ALTER TABLE orders ADD code_new varchar(20)',
        batch('code_new = code'),
        'ALTER TABLE orders DROP code; ALTER TABLE orders RENAME code_new TO code',
      ],
    },
  },
  'a shorter varchar, as a check': {
    files: 'ALTER TABLE orders ALTER code TYPE varchar(20)',
    rule: REWRITES,
    advice: {
      says: 'CHECK (char_length(code) <= 20) NOT VALID, then VALIDATE CONSTRAINT',
      files: `ALTER TABLE orders ADD CONSTRAINT short CHECK (char_length(code) <= 20) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT short`,
      wanted: ['ALTER TABLE orders ADD CONSTRAINT short CHECK (char_length(code) <= 20)'],
    },
  },
  'int to bigint': {
    files: 'ALTER TABLE orders ALTER qty TYPE bigint',
    rule: REWRITES,
    advice: {
      says: SWAP,
      files: [
        'ALTER TABLE orders ADD qty_new bigint',
        batch('qty_new = qty'),
        'ALTER TABLE orders DROP qty; ALTER TABLE orders RENAME qty_new TO qty',
      ],
    },
  },
  'another scale': { files: 'ALTER TABLE orders ALTER total TYPE numeric(12, 4)', rule: REWRITES },
  'a longer varchar that a check reads': {
    files: 'ALTER TABLE orders ALTER code TYPE varchar(200)',
    setup: `ALTER TABLE orders ADD CHECK (code <> 'x')`,
    rule: READS,
  },
  'timestamp to timestamptz outside of UTC': {
    files: `SET timezone = 'Asia/Tokyo'; ALTER TABLE orders ALTER ts TYPE timestamptz`,
    rule: REWRITES,
  },
  // Columns
  'a new column with a volatile default': {
    files: 'ALTER TABLE orders ADD ref uuid DEFAULT gen_random_uuid()',
    rule: REWRITES,
    advice: {
      says: 'Add ref without a default, SET DEFAULT in an action behind it, and fill it in batches.',
      files: [
        'ALTER TABLE orders ADD ref uuid, ALTER ref SET DEFAULT gen_random_uuid()',
        batch('ref = DEFAULT'),
      ],
    },
  },
  'a new column with a default and a key': {
    files: 'ALTER TABLE orders ADD o bigint DEFAULT 1 CONSTRAINT f REFERENCES venues',
    rule: LINKS,
    advice: {
      says: `Add o alone first, with its default. For the key: ${NO_VALID}.`,
      files: `ALTER TABLE orders ADD o bigint DEFAULT 1;
        ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (o) REFERENCES venues NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT f`,
    },
  },
  'a new unique column': {
    files: 'ALTER TABLE orders ADD ref int CONSTRAINT k UNIQUE',
    rule: /builds an index/,
    advice: {
      says: 'Add ref alone first. Build the index with CREATE UNIQUE INDEX CONCURRENTLY',
      files: `ALTER TABLE orders ADD ref int; CREATE UNIQUE INDEX CONCURRENTLY k ON orders (ref);
        ALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX k`,
    },
  },
  'a new column with a check and a default': {
    files: 'ALTER TABLE orders ADD c int DEFAULT 5 CONSTRAINT k CHECK (c > 0)',
    rule: READS,
    advice: {
      says: 'Add c alone first, then the check NOT VALID, then VALIDATE CONSTRAINT',
      files: `ALTER TABLE orders ADD c int DEFAULT 5;
        ALTER TABLE orders ADD CONSTRAINT k CHECK (c > 0) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT k`,
    },
  },
  'a new column without a value': {
    files: 'ALTER TABLE orders ADD "Ref" int NOT NULL',
    rule: /orders has rows, which would be NULL in it/,
    advice: {
      says: 'fill it in batches, then CHECK ("Ref" IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL',
      files: [
        'ALTER TABLE orders ADD "Ref" int',
        batch('"Ref" = qty'),
        `ALTER TABLE orders ADD CONSTRAINT k CHECK ("Ref" IS NOT NULL) NOT VALID;
         ALTER TABLE orders VALIDATE CONSTRAINT k; ALTER TABLE orders ALTER "Ref" SET NOT NULL;
         ALTER TABLE orders DROP CONSTRAINT k`,
      ],
      wanted: [
        'ALTER TABLE orders ADD "Ref" int NOT NULL DEFAULT 1',
        'ALTER TABLE orders ALTER "Ref" DROP DEFAULT',
      ],
    },
  },
  'a new column without a value, by its default': {
    files: 'ALTER TABLE fills ADD c int NOT NULL',
    rule: /fills has rows/,
    advice: {
      says: 'Give it a DEFAULT.',
      files: 'ALTER TABLE fills ADD c int NOT NULL DEFAULT 0',
      wanted: ['ALTER TABLE fills ADD c int NOT NULL DEFAULT 0'],
    },
  },
  'a new identity column': {
    files: 'ALTER TABLE orders ADD c int GENERATED ALWAYS AS IDENTITY',
    rule: REWRITES,
  },
  'the syntax of a newer server': {
    files: 'ALTER TABLE orders ADD CONSTRAINT k NOT NULL qty NOT VALID',
    until: 17,
    rule: /SQLSTATE 42601/,
  },
  // NOT NULL, CHECK, UNIQUE
  'SET NOT NULL': {
    files: 'ALTER TABLE orders ALTER qty SET NOT NULL',
    rule: READS,
    advice: {
      says: 'Add CHECK (qty IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT in a statement of its own, then SET NOT NULL and DROP CONSTRAINT.',
      files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty IS NOT NULL) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT k; ALTER TABLE orders ALTER qty SET NOT NULL;
        ALTER TABLE orders DROP CONSTRAINT k`,
    },
  },
  'SET NOT NULL after a check of something else': {
    files: 'ALTER TABLE orders ALTER qty SET NOT NULL',
    setup:
      'ALTER TABLE orders ADD CHECK (qty IS NOT NULL OR side IS NOT NULL), ADD CHECK (qty > 0)',
    rule: READS,
  },
  'SET NOT NULL after a check that is not validated': {
    files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty IS NOT NULL) NOT VALID;
      ALTER TABLE orders ALTER qty SET NOT NULL`,
    rule: READS,
  },
  'a check': {
    files: 'ALTER TABLE orders ADD CONSTRAINT k CHECK (qty > 0)',
    rule: READS,
    advice: {
      says: NO_VALID,
      files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty > 0) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT k`,
    },
  },
  'a check that is validated in the same statement': {
    files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty > 0) NOT VALID, VALIDATE CONSTRAINT k`,
    rule: READS,
    advice: {
      says: 'Write it as a statement of its own.',
      files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty > 0) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT k`,
    },
  },
  'a unique key': {
    files: 'ALTER TABLE orders ADD CONSTRAINT k UNIQUE (code)',
    rule: /builds an index, and holds ACCESS EXCLUSIVE/,
    advice: {
      says: 'Build the index with CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … UNIQUE USING INDEX.',
      files: `CREATE UNIQUE INDEX CONCURRENTLY k ON orders (code);
        ALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX k`,
    },
  },
  'a primary key on a column that may be NULL': {
    files: 'ALTER TABLE priced ADD CONSTRAINT k PRIMARY KEY (id)',
    rule: /builds an index|reads the whole table/,
    advice: {
      says: 'SET NOT NULL, DROP CONSTRAINT. Build the index with CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … PRIMARY KEY USING INDEX.',
      files: `ALTER TABLE priced ADD CONSTRAINT c CHECK (id IS NOT NULL) NOT VALID;
        ALTER TABLE priced VALIDATE CONSTRAINT c; ALTER TABLE priced ALTER id SET NOT NULL;
        ALTER TABLE priced DROP CONSTRAINT c;
        CREATE UNIQUE INDEX CONCURRENTLY k ON priced (id);
        ALTER TABLE priced ADD CONSTRAINT k PRIMARY KEY USING INDEX k`,
    },
  },
  'a key by a partial index': {
    files: 'ALTER TABLE orders ADD CONSTRAINT k UNIQUE USING INDEX k',
    setup: 'CREATE UNIQUE INDEX k ON orders (qty) WHERE qty > 0',
    rule: NOT_ACCEPTED,
  },
  'an exclusion': {
    files: 'ALTER TABLE orders ADD EXCLUDE USING btree (qty WITH =)',
    rule: /builds an index[\s\S]*Do it in a window without traffic/,
  },
  'two problems of one statement': {
    files: 'ALTER TABLE orders ALTER qty SET NOT NULL, ADD CONSTRAINT k CHECK (side >= 0)',
    rule: /SET NOT NULL on orders[\s\S]*ADD CHECK on orders/,
  },
  // Foreign keys
  'a foreign key': {
    files: 'ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
    rule: LINKS,
    advice: {
      says: NO_VALID,
      files: `ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT f`,
    },
  },
  'a foreign key of a partitioned table, before PostgreSQL 18': {
    files: 'ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
    until: 17,
    rule: LINKS,
    advice: {
      says: PER_PARTITION_KEY,
      files: [
        ...keysOfPartitions,
        'ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
      ],
    },
  },
  'a foreign key of a partitioned table that is not valid, before PostgreSQL 18': {
    files: `ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
      ALTER TABLE quotes VALIDATE CONSTRAINT f`,
    until: 17,
    rule: NOT_ACCEPTED,
    advice: {
      says: PER_PARTITION_KEY,
      files: [
        ...keysOfPartitions,
        'ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
      ],
      wanted: ['ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues'],
    },
  },
  'a foreign key of a partitioned table, since PostgreSQL 18': {
    files: 'ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
    since: 18,
    rule: LINKS,
    advice: {
      says: NO_VALID,
      files: `ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
        ALTER TABLE quotes VALIDATE CONSTRAINT f`,
    },
  },
  'a foreign key that one partition has only': {
    files: [
      String(keysOfPartitions[0]),
      'ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues',
    ],
    rule: LINKS,
  },
  ...Object.fromEntries(
    Object.entries({
      'INSERT … SELECT': `CREATE TABLE notes (id int, order_id int);
        INSERT INTO notes SELECT id, id FROM orders`,
      'CREATE TABLE AS': 'CREATE TABLE notes AS SELECT id, id AS order_id FROM orders',
      'SELECT INTO': 'SELECT id, id AS order_id INTO notes FROM orders',
      MERGE: `CREATE TABLE notes (id int, order_id int); MERGE INTO notes USING orders ON false
        WHEN NOT MATCHED THEN INSERT VALUES (orders.id, orders.id)`,
      'a common table expression': `CREATE TABLE notes (id int, order_id int); WITH put AS (
        INSERT INTO notes SELECT id, id FROM orders RETURNING 1) SELECT count(*) FROM put`,
      'a loop': `CREATE TABLE notes (id int, order_id int);
        DO $$ BEGIN FOR i IN 1..20000 LOOP INSERT INTO notes VALUES (i, i); END LOOP; END $$`,
    }).map(([how, sql]): [string, RefusedCase] => [
      `a foreign key of a new table that ${how} has filled`,
      {
        files: `${sql}; ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders`,
        rule: LINKS,
      },
    ]),
  ),
  // Partitioned tables
  'a primary key of a partitioned table': {
    files: 'ALTER TABLE quotes ADD CONSTRAINT k PRIMARY KEY (id, day)',
    rule: /builds an index/,
    advice: {
      says: 'Write ALTER TABLE ONLY quotes ADD CONSTRAINT … PRIMARY KEY (…); on each partition CREATE UNIQUE INDEX CONCURRENTLY',
      files: onEachPartition('PRIMARY KEY'),
    },
  },
  'a unique key of a partitioned table by its index': {
    files: `-- isochrone: per partition
      CREATE UNIQUE INDEX CONCURRENTLY k ON quotes (id, day);
      ALTER TABLE quotes ADD CONSTRAINT k UNIQUE USING INDEX k`,
    rule: NOT_ACCEPTED,
    advice: {
      says: 'Write ALTER TABLE ONLY quotes ADD CONSTRAINT … UNIQUE (…); on each partition',
      files: onEachPartition('UNIQUE'),
      wanted: ['ALTER TABLE quotes ADD CONSTRAINT k UNIQUE (id, day)'],
    },
  },
  'an index of a partitioned table': {
    files: 'CREATE INDEX i ON quotes (x)',
    rule: /reads and sorts the whole table/,
    advice: {
      says: 'Write CREATE INDEX CONCURRENTLY, with `-- isochrone: per partition` above it.',
      files: '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON quotes (x)',
    },
  },
  'an index of a partitioned table CONCURRENTLY': {
    files: 'CREATE INDEX CONCURRENTLY i ON quotes (x)',
    rule: /on one partition at a time only/,
    advice: {
      says: 'Put `-- isochrone: per partition` above it',
      files: '-- isochrone: per partition\nCREATE INDEX CONCURRENTLY i ON quotes (x)',
      wanted: ['CREATE INDEX i ON quotes (x)'],
    },
  },
  'an index of another definition that is attached': {
    files: `CREATE INDEX i ON ONLY quotes (x); CREATE INDEX CONCURRENTLY j ON quotes_a (venue);
      ALTER INDEX i ATTACH PARTITION j`,
    rule: NOT_ACCEPTED,
  },
  'DROP INDEX CONCURRENTLY of a partitioned table': {
    files: 'DROP INDEX CONCURRENTLY i',
    setup: 'CREATE INDEX i ON quotes (x)',
    rule: /with those of its partitions at once/,
    advice: { says: 'Write DROP INDEX', files: 'DROP INDEX i', wanted: ['DROP INDEX i'] },
  },
  'DETACH CONCURRENTLY beside a default partition': {
    files: 'ALTER TABLE quotes DETACH PARTITION quotes_a CONCURRENTLY',
    setup: 'CREATE TABLE quotes_rest PARTITION OF quotes DEFAULT',
    rule: /Rows of the detached bounds could reach the default partition/,
    advice: {
      says: 'Write DETACH PARTITION',
      files: 'ALTER TABLE quotes DETACH PARTITION quotes_a',
      wanted: ['ALTER TABLE quotes DETACH PARTITION quotes_a'],
    },
  },
  'ATTACH with a check of something else': {
    files: ATTACH,
    setup: loose(', CHECK (x > 0)'),
    rule: READS,
    advice: {
      says: 'Add a CHECK of its bounds to loose NOT VALID, with IS NOT NULL for each column of the key, then VALIDATE CONSTRAINT',
      files: `ALTER TABLE loose ADD CONSTRAINT k
          CHECK (day IS NOT NULL AND day >= '2025-01-01' AND day < '2026-01-01') NOT VALID;
        ALTER TABLE loose VALIDATE CONSTRAINT k; ${ATTACH};
        ALTER TABLE loose DROP CONSTRAINT k`,
    },
  },
  'ATTACH with a check that is too wide': {
    files: ATTACH,
    setup: loose(`, CHECK (day BETWEEN '2025-01-01' AND '2026-01-01')`),
    rule: READS,
  },
  'ATTACH without an index of the parent': {
    files: ATTACH,
    setup: `${loose(`, CHECK (day >= '2025-01-01' AND day < '2026-01-01')`)};
      CREATE INDEX i ON quotes (x)`,
    rule: /builds an index/,
    advice: {
      says: 'Build the indexes of quotes on loose CONCURRENTLY first.',
      files: `CREATE INDEX CONCURRENTLY loose_x ON loose (x); ${ATTACH}`,
    },
  },
  'ATTACH without a foreign key of the parent': {
    files: ATTACH,
    setup: `${loose(`, CHECK (day >= '2025-01-01' AND day < '2026-01-01')`)};
      ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues`,
    rule: LINKS,
    advice: {
      says: 'Add the foreign keys of the table to loose NOT VALID first, then VALIDATE CONSTRAINT',
      files: [
        `ALTER TABLE loose ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
         ALTER TABLE loose VALIDATE CONSTRAINT f`,
        ATTACH,
      ],
    },
  },
  'a new partition beside a large default one': {
    files: `CREATE TABLE quotes_c PARTITION OF quotes ${BOUNDS}`,
    setup: LARGE_DEFAULT,
    rule: /the default partition of quotes[\s\S]*is read as a whole/,
    advice: {
      says: 'Add a CHECK to it, NOT VALID and then VALIDATE CONSTRAINT, that leaves out the new bounds.',
      files: `ALTER TABLE quotes_rest ADD CONSTRAINT k
          CHECK (NOT (day >= '2025-01-01' AND day < '2026-01-01')) NOT VALID;
        ALTER TABLE quotes_rest VALIDATE CONSTRAINT k;
        CREATE TABLE quotes_c PARTITION OF quotes ${BOUNDS};
        ALTER TABLE quotes_rest DROP CONSTRAINT k`,
    },
  },
  // Indexes
  'an index': {
    files: 'CREATE INDEX i ON orders (qty)',
    rule: /reads and sorts the whole table, and holds SHARE/,
    advice: {
      says: 'Write CREATE INDEX CONCURRENTLY.',
      files: 'CREATE INDEX CONCURRENTLY i ON orders (qty)',
    },
  },
  'an index on the day of a timestamptz': {
    files: 'CREATE INDEX CONCURRENTLY i ON orders ((at::date))',
    rule: NOT_IMMUTABLE,
    advice: {
      says: `give functions of time AT TIME ZONE 'UTC'`,
      files: `CREATE INDEX CONCURRENTLY i ON orders (((at AT TIME ZONE 'UTC')::date))`,
      wanted: [`CREATE INDEX i ON orders (((at AT TIME ZONE 'UTC')::date))`],
    },
  },
  'an index on a function that stays volatile': {
    files: 'CREATE INDEX i ON fills (twice(v))',
    rule: NOT_IMMUTABLE,
  },
  'an index on an inlined function that hides the clock': {
    files: `CREATE FUNCTION since(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 || now() $$;
      CREATE INDEX i ON venues (since(name))`,
    rule: NOT_IMMUTABLE,
  },
  ...Object.fromEntries(
    ['(side)', '(qty DESC)', '(qty) WHERE side > 1', '(qty) INCLUDE (side)', '(qty, side)'].map(
      (other): [string, RefusedCase] => [
        `IF NOT EXISTS over an index on ${other}`,
        {
          files: 'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (qty)',
          setup: `CREATE INDEX i ON orders ${other}`,
          rule: /IF NOT EXISTS looks at the name alone/,
          advice: {
            says: 'Choose another name, or drop the old index first.',
            files: `DROP INDEX CONCURRENTLY i;
              CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (qty)`,
            wanted: ['DROP INDEX i', 'CREATE INDEX i ON orders (qty)'],
          },
        },
      ],
    ),
  ),
  'REINDEX of a renamed index': {
    files: 'ALTER INDEX orders_pkey RENAME TO k; REINDEX INDEX k',
    rule: /rebuilds the index/,
    advice: {
      says: 'Write REINDEX INDEX CONCURRENTLY.',
      files: 'ALTER INDEX orders_pkey RENAME TO k; REINDEX INDEX CONCURRENTLY k',
    },
  },
  'REFRESH of a renamed view': {
    files: 'ALTER MATERIALIZED VIEW sides RENAME TO s; REFRESH MATERIALIZED VIEW s',
    setup: VIEW,
    rule: /rebuilds the view/,
    advice: {
      says: 'Give it a unique index, and write REFRESH MATERIALIZED VIEW CONCURRENTLY.',
      files: `ALTER MATERIALIZED VIEW sides RENAME TO s; CREATE UNIQUE INDEX k ON s (side);
        REFRESH MATERIALIZED VIEW CONCURRENTLY s`,
      wanted: [
        'ALTER MATERIALIZED VIEW sides RENAME TO s',
        'CREATE UNIQUE INDEX k ON s (side)',
        'REFRESH MATERIALIZED VIEW s',
      ],
    },
  },
  ...Object.fromEntries(
    Object.entries({
      'a renamed table': ['ALTER TABLE orders RENAME TO o2', 'o2'],
      'a moved table': ['CREATE SCHEMA s; ALTER TABLE orders SET SCHEMA s', 's.orders'],
      'a table of a renamed schema': ['ALTER SCHEMA public RENAME TO s', 's.orders'],
    }).map(([what, [move = '', name]]): [string, RefusedCase] => [
      `an index of ${what}`,
      {
        files: `${move}; CREATE INDEX i ON ${name} (qty)`,
        rule: /reads and sorts the whole table/,
        advice: {
          says: 'Write CREATE INDEX CONCURRENTLY.',
          files: `${move}; CREATE INDEX CONCURRENTLY i ON ${name} (qty)`,
        },
      },
    ]),
  ),
  // Domains
  'a check of a domain': {
    files: 'ALTER DOMAIN price ADD CONSTRAINT k CHECK (VALUE > 0)',
    rule: /reads priced, and holds SHARE/,
    advice: {
      says: 'Add it NOT VALID: new values are checked from then on.',
      files: 'ALTER DOMAIN price ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID',
      wanted: ['ALTER DOMAIN price ADD CONSTRAINT k CHECK (VALUE > 0) NOT VALID'],
    },
  },
  'a check of a renamed domain': {
    files: 'ALTER DOMAIN price RENAME TO cents; ALTER DOMAIN cents ADD CHECK (VALUE > 0)',
    rule: /reads priced/,
  },
  // Long work after a lock
  ...Object.fromEntries(
    [
      'UPDATE orders SET side = 1',
      'WITH s AS (SELECT 1 AS v) UPDATE orders SET side = s.v FROM s',
      'MERGE INTO orders USING fills f ON qty = f.v WHEN MATCHED THEN UPDATE SET side = 1',
      'INSERT INTO fills SELECT id + 1000, qty, side FROM orders',
      'CREATE TABLE orders_2 AS SELECT * FROM orders',
      'SELECT * INTO orders_2 FROM orders',
      'DELETE FROM fills WHERE order_id NOT IN (SELECT id FROM orders)',
    ].map((work): [string, RefusedCase] => [
      `${work}, after ALTER TABLE`,
      {
        files: `ALTER TABLE orders ADD z int; ${work}`,
        rule: LONG_READ,
        advice: { says: OWN_FILE, files: ['ALTER TABLE orders ADD z int', work] },
      },
    ]),
  ),
  'EXPLAIN ANALYZE after ALTER TABLE': {
    files: 'ALTER TABLE orders ADD z int; EXPLAIN ANALYZE UPDATE orders SET z = 1',
    rule: LONG_READ,
  },
  'an unindexed max after ALTER TABLE': {
    files: `CREATE SEQUENCE s; ALTER TABLE orders ADD z int;
      SELECT setval('s', (SELECT max(qty) FROM orders))`,
    rule: LONG_READ,
  },
  'LOCK TABLE before work': {
    files: 'LOCK TABLE orders; UPDATE orders SET side = 2',
    rule: LONG_READ,
    advice: {
      says: OWN_FILE,
      files: ['LOCK TABLE orders', 'UPDATE orders SET side = 2'],
    },
  },
  'work under a lock in a block': {
    files: 'DO $$ BEGIN ALTER TABLE orders ADD z int; UPDATE orders SET z = 1; END $$',
    rule: LONG_READ,
  },
  // Transactions
  'COMMIT in the middle': {
    files: 'BEGIN; CREATE TABLE a (i int); COMMIT; CREATE TABLE b (i int)',
    rule: /in the one transaction of its file/,
    advice: {
      says: 'Put it into a file of its own',
      files: ['BEGIN; CREATE TABLE a (i int); COMMIT', 'CREATE TABLE b (i int)'],
    },
  },
  'an isolation level after a query': {
    files: `INSERT INTO fills VALUES (1000);
      SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO fills VALUES (1001)`,
    rule: /takes its snapshot at its first query/,
    advice: {
      says: 'Move it up.',
      files: `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
        INSERT INTO fills VALUES (1000); INSERT INTO fills VALUES (1001)`,
      wanted: ['INSERT INTO fills VALUES (1000), (1001)'],
    },
  },
  'a block that commits, inside BEGIN': {
    files: 'BEGIN; DO $$ BEGIN UPDATE orders SET side = 1; COMMIT; END $$; COMMIT',
    rule: /PostgreSQL runs it in transactions of its own/,
    advice: {
      says: 'Remove BEGIN and COMMIT',
      files: 'DO $$ BEGIN UPDATE orders SET side = 1; COMMIT; END $$',
      wanted: ['UPDATE orders SET side = 1'],
    },
  },
  'COPY from the client': {
    files: 'COPY fills FROM STDIN;\n1000\t2\t3\n\\.\n',
    rule: /psql, not the server, reads the data/,
    advice: {
      says: 'Write INSERT',
      files: 'INSERT INTO fills VALUES (1000, 2, 3)',
      wanted: ['INSERT INTO fills VALUES (1000, 2, 3)'],
    },
  },
};

export const ACCEPTED: Readonly<Record<string, MigrationCase>> = {
  // Types
  'a longer varchar': { files: 'ALTER TABLE orders ALTER code TYPE varchar(200)' },
  'a longer varchar under an index': {
    files: 'ALTER TABLE orders ALTER code TYPE varchar(200)',
    setup: 'CREATE INDEX i ON orders (code)',
  },
  'a longer numeric, varbit and another name of cidr': {
    files: `ALTER TABLE orders ALTER total TYPE numeric(14, 2), ALTER bits TYPE varbit(16),
      ALTER ip TYPE inet, ALTER code TYPE text`,
  },
  'timestamp to timestamptz in UTC': {
    files: `SET timezone = 'UTC'; ALTER TABLE orders ALTER ts TYPE timestamptz USING ts`,
  },
  'another type of a small table': { files: 'ALTER TABLE fills ALTER v TYPE bigint' },
  // Columns
  'a new column with a constant default': {
    files: `ALTER TABLE orders ADD c int NOT NULL DEFAULT 0, ADD d timestamptz DEFAULT now()`,
  },
  'a new column with a key and no value': {
    files: 'ALTER TABLE orders ADD o bigint REFERENCES venues',
  },
  'a new column with a key of a small table': {
    files: 'ALTER TABLE fills ADD o bigint DEFAULT 1 REFERENCES venues',
  },
  'NOT NULL without a value in an emptied table': {
    files: 'TRUNCATE fills; ALTER TABLE fills ADD c int NOT NULL',
  },
  'a sequence for a column, by hand': {
    files: `CREATE SEQUENCE s; ALTER TABLE orders ADD z int;
      SELECT setval('s', (SELECT max(id) FROM orders));
      ALTER TABLE orders ALTER id SET DEFAULT nextval('s')`,
  },
  'a NOT NULL constraint that is not valid, since PostgreSQL 18': {
    files: `ALTER TABLE orders ADD CONSTRAINT k NOT NULL qty NOT VALID;
      ALTER TABLE orders VALIDATE CONSTRAINT k`,
    since: 18,
  },
  // NOT NULL
  'SET NOT NULL after a richer check': {
    files: `ALTER TABLE orders ADD CONSTRAINT k CHECK (qty IS NOT NULL AND qty >= 0) NOT VALID;
      ALTER TABLE orders VALIDATE CONSTRAINT k; ALTER TABLE orders ALTER qty SET NOT NULL`,
  },
  'SET NOT NULL of two columns that checks prove': {
    files: 'ALTER TABLE orders ALTER qty SET NOT NULL, ALTER side SET NOT NULL',
    setup: 'ALTER TABLE orders ADD CHECK (NOT (qty IS NULL) AND side IS NOT NULL)',
  },
  'an exclusion on a small table': {
    files: 'ALTER TABLE fills ADD EXCLUDE USING btree (id WITH =)',
  },
  // Foreign keys
  'a foreign key of a small table to a large one': {
    files: 'ALTER TABLE fills ADD FOREIGN KEY (order_id) REFERENCES orders',
  },
  'a foreign key of a new table to a large one': {
    files: `CREATE TABLE notes (id int PRIMARY KEY, order_id int NOT NULL);
      ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders`,
  },
  'a foreign key of a new table with some rows': {
    files: `CREATE TABLE notes (id int, order_id int); INSERT INTO notes VALUES (1, 1);
      INSERT INTO notes SELECT id, id FROM orders WHERE id = 5;
      ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders`,
  },
  'a foreign key of a new table that was emptied': {
    files: `CREATE TABLE notes AS SELECT id, id AS order_id FROM orders; TRUNCATE notes;
      ALTER TABLE notes ADD FOREIGN KEY (order_id) REFERENCES orders`,
  },
  'a foreign key of a small partition': {
    files: 'ALTER TABLE quotes_s ADD FOREIGN KEY (venue) REFERENCES venues',
    setup: `CREATE TABLE quotes_s PARTITION OF quotes
      FOR VALUES FROM ('2040-01-01') TO ('2041-01-01')`,
  },
  'a foreign key of a partitioned table that is not valid, since PostgreSQL 18': {
    files: `ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues NOT VALID;
      ALTER TABLE quotes VALIDATE CONSTRAINT f`,
    since: 18,
  },
  'a foreign key that every partition has': {
    files: `${keysOfPartitions.join('\n')}
      -- isochrone: allow access-exclusive, because every partition has a validated key already
      ALTER TABLE quotes ADD CONSTRAINT f FOREIGN KEY (venue) REFERENCES venues`,
  },
  // Partitioned tables
  'an index on the parent only, then on each partition': {
    files: `CREATE INDEX i ON ONLY quotes (x); CREATE INDEX CONCURRENTLY i_a ON quotes_a (x);
      CREATE INDEX CONCURRENTLY i_b ON quotes_b (x); ALTER INDEX i ATTACH PARTITION i_a;
      ALTER INDEX i ATTACH PARTITION i_b`,
  },
  'ATTACH with a check of the bounds': {
    files: ATTACH,
    setup: loose(`, CHECK (day >= date '2025-01-01' AND day < date '2026-01-01' AND x > 0)`),
  },
  'ATTACH to a list': {
    files: `ALTER TABLE listed ATTACH PARTITION one FOR VALUES IN ('a', 'b')`,
    setup: `CREATE TABLE listed (k text, pad text) PARTITION BY LIST (k);
      ${table('one', `k text NOT NULL CHECK (k IN ('a', 'b'))`, `'a'`)}`,
  },
  'a new partition beside an empty default one': {
    files: `CREATE TABLE quotes_c PARTITION OF quotes ${BOUNDS}`,
    setup: 'CREATE TABLE quotes_rest PARTITION OF quotes DEFAULT',
  },
  'DETACH CONCURRENTLY': { files: 'ALTER TABLE quotes DETACH PARTITION quotes_a CONCURRENTLY' },
  // Indexes
  'an index on the day of a timestamp': {
    files: 'CREATE INDEX CONCURRENTLY i ON orders ((ts::date))',
  },
  'an index on functions that do not change': {
    files: `CREATE INDEX CONCURRENTLY i ON orders
      (md5(note), date_bin('1 h', ts, '2000-01-01'), (lower(code) COLLATE "C"))`,
  },
  'an index on an inlined function': { files: 'CREATE UNIQUE INDEX i ON venues (fold(name))' },
  'an index on an inlined function of the file before': {
    files: [
      'CREATE FUNCTION low(text) RETURNS text LANGUAGE sql AS $$ SELECT lower($1) $$',
      'CREATE TABLE words (w text); CREATE INDEX i ON words (low(w))',
    ],
  },
  'an index on a function made IMMUTABLE in the same file': {
    files: 'ALTER FUNCTION twice(int) IMMUTABLE; CREATE INDEX i ON fills (twice(v))',
  },
  'an index on a function made IMMUTABLE in the file before': {
    files: [
      `CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN RETURN n * 2; END $$`,
      'CREATE INDEX i ON fills (twice(v))',
    ],
  },
  'IF NOT EXISTS over the same index': {
    files: `CREATE INDEX CONCURRENTLY IF NOT EXISTS i
      ON orders USING btree (qty ASC NULLS LAST) WHERE (side = 1)`,
    setup: 'CREATE INDEX i ON orders (qty) WHERE side = 1',
  },
  'an index of a table that has taken the name of a large one': {
    files: `ALTER TABLE orders RENAME TO old; CREATE TABLE orders (LIKE old);
      CREATE INDEX i ON orders (qty)`,
  },
  'a view with a new index that is dropped': {
    files: 'CREATE UNIQUE INDEX k ON sides (side); DROP MATERIALIZED VIEW sides',
    setup: VIEW,
  },
  'REINDEX of a new index': {
    files: 'CREATE TABLE n (i int); CREATE INDEX j ON n (i); REINDEX INDEX j',
  },
  // Domains
  'a check of a domain that small tables use': {
    files: 'ALTER DOMAIN cents ADD CHECK (VALUE > 0)',
    setup: 'CREATE DOMAIN cents AS int; CREATE TABLE coins (c cents)',
  },
  // Locks
  'work on rows by their key after ALTER TABLE': {
    files: `ALTER TABLE orders ADD z int; UPDATE orders SET z = 1 WHERE id IN (7, 8);
      UPDATE orders SET z = f.v FROM fills f WHERE f.order_id = orders.id;
      INSERT INTO orders (id) VALUES (1000000)`,
  },
  'EXPLAIN after ALTER TABLE': {
    files: 'ALTER TABLE orders ADD z int; EXPLAIN UPDATE orders SET z = 1',
  },
  'work before ALTER TABLE': {
    files: 'UPDATE orders SET side = 2 WHERE id < 10; ALTER TABLE orders ADD z int',
  },
  'LOCK TABLE that stops nobody': {
    files: 'LOCK TABLE orders IN ROW EXCLUSIVE MODE; UPDATE orders SET side = 1',
  },
  'a second statement under a lock that was let through': {
    files: `-- isochrone: allow access-exclusive, because the window of Sunday is agreed
      ALTER TABLE orders ALTER qty TYPE bigint;
      CREATE INDEX i ON orders (qty)`,
  },
  // Transactions
  'BEGIN and COMMIT around a file': {
    files: 'BEGIN; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT',
  },
  'an isolation level': {
    files: `SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
      INSERT INTO fills SELECT id + 1000, id, 1 FROM venues`,
  },
  'a block that commits': {
    files: `DO $$ BEGIN LOOP
        UPDATE orders SET side = 9 WHERE id IN (
          SELECT id FROM orders WHERE side IS DISTINCT FROM 9 LIMIT 9000);
        EXIT WHEN NOT FOUND; COMMIT;
      END LOOP; END $$`,
  },
  'a procedure that commits': {
    files: [
      `CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN
        UPDATE orders SET side = 9 WHERE id < 9000; COMMIT;
        UPDATE orders SET side = 9 WHERE id >= 9000; COMMIT; END $$`,
      'CALL fill()',
    ],
  },
  'a body of standard SQL with a column called end': {
    files: `CREATE TABLE iv (id int, "end" int); CREATE FUNCTION ends() RETURNS SETOF int
      BEGIN ATOMIC SELECT id AS end FROM iv; SELECT iv.end FROM iv; END; CREATE TABLE q (i int)`,
  },
};
