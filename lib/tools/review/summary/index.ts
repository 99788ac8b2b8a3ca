export { deploymentDiagram } from './diagram';
export { formatSummary, summarize } from './summary';
