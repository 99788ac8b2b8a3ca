import {
  identifierOf,
  type SqlCursor,
  type SqlName,
  type SqlStatement,
  type SqlToken,
} from '../sql';

/** What one action of ALTER TABLE would do for as long as the table is large. */
export interface AlterAction {
  readonly what: string;
  readonly lock: string;
  /** Why it holds its lock for long, as the end of "it …"; undefined if it does not. */
  readonly long?: string;
  /** How to get there without. */
  readonly instead?: string;
  /** The column of SET NOT NULL, which a validated check makes quick. */
  readonly notNull?: string;
  /** The default of a new column: only a volatile one rewrites the table. */
  readonly columnDefault?: readonly SqlToken[];
  readonly columnType?: SqlName;
  /** The index that becomes the primary key: a column of it that may be NULL is read through. */
  readonly primaryKey?: SqlName;
  /** The check that is added, and the column whose nulls it forbids. */
  readonly addsCheck?: {
    readonly name: string;
    readonly notNullOf: string | undefined;
    readonly valid: boolean;
  };
  readonly validates?: string;
  /** The other table of a new foreign key: it is locked too. */
  readonly references?: SqlName;
}

export interface AlterTable {
  readonly what: string;
  readonly runs: 'transaction' | 'alone' | 'outside';
  readonly lock: string;
  readonly actions: readonly AlterAction[];
  /** The partition that is detached CONCURRENTLY. */
  readonly detaches?: SqlName;
  readonly attaches?: SqlName;
}

/** "Explicit Locking", PostgreSQL documentation, from weak to strong. */
const LOCKS = ['SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE'];
const [SHARE_UPDATE = '', SHARE_ROW = '', EXCLUSIVE = ''] = LOCKS;

/** Reads what follows the table's name. */
export function alterTable(at: SqlCursor, statement: SqlStatement): AlterTable {
  if (at.take('DETACH', 'PARTITION')) {
    const partition = at.name();
    if (at.take('CONCURRENTLY')) {
      const what = 'ALTER TABLE DETACH PARTITION CONCURRENTLY';
      return { what, runs: 'outside', lock: SHARE_UPDATE, actions: [], detaches: partition };
    }
    return {
      what: 'ALTER TABLE DETACH PARTITION',
      runs: 'transaction',
      lock: EXCLUSIVE,
      actions: [],
    };
  }
  if (at.take('ATTACH', 'PARTITION')) {
    return {
      what: 'ALTER TABLE ATTACH PARTITION',
      runs: 'transaction',
      lock: SHARE_UPDATE,
      actions: [],
      attaches: at.name(),
    };
  }
  const actions = at.parts().map((part) => action(part, statement));
  const strongest = Math.max(...actions.map(({ lock }) => LOCKS.indexOf(lock)));
  const what = `ALTER TABLE ${actions.map((each) => each.what).join(', ')}`.trim();
  // In a transaction with the ADD … NOT VALID, that one's lock would be held while the whole table
  // is read.
  const runs = actions.every(({ validates }) => validates !== undefined) ? 'alone' : 'transaction';
  return { what, runs, lock: LOCKS[strongest] ?? EXCLUSIVE, actions };
}

function action(at: SqlCursor, statement: SqlStatement): AlterAction {
  if (at.take('ADD', 'CONSTRAINT')) return constraint(at, at.name()?.parts[0] ?? '', statement);
  if (at.take('ADD')) {
    const word = at.token?.kind === 'word' ? at.token.value : '';
    if (['CHECK', 'FOREIGN', 'PRIMARY', 'UNIQUE', 'EXCLUDE'].includes(word))
      return constraint(at, '', statement);
    return addColumn(at);
  }
  if (at.take('VALIDATE', 'CONSTRAINT')) {
    const instead = 'Write it as a statement of its own.';
    return {
      what: 'VALIDATE CONSTRAINT',
      lock: SHARE_UPDATE,
      validates: at.name()?.parts[0],
      instead,
    };
  }
  if (at.take('ALTER')) return alterColumn(at);
  if (at.take('SET', 'STATISTICS') || at.take('CLUSTER', 'ON'))
    return { what: 'SET', lock: SHARE_UPDATE };
  if (at.take('ENABLE', 'TRIGGER') || at.take('DISABLE', 'TRIGGER'))
    return { what: 'ENABLE or DISABLE TRIGGER', lock: SHARE_ROW };
  for (const words of ['SET TABLESPACE', 'SET LOGGED', 'SET UNLOGGED', 'SET ACCESS METHOD']) {
    if (!at.take(...words.split(' '))) continue;
    return {
      what: words,
      lock: EXCLUSIVE,
      long: 'copies the table',
      instead: 'Do it in a window without traffic.',
    };
  }
  if (at.take('SET') || at.take('RESET')) {
    const storage = at.token?.kind === 'symbol';
    return { what: 'SET', lock: storage ? SHARE_UPDATE : EXCLUSIVE };
  }
  return { what: at.token?.kind === 'word' ? at.token.value : '', lock: EXCLUSIVE };
}

