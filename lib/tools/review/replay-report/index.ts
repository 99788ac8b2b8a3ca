export { renderReplayHtml } from './page';
export { plotRenderer } from './svg';
export { formatReplay } from './text';
