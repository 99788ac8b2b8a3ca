/**
 * Classifies questions by their form: removes the polite frame ("could you tell me …"), then reads
 * the opening of the question.
 */
import { canonicalWord, pattern } from './lexicon';

/** A question word follows. */
const QUESTION_WORD = '(?=(?:what|when|where|which|who|whose|why|how|if|whether) )';

/** Polite frames around a question. They are removed repeatedly. */
const FRAMES: readonly RegExp[] = [
  pattern(
    '^ (?:hi|hello|hey|good (?:morning|afternoon|evening)|ok|okay|please|kindly|',
    'thanks|thank you|excuse me|quick question|question)(?: there| all| team)? ',
    '(?:[,.] )*',
  ),
  pattern(
    '^ (?:can|could|would|will) (?:you|someone|anyone|anybody) (?:please |kindly )?',
    '(?:tell|show|explain to|explain|advise|let) (?:me |us )?(?:know )?',
    QUESTION_WORD,
  ),
  pattern('^ (?:please )?(?:tell|show|explain to) (?:me|us) ', QUESTION_WORD),
  /^ explain (?=(?:what|when|where|why|how) )/,
  pattern(
    '^ (?:do you (?:happen to )?know|does anyone know|do we know|any idea|let me know|',
    'remind me|may i ask|can i ask|could i ask) ',
    QUESTION_WORD,
  ),
  pattern(
    '^ i (?:would|am|was|want|need|wish|just|really|should)(?: (?:like|love|want|just|',
    'interested|trying|wondering|curious|need|in))* (?:to )?(?:know|knowing|',
    'understand|find out|learn|ask|wondering|figure out|hear|see)? ?',
    QUESTION_WORD,
  ),
  pattern('^ i (?:wonder|forgot|forget|can not remember|do not know) ', QUESTION_WORD),
];
const ENDINGS = /(?: [,.])*(?: (?:please|thanks|thank you|pls|thx))?(?: [,.])* $/;

/** Openings in order of precedence. A match is replaced by `rest`, which is empty by default. */
const FORMS: readonly (readonly [form: string, opening: RegExp, rest?: string])[] = [
  [
    'why',
    /^ (?:why|how-come|what (?:is|are|was|were) the reasons? (?:that|why|for)|for what reason) /,
  ],
  [
    'how-to',
    pattern(
      '^ (?:how (?:do|can|could|would|might) (?:i|one|someone|somebody|anyone|',
      'a person|people|a user) (?:go about )?|how (?:i|one|someone|a user) (?:can|',
      'could|may|might|would) |how to (?:go about )?)',
    ),
  ],
  [
    'how-to',
    pattern(
      '^ what (?:is|are|would be) the (?:way|ways|step|steps|process|procedure|method|',
      String.raw`instructions|right way|correct way) (?:to|for|of|in) (?=\S+)`,
    ),
  ],
  [
    'how-to',
    /^ what (?:do i|steps do i) (?:must|need|take|do|have) ?(?:do|to take)? (?:to|so-that) /,
  ],
  ['how-to', /^ (?:steps|instructions|way|ways) to /],
  [
    'price',
    pattern(
      '^ (?:what|how much) (?:do|does|did|will|would) (?:the |a |an )?(.+?) (?:cost|',
      'go for|sell for) ',
    ),
    '$1 ',
  ],
  ['price', /^ how (?:much|expensive) (?:is|are|was|were) (?!left|too|it |enough|owed)/],
  [
    'price',
    pattern(
      '^ what (?:is|are|was|were) the (?:price|cost|prices|costs) (?:of|for) ',
      '(?!equity|capital|debt|living|goods|sales|carry|funds|funding|revenue)',
    ),
  ],
  [
    'price',
    /^ (?:price|cost) of (?!equity|capital|debt|living|goods|sales|carry|funds|funding|revenue)/,
  ],
  [
    'price',
    pattern(
      '^ what (?:is|are|was|were) (?:the )?((?:(?!of |in |on |for |at |a |my |',
      String.raw`your )\S+ ){1,4})price (?=[.,]? ?$)`,
    ),
    '$1',
  ],
  ['how-many', /^ (?:how many|what (?:is|are|was|were) the (?:total )?number of) /],
  ['how-much', /^ (?:how much|what (?:is|was) the (?:total )?amount of) /],
  ['how-often', /^ (?:how often|how frequently|at what frequency) /],
  [
    'how-long',
    /^ (?:how long|how much time) (?:does|do|did|will|would) it take (?:for |to |until |before )?/,
  ],
  [
    'how-long',
    pattern(
      '^ (?:how long|how much time) (?:does|do|did|will|would) (.+?) take (?=(?:in|',
      'for|to|from|on|[,.]|at|by|until)? ?)',
    ),
    '$1 ',
  ],
  ['how-long', /^ (?:how long|for how long|how much time) /],
  [
    'how-$1',
    pattern(
      '^ how (?!do |does |did |can |could |would |will |should |shall |may |might |',
      'must |is |are |am |was |were |has |have |had |to |the |a |an |i |you |we |',
      'they |he |she |it |my |your |our |not )([a-z]+) ',
    ),
  ],
  ['how', /^ how /],
  ['when', /^ (?:when|at what time|what time|on what time) /],
  ['what-$1', /^ (?:on |in |by )?(?:what|which) (day|date|year|month|week|weekday) /],
  [
    'where',
    pattern(
      '^ (?:where (?:can|do|could|would|might) (?:i|one|someone|people) find |what ',
      '(?:is|are|was|were) the (?:location|address|whereabouts) of )',
    ),
    ' is ',
  ],
  ['where', /^ where (?:can|do|could|would|might) (?:i|one|someone|people) /],
  ['where', /^ where /],
  ['whose', /^ (?:whose) /],
  ['who', /^ (?:who|whom) /],
  [
    'define',
    pattern(
      '^ (?:what (?:does|do) (?:the term |the word |a |an )?(.+?) mean|what (?:is|',
      'are) (?:the )?(?:meaning|definition) of (?:the term |the word |a |an |',
      'the )?(.+?)|what (?:is|are) meant by (?:a |an )?(.+?)|define (?:a |an |',
      'the )?(.+?)) (?=[.,]? ?$)',
    ),
    '$1$2$3$4 ',
  ],
  [
    'define',
    pattern(
      '^ what (?:is|are) (?:a |an )?((?!the |my |your |our |their |his |her |its |',
      String.raw`this |that |these |it |there |not |new )(?:[\p{L}-]+)(?: (?!of |in |on |at |`,
      'for |from |to |with |by |and |or |going-to |than |vs |between |per |',
      String.raw`now )[\p{L}-]+){0,2}) (?=[.,]? ?$)`,
    ),
    '$1 ',
  ],
  ['what', /^ (?:what|which) /],
  [
    'yes-no',
    pattern(
      '^ (?:is|are|am|was|were|do|does|did|can|could|will|would|shall|should|may|',
      'might|must|have|has|had|if|whether) ',
    ),
  ],
];

