/** A consistent copy of a database that others write: the only file of this room that knows SQLite. Runs in a thread of its own. */
import { closeSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { syncFile } from './files.ts';
import type { Facts } from './parts.ts';

/** How long another process's lock is waited for. */
const BUSY_TIMEOUT_MS = 10_000;

export interface SnapshotOrder {
  source: string;
  target: string;
  facts: Readonly<Record<string, string>>;
}

/**
 * Writes the database as it stands at this moment into a new file, synced and readable for its owner alone. `VACUUM INTO` reads
 * one snapshot from its beginning to its end, while the online backup begins anew with every commit of another connection.
 * Free pages stay behind, and with them whatever was deleted; every row is read, so that a damaged page is not carried on.
 * @returns what was asked of the copy
 */
export function takeSnapshot({ source, target, facts }: SnapshotOrder): Facts {
  const db = new Database(source, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // What makes the file a database of ours is looked at before anything is written.
    for (const sql of Object.values(facts)) db.prepare(sql);
    closeSync(openSync(target, 'wx', 0o600));
    db.prepare('VACUUM INTO ?').run(target);
  } finally {
    db.close();
  }
  syncFile(target);
  return factsOf(target, facts);
}

/** Asks a database each of these for one value. */
export function factsOf(file: string, facts: Readonly<Record<string, string>>): Facts {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return Object.fromEntries(
      Object.entries(facts).map(([name, sql]) => [name, (db.prepare(sql).pluck().get() ?? null) as string | number | null]),
    );
  } finally {
    db.close();
  }
}
