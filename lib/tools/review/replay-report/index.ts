export { renderReplayHtml } from './replay-html';
export { formatReplay } from './replay-table';
export { plotRenderer } from './svg';
