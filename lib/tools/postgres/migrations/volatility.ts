import { type NodeOf, namesOf, objectsIn } from '../../../model/sql';

/**
 * Functions without arguments of pg_catalog that are STABLE or VOLATILE. No other function hides
 * them, because PostgreSQL looks there first.
 */
const NOT_IMMUTABLE = new Set(
  (
    'clock_timestamp current_database current_schema gen_random_uuid now pg_backend_pid random ' +
    'statement_timestamp timeofday transaction_timestamp uuidv4 uuidv7 version'
  ).split(' '),
);

/**
 * The parts of an index definition that are certainly not immutable, such as CURRENT_DATE. The
 * server judges the others.
 */
export function knownNotImmutable(index: NodeOf<'IndexStmt'>): string[] {
  return [...objectsIn([index.indexParams, index.whereClause])].flatMap((object) => {
    const value = object.SQLValueFunction as NodeOf<'SQLValueFunction'> | undefined;
    if (value) return [String(value.op).replace('SVFOP_', '').replace(/_N$/, '')];
    const call = object.FuncCall as NodeOf<'FuncCall'> | undefined;
    const [name = '', more] = namesOf(call?.funcname).filter((part) => part !== 'pg_catalog');
    const known = call?.args === undefined && more === undefined && NOT_IMMUTABLE.has(name);
    return known ? [`${name}()`] : [];
  });
}
