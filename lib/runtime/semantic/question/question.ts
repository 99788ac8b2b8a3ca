/** Reads a question for the guards: separates its form from its words, and normalizes both. */
import { formOf } from './form';
import { normalizeCharacters, type Token, tokensOf } from './lexer';
import { canonicalWord, joinPhrases, pattern, UNMISTAKABLE_NAMES, wordSet } from './lexicon';

/** A question as the guards compare it; `readQuestion` makes it from a text. */
export interface SemanticQuestion {
  /** The text with normalized spaces and quotation marks. */
  readonly text: string;
  readonly tokens: readonly Token[];
  /** The form of the question: `how-to`, `when`, `yes-no` … */
  readonly form: string;
  /** The normalized words after the opening, in order. Names keep their capitals. */
  readonly words: readonly string[];
  /** All words as they are written, with the opening but without the frame. */
  readonly plain: readonly string[];
  /** The locale that the caller named, such as `en-GB`. */
  readonly locale?: string;
}

const CONTRACTIONS: readonly (readonly [RegExp, string])[] = [
  [/ cannot /g, ' can not '],
  [/ can't /g, ' can not '],
  [/ won't /g, ' will not '],
  [/ shan't /g, ' shall not '],
  [/ ain't /g, ' is not '],
  [/n't /g, ' not '],
  [/ dont /g, ' do not '],
  [/ doesnt /g, ' does not '],
  [/ didnt /g, ' did not '],
  [/ cant /g, ' can not '],
  [/ isnt /g, ' is not '],
  [/ wont /g, ' will not '],
  [/ i'm /g, ' i am '],
  [/'re /g, ' are '],
  [/'ll /g, ' will '],
  [/'ve /g, ' have '],
  [/ (what|where|when|who|how|why|it|that|there|here|he|she|this)'s /g, ' $1 is '],
  [/ (what|where|when|who|how|why)'d /g, ' $1 did '],
  [/ whats /g, ' what is '],
  [/'d /g, ' would '],
  [/ let's /g, ' let us '],
  [/ gonna /g, ' going to '],
  [/'s /g, " 's "],
  [/s' /g, "s 's "],
];

/** Words that are not names, although they are capitalized at the beginning of a question. */
const OPENINGS = wordSet(`
  a an the what when where which who whom whose why how is are am was were do does did can could
  will would shall should may might must have has had if in on at for from to with without after
  before by of about during under since please tell explain define describe list show give find
  compare convert calculate translate summarize need i i'm i'd i've my your our their his her its
  this that these those it he she they we you there hi hello hey good ok okay so any all not no
  and or but also help let get reset change cancel update delete remove create open close buy sell
  pay transfer add use make set turn install download upload enable disable steps ways price cost
  current latest best difference meaning definition only both either neither each every some can't
  don't isn't aren't won't doesn't didn't what's where's who's how's when's why's couldn't
  shouldn't wouldn't wasn't weren't using given per opening
`);

function wordText(token: Token, first: boolean): string {
  if (token.kind !== 'word') return token.text;
  const lower = token.text.toLowerCase();
  if (lower === token.text) return UNMISTAKABLE_NAMES.has(lower) ? capitalize(lower) : lower;
  if (/^I(?:'|$)/.test(token.text)) return lower;
  if (first && OPENINGS.has(lower)) return lower;
  const name = lower.replace(/'s$/, '');
  if (UNMISTAKABLE_NAMES.has(name) && token.text !== token.text.toUpperCase())
    return `${capitalize(name)}${lower.slice(name.length)}`;
  return token.text;
}

const capitalize = (word: string) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;

/** The tokens as a line with a space at both ends. Names keep capitals; the rest is lower case. */
function lineOf(tokens: readonly Token[]): string {
  let first = true;
  const texts = tokens.map((token) => {
    const text = wordText(token, first);
    first = token.kind === 'end' || (first && token.kind === 'pause') || token.text === ',';
    return text;
  });
  return ` ${texts.join(' ')} `;
}

/** Nouns that a genitive would change: a glass of wine is not a wine glass. */
const VESSELS = pattern(
  '^(?:glass|cup|bottle|can|box|bag|bowl|piece|slice|pair|lack|number|amount|lot|',
  'kind|type|part|end|start|rest|most|all|some|none|one|out|because|instead|each|',
  'any|both|either)$',
);
const NOUN = [
  '(?:(?!(?:of|in|on|at|to|from|for|with|by|and|or|is|are|was|were|the|a|an|do|does|did|can|could|',
  String.raw`not|,|\.|than|that|if|when|what|which|who|how|one|there)\s)\S+)`,
].join('');

const DETERMINER = '(?:(?:the|a|an|my|your|our|their|his|her) )?';

/**
 * Patterns of "the owner of …": up to three words before "of" where an article shows the beginning,
 * otherwise one word.
 */
function genitivePatterns(owner: string): readonly [RegExp, RegExp] {
  const of = ` of (?:the |a |an )?(${DETERMINER}${owner})(?= )`;
  return [
    new RegExp(`(?<= (?:the|a|an) |^ )(${NOUN}(?: ${NOUN}){0,2})${of}`, 'gu'),
    new RegExp(`(?<= )(${NOUN})${of}`, 'gu'),
  ];
}

/** Before a verb, the end of the owner is unknown: one word and the names after it. */
const BEFORE_VERB = genitivePatterns(`${NOUN}(?: \\p{Lu}\\S*)*`);
const AT_END = genitivePatterns(`${NOUN}(?: ${NOUN}){0,3}`);

/** Turns "the price of crude oil" and "crude oil's price" into "crude oil price". */
function joinGenitives(line: string, form: string): string {
  const [whole, bare] = form === 'yes-no' || form.startsWith('how') ? BEFORE_VERB : AT_END;
  const turned = (all: string, head: string, of: string) =>
    VESSELS.test(head) || /[.,]/.test(head) ? all : `${of} ${head}`;
  return line
    .replace(whole, turned)
    .replace(bare, turned)
    .replace(bare, turned)
    .replaceAll(" 's ", ' ');
}

const OPERAND = String.raw`(?!(?:not|it|i)\s)\S+`;

const PAIR = new RegExp(
  '(?<= (?:between|compare|comparing|both|either|is|are|what|,|difference) |^ )' +
    `(${OPERAND}) (and|or|vs|with) (${OPERAND})(?= (?:[.,] )*$| (?:in|for|on|with|at) )`,
  'gu',
);

/** Sorts pairs whose order has no meaning: "between A and B", "A or B?", "compare A and B". */
function sortPairs(line: string): string {
  return line
    .replace(PAIR, (_, one: string, joint: string, other: string) =>
      [one, other].sort().join(` ${joint} `),
    )
    .replace(/ from (\S+) to (\S+) /g, ' $1 to $2 ');
}

const FRONTED = pattern(
  '^ ((?:in|on|for|with|if|when|after|before|during|under|at|as|since|using|given|',
  String.raw`without|to|by|while|unless|once)\b[^,.]*) , (.+?)(?: \.)* $`,
);

/** Reads a text as the guards compare it. */
export function readQuestion(text: string, locale?: string): SemanticQuestion {
  const tokens = tokensOf(text);
  const expanded = CONTRACTIONS.reduce(
    (line, [pattern, replacement]) => line.replace(pattern, replacement),
    lineOf(tokens),
  );
  const { form, rest, unframed } = formOf(joinPhrases(expanded.replace(FRONTED, ' $2 $1 ')));
  const words = sortPairs(joinGenitives(` ${rest.trim()} `, form))
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '' && word !== ',' && word !== '.')
    .map((word) => (/^[a-z'-]+$/.test(word) ? canonicalWord(word) : word));
  return {
    text: normalizeCharacters(text),
    tokens,
    form,
    words,
    plain: unframed.trim().split(' '),
    locale,
  };
}

/**
 * The exact text of a question: two questions with equal exact texts share an answer. It ignores
 * spaces, final punctuation and the capital of an opening word, and nothing else: `US` differs from
 * `us`, and `C` from `C++`.
 */
export function exactText(text: string): string {
  const normalized = normalizeCharacters(text).replace(
    /(?<=[\p{L}\d"'])(?:\s*\?+|\.+)$|(?<=\p{L})!+$/u,
    '',
  );
  return normalized.replace(/^\p{L}+(?:'\p{L}+)?/u, (first) =>
    OPENINGS.has(first.toLowerCase()) && first !== first.toUpperCase()
      ? first.toLowerCase()
      : first,
  );
}
