import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import { leafHash } from '../../src/integrity/merkle.ts';
import { ED25519, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import type { Log } from '../../src/transparency/sealer.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import type { Generation, RingKey } from '../../src/transparency/tree.ts';

export const LEDGER = '6f1c2d3e4a5b60718293a4b5c6d7e8f9';
export const ORIGIN = `liggare/${LEDGER}/1`;
export const NOW = Date.parse('2026-03-02T12:00:00.000Z');
export const BEGUN: Generation = { number: 1, origin: ORIGIN, startedAt: new Date(NOW).toISOString() };

const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-transparency-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A key that signs tree heads of an origin. */
export function aSigningKey(origin = ORIGIN): { vkey: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { vkey: vkeyOf(verifierKey(origin, ED25519, publicKey)), privateKey };
}

export const ringKey = (vkey: string, change: Partial<RingKey> = {}): RingKey => ({
  generation: 1,
  vkey,
  createdAt: BEGUN.startedAt,
  ...change,
});

/** A file with a tree that was begun, and the key that signs its heads. */
export async function aTree(file = join(temporaryFolder(), 'tree.db')) {
  const key = aSigningKey();
  const store = SqliteTreeStore.open(file, LEDGER);
  await store.begin(BEGUN, ringKey(key.vkey));
  return { file, key, store };
}

/** An event as small as it may be. */
export function anEvent(position: number, change: Partial<Entry> = {}): RecordedEvent {
  const entry: Entry = {
    ...{ format: 1, source: 'urn:test:source', id: `record ${position}`, time: '2026-03-02T09:14:07.120Z', version: 1 },
    data: { actor: { reference: 'EBESExQVFhcYGRobHB0eHw', kind: 'human' }, subjects: [{ reference: 'AAECAwQFBgcICQoLDA0ODw' }] },
    ...change,
  };
  return {
    ...{
      position,
      stream: 'processing-urn:test:source',
      revision: position,
      id: `00000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    },
    ...{ type: 'PersonalDataAccessed', data: JSON.stringify(entry), metadata: '{}', recordedAt: new Date(NOW).toISOString() },
  };
}

export const hashOf = (event: RecordedEvent): Buffer => leafHash(leafBytes(event));

/** A log that anything can be done to. */
export class ChangeableLog implements Log {
  /** The largest page that was asked for, and was answered. */
  largest = { asked: 0, answered: 0 };
  constructor(public events: RecordedEvent[] = []) {}

  /** Appends events, `gap` positions apart. */
  append(count: number, gap = 1): void {
    for (let i = 0; i < count; i++) this.events.push(anEvent(this.head() + gap));
  }

  readAll(position: number, limit: number, maxBytes = Number.POSITIVE_INFINITY): RecordedEvent[] {
    let [first, end] = [0, this.events.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      if ((this.events[middle] as RecordedEvent).position <= position) first = middle + 1;
      else end = middle;
    }
    let bytes = 0;
    const page: RecordedEvent[] = [];
    for (const event of this.events.slice(first, first + limit)) {
      bytes += event.data.length;
      if (bytes > maxBytes && page.length > 0) break;
      page.push(event);
    }
    this.largest = { asked: Math.max(this.largest.asked, limit), answered: Math.max(this.largest.answered, page.length) };
    return page;
  }

  head(): number {
    return this.events.at(-1)?.position ?? 0;
  }
}
