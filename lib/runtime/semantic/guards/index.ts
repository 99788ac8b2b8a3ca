export { dependsOnToday } from './facts';
export { refusedBy, type SemanticGuard, signatureOf } from './guard';
export { englishOnly } from './language';
export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS } from './lists';
