import type { ServerRead } from '../tiered-cache';

/**
 * Names that go into one command. It is sent as soon as it has so many, and the server works on it
 * while the next one is put together.
 */
const MAX_NAMES = 64;

/** What lies at names, in their order; undefined if the server did not answer. */
export type FetchNames = (
  names: readonly string[],
) => Promise<readonly (Buffer | null)[] | undefined>;

/** One name's place in a batch. */
interface Place {
  readonly batch: Batch;
  readonly at: number;
}

/** Names that are fetched together, each once. */
class Batch {
  public readonly names: string[] = [];
  private readonly places = new Map<string, number>();
  private readonly reads: BatchedRead[] = [];
  private replies: readonly (Buffer | null)[] | undefined;
  private readonly texts: (string | null)[] = [];

  public add(name: string, read: BatchedRead): Place {
    let at = this.places.get(name);
    if (at === undefined) {
      at = this.names.push(name) - 1;
      this.places.set(name, at);
    }
    if (this.reads.at(-1) !== read) {
      this.reads.push(read);
      read.awaited++;
    }
    return { batch: this, at };
  }

  public fill(replies: readonly (Buffer | null)[] | undefined): void {
    this.replies = replies;
    for (const read of this.reads) read.answered();
  }

  public get failed(): boolean {
    return this.replies === undefined;
  }

  public bytes(at: number): Buffer | null {
    return this.replies?.[at] ?? null;
  }

  /** A tag's version; many reads of one batch ask for the same. */
  public text(at: number): string | null {
    let text = this.texts[at];
    if (text === undefined) {
      text = this.bytes(at)?.toString('latin1') ?? null;
      this.texts[at] = text;
    }
    return text;
  }
}

/**
 * Collects the names that are asked of one server within one turn of the event loop, and fetches
 * them together.
 */
export class ReadBatcher {
  private batch: Batch | undefined;

  constructor(private readonly fetch: FetchNames) {}

  public add(name: string, read: BatchedRead): Place {
    let { batch } = this;
    if (batch === undefined) {
      batch = new Batch();
      this.batch = batch;
      // Runs after the promises of this turn, whose continuations ask for more.
      process.nextTick(ReadBatcher.send, this, batch);
    }
    const place = batch.add(name, read);
    if (batch.names.length >= MAX_NAMES) ReadBatcher.send(this, batch);
    return place;
  }

  private static send(batcher: ReadBatcher, batch: Batch): void {
    // Sent already, when it was full.
    if (batcher.batch !== batch) return;
    batcher.batch = undefined;
    batcher.fetch(batch.names).then(
      (replies) => batch.fill(replies),
      () => batch.fill(undefined),
    );
  }
}

/** One read, whose names may lie in several batches when they lie on several servers. */
export class BatchedRead {
  /** Batches that have not been answered. */
  public awaited = 0;
  public value: Place | undefined;
  public lock: Place | undefined;
  public readonly tags: Place[] = [];

  constructor(private readonly resolve: (read: ServerRead) => void) {}

  public answered(): void {
    this.awaited--;
    if (this.awaited === 0) this.resolve(this.result());
  }

  private result(): ServerRead {
    const { value, lock, tags } = this;
    if (
      value === undefined ||
      value.batch.failed ||
      lock?.batch.failed ||
      tags.some(({ batch }) => batch.failed)
    ) {
      return { status: 'unavailable' };
    }
    return {
      status: 'answered',
      bytes: value.batch.bytes(value.at),
      tagVersions: tags.map(({ batch, at }) => batch.text(at)),
      locked: lock !== undefined && lock.batch.bytes(lock.at) !== null,
    };
  }
}
