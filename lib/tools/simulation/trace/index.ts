export { seededTrace } from './trace';
