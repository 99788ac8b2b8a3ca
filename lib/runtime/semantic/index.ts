export { type BedrockClient, BedrockEmbedder, type BedrockEmbedderOptions } from './bedrock';
export type { Embedder } from './embedder';
export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS, type SemanticGuard } from './guards';
export { MemorySemanticStore, type MemorySemanticStoreOptions } from './memory-store';
export type { SemanticCacheOptions } from './options';
export { readQuestion, type SemanticQuestion } from './question';
export type { SemanticScope } from './scope';
export {
  type SemanticAnswer,
  SemanticCache,
  type SemanticLookup,
  type SemanticOutcome,
} from './semantic-cache';
export type { SemanticCandidate, SemanticEntry, SemanticStore, StoredAnswer } from './store';
export { TfIdfEmbedder, type TfIdfEmbedderOptions } from './tfidf';
export {
  type SemanticCommands,
  semanticStoreFor,
  ValkeySemanticStore,
  type ValkeySemanticStoreOptions,
} from './valkey-store';
