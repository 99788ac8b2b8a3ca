/** Guards that decide whether the other guards can read a question at all. */
import { type SemanticQuestion, wordSet } from '../question';
import type { SemanticGuard } from './guard';

const ENGLISH = wordSet(`
  the are am were be been do does did can could will would shall should may might must have has
  had how what when where which who why whose i my you your we our us they their it its he she of
  to at for from with without by and not if than this that these those there any some all about
  after before between into under over up out much many often more less most least define explain
  describe please tell show
`);

/**
 * Frequent words of other languages in Latin script. Some are English words too and count for both.
 */
const OTHER_LANGUAGES = wordSet(`
  der das und ist sind wie wer wo wann warum welche welcher welches ich mein meine nicht kein
  keine ein eine einen einem den dem des von für mit auf zu zum zur im kann kostet gibt wird
  werden que qué cómo como cuál cual cuánto cuanto cuándo cuando dónde donde quién quien por para
  con sin el la los las un una unos mi mis está son tengo puedo le les est sont quel quelle quels
  quelles comment combien quand où qui pourquoi mon ma mes je ne pas une du au aux dans sur avec
  pour il gli che di della del dei sono quanto quando dove chi perché mio mia uno com meu minha
  não uma os na é onde quem wat wie waar wanneer waarom hoe het een van voor met niet mijn kan ik
  zijn och att är jag inte en ett som med hur vad när var og ikke jeg hvad hvor hvordan er det
  kako gdje ile jak czy jest nie nasıl bir ve ne bu apa bagaimana adalah yang berapa
`);

const QUESTION_WORDS = wordSet('how what when where which who why whose');

function looksEnglish(question: SemanticQuestion): boolean {
  const words = question.tokens.filter((token) => token.kind === 'word').map((token) => token.text);
  const letters = words.join('');
  if (letters === '' || /[^\p{Script=Latin}\p{M}']/u.test(letters)) return false;
  const capitals = words.filter((word) => word.length > 1 && word === word.toUpperCase()).length;
  // In all capitals, names cannot be told from words.
  if (words.length > 3 && capitals > words.length / 2) return false;
  let english = 0;
  let other = 0;
  for (const [at, word] of words.entries()) {
    const lower = word.toLowerCase().replace(/'\p{L}+$/u, '');
    if (at > 0 && word !== lower && !word.startsWith('I')) continue;
    if (ENGLISH.has(lower)) english += QUESTION_WORDS.has(lower) ? 2 : 1;
    if (OTHER_LANGUAGES.has(lower) || /[^a-z]/.test(lower)) other++;
  }
  // A locale of English is enough, unless the words contradict it.
  const evidence = english > 0 || /^en\b/i.test(question.locale ?? '');
  return evidence && (other === 0 || english >= 3 * other);
}

/**
 * Cannot read any language but English. The other guards know English words: in another language
 * they would find no difference rather than refuse.
 */
export const englishOnly: SemanticGuard = {
  name: 'language',
  signature: (question) => (looksEnglish(question) ? 'en' : undefined),
};

/**
 * For other languages: compares the scripts of the letters. It cannot tell Spanish from Portuguese;
 * the locale of the scope does.
 */
export const sameScript: SemanticGuard = {
  name: 'language',
  signature: ({ text }) =>
    [
      'Latin',
      'Cyrillic',
      'Greek',
      'Han',
      'Hiragana',
      'Katakana',
      'Hangul',
      'Arabic',
      'Hebrew',
      'Devanagari',
      'Thai',
    ]
      .filter((script) => new RegExp(`\\p{Script=${script}}`, 'u').test(text))
      .join(' '),
};
