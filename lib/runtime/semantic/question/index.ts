export { tokensOf } from './lexer';
export { canonicalWord, firstWords, wordSet } from './lexicon';
export { exactText, readQuestion, type SemanticQuestion } from './question';
