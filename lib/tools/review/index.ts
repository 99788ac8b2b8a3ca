export { parseReviews, reviewedAcknowledgements } from './acknowledgements';
export { parseAcknowledgement } from './findings';
export { formatReplay, plotRenderer, renderReplayHtml } from './replay-report';
export { type ChangeReview, formatChangeMarkdown, formatChangeText, reviewChange } from './report';
export { deploymentDiagram, formatSummary, summarize } from './summary';
export { replayedTraffic } from './traffic';
