import { type QueryReading, type QueryReadingOptions, readQuery } from './statement';

/**
 * Statements in the text of programs are few and come often. Those that carry their values are
 * many, and pass through.
 */
const KEPT = 2_000;
const LONGEST = 20_000;

/** Reads statements, and remembers those of late. */
export class QueryReadings {
  private readonly known = new Map<string, QueryReading>();

  constructor(private readonly options: QueryReadingOptions = {}) {}

  public of(text: string): QueryReading {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const reading = readQuery(text, this.options);
    if (text.length > LONGEST) return reading;
    if (this.known.size >= KEPT)
      for (const oldest of this.known.keys()) {
        this.known.delete(oldest);
        break;
      }
    this.known.set(text, reading);
    return reading;
  }
}
