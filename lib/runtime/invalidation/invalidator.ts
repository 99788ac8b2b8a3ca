import { randomUUID } from 'node:crypto';
import { describeKind, describeValue, IsochroneError, invalidOption } from '../../model/errors';
import { wholeNumber } from '../shared';
import type { CacheServer } from '../tiered-cache';
import type { EdgeInvalidator } from './edge';
import { type InvalidationCache, type InvalidationPart, invalidateTargets } from './parts';
import {
  type InvalidationEvent,
  InvalidationRuleSet,
  type InvalidationRules,
  type InvalidationTargets,
  MARKET_INVALIDATION_RULES,
} from './rules';

/** Options of `Invalidator`. */
export interface InvalidatorOptions {
  /** The cache to invalidate: a `TieredCache`, which informs the other processes. */
  readonly cache: InvalidationCache;
  /**
   * The server of that cache, on which patterns are searched.
   *
   * @default - none; no rule may have patterns
   */
  readonly server?: Pick<CacheServer, 'scan'>;
  /**
   * Invalidates copies at the edge; `false` if the rules have edge paths that something else
   * invalidates. `close` closes it.
   *
   * @default - none; no rule may have edge paths
   */
  readonly edge?: EdgeInvalidator | false;
  /**
   * The targets that each event invalidates.
   *
   * @default MARKET_INVALIDATION_RULES
   */
  readonly rules?: InvalidationRules;
  /**
   * How long events are collected before they are handled together, in milliseconds, 0 to 10,000.
   * A target of several events is invalidated once.
   *
   * @default 50
   */
  readonly windowMs?: number;
  /**
   * How many ids of events are remembered, 0 to 10,000,000. An event with a remembered id is not
   * handled again.
   *
   * @default 10000
   */
  readonly rememberedIds?: number;
}

/** The outcome of one event. */
export interface InvalidationOutcome {
  /** Whether an event with this id was handled before. If so, there are no parts. */
  readonly duplicate: boolean;
  /** Whether the status of every part is `reached`. */
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

/** With this many targets, a batch is handled before its window ends. */
const MAX_BATCH_TARGETS = 1000;

/** The targets of the events of one window. */
interface Batch {
  readonly tags: Set<string>;
  readonly patterns: Set<string>;
  readonly edgePaths: Set<string>;
  readonly references: Set<string>;
  readonly timer: NodeJS.Timeout;
  readonly parts: Promise<readonly InvalidationPart[]>;
  /** Ends the window and invalidates the targets. */
  readonly run: () => void;
}

/**
 * Invalidates cached values after events: in this process, on the server that processes share, and
 * at the edge.
 */
export class Invalidator {
  private readonly rules: InvalidationRuleSet;
  private readonly windowMs: number;
  private readonly rememberedIds: number;
  private readonly handledIds = new Set<string>();
  private readonly underWay = new Map<string, Promise<InvalidationOutcome>>();
  private readonly running = new Set<Promise<unknown>>();
  private batch: Batch | undefined;
  private closed = false;

  /**
   * @throws IsochroneError for invalid rules or options, and for rules that need a tier that the
   * options lack
   */
  constructor(private readonly options: InvalidatorOptions) {
    const { rules = MARKET_INVALIDATION_RULES, windowMs = 50, rememberedIds = 10_000 } = options;
    this.rules = new InvalidationRuleSet(rules);
    this.windowMs = checkBound('windowMs', windowMs, 10_000);
    this.rememberedIds = checkBound('rememberedIds', rememberedIds, 10_000_000);
    checkTier(
      rules,
      'patterns',
      options.server !== undefined,
      'server',
      'Give the cache’s `server`, or use tags.',
    );
    checkTier(
      rules,
      'edgePaths',
      options.edge !== undefined,
      'edge',
      'Give a `CloudFrontInvalidator`, or `false` if something else invalidates the paths.',
    );
  }

  /**
   * Invalidates the targets of an event. The promise resolves when all tiers have been tried, the
   * edge included. Callers that need only this cache to be current use rules without edge paths.
   *
   * @throws IsochroneError for an event without a rule, or without a field of its rules; then
   * nothing is invalidated
   */
  public async handle(event: InvalidationEvent): Promise<InvalidationOutcome> {
    if (this.closed) {
      throw new IsochroneError(
        'Invalidator: it must be open when an event comes, ' +
          `got ${describeValue(event.type)} after \`close\`.\n` +
          'The event would be lost. Close it when no event can come any more.',
      );
    }
    const { id } = event;
    if (id === undefined) return this.invalidate(event, randomUUID());
    if (this.handledIds.has(id)) return { duplicate: true, complete: true, parts: [] };
    const known = this.underWay.get(id);
    if (known !== undefined) return known;
    const outcome = this.invalidate(event, id);
    this.underWay.set(id, outcome);
    try {
      const { parts } = await outcome;
      // A failed event is handled again when it comes again.
      if (parts.every(({ status }) => status !== 'failed')) this.remember(id);
      return await outcome;
    } finally {
      this.underWay.delete(id);
    }
  }

