/**
 * The newest tree head, kept beside `tree.db` in a file of its own: a tree that was put back from an earlier day does not know what was
 * signed since, and would sign another history in its place.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** In the data folder: a signed note, as `/tlog/checkpoint` has it without its cosignatures. */
export const KEPT_HEAD = 'tree-head.note';

/** @param folder the data folder */
export function readKeptHead(folder: string): string | undefined {
  const file = join(folder, KEPT_HEAD);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Durable when this returns; cut off, the one before is there still. */
export function keepHead(folder: string, note: string): void {
  const file = join(folder, KEPT_HEAD);
  const next = openSync(`${file}.next`, 'w', 0o600);
  try {
    writeSync(next, note);
    fsyncSync(next);
  } finally {
    closeSync(next);
  }
  renameSync(`${file}.next`, file);
}
