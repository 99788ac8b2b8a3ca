import { root, setOf, wordGuard } from './guard';

const NEGATIONS =
  setOf(`not no never none nothing nobody no-one nowhere neither nor without except instead-of lack lacking hardly barely rarely seldom unless non cannot
  no-longer not-yet despite although however but only avoid avoiding prevent fail failed stop refuse deny denied`);

/** Words that have an opposite which stands in the same places. Roots, as `root` makes them. */
const POLAR =
  setOf(`buy bought sell sold increas decreas rais lower rise ris fall fell drop grow grew shrink shrank gain lose los lost win won loss profit
  long short bull bear bullish bearish put call bid ask asset liability debit credit income expens expense revenue borrow lend lent loan deposit withdraw import export
  open clos start end stop begin finish ent exit arriv depart leav join hir fir quit accept reject approv deny grant revok allow permit forbid prohibit ban
  activat deactivat login logout signup unsubscrib subscrib opt in out add remov includ including exclud insert delet creat destroy install uninstall
  upload download import export encrypt decrypt encod decod compress decompress lock unlock block unblock hid show mut unmut follow unfollow mount unmount
  push pull send receiv giv tak get put read writ save load up down on off left right top bottom front back forward backward north south east west
  abov below ov und insid outsid internal external inward outward inbound outbound befor after earl lat first last next previous
  more less most least high low highest lowest max min maximum minimum larg small great good bad best worst better worse strong weak hot cold warm cool
  fast slow quick cheap expensiv easy hard safe dangerous rich poor old new young hard soft wet dry full empty heavy light thick thin wid narrow deep shallow tall
  legal illegal valid invalid possibl impossibl tru fals tru public privat paid unpaid free taxabl exempt gross net fixed variabl nominal real active passiv inactiv
  single marri domestic foreign local remot manual automatic primary secondary positiv negativ upp low major minor direct indirect regular irregular
  employe employ employee tenant landlord buyer seller lender borrower parent child teacher student husband wife male female men women man woman boy girl
  pros cons advantag disadvantag benefit risk cost pro con plus minus merit drawback strength weakness support oppos agre disagre lov hat lik dislik
  refundabl non-refundabl refund charg expand collaps attach detach connect disconnect link unlink enabl disabl appreciat depreciat inflation deflation
  upgrad downgrad promot demot succes failur surplus deficit supply demand input output sourc target client server wholesale retail pre post ante
  undo redo divid multipl subtract convex concav ascend descend asc desc vertical horizontal online offlin morning evening am pm day night sunris sunset
  birth death liv die alive dead dying sick healthy guilty innocent attack defend help hurt harm hinder acquir divest merg split spend spent earn sav wast
  permanent temporary optional mandatory required voluntary compulsory eligibl ineligibl covered uncovered secured unsecured known unknown
  odd even import odd virtual physical analog digital hardwar softwar front-end back-end call put rent own leas sublet lead trail recall precision
  hyper hypo macro micro inner outer ascending descending incoming outgoing entry upstream downstream overweight underweight undervalued overvalued`);

/** The same negations and the same side of every pair of opposites, in the same order. */
export const samePolarity = wordGuard('polarity', (word, at, words) => {
  if (NEGATIONS.has(word)) return `${word}:${words[at + 1] ?? ''}`;
  if (
    /^(?:non|un|dis|anti|counter)-?[a-z]{4,}$/.test(word) ||
    POLAR.has(word) ||
    POLAR.has(root(word))
  )
    return word;
  return undefined;
});
