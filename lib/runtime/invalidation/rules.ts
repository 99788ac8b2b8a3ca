import { describeValue, IsochroneError } from '../../model/errors';
import { edgePath } from './paths';
import {
  escapeGlob,
  escapePathPiece,
  fillTemplate,
  type InvalidationTemplate,
  parseTemplate,
} from './templates';

/** Something that happened, after which some of what is cached is not true any more. */
export interface InvalidationEvent {
  /** What happened, such as `trade_execution`. */
  readonly type: string;
  /** What the templates of the rules are filled from. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Who says so; compared only by rules that name a source. */
  readonly source?: string;
  /**
   * What tells this event from every other one: a second one with this id does nothing. Without it,
   * each is new.
   */
  readonly id?: string;
}

/**
 * What one kind of event ends: plain data. Each text is a template, with fields of the event's
 * detail in braces; where a field is a list, it makes one text for each element.
 */
export interface InvalidationRule {
  /**
   * The type of the event; on EventBridge, the `detail-type`. Several rules may have one event: all
   * of them apply.
   */
  readonly event: string;
  /**
   * Whose events it is about.
   *
   * @default everybody's
   */
  readonly source?: string;
  /**
   * Tags that get a new version. O(1) each, however many values carry them: the first choice.
   *
   * @default none
   */
  readonly tags?: readonly string[];
  /**
   * Patterns of keys, with the prefix of their strategy: `*`, `?` and `[…]` as SCAN knows them. The
   * whole server is walked for each: for what carries no tag.
   *
   * @default none
   */
  readonly patterns?: readonly string[];
  /**
   * Paths of CloudFront, for all of a path with `*` at its end. They cost money and take seconds:
   * for what has a long time to live.
   *
   * @default none
   */
  readonly edgePaths?: readonly string[];
}

export type InvalidationRules = readonly InvalidationRule[];

/** What an event ends, each of it once. */
export interface InvalidationTargets {
  readonly tags: readonly string[];
  readonly patterns: readonly string[];
  readonly edgePaths: readonly string[];
}

/**
 * Rules for a market: beside them, or in their place, an application gives its own. Values of users
 * carry the tags `portfolio:<user>` and `positions:<user>`, those of strategies `strategies` and
 * `strategy:<id>`, those of a market `market:<market>`.
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

/** Rules, checked once, and then asked at every event. */
export class InvalidationRuleSet {
  private readonly parsed: readonly ParsedRule[];

  /** @throws IsochroneError for a rule that cannot be meant */
  constructor(rules: InvalidationRules) {
    this.parsed = rules.map((rule, i) => parseRule(rule, `InvalidationRules[${i}]`));
  }

  /**
   * @throws IsochroneError for an event that no rule is about, and for one without a field that a
   * rule needs
   */
  public targetsOf({ type, detail, source }: InvalidationEvent): InvalidationTargets {
    const rules = this.parsed.filter(
      ({ rule }) => rule.event === type && (rule.source === undefined || rule.source === source),
    );
    if (rules.length === 0) {
      const known = [...new Set(this.parsed.map(({ rule }) => rule.event))].join(', ');
      throw new IsochroneError(
        `Invalidator: the event must be one that a rule is about (${known || 'there is no rule'}), got ${describeValue(type)}` +
          `${source === undefined ? '' : ` of ${describeValue(source)}`}.\n` +
          'An event without a rule would end nothing, and nobody would know. Add a rule; one without tags, patterns and paths ends nothing on purpose.',
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
      `${place}: event must be the type of an event, got ${describeValue(rule?.event)}.\nA rule is found by it. Name it as the events have it.`,
    );
  }
  const where = `${place} (${rule.event})`;
  const unknown = Object.keys(rule).find((name) => !['event', 'source', ...KINDS].includes(name));
  if (unknown !== undefined) {
    throw new IsochroneError(
      `${where}: ${unknown} must be absent, got ${describeValue((rule as unknown as Record<string, unknown>)[unknown])}.\n` +
        `A field that nothing reads would silently not apply. Known are event, source, ${KINDS.join(', ')}.`,
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
        `${where}.patterns: the pattern must begin with text of its own, got ${describeValue(source)}.\n` +
          'What stands before the first field or wildcard keeps it to one kind of key. Begin with the prefix of a strategy, such as "portfolio:".',
      );
    }
  }
  for (const { texts } of templates.edgePaths) edgePath(texts.join('x'), `${where}.edgePaths`);
  return { rule, where, templates };
}
