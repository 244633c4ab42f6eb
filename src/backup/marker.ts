/**
 * A restore puts several files in their places, one after the other, and then makes the keys agree with what was erased. For as long
 * as that lasts a marker lies in the data folder: what is there is not served.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../privacy/master-key.ts';
import { remove, writeWhole } from './files.ts';

const MARKER = 'restore-unfinished.json';

/** A restore into this folder was begun and not completed; the ledger does not start on it. */
export class RestoreUnfinished extends Error {
  override name = 'RestoreUnfinished';
  constructor(folder: string) {
    super(
      `a restore into ${folder} was not completed, and what is there is not served: run liggare restore again, which begins anew; ` +
        `or choose another folder with LIGGARE_DATA`,
    );
  }
}

/** What a restore has put, or is about to put, into the folder: it goes again before the restore begins anew. */
export interface Marker {
  placed: string[];
  /** Length of the lines of `erasures.log` before; absent where there was none. */
  erasuresBytes?: number;
}

/** Durable before the first file is placed. */
export function mark(folder: string, marker: Marker): void {
  writeWhole(join(folder, MARKER), `${JSON.stringify(marker)}\n`);
}

/** The restore is completed, or nothing of it is left. */
export function unmark(folder: string): void {
  remove([join(folder, MARKER)]);
  syncFolder(folder);
}

/** Undefined where no restore is under way or was cut off. */
export function markerOf(folder: string): Marker | undefined {
  const file = join(folder, MARKER);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Marker) : undefined;
}

/** @throws RestoreUnfinished */
export function refuseUnfinished(folder: string): void {
  if (existsSync(join(folder, MARKER))) throw new RestoreUnfinished(folder);
}
