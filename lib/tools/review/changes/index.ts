export { withoutHashes } from './asset-noise';
export { findChanges, type ResourceChange, resourcePath, type StackChange } from './changes';
export { isObject, type LeafDifference, shown, text } from './readable';
export { joinRenames } from './renames';