  /**
   * Handles an event of EventBridge, like `handle`. Its `detail-type` is the type. EventBridge
   * delivers at least once; the `id` prevents repetition.
   *
   * @throws IsochroneError also for a value that is not an event of EventBridge
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
        `Invalidator: ${field} must be ${field === 'detail' ? 'an object' : 'text'}, ` +
          `got ${describeKind(value)}.\n` +
          'Every event of EventBridge has id, source, detail-type and detail. ' +
          'Give the event as the target receives it, without an input transformer.',
      );
    }
    return this.handle({ id, source, type, detail: detail as Record<string, unknown> });
  }

  /**
   * Handles the collected events, closes the edge, which then retries nothing, and waits for
   * everything that is under way.
   */
  public async close(): Promise<void> {
    this.closed = true;
    this.batch?.run();
    const { edge } = this.options;
    if (edge) await edge.close();
    await Promise.all(this.running);
  }

  private async invalidate(
    event: InvalidationEvent,
    reference: string,
  ): Promise<InvalidationOutcome> {
    const targets = this.rules.targetsOf(event);
    const wanted = new Set([
      ...targets.tags.map((value) => `tag ${value}`),
      ...targets.patterns.map((value) => `pattern ${value}`),
      ...(this.options.edge === false
        ? []
        : targets.edgePaths.map((value) => `edge-path ${value}`)),
    ]);
    if (wanted.size === 0) return { duplicate: false, complete: true, parts: [] };
    const parts = (await this.collect(targets, reference)).filter(({ kind, value }) =>
      wanted.has(`${kind} ${value}`),
    );
    return { duplicate: false, complete: parts.every(({ status }) => status === 'reached'), parts };
  }

  private collect(
    targets: InvalidationTargets,
    reference: string,
  ): Promise<readonly InvalidationPart[]> {
    this.batch ??= this.newBatch();
    const { batch } = this;
    for (const kind of ['tags', 'patterns', 'edgePaths'] as const) {
      for (const value of targets[kind]) batch[kind].add(value);
    }
    batch.references.add(reference);
    if (batch.tags.size + batch.patterns.size + batch.edgePaths.size >= MAX_BATCH_TARGETS)
      batch.run();
    return batch.parts;
  }

  private newBatch(): Batch {
    let settle: (parts: Promise<readonly InvalidationPart[]>) => void = () => {};
    const parts = new Promise<readonly InvalidationPart[]>((resolve) => {
      settle = resolve;
    });
    const run = () => {
      clearTimeout(batch.timer);
      this.batch = undefined;
      const { cache, server, edge } = this.options;
      const targets = {
        tags: [...batch.tags],
        patterns: [...batch.patterns],
        edgePaths: [...batch.edgePaths],
      };
      const running = invalidateTargets(
        targets,
        { cache, server, edge: edge || undefined },
        [...batch.references].sort().join(),
      );
      this.running.add(running);
      settle(running.finally(() => this.running.delete(running)));
    };
    const batch: Batch = {
      tags: new Set(),
      patterns: new Set(),
      edgePaths: new Set(),
      references: new Set(),
      timer: setTimeout(run, this.windowMs),
      parts,
      run,
    };
    return batch;
  }

  private remember(id: string): void {
    this.handledIds.add(id);
    for (const oldest of this.handledIds) {
      if (this.handledIds.size <= this.rememberedIds) break;
      this.handledIds.delete(oldest);
    }
  }
}

function checkBound(property: string, value: number, max: number): number {
  return wholeNumber(property, value, {
    owner: 'Invalidator',
    min: 0,
    max,
    rule: 'A process collects and remembers within bounds.',
    fix: 'Leave it out for the default.',
  });
}

/** Refuses rules with targets in a tier that the options lack. */
function checkTier(
  rules: InvalidationRules,
  kind: 'patterns' | 'edgePaths',
  isGiven: boolean,
  option: string,
  fix: string,
): void {
  const rule = isGiven
    ? undefined
    : rules.find(({ [kind]: templates }) => (templates?.length ?? 0) > 0);
  if (rule === undefined) return;
  throw invalidOption('Invalidator', {
    property: option,
    value: undefined,
    allowed: 'given',
    rule: `The rule of ${rule.event} has ${kind}, which would silently be left out.`,
    fix,
  });
}
