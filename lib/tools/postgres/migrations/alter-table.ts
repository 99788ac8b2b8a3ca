import {
  identifierOf,
  type SqlCursor,
  type SqlName,
  type SqlStatement,
  type SqlToken,
} from '../sql';

/** One action of ALTER TABLE, and what it does to a large table. */
export interface AlterAction {
  readonly command: string;
  readonly lock: string;
  /** The work that it does under its lock, as the end of "it …"; undefined if it is quick. */
  readonly work?: string;
  /** How to reach the same result without that work. */
  readonly alternative?: string;
  /** The column of SET NOT NULL. A validated check makes the action quick. */
  readonly notNull?: string;
  /** The default of a new column. Only a volatile default rewrites the table. */
  readonly columnDefault?: readonly SqlToken[];
  readonly columnType?: SqlName;
  /** The index that becomes the primary key. If a column of it may be NULL, the table is read. */
  readonly primaryKey?: SqlName;
  /** The added check, and the column whose nulls it forbids. */
  readonly addsCheck?: {
    readonly name: string;
    readonly notNullOf: string | undefined;
    readonly valid: boolean;
  };
  /** The constraint that it validates. */
  readonly validates?: string;
  /** The other table of a new foreign key, which is locked too. */
  readonly references?: SqlName;
}

export interface AlterTable {
  readonly command: string;
  readonly runs: 'transaction' | 'alone' | 'outside';
  readonly lock: string;
  readonly actions: readonly AlterAction[];
  /** The partition that is detached CONCURRENTLY. */
  readonly detaches?: SqlName;
  readonly attaches?: SqlName;
}

/** The locks from weak to strong ("Explicit Locking", PostgreSQL documentation). */
const LOCKS = ['SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE'];
const [SHARE_UPDATE = '', SHARE_ROW = '', EXCLUSIVE = ''] = LOCKS;

/** Parses the actions after the table's name. */
export function alterTable(at: SqlCursor, statement: SqlStatement): AlterTable {
  if (at.take('DETACH', 'PARTITION')) {
    const partition = at.name();
    if (at.take('CONCURRENTLY')) {
      const command = 'ALTER TABLE DETACH PARTITION CONCURRENTLY';
      return { command, runs: 'outside', lock: SHARE_UPDATE, actions: [], detaches: partition };
    }
    return {
      command: 'ALTER TABLE DETACH PARTITION',
      runs: 'transaction',
      lock: EXCLUSIVE,
      actions: [],
    };
  }
  if (at.take('ATTACH', 'PARTITION')) {
    return {
      command: 'ALTER TABLE ATTACH PARTITION',
      runs: 'transaction',
      lock: SHARE_UPDATE,
      actions: [],
      attaches: at.name(),
    };
  }
  const actions = at.parts().map((part) => action(part, statement));
  const strongest = Math.max(...actions.map(({ lock }) => LOCKS.indexOf(lock)));
  const command = `ALTER TABLE ${actions.map((each) => each.command).join(', ')}`.trim();
  // In one transaction with ADD … NOT VALID, the lock of ADD would be held while the whole table is
  // read.
  const runs = actions.every(({ validates }) => validates !== undefined) ? 'alone' : 'transaction';
  return { command, runs, lock: LOCKS[strongest] ?? EXCLUSIVE, actions };
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
    const alternative = 'Write it as a statement of its own.';
    return {
      command: 'VALIDATE CONSTRAINT',
      lock: SHARE_UPDATE,
      validates: at.name()?.parts[0],
      alternative,
    };
  }
  if (at.take('ALTER')) return alterColumn(at);
  if (at.take('SET', 'STATISTICS') || at.take('CLUSTER', 'ON'))
    return { command: 'SET', lock: SHARE_UPDATE };
  if (at.take('ENABLE', 'TRIGGER') || at.take('DISABLE', 'TRIGGER'))
    return { command: 'ENABLE or DISABLE TRIGGER', lock: SHARE_ROW };
  for (const words of ['SET TABLESPACE', 'SET LOGGED', 'SET UNLOGGED', 'SET ACCESS METHOD']) {
    if (!at.take(...words.split(' '))) continue;
    return {
      command: words,
      lock: EXCLUSIVE,
      work: 'copies the table',
      alternative: 'Do it in a window without traffic.',
    };
  }
  if (at.take('SET') || at.take('RESET')) {
    const storage = at.token?.kind === 'symbol';
    return { command: 'SET', lock: storage ? SHARE_UPDATE : EXCLUSIVE };
  }
  return { command: at.token?.kind === 'word' ? at.token.value : '', lock: EXCLUSIVE };
}

