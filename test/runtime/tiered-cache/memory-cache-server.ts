import type {
  BusMessage,
  CacheServer,
  LoadLock,
  ServerRead,
  WriteOutcome,
} from '../../../lib/runtime';

interface Stored {
  readonly bytes: Buffer;
  readonly until: number;
}

/** The state that the processes of a test share: values, locks, tag versions and the bus. */
export class SharedStore {
  readonly values = new Map<string, Stored>();
  readonly locks = new Map<string, { token: string; until: number }>();
  readonly tags = new Map<string, string>();
  readonly processes: MemoryCacheServer[] = [];
  private ids = 0;

  uniqueId(): string {
    this.ids++;
    return `v${this.ids}`;
  }

  isLocked(key: string): boolean {
    return (this.locks.get(key)?.until ?? 0) > Date.now();
  }
}

/**
 * The CacheServer of one process, which can be down, hung, slow or full, miss messages, and return
 * wrong bytes. It uses the test's clock.
 */
export class MemoryCacheServer implements CacheServer {
  state: 'up' | 'down' | 'hung' = 'up';
  delayMs = 0;
  /** Messages to this process are lost, and the loss goes unnoticed. */
  missesMessages = false;
  /** Writes are refused, as a full server does. */
  full = false;
  /** Replaces the stored bytes in answers. */
  tamper: ((bytes: Buffer | null) => Buffer | null) | undefined;
  busAlive = true;
  lockTtlMs = 3000;
  reads = 0;
  private readonly renewals = new Map<string, NodeJS.Timeout>();
  private readonly messageListeners: ((message: BusMessage) => void)[] = [];
  private readonly busListeners: ((alive: boolean) => void)[] = [];
  private readonly availabilityListeners: ((available: boolean) => void)[] = [];

  constructor(readonly store = new SharedStore()) {
    store.processes.push(this);
  }

  get available(): boolean {
    return this.state !== 'down';
  }

  setState(state: MemoryCacheServer['state']): void {
    const wasAvailable = this.available;
    this.state = state;
    if (wasAvailable !== this.available)
      for (const listener of this.availabilityListeners) listener(this.available);
  }

  setBus(alive: boolean): void {
    this.busAlive = alive;
    this.missesMessages = !alive;
    for (const listener of this.busListeners) listener(alive);
  }

  /** The process stops: its locks are no longer renewed. */
  die(): void {
    for (const timer of this.renewals.values()) clearInterval(timer);
    this.setState('hung');
  }

  private async answer<T>(unavailable: T, work: () => T): Promise<T> {
    if (this.state === 'hung') return new Promise(() => {});
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    return this.state === 'down' ? unavailable : work();
  }

  private tell(message: Partial<BusMessage>): void {
    for (const other of this.store.processes) {
      if (other !== this && !other.missesMessages)
        for (const listener of other.messageListeners)
          listener({ keys: [], tags: [], loaded: [], ...message });
    }
  }

  read(
    key: string,
    tags: readonly string[],
    { lock = false }: { readonly lock?: boolean } = {},
  ): Promise<ServerRead> {
    this.reads++;
    return this.answer<ServerRead>({ status: 'unavailable' }, () => {
      const stored = this.store.values.get(key);
      const bytes = stored !== undefined && stored.until > Date.now() ? stored.bytes : null;
      return {
        status: 'answered',
        bytes: this.tamper === undefined ? bytes : this.tamper(bytes),
        tagVersions: tags.map((tag) => this.store.tags.get(tag) ?? null),
        locked: lock && this.store.isLocked(key),
      };
    });
  }

  tagVersions(tags: readonly string[]): Promise<readonly string[] | undefined> {
    return this.answer<readonly string[] | undefined>(undefined, () =>
      tags.map((tag) => {
        const version = this.store.tags.get(tag) ?? this.store.uniqueId();
        this.store.tags.set(tag, version);
        return version;
      }),
    );
  }

  write(key: string, bytes: Buffer, ttlMs: number, lock?: LoadLock): Promise<WriteOutcome> {
    if (lock !== undefined) this.endRenewal(lock);
    return this.answer<WriteOutcome>('unavailable', () => {
      if (
        lock !== undefined &&
        (!this.store.isLocked(key) || this.store.locks.get(key)?.token !== lock.token)
      )
        return 'fenced';
      if (this.full) return 'refused';
      this.store.values.set(key, { bytes, until: Date.now() + ttlMs });
      this.store.locks.delete(key);
      this.tell(lock === undefined ? { keys: [key], loaded: [key] } : { loaded: [key] });
      return 'written';
    });
  }

  remove(keys: readonly string[]): Promise<boolean> {
    return this.answer(false, () => {
      for (const key of keys) {
        this.store.values.delete(key);
        this.store.locks.delete(key);
      }
      this.tell({ keys, loaded: keys });
      return true;
    });
  }

  bumpTags(tags: readonly string[]): Promise<boolean> {
    return this.answer(false, () => {
      for (const tag of tags) this.store.tags.set(tag, this.store.uniqueId());
      this.tell({ tags });
      return true;
    });
  }

  acquire(key: string): Promise<LoadLock | 'taken' | 'unavailable'> {
    return this.answer<LoadLock | 'taken' | 'unavailable'>('unavailable', () => {
      if (this.store.isLocked(key)) return 'taken';
      const lock = { key, token: this.store.uniqueId() };
      this.store.locks.set(key, { token: lock.token, until: Date.now() + this.lockTtlMs });
      const renew = () => {
        const held = this.store.locks.get(key);
        if (held?.token === lock.token && this.store.isLocked(key))
          held.until = Date.now() + this.lockTtlMs;
        else this.endRenewal(lock);
      };
      this.renewals.set(lock.token, setInterval(renew, this.lockTtlMs / 3));
      return lock;
    });
  }

  release(lock: LoadLock): Promise<void> {
    this.endRenewal(lock);
    return this.answer(undefined, () => {
      if (this.store.locks.get(lock.key)?.token !== lock.token) return;
      this.store.locks.delete(lock.key);
      this.tell({ loaded: [lock.key] });
    });
  }

  private endRenewal(lock: LoadLock): void {
    clearInterval(this.renewals.get(lock.token));
    this.renewals.delete(lock.token);
  }

  async scan(): Promise<boolean> {
    return false;
  }

  onMessage(listener: (message: BusMessage) => void): void {
    this.messageListeners.push(listener);
  }

  onBusChange(listener: (alive: boolean) => void): void {
    this.busListeners.push(listener);
  }

  onAvailabilityChange(listener: (available: boolean) => void): void {
    this.availabilityListeners.push(listener);
  }

  async close(): Promise<void> {
    for (const timer of this.renewals.values()) clearInterval(timer);
    this.setState('down');
  }
}
