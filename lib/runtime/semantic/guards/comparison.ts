import { setOf, wordGuard } from './guard';

const DEGREES =
  setOf(`more less most least fewer fewest better best worse worst bigger biggest further furthest farther farthest than as same different equal exactly only
  at-least at-most maximum minimum approximately nearly almost about over under above below exceed exceeds up down within beyond between top bottom first second third
  last final next previous earliest oldest youngest major minor main primary too enough very so such much many few a-few little a-little vs against compared like unlike
  largest smallest highest lowest longest shortest cheapest fastest slowest half twice double triple average median total per another other else`);

/** Words that end like a comparative and are none. */
const NOT_DEGREES =
  setOf(`number order offer user customer computer server paper letter water power center manager member owner employer buyer seller lender broker dealer
  after under over ever never whether other either neither together another rather transfer answer cover deliver enter register remember consider refer prefer
  interest request test guest invest forest harvest protest suggest contest west rest nest latest dinner summer winter weather september october november december
  printer router browser folder filter layer header footer teacher driver doctor mother father brother sister daughter partner voucher career carrier border gender
  insurer issuer dividend-payer leader trader trailer retailer former later per newsletter newer matter better quarter master laptop-charger charger cluster twitter
  container docker kubernetes-cluster parameter pointer integer buffer computer-monitor character chapter helper worker developer designer engineer consumer producer provider
  supplier partner officer lawyer player layer speaker counter tower copper silver butter tiger river finger hamster cancer fever liver user-manager shower flower
  tender timer tracker wrapper scanner banner planner loader reader writer render gather discover recover wonder trigger`);

/**
 * The same comparatives, superlatives, ranks and bounds. A singular beside a superlative is no
 * plural: "the best fund" is not "the best funds".
 */
export const sameComparison = wordGuard('comparison', (word) => {
  if (DEGREES.has(word)) return word;
  return /^[a-z]{3,}(?:er|est)$/.test(word) && !NOT_DEGREES.has(word) ? word : undefined;
});