/**
 * Turns the gerund of "how do I go about canceling" into the plain verb. `bring` and `king` stay.
 */
function plainVerb(rest: string): string {
  return rest.replace(/^(\s*)([a-z]{2,})ing (?!$)/, (all, space: string, start: string) => {
    if (canonicalWord(`${start}ing`) !== `${start}ing`) return all;
    if (/^(?:br|str|spr|k|s|w|th|r|p|cl|sl|st|sw)$/.test(start)) return all;
    const verb = /([bdgmnprt])\1$/.test(start)
      ? start.slice(0, -1)
      : /(?:[^aeiou][aeiou](?:g|s|z|c|v)|at|iv|us|os|eas|rov|id|uc)$/.test(start)
        ? `${start}e`
        : start;
    return `${space}${verb} `;
  });
}

/** The form of a line, the rest after its opening, and the line without its frame. */
export function formOf(line: string): { form: string; rest: string; unframed: string } {
  let text = line;
  for (let before = ''; before !== text; ) {
    before = text;
    for (const frame of FRAMES) text = text.replace(frame, ' ');
  }
  text = text.replace(ENDINGS, ' ');
  // "tell me if X is open" asks "is X open"; a bare "if" opens a condition.
  const embedded = text !== line && /^ (?:if|whether) /.test(text);
  for (const [name, opening, replacement] of FORMS) {
    const match = opening.exec(text);
    if (!match) continue;
    if (name === 'yes-no' && /^ (?:if|whether) /.test(match[0]) && !embedded) continue;
    const kept = replacement === undefined ? '' : match[0].replace(opening, replacement);
    // The guards of tense and modality read the auxiliaries from `unframed`.
    const rest = ` ${kept}${text.slice(match[0].length)}`;
    const form = name.replace('$1', match[1] ?? '');
    return { form, rest: form === 'how-to' ? plainVerb(rest) : rest, unframed: text };
  }
  return { form: 'other', rest: text, unframed: text };
}
