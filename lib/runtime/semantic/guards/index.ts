export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS, refusedBy, signatureOf } from './all';
export type { SemanticGuard } from './guard';
export { englishOnly } from './language';
export { dependsOnToday } from './time';