function constraint(at: SqlCursor, name: string, statement: SqlStatement): AlterAction {
  const valid = !at.has('NOT', 'VALID');
  if (at.take('CHECK')) {
    const within = at.parenthesized();
    const tokens = within ? at.slice(within.from, within.to) : [];
    const scan = valid
      ? {
          work: 'reads the whole table',
          alternative: 'Add it NOT VALID, then VALIDATE CONSTRAINT in a statement of its own.',
        }
      : {};
    return {
      command: 'ADD CHECK',
      lock: EXCLUSIVE,
      ...scan,
      addsCheck: { name, notNullOf: columnNotNull(tokens), valid },
    };
  }
  if (at.has('FOREIGN', 'KEY')) {
    while (at.token && !at.take('REFERENCES')) at.at += 1;
    const references = at.name();
    if (!valid) return { command: 'ADD FOREIGN KEY', lock: SHARE_ROW, references };
    const alternative = 'Add it NOT VALID, then VALIDATE CONSTRAINT in a statement of its own.';
    return {
      command: 'ADD FOREIGN KEY',
      lock: SHARE_ROW,
      work: 'reads the whole table',
      alternative,
      references,
    };
  }
  if (at.has('USING', 'INDEX') && !at.has('USING', 'INDEX', 'TABLESPACE')) {
    const primary = at.take('PRIMARY');
    while (at.token && !at.take('USING', 'INDEX')) at.at += 1;
    const alternative =
      'Forbid nulls in its columns first: CHECK NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL.';
    return {
      command: 'ADD CONSTRAINT USING INDEX',
      lock: EXCLUSIVE,
      ...(primary ? { primaryKey: at.name(), alternative } : {}),
    };
  }
  const kind = statement.text.slice(at.token?.start, at.token?.end).toUpperCase();
  const alternative =
    'Build the index with CREATE UNIQUE INDEX CONCURRENTLY first, ' +
    'then ADD CONSTRAINT … USING INDEX.';
  return { command: `ADD ${kind}`, lock: EXCLUSIVE, work: 'builds an index', alternative };
}

/** The column of a check that is exactly `column IS NOT NULL`. */
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
  const exclusively = (command: string, work: string, alternative: string): AlterAction => ({
    command: `ADD COLUMN${command}`,
    lock: EXCLUSIVE,
    work,
    alternative,
  });
  if (/^(?:SMALL|BIG)?SERIAL\d?$/.test(type) || at.has('AS', 'IDENTITY') || at.has('STORED'))
    return exclusively(
      '',
      'rewrites every row',
      'Add a plain column, fill it in batches, and set its default afterwards.',
    );
  if (at.has('REFERENCES'))
    return exclusively(
      ' REFERENCES',
      'reads the whole table',
      'Add the column, then the foreign key NOT VALID, then VALIDATE CONSTRAINT.',
    );
  if (at.has('CHECK'))
    return exclusively(
      ' CHECK',
      'reads the whole table',
      'Add the column, then the check NOT VALID, then VALIDATE CONSTRAINT.',
    );
  if (at.has('UNIQUE') || at.has('PRIMARY', 'KEY'))
    return exclusively(' UNIQUE', 'builds an index', 'Build the index CONCURRENTLY later.');
  while (at.token && !at.take('DEFAULT')) at.at += 1;
  return { command: 'ADD COLUMN', lock: EXCLUSIVE, columnType, columnDefault: at.rest() };
}

function alterColumn(at: SqlCursor): AlterAction {
  at.take('COLUMN');
  const column = at.name()?.parts[0];
  if (at.take('SET', 'DATA', 'TYPE') || at.take('TYPE')) {
    return {
      command: 'ALTER COLUMN TYPE',
      lock: EXCLUSIVE,
      work: 'rewrites every row and its indexes, unless both types have one representation',
      alternative: 'Add a column of the new type, fill it in batches, and swap the two.',
    };
  }
  if (at.take('SET', 'EXPRESSION')) {
    const alternative = 'Add a column with the new expression in a window without traffic.';
    return { command: 'SET EXPRESSION', lock: EXCLUSIVE, work: 'rewrites every row', alternative };
  }
  if (at.take('SET', 'NOT', 'NULL')) {
    const alternative =
      `Add CHECK (${column} IS NOT NULL) NOT VALID, ` +
      'then VALIDATE CONSTRAINT, then SET NOT NULL.';
    return {
      command: 'SET NOT NULL',
      lock: EXCLUSIVE,
      work: 'reads the whole table',
      alternative,
      notNull: column,
    };
  }
  if (at.take('SET', 'STATISTICS')) return { command: 'SET STATISTICS', lock: SHARE_UPDATE };
  return { command: 'ALTER COLUMN', lock: EXCLUSIVE };
}
