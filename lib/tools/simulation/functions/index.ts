export type { FunctionCall, FunctionOutcome } from './call';
export { MODULES } from './lambda-edge-runtime';
export { ownerOf } from './realm';
export {
  type EdgeFunctionRunner,
  edgeFunctionRunner,
  type RunnerOptions,
  timeLimitSeconds,
} from './runner';
