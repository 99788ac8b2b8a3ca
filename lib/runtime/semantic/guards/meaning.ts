/** Guards of the English words that turn a meaning: opposites, degrees, quantifiers, modals. */
import { wordSet } from '../question';
import { type SemanticGuard, wordGuard } from './guard';

const NEGATIONS = wordSet(`
  not no never none nothing nobody no-one nowhere neither nor without except instead-of lack
  lacking hardly barely rarely seldom unless non cannot no-longer not-yet despite although however
  but only avoid avoiding prevent fail failed stop refuse deny denied
`);

/** Words with an opposite that fits in the same place, as `withoutEnding` shortens them. */
const POLAR = wordSet(`
  buy bought sell sold increas decreas rais lower rise ris fall fell drop grow grew shrink shrank
  gain lose los lost win won loss profit long short bull bear bullish bearish put call bid ask
  asset liability debit credit income expens expense revenue borrow lend lent loan deposit
  withdraw import export open clos start end stop begin finish ent exit arriv depart leav join hir
  fir quit accept reject approv deny grant revok allow permit forbid prohibit ban activat
  deactivat login logout signup unsubscrib subscrib opt in out add remov includ including exclud
  insert delet creat destroy install uninstall upload download import export encrypt decrypt encod
  decod compress decompress lock unlock block unblock hid show mut unmut follow unfollow mount
  unmount push pull send receiv giv tak get put read writ save load up down on off left right top
  bottom front back forward backward north south east west abov below ov und insid outsid internal
  external inward outward inbound outbound befor after earl lat first last next previous more less
  most least high low highest lowest max min maximum minimum larg small great good bad best worst
  better worse strong weak hot cold warm cool fast slow quick cheap expensiv easy hard safe
  dangerous rich poor old new young hard soft wet dry full empty heavy light thick thin wid narrow
  deep shallow tall legal illegal valid invalid possibl impossibl tru fals tru public privat paid
  unpaid free taxabl exempt gross net fixed variabl nominal real active passiv inactiv single
  marri domestic foreign local remot manual automatic primary secondary positiv negativ upp low
  major minor direct indirect regular irregular employe employ employee tenant landlord buyer
  seller lender borrower parent child teacher student husband wife male female men women man woman
  boy girl pros cons advantag disadvantag benefit risk cost pro con plus minus merit drawback
  strength weakness support oppos agre disagre lov hat lik dislik refundabl non-refundabl refund
  charg expand collaps attach detach connect disconnect link unlink enabl disabl appreciat
  depreciat inflation deflation upgrad downgrad promot demot succes failur surplus deficit supply
  demand input output sourc target client server wholesale retail pre post ante undo redo divid
  multipl subtract convex concav ascend descend asc desc vertical horizontal online offlin morning
  evening am pm day night sunris sunset birth death liv die alive dead dying sick healthy guilty
  innocent attack defend help hurt harm hinder acquir divest merg split spend spent earn sav wast
  permanent temporary optional mandatory required voluntary compulsory eligibl ineligibl covered
  uncovered secured unsecured known unknown odd even import odd virtual physical analog digital
  hardwar softwar front-end back-end call put rent own leas sublet lead trail recall precision
  hyper hypo macro micro inner outer ascending descending incoming outgoing entry upstream
  downstream overweight underweight undervalued overvalued
`);

/** A word without the ending of its tense: `increas` for `increased` and `increasing`. */
const withoutEnding = (word: string) => word.replace(/(?:ing|ed|e|d|er|ly)$/, '');

/** Compares negations and the side of each pair of opposites, in order. */
export const samePolarity = wordGuard('polarity', (word, at, words) => {
  if (NEGATIONS.has(word)) return `${word}:${words[at + 1] ?? ''}`;
  if (
    /^(?:non|un|dis|anti|counter)-?[a-z]{4,}$/.test(word) ||
    POLAR.has(word) ||
    POLAR.has(withoutEnding(word))
  )
    return word;
  return undefined;
});

