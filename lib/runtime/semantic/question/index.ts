export { tokensOf } from './lexer';
export { canonicalWord, wordSet } from './lexicon';
export { exactText, readQuestion, type SemanticQuestion } from './question';
