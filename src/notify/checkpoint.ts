/**
 * How far the receiver of the webhook was told, in a file of its own in the data folder: the read models can be deleted, and are no place for it; and
 * that somebody was told is nothing that the ledger would have to prove.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore } from '../eventstore/event-store.ts';
import { type Cursor, cursorOf, cursorText } from './cursor.ts';

export const CHECKPOINT = 'webhook.json';

interface Kept {
  cursor: string;
  /** Id of the event at the cursor's position, by which another log is told apart; absent in an empty one. */
  event?: string;
}

/** Durable when this resolves; cut off, the one before is there still. */
export async function keepCheckpoint(folder: string, cursor: Cursor, store: Pick<EventStore, 'at'>): Promise<void> {
  const event = (await store.at(cursor.from.position))?.id;
  const kept: Kept = { cursor: cursorText(cursor), ...(event !== undefined && { event }) };
  const file = join(folder, CHECKPOINT);
  const next = openSync(`${file}.next`, 'w', 0o600);
  try {
    writeSync(next, `${JSON.stringify(kept)}\n`);
    fsyncSync(next);
  } finally {
    closeSync(next);
  }
  renameSync(`${file}.next`, file);
}

/**
 * @returns undefined where nobody was told anything yet; `another-log` where it is of a log that went on otherwise, or cannot be read: what that
 *   one would have told nobody knows
 */
export async function readCheckpoint(folder: string, store: Pick<EventStore, 'at' | 'head'>): Promise<Cursor | 'another-log' | undefined> {
  const file = join(folder, CHECKPOINT);
  if (!existsSync(file)) return undefined;
  const kept = keptIn(readFileSync(file, 'utf8'));
  const cursor = kept && cursorOf(kept.cursor);
  if (!kept || !cursor) return 'another-log';
  const { from, to } = cursor;
  if (Math.max(from.position, to?.position ?? 0) > (await store.head())) return 'another-log';
  return from.position === 0 || (await store.at(from.position))?.id === kept.event ? cursor : 'another-log';
}

function keptIn(text: string): Kept | undefined {
  try {
    const kept = JSON.parse(text) as Kept;
    return typeof kept?.cursor === 'string' ? kept : undefined;
  } catch {
    return undefined;
  }
}
