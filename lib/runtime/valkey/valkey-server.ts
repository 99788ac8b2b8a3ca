import { CacheKeyNames } from '../shared';
import type { BusMessage, CacheServer, LoadLock, ServerRead, WriteOutcome } from '../tiered-cache';
import { BatchedRead } from './batch';
import { CacheBus } from './bus';
import { valkeyBusTransport } from './bus-transport';
import { CacheConnection, nodeName } from './connection';
import { type CacheErrorKind, cacheErrorKind } from './error-kinds';
import { CacheInvalidations, newTagVersion } from './invalidations';
import { CacheLanes } from './lanes';
import { CacheLocks } from './locks';
import { scanServer } from './scan';
import { ACQUIRE, RELEASE, RENEW, WRITE } from './scripts';
import {
  type CompleteServerOptions,
  completeServerOptions,
  type ValkeyServerOptions,
} from './server-options';

const UNAVAILABLE: Promise<ServerRead> = Promise.resolve(Object.freeze({ status: 'unavailable' }));

/**
 * The shared tier of a cache on Valkey 7.2 or Redis 7.0 and later, one server or a cluster.
 *
 * Nothing rejects and nothing outlasts its deadline. What failed is counted in `errors`.
 */
export class ValkeyServer implements CacheServer {
  private readonly options: CompleteServerOptions;
  private readonly names: CacheKeyNames;
  private readonly connection: CacheConnection;
  private readonly lanes: CacheLanes;
  private readonly bus: CacheBus;
  private readonly locks: CacheLocks;
  private readonly invalidations: CacheInvalidations;
  private readonly counts = new Map<CacheErrorKind, number>();
  private readonly availabilityListeners: ((available: boolean) => void)[] = [];
  private readonly failureListeners: ((kind: CacheErrorKind) => void)[] = [];
  private readonly underWay = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;

  /** Connects at once, in the background. @throws IsochroneError for options that cannot work */
  constructor(options: ValkeyServerOptions) {
    this.options = completeServerOptions(options);
    const { namespace, heartbeatMs, bus } = this.options;
    this.names = new CacheKeyNames(namespace);
    this.connection = new CacheConnection(this.options, {
      onReady: () => this.lanes.probeAll(),
      onError: (error) => this.count(cacheErrorKind(error), error),
      onReauthenticate: () => this.bus.renew(),
    });
    this.lanes = new CacheLanes(this.connection, this.options, {
      onError: (kind, error) => this.count(kind, error),
      onChange: (available) => this.availabilityChanged(available),
      beforeUse: (lane) => this.invalidations.applyKept(lane),
    });
    this.locks = new CacheLocks({ ...this.options, renew: (lock) => this.renew(lock) });
    this.bus = new CacheBus(valkeyBusTransport(this.connection, this.lanes, this.options), {
      channel: this.names.bus,
      heartbeatMs,
      hears: bus,
    });
    this.invalidations = new CacheInvalidations(
      this.connection,
      this.lanes,
      this.bus,
      this.names,
      this.options,
    );
  }

  /** Failures so far, by kind. */
  public get errors(): ReadonlyMap<CacheErrorKind, number> {
    return this.counts;
  }

