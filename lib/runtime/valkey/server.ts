import { CacheKeyNames } from '../shared';
import type { BusMessage, CacheServer, LoadLock, ServerRead, WriteOutcome } from '../tiered-cache';
import { BatchedRead } from './batch';
import { CacheBus, valkeyBusTransport } from './bus';
import { CacheConnection, nodeAddress } from './connection';
import { type CacheErrorKind, cacheErrorKind } from './errors';
import { CacheInvalidations, newTagVersion } from './invalidations';
import { ACQUIRE, HeldLocks, newLock, RELEASE, RENEW, WRITE } from './locks';
import { NodeConnections } from './nodes';
import {
  type CompleteServerOptions,
  completeServerOptions,
  type ValkeyServerOptions,
} from './options';
import { scanServer } from './scan';

const UNAVAILABLE: Promise<ServerRead> = Promise.resolve(Object.freeze({ status: 'unavailable' }));

/**
 * The shared tier of a cache on Valkey 7.2 or Redis 7.0 and later, a single server or a cluster.
 *
 * No method rejects, and every method ends by its deadline. Failures are counted in `errors`.
 */
export class ValkeyServer implements CacheServer {
  private readonly options: CompleteServerOptions;
  private readonly names: CacheKeyNames;
  private readonly connection: CacheConnection;
  private readonly nodes: NodeConnections;
  private readonly bus: CacheBus;
  private readonly locks: HeldLocks;
  private readonly invalidations: CacheInvalidations;
  private readonly counts = new Map<CacheErrorKind, number>();
  private readonly availabilityListeners: ((available: boolean) => void)[] = [];
  private readonly failureListeners: ((kind: CacheErrorKind) => void)[] = [];
  private readonly inFlight = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;

  /**
   * Starts to connect, in the background.
   *
   * @throws IsochroneError for invalid options
   */
  constructor(options: ValkeyServerOptions) {
    this.options = completeServerOptions(options);
    const { namespace, heartbeatMs, bus } = this.options;
    this.names = new CacheKeyNames(namespace);
    this.connection = new CacheConnection(this.options, {
      onReady: () => this.nodes.probeAll(),
      onError: (error) => this.countFailure(cacheErrorKind(error), error),
      onReauthenticate: () => this.bus.renew(),
    });
    this.nodes = new NodeConnections(this.connection, this.options, {
      onError: (kind, error) => this.countFailure(kind, error),
      onChange: (available) => this.availabilityChanged(available),
      beforeUse: (node) => this.invalidations.applyPending(node),
    });
    this.locks = new HeldLocks({ ...this.options, renew: (lock) => this.renew(lock) });
    this.bus = new CacheBus(valkeyBusTransport(this.connection, this.nodes, this.options), {
      channel: this.names.bus,
      heartbeatMs,
      subscribes: bus,
    });
    this.invalidations = new CacheInvalidations(
      this.connection,
      this.nodes,
      this.bus,
      this.names,
      this.options,
    );
  }

  /** The number of failures so far, by kind. */
  public get errors(): ReadonlyMap<CacheErrorKind, number> {
    return this.counts;
  }

