import { identifierOf, type SqlToken } from '../sql';

/** A function call in an expression. */
export interface FunctionCall {
  readonly schema: string | undefined;
  readonly name: string;
  readonly arguments: number;
}

/** Values that look like columns, but depend on the time or the session. */
const VALUES = new Set([
  'CURRENT_CATALOG',
  'CURRENT_DATE',
  'CURRENT_ROLE',
  'CURRENT_SCHEMA',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'CURRENT_USER',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'SESSION_USER',
  'USER',
]);

/**
 * Functions whose every overload is STABLE or VOLATILE in PostgreSQL 15 to 18, for checks without a
 * server. A volatile default of a new column rewrites the table.
 */
const STABLE =
  'array_to_string concat concat_ws current_database current_query current_schema ' +
  'current_schemas current_setting format inet_client_addr json_build_array json_build_object ' +
  'now pg_backend_pid row_to_json statement_timestamp to_char to_date to_json to_jsonb ' +
  'transaction_timestamp version';
const VOLATILE =
  'clock_timestamp currval gen_random_bytes gen_random_uuid lastval nextval random setval ' +
  'timeofday txid_current uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuidv4 uuidv7';

const VOLATILE_NAMES = new Set(VOLATILE.split(' '));
const NOT_IMMUTABLE = new Set([...STABLE.split(' '), ...VOLATILE_NAMES]);

/**
 * The parts of an index definition that are not immutable, as far as they are known without a
 * server.
 */
export function knownNotImmutable(tokens: readonly SqlToken[]): string[] {
  const values = tokens
    .filter(({ kind, value }) => kind === 'word' && VALUES.has(value))
    .map(({ value }) => value);
  return [...values, ...functionCalls(tokens).filter(isBuiltIn(NOT_IMMUTABLE)).map(asWritten)];
}

/** The volatile calls in a default, as far as they are known without a server. */
export function knownVolatile(tokens: readonly SqlToken[]): string[] {
  return functionCalls(tokens).filter(isBuiltIn(VOLATILE_NAMES)).map(asWritten);
}

const isBuiltIn =
  (names: ReadonlySet<string>) =>
  ({ schema, name }: FunctionCall): boolean =>
    (schema === undefined || schema === 'pg_catalog') && names.has(name);

/** The call as text, without its arguments. */
export function asWritten({ schema, name }: FunctionCall): string {
  return `${schema === undefined ? '' : `${schema}.`}${name}()`;
}

/** All names followed by a parenthesis. Those that are not functions are not in the catalog. */
export function functionCalls(tokens: readonly SqlToken[]): FunctionCall[] {
  return tokens.flatMap((token, i) => {
    if ((token.kind !== 'word' && token.kind !== 'name') || !isSymbol(tokens[i + 1], '('))
      return [];
    const qualifier = isSymbol(tokens[i - 1], '.') ? tokens[i - 2] : undefined;
    return [
      {
        schema: qualifier && identifierOf(qualifier),
        name: identifierOf(token),
        arguments: countArguments(tokens, i + 2),
      },
    ];
  });
}

function countArguments(tokens: readonly SqlToken[], from: number): number {
  if (isSymbol(tokens[from], ')')) return 0;
  let depth = 1;
  let count = 1;
  for (let i = from; i < tokens.length && depth > 0; i += 1) {
    if (isSymbol(tokens[i], '(') || isSymbol(tokens[i], '[')) depth += 1;
    if (isSymbol(tokens[i], ')') || isSymbol(tokens[i], ']')) depth -= 1;
    if (isSymbol(tokens[i], ',') && depth === 1) count += 1;
  }
  return count;
}

function isSymbol(token: SqlToken | undefined, value: string): boolean {
  return token?.kind === 'symbol' && token.value === value;
}
