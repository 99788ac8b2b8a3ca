import { randomBytes } from 'node:crypto';
import type { CacheKeyNames } from '../shared';
import type { ServerRead } from '../tiered-cache';
import type { CacheBus } from './bus';
import { beforeDeadline } from './circuit-breaker';
import type { CacheConnection } from './connection';
import { cacheErrorKind } from './errors';
import type { NodeConnection, NodeConnections } from './nodes';
import type { CompleteServerOptions } from './options';
import { type InvalidatedNames, PendingInvalidations } from './pending';
import { scanServer } from './scan';

/** The most keys and tags that are sent together. */
const CHUNK_NAMES = 250;

/** Names that are sent to one server together. */
type Chunk = { readonly keys: string[]; readonly tags: string[] };

/**
 * A version that no tag has had before, from the time and random bytes. A counter would not do:
 * after the server has evicted it, it would count up again to a version that old entries carry.
 */
export function newTagVersion(): string {
  return `${Date.now().toString(36)}-${randomBytes(9).toString('base64url')}`;
}

/**
 * Invalidates keys and tags on the server and tells the other processes. It keeps the invalidations
 * and messages that could not be sent until they can.
 */
export class CacheInvalidations {
  /** Invalidations that the server has not applied. */
  private readonly unapplied: PendingInvalidations;
  /** Invalidations that the server has applied, but the other processes were not told about. */
  private readonly untold: PendingInvalidations;
  private timer: NodeJS.Timeout | undefined;
  private emptying: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly connection: CacheConnection,
    private readonly nodes: NodeConnections,
    private readonly bus: CacheBus,
    private readonly names: CacheKeyNames,
    private readonly options: CompleteServerOptions,
  ) {
    this.unapplied = new PendingInvalidations(options.maxPendingInvalidations);
    this.untold = new PendingInvalidations(options.maxPendingInvalidations);
  }

  /** The keys and tags whose state on the server is outdated. */
  public get pending(): Pick<PendingInvalidations, 'isEmpty' | 'everything' | 'hasKey' | 'hasTag'> {
    return this.unapplied;
  }

  /** Removes from an answer what this process has invalidated and the server does not know yet. */
  public withoutPending(answer: ServerRead, key: string, tags: readonly string[]): ServerRead {
    const { unapplied } = this;
    if (answer.status === 'unavailable' || unapplied.everything) return { status: 'unavailable' };
    return {
      ...answer,
      bytes: unapplied.hasKey(key) ? null : answer.bytes,
      tagVersions: answer.tagVersions.map((version, at) =>
        unapplied.hasTag(tags[at] ?? '') ? null : version,
      ),
    };
  }

  /**
   * Invalidates keys and tags.
   *
   * @returns false if some were kept for later, or the other processes could not be told
   */
  public async apply(names: InvalidatedNames): Promise<boolean> {
    const done = await Promise.all(
      this.chunks(names).map(async ([node, chunk]) => {
        if (await this.send(node, chunk)) return this.tell(chunk);
        this.unapplied.add(chunk);
        return false;
      }),
    );
    const reached = done.every(Boolean);
    if (!reached) this.scheduleRetry();
    return reached;
  }

  private async send(node: NodeConnection, chunk: Chunk): Promise<boolean> {
    const { writeTimeoutMs } = this.options;
    return (await this.nodes.send(node, () => this.commands(chunk), writeTimeoutMs)).ok;
  }

  private async tell(names: InvalidatedNames): Promise<boolean> {
    const told = await this.bus.tell(names);
    if (!told) this.untold.add(names);
    return told;
  }

  private commands({ keys, tags }: InvalidatedNames): Promise<unknown> {
    const { client } = this.connection;
    // The lock is removed as well, so that a load that began before the removal writes nothing.
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
      // A full server accepts no new version but can remove the old one. Entries whose tag has no
      // version are invalid as well.
      await client.unlink(name);
    }
  }

  /** Groups names by the server that owns them, into chunks of bounded size. */
  private chunks({ keys, tags }: InvalidatedNames): readonly (readonly [NodeConnection, Chunk])[] {
    const open = new Map<NodeConnection, Chunk>();
    const all: (readonly [NodeConnection, Chunk])[] = [];
    for (const [kind, names] of [
      ['keys', keys],
      ['tags', tags],
    ] as const) {
      for (const name of new Set(names)) {
        const node = this.nodes.ownerOf(
          kind === 'keys' ? this.names.value(name) : this.names.tag(name),
        );
        let chunk = open.get(node);
        if (chunk === undefined || chunk.keys.length + chunk.tags.length >= CHUNK_NAMES) {
          chunk = { keys: [], tags: [] };
          open.set(node, chunk);
          all.push([node, chunk]);
        }
        chunk[kind].push(name);
      }
    }
    return all;
  }

  /**
   * Applies the pending invalidations to a server that is back.
   *
   * @throws if they could not be applied
   */
  public async applyPending(returned: NodeConnection): Promise<void> {
    if (this.unapplied.everything) await this.emptyNamespace();
    const { mark, ...names } = this.unapplied.snapshot();
    for (const [node, chunk] of this.chunks(names)) {
      if (node !== returned) continue;
      await beforeDeadline(() => this.commands(chunk), this.options.writeTimeoutMs);
      this.unapplied.confirm(chunk, mark);
      this.untold.add(chunk);
    }
    if (!this.untold.isEmpty) this.scheduleRetry();
  }

  /**
   * Removes the whole namespace from all servers, because the names to remove were lost.
   *
   * @throws if it could not be removed
   */
  private async emptyNamespace(): Promise<void> {
    this.emptying ??= this.removeAll().finally(() => {
      this.emptying = undefined;
    });
    await this.emptying;
  }

  private async removeAll(): Promise<void> {
    const { mark } = this.unapplied.snapshot();
    const ask = <T>(command: () => Promise<T>): Promise<T> =>
      beforeDeadline(command, this.options.writeTimeoutMs);
    for (const server of this.connection.allServers()) {
      await scanServer(server, this.names.namespacePattern, ask, async (page) => {
        await ask(() =>
          Promise.all(
            page.filter((name) => this.names.owns(name)).map((name) => server.unlink(name)),
          ),
        );
      });
    }
    this.untold.addEverything();
    this.unapplied.confirmEverything(mark);
  }

  private scheduleRetry(): void {
    if (this.closed || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.retry();
    }, this.options.probeIntervalMs).unref();
  }

  /**
   * Retries the invalidations that failed on a server whose breaker stayed closed, and the messages
   * that could not be sent.
   */
  public async retry(): Promise<void> {
    if (this.unapplied.everything && this.nodes.available)
      await this.emptyNamespace().catch(() => {});
    const { mark, ...names } = this.unapplied.snapshot();
    await Promise.all(
      this.chunks(names).map(async ([node, chunk]) => {
        if (!(await this.send(node, chunk))) return;
        this.unapplied.confirm(chunk, mark);
        this.untold.add(chunk);
      }),
    );
    if (!this.untold.isEmpty && this.nodes.available) {
      const { mark: toldMark, ...told } = this.untold.snapshot();
      if (this.untold.everything) {
        if (await this.bus.reset()) this.untold.confirmEverything(toldMark);
      } else if (await this.bus.tell(told)) {
        this.untold.confirm(told, toldMark);
      }
    }
    if (!this.unapplied.isEmpty || !this.untold.isEmpty) this.scheduleRetry();
  }

  public close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
