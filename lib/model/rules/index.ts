export * as cloudfrontRules from './cloudfront';
export * as elasticacheRules from './elasticache';
export * as fleetRules from './fleet';
export * as pgbouncerRules from './pgbouncer';
export * as rdsRules from './rds';
export * as regionRules from './regions';
export { brokenRule, isWholeNumber, type Rule, unlike } from './rule';
