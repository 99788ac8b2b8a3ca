import { isRefusal, queryFailure } from './errors';
import type { ReplicaPoolSettings } from './options';
import type { ReplicaReader, ReplicaReaders } from './readers';

/** A read, or the beginning of a transaction that only reads. */
export interface ReadRequest<T> {
  /** What reads that usually take the same time have in common: see `ReplicaReader.watch`. */
  readonly kind: object;
  /** Whether it may run on two servers at once. */
  readonly mayHedge: boolean;
  /** How long a reader may wait for replication, in milliseconds. */
  readonly waitMs: number;
  /** Runs on a reader; undefined if the reader is behind. */
  readonly onReader: (reader: ReplicaReader, signal: AbortSignal) => Promise<T | undefined>;
  /** Runs on the writer. It retries by itself. */
  readonly onWriter: (signal: AbortSignal) => Promise<T>;
  /**
   * Undoes an answer that comes after another one.
   *
   * @default - the answer is dropped
   */
  readonly discard?: (answer: T) => void;
}

/** The hedges that a new pool may send, and the most that it saves up. */
const FIRST_HEDGES = 10;
const MAX_HEDGES = 100;
/** The reason for which a statement is abandoned. */
const ANSWERED = new Error('Another server has answered.');

/**
 * The readers in turn, and the writer at last. A read goes on to the next server when one fails.
 * When one takes too long, it also asks the next one, and the first answer counts: a hedge (J. Dean
 * and L. A. Barroso, "The Tail at Scale", 2013).
 */
export class ReplicaReads {
  private hedges: number;
  /** The read that is hedged although its reader answers others. There is one at a time. */
  private slow: object | undefined;

  constructor(
    public readonly readers: ReplicaReaders,
    public readonly settings: ReplicaPoolSettings,
  ) {
    this.hedges = settings.hedgeShare > 0 ? FIRST_HEDGES : 0;
  }

  /**
   * The first answer.
   *
   * @throws the error that every server would raise, or the error of the last server
   */
  public first<T>(request: ReadRequest<T>): Promise<T> {
    this.hedges = Math.min(MAX_HEDGES, this.hedges + this.settings.hedgeShare);
    return new Promise((resolve, reject) => {
      new ReadRace(this, request, resolve, reject).askNext();
    });
  }

  /** Whether the budget allows a hedge. */
  public mayHedge(why: 'silent' | 'slow'): boolean {
    return this.hedges >= 1 && (why === 'silent' || this.slow === undefined);
  }

  public hedged(race: object, why: 'silent' | 'slow', { name: server }: ReplicaReader): void {
    this.hedges -= 1;
    if (why === 'slow') this.slow = race;
    this.settings.onEvent({ kind: 'hedged', server, because: why });
  }

  public ended(race: object): void {
    if (this.slow === race) this.slow = undefined;
  }
}

/** One read, and the servers that have been asked for its answer. */
class ReadRace<T> {
  /** Abandons each attempt that is under way. */
  private readonly running = new Set<() => void>();
  private readonly tried = new Set<ReplicaReader>();
  private because: 'no-reader' | 'failed' | 'behind' = 'no-reader';
  private failed: unknown;
  private isWriterAsked = false;
  private isOver = false;

  constructor(
    private readonly reads: ReplicaReads,
    private readonly request: ReadRequest<T>,
    private readonly resolve: (answer: T) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  /** Asks the next server. Returns false if there is none. */
  public askNext(): boolean {
    const { readers, settings } = this.reads;
    const reader = this.because === 'behind' ? undefined : readers.choose(this.tried);
    if (reader) {
      this.tried.add(reader);
      this.askReader(reader);
      return true;
    }
    const mayWriter =
      settings.writerAnswersReads || this.because === 'behind' || readers.all.length === 0;
    if (this.isWriterAsked || !mayWriter) return false;
    this.isWriterAsked = true;
    if (readers.all.length > 0) {
      const because = this.running.size > 0 ? 'slow' : this.because;
      settings.onEvent({ kind: 'read-by-writer', because });
    }
    this.askWriter();
    return true;
  }

  private askReader(reader: ReplicaReader): void {
    const { kind, waitMs, onReader } = this.request;
    const began = performance.now();
    const took = () => {
      if (waitMs === 0) reader.took(kind, performance.now() - began);
    };
    reader.prepare();
    const endWatch = reader.watch({ kind, waitMs, onLate: (why) => this.hedge(reader, why) });
    const abort = new AbortController();
    const abandon = () => {
      endWatch();
      if (!reader.isSilent) took();
      abort.abort(ANSWERED);
    };
    this.running.add(abandon);
    onReader(reader, abort.signal).then(
      (answer) => {
        endWatch();
        this.running.delete(abandon);
        if (answer === undefined) return this.goOn('behind');
        if (!this.isOver) took();
        this.succeed(answer);
      },
      (error) => {
        endWatch();
        this.running.delete(abandon);
        this.failOn(reader, error);
      },
    );
  }

  private askWriter(): void {
    const abort = new AbortController();
    const abandon = () => abort.abort(ANSWERED);
    this.running.add(abandon);
    this.request.onWriter(abort.signal).then(
      (answer) => {
        this.running.delete(abandon);
        this.succeed(answer);
      },
      (error) => {
        this.running.delete(abandon);
        this.fail(error);
      },
    );
  }

  private hedge(reader: ReplicaReader, why: 'silent' | 'slow'): boolean {
    if (this.isOver) return true;
    if (!this.request.mayHedge || !this.reads.mayHedge(why) || !this.askNext()) return false;
    this.reads.hedged(this, why, reader);
    return true;
  }

  /** Goes on to the next server, unless another one is at work. */
  private goOn(because: 'failed' | 'behind'): void {
    if (this.isOver) return;
    if (this.because !== 'behind') this.because = because;
    if (this.running.size === 0 && !this.askNext()) this.finish(() => this.reject(this.failed));
  }

  private failOn(reader: ReplicaReader, error: unknown): void {
    if (this.isOver) return;
    const failure = queryFailure(error);
    if (failure === 'connection' || failure === 'timeout') reader.suspect();
    this.failed = error;
    if (failure === 'connection' || failure === 'conflict') {
      this.reads.settings.onEvent({ kind: 'retried', server: reader.name, error });
      this.goOn('failed');
    } else {
      this.fail(error);
    }
  }

  /** Ends with an error that every server would raise, or with that of the last server. */
  private fail(error: unknown): void {
    const isFinal = isRefusal(error) || queryFailure(error) === 'timeout';
    this.failed = error;
    if (!this.isOver && (isFinal || this.running.size === 0)) this.finish(() => this.reject(error));
  }

  private succeed(answer: T): void {
    if (this.isOver) this.request.discard?.(answer);
    else this.finish(() => this.resolve(answer));
  }

  private finish(settle: () => void): void {
    this.isOver = true;
    this.reads.ended(this);
    for (const abandon of this.running) abandon();
    settle();
  }
}
