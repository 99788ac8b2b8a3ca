import type { ServerRead } from '../tiered-cache';

/**
 * The most names in one command. A batch that reaches it is sent at once: the server works on it
 * while the next batch is collected. Half as many made reads with a tag of 64 callers a quarter
 * slower, each round of which then took two commands (`bench cache`).
 */
const MAX_NAMES = 128;

/**
 * Fetches the values of names. It calls `done` once, with the values in the order of the names,
 * null for a missing value, or with undefined if the server did not answer. Must not throw.
 */
export type FetchNames = (
  names: readonly string[],
  done: (replies: readonly (Buffer | null)[] | undefined) => void,
) => void;

/** The position of one name in a batch. */
interface Position {
  readonly batch: Batch;
  readonly at: number;
}

/** Names that are fetched together, each once. */
class Batch {
  public readonly names: string[];
  /** Where each name is, once there are several. */
  private positions: Map<string, number> | undefined;
  private readonly reads: BatchedRead[];
  private replies: readonly (Buffer | null)[] | undefined;
  private texts: (string | null)[] | undefined;

  constructor(name: string, read: BatchedRead) {
    // Most batches have one name. An array that grows from none takes place for seventeen.
    this.names = [name];
    this.reads = [read];
    read.batchesAwaited++;
  }

  public add(name: string, read: BatchedRead): Position {
    const at = this.positionOf(name);
    if (this.reads.at(-1) !== read) {
      this.reads.push(read);
      read.batchesAwaited++;
    }
    return { batch: this, at };
  }

  private positionOf(name: string): number {
    const { names } = this;
    this.positions ??= new Map([[names[0] as string, 0]]);
    const known = this.positions.get(name);
    if (known !== undefined) return known;
    this.positions.set(name, names.length);
    return names.push(name) - 1;
  }

  public complete(replies: readonly (Buffer | null)[] | undefined): void {
    this.replies = replies;
    for (const read of this.reads) read.batchCompleted();
  }

  public get failed(): boolean {
    return this.replies === undefined;
  }

  public bytes(at: number): Buffer | null {
    return this.replies?.[at] ?? null;
  }

  /** The version of a tag. It is decoded once, because many reads of a batch share a tag. */
  public text(at: number): string | null {
    this.texts ??= [];
    let text = this.texts[at];
    if (text === undefined) {
      text = this.bytes(at)?.toString('latin1') ?? null;
      this.texts[at] = text;
    }
    return text;
  }
}

/**
 * Collects the names that are requested from one server within one turn of the event loop, and
 * fetches them together.
 */
export class ReadBatcher {
  private batch: Batch | undefined;

  constructor(private readonly fetch: FetchNames) {}

  public add(name: string, read: BatchedRead): Position {
    const { batch } = this;
    if (batch === undefined) {
      this.batch = new Batch(name, read);
      // Runs after the promises of this turn, whose continuations may request more names.
      process.nextTick(ReadBatcher.send, this, this.batch);
      return { batch: this.batch, at: 0 };
    }
    const position = batch.add(name, read);
    if (batch.names.length >= MAX_NAMES) ReadBatcher.send(this, batch);
    return position;
  }

  private static send(batcher: ReadBatcher, batch: Batch): void {
    // A full batch has been sent already.
    if (batcher.batch !== batch) return;
    batcher.batch = undefined;
    batcher.fetch(batch.names, (replies) => batch.complete(replies));
  }
}

const NO_VERSIONS: readonly string[] = Object.freeze([]);

/** One read. Its names are in several batches if several servers own them. */
export class BatchedRead {
  /** The number of batches that are not complete. */
  public batchesAwaited = 0;
  public value: Position | undefined;
  public lock: Position | undefined;
  public readonly tags: Position[] = [];

  constructor(private readonly resolve: (read: ServerRead) => void) {}

  public batchCompleted(): void {
    this.batchesAwaited--;
    if (this.batchesAwaited === 0) this.resolve(this.result());
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
      tagVersions: tags.length === 0 ? NO_VERSIONS : tags.map(({ batch, at }) => batch.text(at)),
      locked: lock !== undefined && lock.batch.bytes(lock.at) !== null,
    };
  }
}
