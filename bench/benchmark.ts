/** What a benchmark is: a name, and figures by name. */
export interface Benchmark {
  readonly name: string;
  /** What it measures and against what, in one line. */
  readonly about: string;
  run(progress: (message: string) => void): Promise<Figures>;
}

/** Figures by name; the unit is in the name. */
export type Figures = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** Three significant digits: what is left of a measurement on a shared machine. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
