import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 } from 'uuid';
import type { NewEvent, RecordedEvent } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';

const folders: string[] = [];

/** A folder of its own for one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-eventstore-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** An event of the ledger's form, as small as it may be. */
export function anEvent(change: Partial<NewEvent> = {}): NewEvent {
  const id = v7();
  return { id, type: 'PersonalDataAccessed', data: JSON.stringify({ format: 1, id }), metadata: '{}', ...change };
}

/** An event about the record `id` of one source, with its key. */
export function aRecord(id: string, change: Partial<NewEvent> = {}): NewEvent {
  return anEvent({ key: recordKey('urn:test:source', id), ...change });
}

export function someEvents(count: number, change: Partial<NewEvent> = {}): NewEvent[] {
  return Array.from({ length: count }, () => anEvent(change));
}

/** What of a recorded event was handed over by its writer. */
export function asAppended({ id, type, data, metadata }: NewEvent | RecordedEvent): Partial<NewEvent> {
  return { id, type, data, metadata };
}
