import { SqlCursor, type SqlName, type SqlStatement, type SqlToken } from '../sql';
import { type AlterTable, alterTable } from './alter-table';

/**
 * How a statement runs: `transaction`, together with its neighbors; `alone`, in a transaction of
 * its own; `outside` any transaction, because the server refuses it inside one; `session`, a
 * setting that a resumed run repeats.
 */
export type Runs = 'transaction' | 'alone' | 'outside' | 'session';

export interface IndexFacts {
  readonly name: SqlName | undefined;
  readonly unique: boolean;
  readonly concurrently: boolean;
  /** Whether it is ON ONLY the parent of a partitioned table. */
  readonly only: boolean;
  readonly ifNotExists: boolean;
  /** What follows the table: columns, expressions and the predicate. */
  readonly definition: readonly SqlToken[];
  /** Whether it is on plain columns and all rows, as REFRESH … CONCURRENTLY requires. */
  readonly plain: boolean;
}

/** The properties of a statement that are known without a server. */
export interface StatementFacts {
  /** Its first words, such as `CREATE INDEX CONCURRENTLY`. */
  readonly command: string;
  readonly runs: Runs;
  /** The strongest lock that it takes on existing objects. */
  readonly lock: string;
  /** The table, view or index that it acts on. */
  readonly target?: SqlName;
  readonly index?: IndexFacts;
  readonly alterTable?: AlterTable;
  /** The table that gets a new partition. */
  readonly parent?: SqlName;
}

const SHARE_UPDATE = 'SHARE UPDATE EXCLUSIVE';
const EXCLUSIVE = 'ACCESS EXCLUSIVE';
const NO_LOCK = 'none on a table';

/**
 * Classifies a statement by its first words. A statement that is not known here runs in a
 * transaction; the server refuses it if it cannot.
 */
export function statementFacts(statement: SqlStatement): StatementFacts {
  const at = new SqlCursor(statement);
  if (at.take('CREATE')) return create(at);
  if (at.take('ALTER')) return alter(at, statement);
  if (at.take('DROP')) return drop(at);
  if (at.take('REINDEX')) return reindex(at);
  if (at.take('REFRESH', 'MATERIALIZED', 'VIEW')) {
    const concurrently = at.take('CONCURRENTLY');
    const command = withConcurrently('REFRESH MATERIALIZED VIEW', concurrently);
    return {
      command,
      runs: concurrently ? 'alone' : 'transaction',
      lock: concurrently ? 'EXCLUSIVE' : EXCLUSIVE,
      target: at.name(),
    };
  }
  if (at.take('VACUUM')) {
    const options = at.parenthesized();
    const full =
      at.take('FULL') || (options !== undefined && has(at.slice(options.from, options.to), 'FULL'));
    for (const word of ['FREEZE', 'VERBOSE', 'ANALYZE', 'ANALYSE']) at.take(word);
    return {
      command: full ? 'VACUUM FULL' : 'VACUUM',
      runs: 'outside',
      lock: full ? EXCLUSIVE : SHARE_UPDATE,
      target: at.name(),
    };
  }
  if (at.take('CLUSTER')) {
    at.take('VERBOSE');
    const target = at.name();
    return {
      command: 'CLUSTER',
      runs: target ? 'transaction' : 'outside',
      lock: EXCLUSIVE,
      target,
    };
  }
  if (at.take('SET') || at.take('RESET')) return setting(statement);
  if (at.take('TRUNCATE')) {
    at.take('TABLE');
    at.take('ONLY');
    return { command: 'TRUNCATE', runs: 'transaction', lock: EXCLUSIVE, target: at.name() };
  }
  const command = firstWords(statement);
  if (at.take('UPDATE') || at.take('DELETE', 'FROM')) {
    at.take('ONLY');
    return { command, runs: 'transaction', lock: 'ROW EXCLUSIVE', target: at.name() };
  }
  const locks: Readonly<Record<string, string>> = {
    INSERT: 'ROW EXCLUSIVE',
    MERGE: 'ROW EXCLUSIVE',
    COPY: 'ROW EXCLUSIVE',
    ANALYZE: SHARE_UPDATE,
    ANALYSE: SHARE_UPDATE,
    COMMENT: SHARE_UPDATE,
    LOCK: EXCLUSIVE,
    SELECT: 'ACCESS SHARE',
    WITH: 'ROW EXCLUSIVE',
  };
  return {
    command,
    runs: 'transaction',
    lock: locks[command.split(' ')[0] ?? ''] ?? NO_LOCK,
  };
}

