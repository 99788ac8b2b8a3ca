import { randomBytes } from 'node:crypto';
import type { CacheKeyNames } from '../shared';
import type { ServerRead } from '../tiered-cache';
import type { CacheBus } from './bus';
import type { CacheConnection } from './connection';
import { cacheErrorKind } from './error-kinds';
import { beforeDeadline } from './guard';
import type { CacheLane, CacheLanes } from './lanes';
import { PendingInvalidations, type PendingNames } from './pending';
import { scanServer } from './scan';
import type { CompleteServerOptions } from './server-options';

/** Keys and tags that go out together. */
const CHUNK = 250;

/**
 * A version that no tag has had: time and chance. Never a counter, which would count up again to a
 * version that old entries carry after the server has evicted it.
 */
export function newTagVersion(): string {
  return `${Date.now().toString(36)}-${randomBytes(9).toString('base64url')}`;
}

/**
 * Ends values and tags on the server, tells the others, and keeps what could not be done or told
 * until it can.
 */
export class CacheInvalidations {
  /** Not done on the server. */
  private readonly undone: PendingInvalidations;
  /** Done on the server, but not told. */
  private readonly untold: PendingInvalidations;
  private timer: NodeJS.Timeout | undefined;
  private emptying: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly connection: CacheConnection,
    private readonly lanes: CacheLanes,
    private readonly bus: CacheBus,
    private readonly names: CacheKeyNames,
    private readonly options: CompleteServerOptions,
  ) {
    this.undone = new PendingInvalidations(options.maxPendingInvalidations);
    this.untold = new PendingInvalidations(options.maxPendingInvalidations);
  }

  /** What the server must not be believed about. */
  public get pending(): Pick<PendingInvalidations, 'isEmpty' | 'everything' | 'hasKey' | 'hasTag'> {
    return this.undone;
  }

  /**
   * An answer of the server without what this process has ended and the server does not know yet.
   */
  public withoutPending(answer: ServerRead, key: string, tags: readonly string[]): ServerRead {
    const { undone } = this;
    if (answer.status === 'unavailable' || undone.everything) return { status: 'unavailable' };
    return {
      ...answer,
      bytes: undone.hasKey(key) ? null : answer.bytes,
      tagVersions: answer.tagVersions.map((version, at) =>
        undone.hasTag(tags[at] ?? '') ? null : version,
      ),
    };
  }

  /** False if something has to wait for the server, or could not be told. */
  public async apply(names: PendingNames): Promise<boolean> {
    const done = await Promise.all(
      this.chunks(names).map(async ([lane, chunk]) => {
        const answer = await this.lanes.send(
          lane,
          () => this.commands(chunk),
          this.options.writeTimeoutMs,
        );
        if (!answer.ok) this.undone.keep(chunk);
        return answer.ok ? this.tell(chunk) : false;
      }),
    );
    const reached = done.every(Boolean);
    if (!reached) this.schedule();
    return reached;
  }

  private async tell(names: PendingNames): Promise<boolean> {
    const told = await this.bus.tell(names);
    if (!told) this.untold.keep(names);
    return told;
  }

  private commands({ keys, tags }: PendingNames): Promise<unknown> {
    const { client } = this.connection;
    // With its lock, so that a load that began before the removal writes nothing.
    const both = keys.map((key) => [this.names.value(key), this.names.lock(key)]);
    const removals = this.options.cluster ? both : both.length === 0 ? [] : [both.flat()];
    return Promise.all([
      ...removals.map((values) => client.unlink(...values)),
      ...tags.map((tag) => this.bump(this.names.tag(tag))),
    ]);
  }

  private async bump(name: string): Promise<void> {
    const { client } = this.connection;
    try {
      await client.set(name, newTagVersion(), 'EX', this.options.tagTtlSeconds);
    } catch (error) {
      if (cacheErrorKind(error) !== 'full') throw error;
      // A full server takes no new version but still forgets the old one, and a tag without a
      // version ends its entries as well.
      await client.unlink(name);
    }
  }

  /** Names by the server they lie on, and not too many at once. */
  private chunks({
    keys,
    tags,
  }: PendingNames): readonly (readonly [CacheLane, { keys: string[]; tags: string[] }])[] {
    const open = new Map<CacheLane, { keys: string[]; tags: string[] }>();
    const all: (readonly [CacheLane, { keys: string[]; tags: string[] }])[] = [];
    for (const [kind, names] of [
      ['keys', keys],
      ['tags', tags],
    ] as const) {
      for (const name of new Set(names)) {
        const lane = this.lanes.of(kind === 'keys' ? this.names.value(name) : this.names.tag(name));
        let chunk = open.get(lane);
        if (chunk === undefined || chunk.keys.length + chunk.tags.length >= CHUNK) {
          chunk = { keys: [], tags: [] };
          open.set(lane, chunk);
          all.push([lane, chunk]);
        }
        chunk[kind].push(name);
      }
    }
    return all;
  }

  /** Does on a server that is back what was kept for it. @throws if it could not be done */
  public async applyKept(back: CacheLane): Promise<void> {
    if (this.undone.everything) await this.empty();
    const { mark, ...names } = this.undone.get();
    for (const [lane, chunk] of this.chunks(names)) {
      if (lane !== back) continue;
      await beforeDeadline(() => this.commands(chunk), this.options.writeTimeoutMs);
      this.undone.settle(chunk, mark);
      this.untold.keep(chunk);
    }
    if (!this.untold.isEmpty) this.schedule();
  }

  /**
   * Removes everything of the namespace from all servers, because nobody knows any more what was to
   * be removed. @throws if it could not be done
   */
  private async empty(): Promise<void> {
    this.emptying ??= this.emptyAll().finally(() => {
      this.emptying = undefined;
    });
    await this.emptying;
  }

  private async emptyAll(): Promise<void> {
    const { mark } = this.undone.get();
    const ask = <T>(command: () => Promise<T>): Promise<T> =>
      beforeDeadline(command, this.options.writeTimeoutMs);
    for (const server of this.connection.allServers()) {
      await scanServer(server, this.names.everything, ask, async (page) => {
        await ask(() =>
          Promise.all(
            page.filter((name) => this.names.owns(name)).map((name) => server.unlink(name)),
          ),
        );
      });
    }
    this.untold.keepEverything();
    this.undone.settleEverything(mark);
  }

  private schedule(): void {
    if (this.closed || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.retry();
    }, this.options.probeIntervalMs).unref();
  }

  /**
   * Tries again what failed once on a server that was never given up, and tells what could not be
   * told.
   */
  public async retry(): Promise<void> {
    if (this.undone.everything && this.lanes.available) await this.empty().catch(() => {});
    const { mark, ...names } = this.undone.get();
    await Promise.all(
      this.chunks(names).map(async ([lane, chunk]) => {
        const answer = await this.lanes.send(
          lane,
          () => this.commands(chunk),
          this.options.writeTimeoutMs,
        );
        if (!answer.ok) return;
        this.undone.settle(chunk, mark);
        this.untold.keep(chunk);
      }),
    );
    if (!this.untold.isEmpty && this.lanes.available) {
      const { mark: toldMark, ...told } = this.untold.get();
      if (this.untold.everything) {
        if (await this.bus.reset()) this.untold.settleEverything(toldMark);
      } else if (await this.bus.tell(told)) {
        this.untold.settle(told, toldMark);
      }
    }
    if (!this.undone.isEmpty || !this.untold.isEmpty) this.schedule();
  }

  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
