/** A benchmark, which measures figures. */
export interface Benchmark {
  readonly name: string;
  /** One line about what it measures, and against which yardstick. */
  readonly about: string;
  /** Runs it, and reports its progress in sentences. */
  run(progress: (message: string) => void): Promise<Figures>;
}

/** Figures by name; the unit is in the name. */
export type Figures = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** Rounds to three significant digits; a shared machine measures no better. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** The median; NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
