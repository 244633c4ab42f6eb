/** What a workload reports: a ratio against a baseline of the same run. */
export interface Measured {
  workload: string;
  /** Median of the alternating runs; absent where only numbers are told. */
  ratio?: number;
  /** `≥ 0.5` or `≤ 3`. */
  target?: string;
  runs?: number;
  /** Absolute numbers, for the reader; they say something about this machine only. */
  detail?: string;
}

export interface Options {
  /** Small sizes: shows that it runs. */
  quick: boolean;
}

export type Report = (row: Measured) => void;

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** @param p 0–100; nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Thousands with one decimal, for rates. */
export function thousands(value: number): string {
  return `${(value / 1000).toFixed(1)} k`;
}