const DEGREES = wordSet(`
  more less most least fewer fewest better best worse worst bigger biggest further furthest
  farther farthest than as same different equal exactly only at-least at-most maximum minimum
  approximately nearly almost about over under above below exceed exceeds up down within beyond
  between top bottom first second third last final next previous earliest oldest youngest major
  minor main primary too enough very so such much many few a-few little a-little vs against
  compared like unlike largest smallest highest lowest longest shortest cheapest fastest slowest
  half twice double triple average median total per another other else
`);

/** Words that end like a comparative or superlative but are neither. */
const NOT_DEGREES = wordSet(`
  number order offer user customer computer server paper letter water power center manager member
  owner employer buyer seller lender broker dealer after under over ever never whether other
  either neither together another rather transfer answer cover deliver enter register remember
  consider refer prefer interest request test guest invest forest harvest protest suggest contest
  west rest nest latest dinner summer winter weather september october november december printer
  router browser folder filter layer header footer teacher driver doctor mother father brother
  sister daughter partner voucher career carrier border gender insurer issuer dividend-payer
  leader trader trailer retailer former later per newsletter newer matter better quarter master
  laptop-charger charger cluster twitter container docker kubernetes-cluster parameter pointer
  integer buffer computer-monitor character chapter helper worker developer designer engineer
  consumer producer provider supplier partner officer lawyer player layer speaker counter tower
  copper silver butter tiger river finger hamster cancer fever liver user-manager shower flower
  tender timer tracker wrapper scanner banner planner loader reader writer render gather discover
  recover wonder trigger
`);

/** Compares comparatives, superlatives, ranks and bounds, in order. */
export const sameComparison = wordGuard('comparison', (word) => {
  if (DEGREES.has(word)) return word;
  return /^[a-z]{3,}(?:er|est)$/.test(word) && !NOT_DEGREES.has(word) ? word : undefined;
});

const QUANTIFIERS = wordSet(`
  all any only every each some none both either neither most few a-few little a-little many
  several no just always never sometimes ever usually often generally normally typically also too
  else other another even still already yet again together alone whole entire entirely partly
  partially half each everyone someone anyone no-one everything something anything nothing
  everywhere anywhere somewhere multiple single various specific particular certain exactly
  exclusively mainly mostly mainly per overall total average including except besides otherwise
  globally worldwide nationwide locally example examples list first-time
`);

/**
 * Compares quantifiers and limits: "any" differs from "all", and from a question without either.
 */
export const sameScope = wordGuard('scope', (word) => (QUANTIFIERS.has(word) ? word : undefined));

const MODALS: Readonly<Record<string, string>> = {
  can: 'can',
  could: 'can',
  may: 'may',
  might: 'might',
  must: 'must',
  'must-past': 'must-past',
  should: 'should',
  shall: 'shall',
  will: 'will',
  would: 'would',
  want: 'want',
  likely: 'likely',
  probably: 'likely',
  possible: 'possible',
  possibly: 'possible',
  necessary: 'necessary',
  mandatory: 'mandatory',
  optional: 'optional',
  recommended: 'recommended',
  certain: 'certain',
  guaranteed: 'guaranteed',
  advisable: 'advisable',
  legal: 'legal',
  illegal: 'illegal',
  forbidden: 'forbidden',
};

/**
 * Compares modal words: can, may, must, should and will ask different questions. "How can I" equals
 * "how do I", because the form holds both.
 */
export const sameModality: SemanticGuard = {
  name: 'modality',
  signature: ({ form, plain, words }) => {
    const read = form === 'yes-no' ? [plain[0]?.toLowerCase() ?? '', ...words] : words;
    return read
      .flatMap((word) => (Object.hasOwn(MODALS, word) ? MODALS[word] : []) ?? [])
      .join(' ');
  },
};
