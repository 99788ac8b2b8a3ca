import { describeKind, describeValue, IsochroneError } from '../../model/errors';
import { edgePath } from './edge';
import {
  escapeGlob,
  escapePathPiece,
  fillTemplate,
  type InvalidationTemplate,
  parseTemplate,
} from './template';

/** An event that makes cached values out of date. */
export interface InvalidationEvent {
  /** The kind of event, such as `trade_execution`. */
  readonly type: string;
  /** The fields that fill the templates of the rules. @default - none */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** The sender of the event. Only rules with a `source` compare it. @default - unknown */
  readonly source?: string;
  /**
   * Identifies the event: a second event with this id has no effect.
   *
   * @default - each event is new
   */
  readonly id?: string;
}

/**
 * The targets that one kind of event invalidates, as plain data. Each text is a template, with
 * fields of the event's detail in braces. A field that is a list makes one text for each element.
 */
export interface InvalidationRule {
  /**
   * The type of the event; on EventBridge, the `detail-type`. If several rules have the same event,
   * all of them apply.
   */
  readonly event: string;
  /**
   * The sender whose events the rule is about.
   *
   * @default - any sender
   */
  readonly source?: string;
  /**
   * Tags to invalidate. Each costs O(1), however many values carry it. Prefer tags.
   *
   * @default - none
   */
  readonly tags?: readonly string[];
  /**
   * Patterns of keys to delete, with the prefix of their strategy, and with `*`, `?` and `[…]` as
   * in SCAN. Each pattern walks the whole server, so use them only for values without tags.
   *
   * @default - none
   */
  readonly patterns?: readonly string[];
  /**
   * Paths of CloudFront; a `*` at the end matches every path that begins with the text before it.
   * They cost money and take seconds, so use them only for content with a long time to live.
   *
   * @default - none
   */
  readonly edgePaths?: readonly string[];
}

/** The rules of an `Invalidator`. */
export type InvalidationRules = readonly InvalidationRule[];

/** The targets of an event, without repetition. */
export interface InvalidationTargets {
  readonly tags: readonly string[];
  readonly patterns: readonly string[];
  readonly edgePaths: readonly string[];
}

/**
 * Rules for a market. An application may add its own or replace them. They expect the tags
 * `portfolio:<user>` and `positions:<user>` on values of users, `strategies` and `strategy:<id>` on
 * those of strategies, and `market:<market>` on those of a market.
 */
export const MARKET_INVALIDATION_RULES: InvalidationRules = Object.freeze([
  Object.freeze({
    event: 'strategy_update',
    tags: ['strategies', 'strategy:{strategyId}'],
    edgePaths: ['/api/strategies/public/*'],
  }),
  Object.freeze({
    event: 'market_close',
    tags: ['market:{market}', 'strategies'],
    edgePaths: ['/api/market/overview*', '/api/strategies/public/*'],
  }),
  Object.freeze({ event: 'trade_execution', tags: ['portfolio:{userId}', 'positions:{userId}'] }),
  Object.freeze({ event: 'position_update', tags: ['portfolio:{userId}', 'positions:{userId}'] }),
]);

type Kind = keyof InvalidationTargets;

const KINDS: readonly Kind[] = ['tags', 'patterns', 'edgePaths'];

const ESCAPE: Readonly<Record<Kind, (value: string) => string>> = {
  tags: (value) => value,
  patterns: escapeGlob,
  edgePaths: escapePathPiece,
};

interface ParsedRule {
  readonly rule: InvalidationRule;
  readonly where: string;
  readonly templates: Readonly<Record<Kind, readonly InvalidationTemplate[]>>;
}

/** Rules that have been checked, for use at every event. */
export class InvalidationRuleSet {
  private readonly parsed: readonly ParsedRule[];

  /** @throws IsochroneError for an invalid rule */
  constructor(rules: InvalidationRules) {
    this.parsed = rules.map((rule, i) => parseRule(rule, `InvalidationRules[${i}]`));
  }

  /**
   * @throws IsochroneError for an event without a rule, and for an event without a field that a
   * rule needs
   */
  public targetsOf({ type, detail, source }: InvalidationEvent): InvalidationTargets {
    const rules = this.parsed.filter(
      ({ rule }) => rule.event === type && (rule.source === undefined || rule.source === source),
    );
    if (rules.length === 0) {
      const known = [...new Set(this.parsed.map(({ rule }) => rule.event))].join(', ');
      throw new IsochroneError(
        'Invalidator: the event must be one that a rule is about ' +
          `(${known || 'there is no rule'}), got ${describeValue(type)}` +
          `${source === undefined ? '' : ` of ${describeValue(source)}`}.\n` +
          'An event without a rule would silently invalidate nothing. ' +
          'Add a rule; a rule without tags, patterns and paths invalidates nothing on purpose.',
      );
    }
    const targets = {
      tags: new Set<string>(),
      patterns: new Set<string>(),
      edgePaths: new Set<string>(),
    };
    for (const { where, templates } of rules) {
      for (const kind of KINDS) {
        for (const template of templates[kind]) {
          const at = `${where}, event ${describeValue(type)}`;
          for (const text of fillTemplate(template, detail, ESCAPE[kind], at)) {
            targets[kind].add(kind === 'edgePaths' ? edgePath(text, at) : text);
          }
        }
      }
    }
    return {
      tags: [...targets.tags],
      patterns: [...targets.patterns],
      edgePaths: [...targets.edgePaths],
    };
  }
}

function parseRule(rule: InvalidationRule, place: string): ParsedRule {
  if (typeof rule?.event !== 'string' || rule.event === '') {
    throw new IsochroneError(
      `${place}: event must be the type of an event, got ${describeValue(rule?.event)}.\n` +
        'A rule is found by it. Write it as the events have it.',
    );
  }
  const where = `${place} (${rule.event})`;
  const unknown = Object.keys(rule).find((name) => !['event', 'source', ...KINDS].includes(name));
  if (unknown !== undefined) {
    throw new IsochroneError(
      `${where}: ${unknown} must be absent, ` +
        `got ${describeKind((rule as unknown as Record<string, unknown>)[unknown])}.\n` +
        'An unknown field would silently not apply. ' +
        `Known are event, source, ${KINDS.join(', ')}.`,
    );
  }
  const parse = (kind: Kind) =>
    (rule[kind] ?? []).map((source) => parseTemplate(source, `${where}.${kind}`));
  const templates = {
    tags: parse('tags'),
    patterns: parse('patterns'),
    edgePaths: parse('edgePaths'),
  };
  for (const { source, texts } of templates.patterns) {
    if (!/^[^*?[\\]/.test(texts[0] ?? '')) {
      throw new IsochroneError(
        `${where}.patterns: the pattern must begin with text of its own, ` +
          `got ${describeValue(source)}.\n` +
          'The text before the first field or wildcard limits it to one kind of key. ' +
          'Begin with the prefix of a strategy, such as "portfolio:".',
      );
    }
  }
  for (const { texts } of templates.edgePaths) edgePath(texts.join('x'), `${where}.edgePaths`);
  return { rule, where, templates };
}
