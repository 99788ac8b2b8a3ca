export type { FunctionCall, FunctionOutcome } from './call';
export { type EdgeFunctionRunner, edgeFunctionRunner } from './runner';
