/**
 * English synonyms, each with the word that stands for it when questions are compared. Only words
 * that can replace each other in every question belong here.
 */

/** The words of a text that white space separates. */
export const wordSet = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** A regular expression from parts of its source. */
export const pattern = (...parts: readonly string[]): RegExp => new RegExp(parts.join(''), 'u');

/** Maps each word of a line to the first word of that line. */
export function firstWords(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [first = '', ...others] = line.split(' ');
      return [first, ...others].map((word) => [word, first]);
    }),
  );
}

/** Pairs of a synonym and its canonical word, from lines of `canonical: synonym, synonym`. */
const synonymPairs = (text: string): [string, string][] =>
  text
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [canonical = '', others = ''] = line.split(':').map((part) => part.trim());
      return others.split(',').map((other): [string, string] => [other.trim(), canonical]);
    });

/** Expressions of several words that mean one word, longest first. */
const PHRASES: readonly (readonly [RegExp, string])[] = synonymPairs(`
  login: log in, log into, sign in, sign into, logging in, logging into, signing in, log on, sign on
  logout: log out, sign out, log off, sign off, logging out, signing out
  signup: sign up, signing up
  activate: turn on, switch on, turning on, switching on
  deactivate: turn off, switch off, turning off, switching off
  setup: set up, setting up
  backup: back up, backing up
  email: e mail, e-mail
  cannot: can not
  now: right now, at the moment, at present, at this moment, as of now, as of today
  a-few: a few
  a-little: a little
  many: a lot of, lots of, a large number of, a great number of
  at-least: at least, no less than, no fewer than, not less than, minimum of, a minimum of
  at-most: at most, no more than, not more than, maximum of, a maximum of
  more than: greater than, higher than, in excess of
  less than: fewer than, lower than
  because-of: because of, due to, owing to
  in-front-of: in front of
  instead-of: instead of, in place of, rather than
  except: except for, apart from, aside from, other than, but not, excluding, with the exception of
  including: inclusive of
  with-respect-to: with respect to, with regard to, in regard to, as for
  according-to: according to
  out-of: out of
  each: every single, each and every
  must: have to, has to, need to, needs to, required to, obliged to, obligated to, got to
  must-past: had to, needed to
  should: ought to, supposed to
  may: allowed to, permitted to
  can: able to
  going-to: going to
  used-to: used to
  united states: usa, u.s., u.s.a.
  stock price: share price
  vacation day: paid time off, annual leave
  money back: money-back
  approximately: more or less, or so
  no-longer: no longer, not any more, not anymore, not any longer
  no-one: no one, nobody
  not-yet: not yet
  how-come: how come
  as-well: as well
  so-that: in order to, so as to
`)
  .sort(([a], [b]) => b.length - a.length)
  .map(([from, to]) => [new RegExp(`(?<= )${from.replaceAll('.', '\\.')}(?= )`, 'g'), to] as const);

/** Single words: the canonical word, then its synonyms. */
const SYNONYMS: ReadonlyMap<string, string> = new Map(
  synonymPairs(`
  buy: purchase, purchasing, buying
  start: begin, commence, beginning
  delete: erase
  cancel: cancelling, canceling, cancelation, cancellation
  fix: repair
  smaller: littler
  larger: bigger
  largest: biggest
  phone: telephone
  car: automobile
  doctor: physician
  kid: child, children
  photo: photograph
  quick: rapid
  quickly: rapidly
  faster: quicker
  fastest: quickest
  activate: enable
  deactivate: disable
  login: signin, logon, log-in, sign-in
  signup: sign-up
  color: colour
  center: centre
  organization: organisation
  license: licence
  favorite: favourite
  program: programme
  behavior: behaviour
  optimize: optimise
  analyze: analyse
  authorize: authorise
  customize: customise
  approximately: roughly, approx, circa
  help: assist, assistance
  need: require
  choose: select
  permit: allow
  between: amid
  into: onto
  until: till
  with: using
  toward: towards
  vs: versus
  while: whilst
  among: amongst
  previous: prior, preceding
  now: currently, presently, nowadays
  latest: newest, most-recent
  maximum: max, maximal
  minimum: min, minimal
  approve: approval
  deliver: delivery, deliveries, delivering
  ship: shipping, shipment
  pay: payment, paying
  renew: renewal, renewing
  install: installation, installing
  activation: activating
  register: registration, registering
  reset: resetting
  change: changing
  update: updating
  withdraw: withdrawal, withdrawing
  refund: refunding, refunded-money
  return: returning
  use: usage, utilize, utilise
  tax: taxation
  lawyer: attorney
  kilogram: kilo
  weekly: every-week
  daily: every-day
  monthly: every-month
  annual: yearly, annually
  without: lacking
  besides: additionally
  also: too, as-well
  everyone: everybody
  someone: somebody
  anyone: anybody
  document: doc, docs
  information: info
  application: app
  difference: differ, distinction, differences
`),
);

/** Plurals that mean something other than their singular, and words that only look like plurals. */
const NO_PLURALS = wordSet(`
  news goods customs savings earnings arms means futures securities physics economics statistics
  politics mathematics ethics returns interests glasses rights terms proceeds premises this his
  its is was has does as us yes plus minus versus less bus gas always across process access
  address business class loss gross express pass miss success series species analysis basis crisis
  status virus bonus focus tennis lens perhaps besides sales unless wireless regardless
  nevertheless various previous thus campus consensus census bias canvas atlas chaos cosmos
  diabetes congress stress press progress
`);

/**
 * The singular of a plural, or the plain form of a verb in the third person. `-ed` and `-ing` stay,
 * because "is he paying" differs from "is he paid".
 */
export function stem(word: string): string {
  if (
    word.length < 4 ||
    !word.endsWith('s') ||
    NO_PLURALS.has(word) ||
    /(?:ss|us|is|ous)$/.test(word)
  )
    return word;
  if (word.endsWith('ies')) return word.length > 4 ? `${word.slice(0, -3)}y` : word.slice(0, -1);
  if (/(?:sh|ch|x|z|ss)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}

/** The word that stands for a lower-case word and its synonyms. */
export function canonicalWord(word: string): string {
  const direct = SYNONYMS.get(word);
  if (direct !== undefined) return direct;
  const stemmed = stem(word);
  return SYNONYMS.get(stemmed) ?? stemmed;
}

/** Replaces each expression of several words by one word. The text has a space at both ends. */
export function joinPhrases(text: string): string {
  return PHRASES.reduce(
    (joined, [pattern, replacement]) => joined.replace(pattern, replacement),
    text,
  );
}

/** Names that have no other meaning in lower case, so that `france` equals `France`. */
export const UNMISTAKABLE_NAMES = wordSet(`
  france germany italy spain portugal england scotland ireland austria switzerland belgium
  netherlands denmark sweden norway finland poland greece russia ukraine canada mexico brazil
  argentina india japan korea australia africa europe asia america singapore malaysia indonesia
  thailand vietnam egypt nigeria kenya israel iran iraq london paris berlin madrid rome tokyo
  chicago boston seattle sydney melbourne toronto german french spanish italian english british
  american canadian european japanese chinese indian russian monday tuesday wednesday thursday
  friday saturday sunday january february april june july september october november december
  google microsoft tesla netflix facebook instagram youtube linkedin nvidia samsung paypal ebay
  airbnb spotify starbucks walmart bitcoin ethereum kubernetes postgresql postgres mysql sqlite
  mongodb javascript typescript linux ubuntu android iphone github gitlab christmas easter
`);
