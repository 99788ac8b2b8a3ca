import { randomUUID } from 'node:crypto';
import { describeValue, IsochroneError } from '../../model/errors';
import type { CacheServer } from '../tiered-cache';
import type { EdgeInvalidator } from './edge';
import { endTargets, type InvalidationCache, type InvalidationPart } from './parts';
import {
  type InvalidationEvent,
  InvalidationRuleSet,
  type InvalidationRules,
  type InvalidationTargets,
  MARKET_INVALIDATION_RULES,
} from './rules';

export interface InvalidatorOptions {
  /** The cache whose values end: a `TieredCache`, which tells the other processes. */
  readonly cache: InvalidationCache;
  /**
   * The server of that cache, which patterns are searched on.
   *
   * @default none: no rule may have patterns
   */
  readonly server?: Pick<CacheServer, 'scan'>;
  /**
   * What ends copies at the edge, or `false` where rules name paths and something else ends them.
   * It is closed with this.
   *
   * @default none: no rule may have edge paths
   */
  readonly edge?: EdgeInvalidator | false;
  /**
   * What each event ends.
   *
   * @default MARKET_INVALIDATION_RULES
   */
  readonly rules?: InvalidationRules;
  /**
   * How long events are gathered before they are acted on together, in milliseconds, 0 to 10,000.
   * What several of them name is ended once.
   *
   * @default 50
   */
  readonly windowMs?: number;
  /**
   * How many ids of events are remembered, so that an event that comes twice is acted on once.
   *
   * @default 10000
   */
  readonly rememberedIds?: number;
}

/** What became of one event. */
export interface InvalidationOutcome {
  /** Whether the event, by its id, was done before: then there are no parts. */
  readonly duplicate: boolean;
  /** Whether every part was reached. */
  readonly complete: boolean;
  readonly parts: readonly InvalidationPart[];
}

/** An event as EventBridge delivers it. */
export interface EventBridgeEvent {
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly detail: unknown;
}

/** More targets than this are not gathered any longer. */
const FULL = 1000;

interface Gathering {
  readonly tags: Set<string>;
  readonly patterns: Set<string>;
  readonly edgePaths: Set<string>;
  readonly references: Set<string>;
  readonly timer: NodeJS.Timeout;
  readonly parts: Promise<readonly InvalidationPart[]>;
  readonly act: () => void;
}

/**
 * Ends what is cached when something happens: in this process, on the server that processes share,
 * and at the edge.
 */
export class Invalidator {
  private readonly rules: InvalidationRuleSet;
  private readonly windowMs: number;
  private readonly rememberedIds: number;
  private readonly done = new Set<string>();
  private readonly underWay = new Map<string, Promise<InvalidationOutcome>>();
  private readonly acting = new Set<Promise<unknown>>();
  private gathering: Gathering | undefined;
  private closed = false;

  /**
   * @throws IsochroneError for rules and options that cannot be meant, or that need a tier that is
   * not given
   */
  constructor(private readonly options: InvalidatorOptions) {
    const { rules = MARKET_INVALIDATION_RULES, windowMs = 50, rememberedIds = 10_000 } = options;
    this.rules = new InvalidationRuleSet(rules);
    this.windowMs = wholeNumber('windowMs', windowMs, 0, 10_000);
    this.rememberedIds = wholeNumber('rememberedIds', rememberedIds, 0, 10_000_000);
    needs(
      rules,
      'patterns',
      options.server !== undefined,
      'server',
      'Give the cache’s `server`, or use tags.',
    );
    needs(
      rules,
      'edgePaths',
      options.edge !== undefined,
      'edge',
      'Give a `CloudFrontInvalidator`, or `false` if something else does it.',
    );
  }

  /**
   * Ends what the rules say of an event. The answer comes when it was acted on, at the edge too:
   * who only wants this cache to be right gives rules without edge paths.
   *
   * @throws IsochroneError for an event that no rule is about or that lacks a field of its rules;
   * nothing is ended then
   */
  public async handle(event: InvalidationEvent): Promise<InvalidationOutcome> {
    if (this.closed) {
      throw new IsochroneError(
        `Invalidator: it must be open when an event comes, got ${describeValue(event.type)} after \`close\`.\nThe event would be lost. Close it when no event can come any more.`,
      );
    }
    const { id } = event;
    if (id === undefined) return this.act(event, randomUUID());
    if (this.done.has(id)) return { duplicate: true, complete: true, parts: [] };
    const known = this.underWay.get(id);
    if (known !== undefined) return known;
    const outcome = this.act(event, id);
    this.underWay.set(id, outcome);
    try {
      const { parts } = await outcome;
      // What has failed is done when the event comes again.
      if (parts.every(({ status }) => status !== 'failed')) this.remember(id);
      return await outcome;
    } finally {
      this.underWay.delete(id);
    }
  }

