export { quoteName, SqlCursor, type SqlName } from './cursor';
export { statementsWithin } from './do-blocks';
export { isWord, type SqlStatement, splitStatements } from './statements';
export { identifierOf, lineOf, SqlScanError, type SqlToken } from './tokens';
