/** What applications import from `isochrone/runtime`. It brings no CDK. Re-exports only. */
export * from './cache-strategy';
export { type BedrockClient, BedrockEmbedder, type BedrockEmbedderOptions } from './semantic-bedrock';
export { SemanticCache } from './semantic-cache';
export type { Embedder } from './semantic-embedder';
export type { SemanticGuard } from './semantic-guard';
export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS } from './semantic-guards';
export { MemorySemanticStore, type MemorySemanticStoreOptions } from './semantic-memory-store';
export { SEMANTIC_METRICS, type SemanticMetrics } from './semantic-metrics';
export type { SemanticCacheOptions } from './semantic-options';
export type { SemanticAnswer, SemanticLookup, SemanticOutcome } from './semantic-outcome';
export { readQuestion, type SemanticQuestion } from './semantic-question';
export type { SemanticScope } from './semantic-scope';
export type { SemanticCandidate, SemanticEntry, SemanticStore, StoredAnswer } from './semantic-store';
export { TfIdfEmbedder, type TfIdfEmbedderOptions } from './semantic-tfidf';
export { type SemanticCommands, semanticStoreFor, ValkeySemanticStore, type ValkeySemanticStoreOptions } from './semantic-valkey-store';
