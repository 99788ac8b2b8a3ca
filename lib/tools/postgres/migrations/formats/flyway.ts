import { crc32 } from 'node:zlib';
import { type PostgresConnection, rowsOf } from '../../connection';
import { byNumber, byText, type Format, type Row, type ToolRecord, withoutZeros } from './format';

const NAME = /(?:^|\/)(?:V([\d._]+?)|R)__([^/]*)\.sql$/;

/** `V1.2__name.sql` and `R__name.sql` ("Versioned" and "Repeatable migrations", Flyway docs). */
export const flyway: Format = {
  id: idOf,
  compare: byVersion,
  isSign: (file) => NAME.test(file),
  up: (sql) => {
    const placeholder = /\$\{[\w:.]+\}/.exec(sql)?.[0];
    return {
      sql,
      withoutTransaction: false,
      problem: placeholder === undefined ? undefined : substitution(placeholder),
    };
  },
  settings: {
    file: (file) => `${file}.conf`,
    withoutTransaction: (text) => /^\s*executeInTransaction\s*=\s*false\b/m.test(text),
  },
  runsLate: false,
  isRepeatable: (id) => id.startsWith('R__'),
  checksum: checksumOf,
  idOfVersion: (version) => idOf(version) ?? versionId(version.replace(/^V/, '')),
  table: {
    name: 'flyway_schema_history',
    columns: { installed_rank: 'integer', script: 'character varying' },
    read: recordOf,
  },
};

/** Numbers with dots, where `1`, `1.0` and `01` are the same. */
function versionId(version: string): string {
  const parts = version.split(/[._]/).map(withoutZeros);
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return `V${parts.join('.')}`;
}

function idOf(file: string): string | undefined {
  const [, version, description] = NAME.exec(file) ?? [];
  if (description === undefined) return undefined;
  return version === undefined ? `R__${description}` : versionId(version);
}

/** Versions in order, then repeatable files by their description. */
function byVersion(a: string, b: string): number {
  return byId(idOf(a) ?? '', idOf(b) ?? '') || byText(a, b);
}

function byId(a: string, b: string): number {
  const repeats = a.startsWith('R');
  if (repeats !== b.startsWith('R')) return repeats ? 1 : -1;
  if (repeats) return byText(a, b);
  const [left = [], right = []] = [a, b].map((id) => id.slice(1).split('.'));
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const order = byNumber(left[i] ?? '0', right[i] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}

/** The CRC-32 of the lines without their ends, as a signed number (`ChecksumCalculator`). */
function checksumOf(text: string): string {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  return String(crc32(lines.join('')) | 0);
}

async function recordOf(connection: PostgresConnection, table: string): Promise<ToolRecord> {
  const rows = await rowsOf<Row & { success: boolean }>(
    connection,
    `SELECT version, type, script, checksum::text, success FROM ${table} ORDER BY installed_rank`,
  );
  const checksums = new Map<string, string>();
  let baseline: string | undefined;
  let failed: string | null | undefined;
  for (const { version, type, script, checksum, success } of rows) {
    const id = version == null ? (idOf(String(script)) ?? String(script)) : versionId(version);
    if (!success) failed = script;
    else if (/^UNDO|^DELETE/.test(String(type))) checksums.delete(id);
    else if (/BASELINE/.test(String(type))) baseline = id;
    else if (type !== 'SCHEMA') checksums.set(id, String(checksum));
  }
  return {
    has: ({ id, isRepeatable, toolChecksum }) =>
      isRepeatable
        ? checksums.get(id) === toolChecksum
        : checksums.has(id) || (baseline !== undefined && byId(id, baseline) <= 0),
    ids: [...checksums.keys()],
    checksums,
    problem: failed ? `${failed} has failed` : undefined,
  };
}

function substitution(placeholder: string) {
  return {
    value: `the placeholder ${placeholder}`,
    rule: 'Flyway puts values of its configuration in the place of placeholders.',
    fix: 'Write the value.',
  };
}