  private countFailure(kind: CacheErrorKind, error: unknown): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.options.onError?.(kind, error);
    for (const listener of this.failureListeners) listener(kind);
  }

  public read(
    key: string,
    tags: readonly string[],
    { lock = false }: { readonly lock?: boolean } = {},
  ): Promise<ServerRead> {
    const name = this.names.value(key);
    const node = this.nodes.ownerOf(name);
    const { pending } = this.invalidations;
    if (this.closing !== undefined || pending.everything || !node.breaker.available)
      return UNAVAILABLE;
    return new Promise((resolve) => {
      const read = new BatchedRead((answer) =>
        resolve(pending.isEmpty ? answer : this.invalidations.withoutPending(answer, key, tags)),
      );
      read.value = node.reads.add(name, read);
      if (lock) read.lock = node.reads.add(this.names.lock(key), read);
      for (const tag of tags) {
        const tagName = this.names.tag(tag);
        read.tags.push(this.nodes.ownerOf(tagName).reads.add(tagName, read));
      }
    });
  }

  public async tagVersions(tags: readonly string[]): Promise<readonly string[] | undefined> {
    const { pending } = this.invalidations;
    if (this.closing !== undefined || tags.some((tag) => pending.hasTag(tag))) return undefined;
    const versions = await Promise.all(tags.map((tag) => this.tagVersion(this.names.tag(tag))));
    return versions.every((version) => version !== undefined) ? versions : undefined;
  }

  private async tagVersion(name: string): Promise<string | undefined> {
    const version = newTagVersion();
    const node = this.nodes.ownerOf(name);
    const { tagTtlSeconds, commandTimeoutMs } = this.options;
    const outcome = await this.nodes.send(
      node,
      (client) => client.set(name, version, 'EX', tagTtlSeconds, 'NX', 'GET'),
      commandTimeoutMs,
    );
    if (outcome.ok) return outcome.value ?? version;
    if (outcome.kind !== 'wrongtype') return undefined;
    const replaced = await this.nodes.send(
      node,
      (client) => client.set(name, version, 'EX', tagTtlSeconds),
      commandTimeoutMs,
    );
    return replaced.ok ? version : undefined;
  }

  public write(key: string, bytes: Buffer, ttlMs: number, lock?: LoadLock): Promise<WriteOutcome> {
    if (this.closing !== undefined) return Promise.resolve('unavailable');
    return this.track(this.store(key, bytes, ttlMs, lock));
  }

  private async store(
    key: string,
    bytes: Buffer,
    ttlMs: number,
    lock: LoadLock | undefined,
  ): Promise<WriteOutcome> {
    if (lock !== undefined) this.locks.drop(lock);
    // A value loaded before an invalidation that the server does not know must not be stored.
    const isInvalidated = lock !== undefined && this.invalidations.pending.hasKey(key);
    const name = this.names.value(key);
    const ttl = Math.max(1, Math.ceil(ttlMs));
    const outcome = isInvalidated
      ? ({ ok: false, kind: 'open' } as const)
      : await this.nodes.send(
          this.nodes.ownerOf(name),
          (client) => WRITE.run(client, name, this.names.lock(key), lock?.token ?? '', bytes, ttl),
          this.options.writeTimeoutMs,
        );
    if (outcome.ok) {
      if (outcome.value !== 1) return 'fenced';
      void this.bus.tell(lock === undefined ? { keys: [key], loaded: [key] } : { loaded: [key] });
      return 'written';
    }
    if (lock !== undefined) void this.track(this.releaseLock(lock));
    if (outcome.kind === 'wrongtype') return 'fenced';
    return ['full', 'readonly', 'denied', 'other'].includes(outcome.kind)
      ? 'refused'
      : 'unavailable';
  }

  public async remove(keys: readonly string[]): Promise<boolean> {
    return this.closing === undefined && this.track(this.invalidations.apply({ keys, tags: [] }));
  }

  public async bumpTags(tags: readonly string[]): Promise<boolean> {
    return this.closing === undefined && this.track(this.invalidations.apply({ keys: [], tags }));
  }

  public async acquire(key: string): Promise<LoadLock | 'taken' | 'unavailable'> {
    if (this.closing !== undefined) return 'unavailable';
    const lock = newLock(key);
    const name = this.names.lock(key);
    const { lockTtlMs, commandTimeoutMs } = this.options;
    const outcome = await this.nodes.send(
      this.nodes.ownerOf(name),
      (client) => ACQUIRE.run(client, name, lock.token, lockTtlMs),
      commandTimeoutMs,
      // The caller has given up, and the lock would block other processes until it expires.
      (acquired) => {
        if (acquired === 1) void this.track(this.releaseLock(lock));
      },
    );
    if (!outcome.ok) return 'unavailable';
    if (outcome.value !== 1) return 'taken';
    this.locks.add(lock);
    return lock;
  }

  private async renew({ key, token }: LoadLock): Promise<boolean | undefined> {
    const name = this.names.lock(key);
    const { lockTtlMs, writeTimeoutMs } = this.options;
    const outcome = await this.nodes.send(
      this.nodes.ownerOf(name),
      (client) => RENEW.run(client, name, token, lockTtlMs),
      writeTimeoutMs,
    );
    return outcome.ok ? outcome.value === 1 : undefined;
  }

  public async release(lock: LoadLock): Promise<void> {
    this.locks.drop(lock);
    if (this.closing === undefined) await this.track(this.releaseLock(lock));
  }

  private async releaseLock({ key, token }: LoadLock): Promise<void> {
    const name = this.names.lock(key);
    const { writeTimeoutMs } = this.options;
    const outcome = await this.nodes.send(
      this.nodes.ownerOf(name),
      (client) => RELEASE.run(client, name, token),
      writeTimeoutMs,
    );
    if (outcome.ok && outcome.value === 1) void this.bus.tell({ loaded: [key] });
  }

  public async scan(
    pattern: string,
    onKeys: (keys: readonly string[]) => Promise<void>,
  ): Promise<boolean> {
    if (this.closing !== undefined) return false;
    try {
      for (const server of this.connection.allServers()) {
        const node = this.nodes.at(this.options.cluster ? nodeAddress(server) : '');
        const ask = async <T>(command: () => Promise<T>): Promise<T | undefined> => {
          const outcome = await this.nodes.send(node, command, this.options.writeTimeoutMs);
          return outcome.ok ? outcome.value : undefined;
        };
        const finished = await scanServer(
          server,
          this.names.valuePattern(pattern),
          ask,
          async (names) => {
            const keys = names
              .map((name) => this.names.keyOf(name))
              .filter((key) => key !== undefined);
            if (keys.length > 0) await onKeys(keys);
          },
        );
        if (!finished) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  public onMessage(listener: (message: BusMessage) => void): void {
    this.bus.onMessage(listener);
  }

  public get busAlive(): boolean {
    return this.bus.alive;
  }

  public onBusChange(listener: (alive: boolean) => void): void {
    this.bus.onChange(listener);
  }

  public get available(): boolean {
    return this.closing === undefined && this.nodes.available;
  }

  public onAvailabilityChange(listener: (available: boolean) => void): void {
    this.availabilityListeners.push(listener);
  }

  public onFailure(listener: (kind: CacheErrorKind) => void): void {
    this.failureListeners.push(listener);
  }

  private availabilityChanged(available: boolean): void {
    if (available) void this.invalidations.retry();
    for (const listener of this.availabilityListeners) listener(available);
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.inFlight.add(work);
    return work.finally(() => this.inFlight.delete(work));
  }

  public close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await Promise.allSettled(this.inFlight);
    await Promise.all(this.locks.all.map((lock) => this.releaseLock(lock)));
    this.locks.close();
    this.bus.close();
    this.invalidations.close();
    this.nodes.close();
    this.connection.close();
  }
}
