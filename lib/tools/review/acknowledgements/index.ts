export { acknowledgementLines } from './lines';
export {
  type IgnoredAcknowledgement,
  type PullRequestReviews,
  parseReviews,
  reviewedAcknowledgements,
} from './reviews';
