import { readdirSync, readFileSync } from 'node:fs';

export interface GoldenEvent extends Record<string, unknown> {
  type: string;
  data: Record<string, unknown>;
}

export interface GoldenSample {
  file: string;
  type: string;
  version: number;
  event: GoldenEvent;
}

const FOLDER = new URL('../golden/', import.meta.url);

/** The ledger's clock at which every golden sample is valid, milliseconds since 1970. */
export const GOLDEN_NOW = Date.parse('2026-03-02T09:14:08Z');

/** One valid wire event for each version of each type, in the order of their names. */
export const goldenSamples: readonly GoldenSample[] = readdirSync(FOLDER)
  .sort()
  .map((file) => {
    const [type, version] = file.split('.') as [string, string];
    const event = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as GoldenEvent;
    return { file, type, version: Number(version.slice(1)), event };
  });

/** A copy of the golden sample of a type, to be changed at will. */
export function golden(type: string, version = 1): GoldenEvent {
  const sample = goldenSamples.find((one) => one.type === type && one.version === version);
  if (sample === undefined) throw new Error(`there is no golden sample of ${type} ${version}`);
  return structuredClone(sample.event);
}
