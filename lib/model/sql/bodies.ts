import type { Node } from '@pgsql/types';
import { type ParsedStatement, parsePlpgsql, parseSql, SqlSyntaxError, scanSql } from './parser';
import { asNode, namesOf } from './tree';

/** The statements inside the body of a function, a procedure or a DO block. */
export interface StatementBody {
  /** In the order of the text, whatever IF or LOOP is around them. */
  readonly statements: readonly ParsedStatement[];
  /**
   * Whether it may run other statements as well: by EXECUTE of a text that is put together at run
   * time, or because the language is not SQL or PL/pgSQL, or the body cannot be read.
   */
  readonly hasUnknown: boolean;
  /** Whether it has COMMIT or ROLLBACK of its own. */
  readonly endsTransaction: boolean;
  /** Whether it may run a statement more than once. */
  readonly hasLoop: boolean;
}

/**
 * The body of a `DO` or `CREATE FUNCTION` statement.
 *
 * @returns undefined for another statement, and for a function without a body in SQL
 */
export function statementBody({ text, node }: ParsedStatement): StatementBody | undefined {
  const block = asNode(node, 'DoStmt');
  const routine = asNode(node, 'CreateFunctionStmt');
  if (!block && !routine) return undefined;
  const options = block?.args ?? routine?.options ?? [];
  const language = textOption(options, 'language') ?? (block ? 'plpgsql' : 'sql');
  if (routine?.sql_body) return { ...NOTHING_ELSE, statements: atomicBody(routine.sql_body, text) };
  const body = textOption(options, 'as');
  if (body === undefined) return undefined;
  if (language === 'sql') return fromText(body);
  if (language !== 'plpgsql') return UNREADABLE;
  let tree: unknown;
  try {
    tree = parsePlpgsql(text);
  } catch (error) {
    if (error instanceof SqlSyntaxError) return UNREADABLE;
    throw error;
  }
  return fromTree(tree);
}

const NOTHING_ELSE = { hasUnknown: false, endsTransaction: false, hasLoop: false };
const UNREADABLE: StatementBody = { ...NOTHING_ELSE, statements: [], hasUnknown: true };

/** LOOP, WHILE, FOR and FOREACH in the tree of PL/pgSQL. */
const LOOPS = /^PLpgSQL_stmt_(?:loop|while|for[ics]|dynfors|foreach_a)$/;

/** The text of an option such as `AS` or `LANGUAGE`. */
function textOption(options: readonly Node[], wanted: string): string | undefined {
  for (const option of options) {
    const { defname, arg } = asNode(option, 'DefElem') ?? {};
    if (defname !== wanted) continue;
    return asNode(arg, 'String')?.sval ?? namesOf(asNode(arg, 'List')?.items)[0];
  }
  return undefined;
}

/** A body of standard SQL: RETURN, or BEGIN ATOMIC with a list of statements. */
function atomicBody(body: Node, text: string): ParsedStatement[] {
  const lists = asNode(body, 'List')?.items ?? [body];
  const nodes = lists.flatMap((node) => asNode(node, 'List')?.items ?? [node]);
  return nodes.map((node) => ({ text, node, start: 0, end: text.length, line: 1 }));
}

function fromText(sql: string): StatementBody {
  try {
    return { ...NOTHING_ELSE, statements: parseSql(sql) };
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error;
    return UNREADABLE;
  }
}

/** How PL/pgSQL reads the text of an expression (`RawParseMode` in PostgreSQL's parser.h). */
const WHOLE_STATEMENT = 0;
const EXPRESSION = 2;

/** An expression in the tree of PL/pgSQL. */
interface Expression {
  readonly query: string;
  readonly parseMode: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** The statements of a tree of PL/pgSQL: those it has as text, and the texts of its EXECUTE. */
function fromTree(tree: unknown): StatementBody {
  const statements: ParsedStatement[] = [];
  let hasUnknown = false;
  let endsTransaction = false;
  let hasLoop = false;
  const add = (sql: string, line: number): void => {
    const read = fromText(sql);
    statements.push(...read.statements.map((one) => ({ ...one, line: line + one.line - 1 })));
    hasUnknown ||= read.hasUnknown;
  };
  const visit = (value: unknown, outside: number): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, outside);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const fields = value as Fields;
    const line = typeof fields.lineno === 'number' ? fields.lineno : outside;
    for (const [name, field] of Object.entries(fields)) {
      if (name === 'PLpgSQL_stmt_commit' || name === 'PLpgSQL_stmt_rollback')
        endsTransaction = true;
      if (LOOPS.test(name)) hasLoop = true;
      if (name === 'PLpgSQL_expr') add(statementOf(field as Expression), line);
      else if (name === 'PLpgSQL_stmt_dynexecute' || name === 'PLpgSQL_stmt_dynfors') {
        const { query, ...rest } = field as { query: { PLpgSQL_expr: Expression } };
        const sql = constantText(query.PLpgSQL_expr.query);
        if (sql === undefined) hasUnknown = true;
        else add(sql, (rest as { lineno?: number }).lineno ?? line);
        visit(rest, line);
      } else visit(field, line);
    }
  };
  visit(tree, 1);
  return { statements, hasUnknown, endsTransaction, hasLoop };
}

/** An expression as a statement: it may call functions, and read tables in a subquery. */
function statementOf({ query, parseMode }: Expression): string {
  if (parseMode === WHOLE_STATEMENT) return query;
  if (parseMode === EXPRESSION) return `SELECT ${query}`;
  // An assignment, to a variable, a field or an element.
  const equals = scanSql(query).find(({ text }) => text === ':=' || text === '=');
  return `SELECT ${query.slice(equals?.end ?? 0)}`;
}

/** The value of an expression that puts constant texts together; undefined for another one. */
function constantText(expression: string): string | undefined {
  const [statement] = fromText(`SELECT ${expression}`).statements;
  const target = asNode(statement?.node, 'SelectStmt')?.targetList?.[0];
  return constantOf(asNode(target, 'ResTarget')?.val);
}

function constantOf(node: Node | undefined): string | undefined {
  const literal = asNode(node, 'A_Const')?.sval?.sval;
  if (literal !== undefined) return literal;
  const call = asNode(node, 'FuncCall');
  if (call && namesOf(call.funcname).at(-1) === 'format') return formatted(call.args ?? []);
  const operation = asNode(node, 'A_Expr');
  if (namesOf(operation?.name)[0] !== '||') return undefined;
  const left = constantOf(operation?.lexpr);
  const right = constantOf(operation?.rexpr);
  return left === undefined || right === undefined ? undefined : left + right;
}

/** What `format` makes of constants; undefined if one is not constant, or has a position or width. */
function formatted(args: readonly Node[]): string | undefined {
  const [template, ...values] = args.map(constantOf);
  if (template === undefined || /%(?![%sIL])/.test(template)) return undefined;
  let next = 0;
  let known = true;
  const text = template.replace(/%([%sIL])/g, (_, kind: string) => {
    if (kind === '%') return '%';
    const value = values[next];
    next += 1;
    if (value === undefined) known = false;
    if (kind === 'I') return `"${(value ?? '').replaceAll('"', '""')}"`;
    return kind === 'L' ? `'${(value ?? '').replaceAll("'", "''")}'` : (value ?? '');
  });
  return known ? text : undefined;
}
