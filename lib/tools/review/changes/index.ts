export { findChanges, type ResourceChange, resourcePath, type StackChange } from './changes';
export type { LeafDifference } from './differences';
export { maskAssetHashes } from './normalize';
export { joinRenames } from './renames';
