export { tokensOf } from './lexer';
export { canonicalWord } from './lexicon';
export { exactText, readQuestion, type SemanticQuestion } from './question';