  private count(kind: CacheErrorKind, error: unknown): void {
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
    const lane = this.lanes.of(name);
    const { pending } = this.invalidations;
    if (this.closing !== undefined || pending.everything || !lane.guard.available)
      return UNAVAILABLE;
    return new Promise((resolve) => {
      const read = new BatchedRead((answer) =>
        resolve(pending.isEmpty ? answer : this.invalidations.withoutPending(answer, key, tags)),
      );
      read.value = lane.reads.add(name, read);
      if (lock) read.lock = lane.reads.add(this.names.lock(key), read);
      for (const tag of tags) {
        const tagName = this.names.tag(tag);
        read.tags.push(this.lanes.of(tagName).reads.add(tagName, read));
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
    const lane = this.lanes.of(name);
    const { tagTtlSeconds, commandTimeoutMs } = this.options;
    const answer = await this.lanes.send(
      lane,
      (client) => client.set(name, version, 'EX', tagTtlSeconds, 'NX', 'GET'),
      commandTimeoutMs,
    );
    if (answer.ok) return answer.value ?? version;
    if (answer.kind !== 'wrongtype') return undefined;
    const healed = await this.lanes.send(
      lane,
      (client) => client.set(name, version, 'EX', tagTtlSeconds),
      commandTimeoutMs,
    );
    return healed.ok ? version : undefined;
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
    // What was loaded before an invalidation that the server does not know must not reach it.
    const isEnded = lock !== undefined && this.invalidations.pending.hasKey(key);
    const name = this.names.value(key);
    const ttl = Math.max(1, Math.ceil(ttlMs));
    const answer = isEnded
      ? ({ ok: false, kind: 'open' } as const)
      : await this.lanes.send(
          this.lanes.of(name),
          (client) => WRITE.run(client, name, this.names.lock(key), lock?.token ?? '', bytes, ttl),
          this.options.writeTimeoutMs,
        );
    if (answer.ok) {
      if (answer.value !== 1) return 'fenced';
      void this.bus.tell(lock === undefined ? { keys: [key], loaded: [key] } : { loaded: [key] });
      return 'written';
    }
    if (lock !== undefined) void this.track(this.free(lock));
    if (answer.kind === 'wrongtype') return 'fenced';
    return ['full', 'readonly', 'denied', 'other'].includes(answer.kind)
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
    const lock = this.locks.make(key);
    const name = this.names.lock(key);
    const { lockTtlMs, commandTimeoutMs } = this.options;
    const answer = await this.lanes.send(
      this.lanes.of(name),
      (client) => ACQUIRE.run(client, name, lock.token, lockTtlMs),
      commandTimeoutMs,
      // Nobody waits for it any more, and nobody else gets it as long as it lives.
      (taken) => {
        if (taken === 1) void this.track(this.free(lock));
      },
    );
    if (!answer.ok) return 'unavailable';
    if (answer.value !== 1) return 'taken';
    this.locks.hold(lock);
    return lock;
  }

  private async renew({ key, token }: LoadLock): Promise<boolean | undefined> {
    const name = this.names.lock(key);
    const { lockTtlMs, writeTimeoutMs } = this.options;
    const answer = await this.lanes.send(
      this.lanes.of(name),
      (client) => RENEW.run(client, name, token, lockTtlMs),
      writeTimeoutMs,
    );
    return answer.ok ? answer.value === 1 : undefined;
  }

  public async release(lock: LoadLock): Promise<void> {
    this.locks.drop(lock);
    if (this.closing === undefined) await this.track(this.free(lock));
  }

  private async free({ key, token }: LoadLock): Promise<void> {
    const name = this.names.lock(key);
    const { writeTimeoutMs } = this.options;
    const answer = await this.lanes.send(
      this.lanes.of(name),
      (client) => RELEASE.run(client, name, token),
      writeTimeoutMs,
    );
    if (answer.ok && answer.value === 1) void this.bus.tell({ loaded: [key] });
  }

  public async scan(
    pattern: string,
    onKeys: (keys: readonly string[]) => Promise<void>,
  ): Promise<boolean> {
    if (this.closing !== undefined) return false;
    try {
      for (const server of this.connection.allServers()) {
        const lane = this.lanes.lane(this.options.cluster ? nodeName(server) : '');
        const ask = async <T>(command: () => Promise<T>): Promise<T | undefined> => {
          const answer = await this.lanes.send(lane, command, this.options.writeTimeoutMs);
          return answer.ok ? answer.value : undefined;
        };
        const ended = await scanServer(
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
        if (!ended) return false;
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
    return this.closing === undefined && this.lanes.available;
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
    this.underWay.add(work);
    return work.finally(() => this.underWay.delete(work));
  }

  public close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await Promise.allSettled(this.underWay);
    await Promise.all(this.locks.all.map((lock) => this.free(lock)));
    this.locks.close();
    this.bus.close();
    this.invalidations.close();
    this.lanes.close();
    this.connection.close();
  }
}
