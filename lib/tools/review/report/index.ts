export { type ChangeReview, reviewChange } from './change-review';
export { formatChangeMarkdown } from './markdown';
export { formatChangeText } from './text';