  /**
   * As `handle`, for an event of EventBridge, which delivers at least once: its `detail-type` is
   * the type, its `id` makes it done once.
   *
   * @throws IsochroneError also for what is no event of EventBridge
   */
  public async handleEventBridge(event: EventBridgeEvent): Promise<InvalidationOutcome> {
    const { id, source, 'detail-type': type, detail } = event ?? {};
    const wrong = Object.entries({ id, source, 'detail-type': type }).find(
      ([, value]) => typeof value !== 'string' || value === '',
    );
    if (
      wrong !== undefined ||
      detail === null ||
      typeof detail !== 'object' ||
      Array.isArray(detail)
    ) {
      const [field, value] = wrong ?? ['detail', detail];
      throw new IsochroneError(
        `Invalidator: ${field} must be ${field === 'detail' ? 'an object' : 'text'}, got ${describeValue(value)}.\n` +
          'Every event of EventBridge has id, source, detail-type and detail. Give the event as the target receives it, without an input transformer.',
      );
    }
    return this.handle({ id, source, type, detail: detail as Record<string, unknown> });
  }

  /**
   * Acts on what is gathered, waits for all that is under way, and closes the edge, which then
   * tries nothing again.
   */
  public async close(): Promise<void> {
    this.closed = true;
    this.gathering?.act();
    const { edge } = this.options;
    if (edge) await edge.close();
    await Promise.all(this.acting);
  }

  private async act(event: InvalidationEvent, reference: string): Promise<InvalidationOutcome> {
    const targets = this.rules.targetsOf(event);
    const wanted = new Set([
      ...targets.tags.map((value) => `tag ${value}`),
      ...targets.patterns.map((value) => `pattern ${value}`),
      ...(this.options.edge === false
        ? []
        : targets.edgePaths.map((value) => `edge-path ${value}`)),
    ]);
    if (wanted.size === 0) return { duplicate: false, complete: true, parts: [] };
    const parts = (await this.gather(targets, reference)).filter(({ kind, value }) =>
      wanted.has(`${kind} ${value}`),
    );
    return { duplicate: false, complete: parts.every(({ status }) => status === 'reached'), parts };
  }

  private gather(
    targets: InvalidationTargets,
    reference: string,
  ): Promise<readonly InvalidationPart[]> {
    this.gathering ??= this.begin();
    const { gathering } = this;
    for (const kind of ['tags', 'patterns', 'edgePaths'] as const) {
      for (const value of targets[kind]) gathering[kind].add(value);
    }
    gathering.references.add(reference);
    if (gathering.tags.size + gathering.patterns.size + gathering.edgePaths.size >= FULL)
      gathering.act();
    return gathering.parts;
  }

  private begin(): Gathering {
    let settle: (parts: Promise<readonly InvalidationPart[]>) => void = () => {};
    const parts = new Promise<readonly InvalidationPart[]>((resolve) => {
      settle = resolve;
    });
    const act = () => {
      clearTimeout(gathering.timer);
      this.gathering = undefined;
      const { cache, server, edge } = this.options;
      const targets = {
        tags: [...gathering.tags],
        patterns: [...gathering.patterns],
        edgePaths: [...gathering.edgePaths],
      };
      const acting = endTargets(
        targets,
        { cache, server, edge: edge || undefined },
        [...gathering.references].sort().join(),
      );
      this.acting.add(acting);
      settle(acting.finally(() => this.acting.delete(acting)));
    };
    const gathering: Gathering = {
      tags: new Set(),
      patterns: new Set(),
      edgePaths: new Set(),
      references: new Set(),
      timer: setTimeout(act, this.windowMs),
      parts,
      act,
    };
    return gathering;
  }

  private remember(id: string): void {
    this.done.add(id);
    for (const oldest of this.done) {
      if (this.done.size <= this.rememberedIds) break;
      this.done.delete(oldest);
    }
  }
}

function wholeNumber(property: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new IsochroneError(
    `Invalidator: ${property} must be a whole number from ${least} to ${most}, got ${describeValue(value)}.\n` +
      'What a process gathers and remembers is bounded. Leave it out for the default.',
  );
}

function needs(
  rules: InvalidationRules,
  kind: 'patterns' | 'edgePaths',
  given: boolean,
  option: string,
  fix: string,
): void {
  const rule = given
    ? undefined
    : rules.find(({ [kind]: templates }) => (templates?.length ?? 0) > 0);
  if (rule === undefined) return;
  throw new IsochroneError(
    `Invalidator: ${option} must be given, got nothing.\nThe rule of ${rule.event} has ${kind}, which would silently be left out. ${fix}`,
  );
}