function constraint(at: SqlCursor, name: string, statement: SqlStatement): AlterAction {
  const valid = !at.has('NOT', 'VALID');
  if (at.take('CHECK')) {
    const within = at.parenthesized();
    const tokens = within ? at.slice(within.from, within.to) : [];
    const scan = valid
      ? {
          long: 'reads the whole table',
          instead: 'Add it NOT VALID, then VALIDATE CONSTRAINT in a statement of its own.',
        }
      : {};
    return {
      what: 'ADD CHECK',
      lock: EXCLUSIVE,
      ...scan,
      addsCheck: { name, notNullOf: columnNotNull(tokens), valid },
    };
  }
  if (at.has('FOREIGN', 'KEY')) {
    while (at.token && !at.take('REFERENCES')) at.at += 1;
    const references = at.name();
    if (!valid) return { what: 'ADD FOREIGN KEY', lock: SHARE_ROW, references };
    const instead = 'Add it NOT VALID, then VALIDATE CONSTRAINT in a statement of its own.';
    return {
      what: 'ADD FOREIGN KEY',
      lock: SHARE_ROW,
      long: 'reads the whole table',
      instead,
      references,
    };
  }
  if (at.has('USING', 'INDEX') && !at.has('USING', 'INDEX', 'TABLESPACE')) {
    const primary = at.take('PRIMARY');
    while (at.token && !at.take('USING', 'INDEX')) at.at += 1;
    const instead =
      'Forbid nulls in its columns first: CHECK NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL.';
    return {
      what: 'ADD CONSTRAINT USING INDEX',
      lock: EXCLUSIVE,
      ...(primary ? { primaryKey: at.name(), instead } : {}),
    };
  }
  const kind = statement.text.slice(at.token?.start, at.token?.end).toUpperCase();
  const instead =
    'Build the index with CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX.';
  return { what: `ADD ${kind}`, lock: EXCLUSIVE, long: 'builds an index', instead };
}

/** `column IS NOT NULL`, and nothing else. */
function columnNotNull(tokens: readonly SqlToken[]): string | undefined {
  const [column, ...rest] = tokens.filter(
    ({ kind, value }) => kind !== 'symbol' || (value !== '(' && value !== ')'),
  );
  if (column === undefined || rest.map(({ value }) => value).join(' ') !== 'IS NOT NULL')
    return undefined;
  return identifierOf(column);
}

function addColumn(at: SqlCursor): AlterAction {
  at.take('COLUMN');
  at.take('IF', 'NOT', 'EXISTS');
  at.name();
  const type = at.token?.kind === 'word' ? at.token.value : '';
  const columnType = at.name();
  const rewritten = { what: 'ADD COLUMN', lock: EXCLUSIVE, long: 'writes every row anew' };
  if (/^(?:SMALL|BIG)?SERIAL\d?$/.test(type) || at.has('AS', 'IDENTITY') || at.has('STORED')) {
    return {
      ...rewritten,
      instead: 'Add a plain column, fill it in batches, and set its default afterwards.',
    };
  }
  if (at.has('REFERENCES')) {
    const instead = 'Add the column, then the foreign key NOT VALID, then VALIDATE CONSTRAINT.';
    return {
      what: 'ADD COLUMN REFERENCES',
      lock: EXCLUSIVE,
      long: 'reads the whole table',
      instead,
    };
  }
  if (at.has('CHECK')) {
    const instead = 'Add the column, then the check NOT VALID, then VALIDATE CONSTRAINT.';
    return { what: 'ADD COLUMN CHECK', lock: EXCLUSIVE, long: 'reads the whole table', instead };
  }
  const unique = at.has('UNIQUE') || at.has('PRIMARY', 'KEY');
  if (unique)
    return {
      what: 'ADD COLUMN UNIQUE',
      lock: EXCLUSIVE,
      long: 'builds an index',
      instead: 'Build the index CONCURRENTLY later.',
    };
  while (at.token && !at.take('DEFAULT')) at.at += 1;
  return { what: 'ADD COLUMN', lock: EXCLUSIVE, columnType, columnDefault: at.rest() };
}

function alterColumn(at: SqlCursor): AlterAction {
  at.take('COLUMN');
  const column = at.name()?.parts[0];
  if (at.take('SET', 'DATA', 'TYPE') || at.take('TYPE')) {
    return {
      what: 'ALTER COLUMN TYPE',
      lock: EXCLUSIVE,
      long: 'writes every row and its indexes anew, unless the types are stored alike',
      instead: 'Add a column of the new type, fill it in batches, and exchange the two.',
    };
  }
  if (at.take('SET', 'EXPRESSION')) {
    const instead = 'Add a column with the new expression in a window without traffic.';
    return { what: 'SET EXPRESSION', lock: EXCLUSIVE, long: 'writes every row anew', instead };
  }
  if (at.take('SET', 'NOT', 'NULL')) {
    const instead = `Add CHECK (${column} IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT, then SET NOT NULL.`;
    return {
      what: 'SET NOT NULL',
      lock: EXCLUSIVE,
      long: 'reads the whole table',
      instead,
      notNull: column,
    };
  }
  if (at.take('SET', 'STATISTICS')) return { what: 'SET STATISTICS', lock: SHARE_UPDATE };
  return { what: 'ALTER COLUMN', lock: EXCLUSIVE };
}
