export { type BedrockClient, BedrockEmbedder, type BedrockEmbedderOptions } from './bedrock';
export type { Embedder } from './embedder';
export { ENGLISH_GUARDS, ENGLISH_RULES, NEUTRAL_GUARDS, type SemanticGuard } from './guards';
export { MemorySemanticStore, type MemorySemanticStoreOptions } from './memory-store';
export type { SemanticCacheOptions } from './options';
export type { SemanticAnswer, SemanticLookup, SemanticOutcome } from './outcome';
export { readQuestion, type SemanticQuestion } from './question';
export type { SemanticScope } from './scope';
export { SemanticCache } from './semantic-cache';
export type { SemanticCandidate, SemanticEntry, SemanticStore, StoredAnswer } from './store';
export { TfIdfEmbedder, type TfIdfEmbedderOptions } from './tfidf';
export {
  type SemanticCommands,
  semanticStoreFor,
  ValkeySemanticStore,
  type ValkeySemanticStoreOptions,
} from './valkey-store';
