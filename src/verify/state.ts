/** How far a run has come, kept in a small file, so that one that was interrupted goes on. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Counts } from './counts.ts';

/** Raised whenever leaves or counts would be made otherwise: what an older program found is not believed. */
const FORMAT = 1;
/** Far more than a state ever has. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Leaves that were made anew and agreed, all from `from` on. */
export interface Progressed {
  origin: string;
  from: number;
  /** How many leaves there are up to there: whole tiles. */
  size: number;
  /** Root of these leaves, base64. */
  root: string;
  /** What was counted of their events; absent where that is not known. */
  counts?: Counts;
}

/** Beside the data folder, not in it: that may be a copy that nothing is written to. */
export function defaultStateFile(folder: string): string {
  const path = resolve(folder);
  return join(dirname(path), `${basename(path)}.verify.json`);
}

export class StateFile {
  readonly path: string;
  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Undefined where there is none that can be used: then everything is made anew. */
  read(origin: string): Progressed | undefined {
    if (!existsSync(this.path)) return undefined;
    try {
      const text = readFileSync(this.path, 'utf8');
      const state = text.length > MAX_BYTES ? undefined : JSON.parse(text);
      return isState(state) && state.origin === origin ? state : undefined;
    } catch {
      // Whatever stands there was not written by this program, or not to its end.
      return undefined;
    }
  }

  /** Whole or not at all. @throws the system's error */
  write(progressed: Progressed): void {
    const part = `${this.path}.part`;
    writeFileSync(part, `${JSON.stringify({ format: FORMAT, ...progressed })}\n`, { mode: 0o600 });
    renameSync(part, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

function isState(value: unknown): value is Progressed {
  const { format, origin, from, size, root, counts } = (value ?? {}) as Record<string, unknown>;
  const areCounts = [from, size].every((each) => Number.isSafeInteger(each) && (each as number) >= 0);
  return (
    format === FORMAT && typeof origin === 'string' && areCounts && typeof root === 'string' && (counts === undefined || isCounts(counts))
  );
}

function isCounts(value: unknown): value is Counts {
  const { entries, quarantine, holds, completeness } = (value ?? {}) as Record<string, unknown>;
  const areNumbers = [entries, quarantine, holds].every(Number.isSafeInteger);
  return (
    areNumbers &&
    Array.isArray(completeness) &&
    completeness.every((row) => Array.isArray(row) && row.length === 2 && Array.isArray(row[1]))
  );
}
