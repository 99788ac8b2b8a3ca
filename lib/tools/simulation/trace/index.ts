export { seededTrace } from './seeded-trace';