function create(at: SqlCursor): StatementFacts {
  const unique = at.take('UNIQUE');
  if (at.take('INDEX')) return createIndex(at, unique);
  at.take('OR', 'REPLACE');
  const temporary = at.take('TEMP') || at.take('TEMPORARY');
  for (const word of ['UNLOGGED', 'CONSTRAINT', 'RECURSIVE', 'TRUSTED', 'PROCEDURAL'])
    at.take(word);
  for (const kind of ['DATABASE', 'TABLESPACE', 'SUBSCRIPTION']) {
    if (at.take(kind)) return { command: `CREATE ${kind}`, runs: 'outside', lock: NO_LOCK };
  }
  if (at.take('TRIGGER')) {
    while (at.token && !at.take('ON')) at.at += 1;
    return {
      command: 'CREATE TRIGGER',
      runs: 'transaction',
      lock: 'SHARE ROW EXCLUSIVE',
      target: at.name(),
    };
  }
  for (const kind of [
    'TABLE',
    'MATERIALIZED VIEW',
    'VIEW',
    'SEQUENCE',
    'FUNCTION',
    'PROCEDURE',
    'TYPE',
    'SCHEMA',
    'EXTENSION',
  ]) {
    if (!at.take(...kind.split(' '))) continue;
    at.take('IF', 'NOT', 'EXISTS');
    const target = at.name();
    const command = `CREATE ${temporary ? 'TEMPORARY ' : ''}${kind}`;
    if (at.take('PARTITION', 'OF'))
      return {
        command,
        runs: 'transaction',
        lock: `${EXCLUSIVE} on the parent`,
        target,
        parent: at.name(),
      };
    return { command, runs: 'transaction', lock: NO_LOCK, target };
  }
  return {
    command: ['CREATE', at.token?.value].filter(Boolean).join(' '),
    runs: 'transaction',
    lock: NO_LOCK,
  };
}

function createIndex(at: SqlCursor, unique: boolean): StatementFacts {
  const concurrently = at.take('CONCURRENTLY');
  const ifNotExists = at.take('IF', 'NOT', 'EXISTS');
  const named = !at.take('ON');
  const name = named ? at.name() : undefined;
  if (named) at.take('ON');
  const only = at.take('ONLY');
  const target = at.name();
  const definition = at.rest();
  if (at.take('USING')) at.name();
  const keys = at.parenthesized();
  const inner = keys ? at.slice(keys.from, keys.to) : [];
  const plain =
    !inner.some(({ kind, value }) => kind === 'symbol' && value === '(') &&
    !has(definition, 'WHERE');
  return {
    command: withConcurrently(`CREATE ${unique ? 'UNIQUE ' : ''}INDEX`, concurrently),
    runs: concurrently ? 'outside' : 'transaction',
    lock: concurrently ? SHARE_UPDATE : 'SHARE',
    target,
    index: { name, unique, concurrently, only, ifNotExists, definition, plain },
  };
}

