export { type StatementBody, statementBody } from './bodies';
export { type StatementFacts, statementFacts } from './facts';
export {
  isSqlParserLoaded,
  loadSqlParser,
  loadSqlParserBlocking,
  type Node,
  type ParsedStatement,
  parseSql,
  SqlSyntaxError,
  type SqlToken,
  scanSql,
} from './parser';
export { type FileStatement, type SqlComment, type SqlFile, splitSql } from './statements';
export {
  asNode,
  kindOf,
  type NodeKind,
  type NodeOf,
  namesOf,
  nodesOf,
  objectsIn,
  qualifiedName,
  relationName,
  relationsIn,
  type SqlName,
} from './tree';
