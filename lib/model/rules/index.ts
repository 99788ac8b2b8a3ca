export { brokenRule, isWholeNumber, type Rule } from './rule';