function alter(at: SqlCursor, statement: SqlStatement): StatementFacts {
  if (at.take('TABLE')) {
    at.take('IF', 'EXISTS');
    at.take('ONLY');
    const target = at.name();
    at.takeSymbol('*');
    const altered = alterTable(at, statement);
    return {
      command: altered.command,
      runs: altered.runs,
      lock: altered.lock,
      target,
      alterTable: altered,
      parent: altered.attaches && target,
    };
  }
  if (at.take('TYPE')) {
    const target = at.name();
    // Since PostgreSQL 12 it may run in a transaction, but no statement of that transaction may use
    // the value.
    if (at.take('ADD', 'VALUE'))
      return { command: 'ALTER TYPE ADD VALUE', runs: 'alone', lock: NO_LOCK, target };
    return { command: 'ALTER TYPE', runs: 'transaction', lock: NO_LOCK, target };
  }
  if (at.take('SYSTEM')) return { command: 'ALTER SYSTEM', runs: 'outside', lock: NO_LOCK };
  if (at.take('INDEX')) {
    at.take('IF', 'EXISTS');
    return {
      command: 'ALTER INDEX',
      runs: 'transaction',
      lock: 'ACCESS EXCLUSIVE on the index',
      target: at.name(),
    };
  }
  return {
    command: ['ALTER', at.token?.value].filter(Boolean).join(' '),
    runs: 'transaction',
    lock: NO_LOCK,
  };
}

function drop(at: SqlCursor): StatementFacts {
  for (const kind of ['DATABASE', 'TABLESPACE', 'SUBSCRIPTION']) {
    if (at.take(kind)) return { command: `DROP ${kind}`, runs: 'outside', lock: NO_LOCK };
  }
  if (at.take('INDEX')) {
    const concurrently = at.take('CONCURRENTLY');
    at.take('IF', 'EXISTS');
    const command = withConcurrently('DROP INDEX', concurrently);
    return {
      command,
      runs: concurrently ? 'outside' : 'transaction',
      lock: concurrently ? SHARE_UPDATE : EXCLUSIVE,
      target: at.name(),
    };
  }
  const materialized = at.take('MATERIALIZED');
  const kind = at.token?.value ?? '';
  at.at += 1;
  at.take('IF', 'EXISTS');
  const onTable = ['TABLE', 'VIEW', 'TRIGGER', 'POLICY', 'RULE'].includes(kind);
  return {
    command: `DROP ${materialized ? 'MATERIALIZED ' : ''}${kind}`.trim(),
    runs: 'transaction',
    lock: onTable ? EXCLUSIVE : NO_LOCK,
    target: at.name(),
  };
}

function reindex(at: SqlCursor): StatementFacts {
  const options = at.parenthesized();
  const kind = at.token?.value ?? '';
  at.at += 1;
  const concurrently =
    at.take('CONCURRENTLY') ||
    (options !== undefined && has(at.slice(options.from, options.to), 'CONCURRENTLY'));
  return {
    command: withConcurrently(`REINDEX ${kind}`, concurrently),
    runs: concurrently || !['INDEX', 'TABLE'].includes(kind) ? 'outside' : 'transaction',
    lock: concurrently ? SHARE_UPDATE : 'SHARE, and ACCESS EXCLUSIVE on the index',
    target: at.name(),
  };
}

function setting(statement: SqlStatement): StatementFacts {
  const command = firstWords(statement);
  const local = ['SET LOCAL', 'SET CONSTRAINTS', 'SET TRANSACTION'].includes(command);
  return { command, runs: local ? 'transaction' : 'session', lock: NO_LOCK };
}

function firstWords({ tokens }: SqlStatement): string {
  const first = tokens.slice(0, 2).map(({ kind, value }) => (kind === 'word' ? value : undefined));
  const two = [
    'SET',
    'RESET',
    'START',
    'PREPARE',
    'DISCARD',
    'BEGIN',
    'COMMIT',
    'ROLLBACK',
  ].includes(first[0] ?? '');
  return (two ? first : first.slice(0, 1)).filter(Boolean).join(' ') || 'a statement';
}

function withConcurrently(command: string, concurrently: boolean): string {
  return concurrently ? `${command} CONCURRENTLY` : command;
}

function has(tokens: readonly SqlToken[], word: string): boolean {
  return tokens.some(({ kind, value }) => kind === 'word' && value === word);
}
