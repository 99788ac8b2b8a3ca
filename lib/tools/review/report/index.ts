export { formatChangeMarkdown } from './markdown';
export { type ChangeReview, reviewChange } from './review';
export { formatChangeText } from './text';
