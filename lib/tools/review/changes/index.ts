export {
  findChanges,
  type LeafDifference,
  type ResourceChange,
  resourcePath,
  type StackChange,
} from './changes';
export { maskAssetHashes } from './normalize';
export { joinRenames } from './renames';
