import { type EventStore, type NewEvent, StoreUnavailable } from '../eventstore/event-store.ts';
import { recordKey } from '../eventstore/record-key.ts';
import type { Entry, StoredActor, StoredData, StoredSubject } from './entry.ts';
import { newId } from './new-id.ts';

/** What the ledger says of itself. */
export interface OwnEvent {
  /** Under `urn:liggare:`, which nobody else may write. */
  source: string;
  /** Drawn when absent. */
  id?: string;
  type: string;
  /** Milliseconds since 1970. */
  now: number;
  actor: StoredActor;
  subjects?: StoredSubject[];
  data: Omit<StoredData, 'actor' | 'subjects'>;
  sealed?: Entry['sealed'];
  metadata?: Record<string, unknown>;
}

/** An event of the ledger's own in the stored form that every event has. */
export function ownEvent({ source, id = newId(), type, now, actor, subjects = [], data, sealed, metadata = {} }: OwnEvent): NewEvent {
  const entry: Entry = {
    format: 1,
    source,
    id,
    time: new Date(now).toISOString(),
    version: 1,
    data: { actor, subjects, ...data } as StoredData,
    ...(sealed && { sealed }),
  };
  return {
    id: newId(),
    type,
    data: JSON.stringify(entry),
    metadata: JSON.stringify(metadata),
    key: recordKey(source, id),
    // Named by nothing but the reference, somebody may be named after the erasure too: only living keys are fenced.
    references: subjects.filter(({ sealed: part }) => part !== undefined).map(({ reference }) => reference),
  };
}

/**
 * Appends the ledger's own events; each of them stands in the log when this resolves.
 * @returns the position of the last
 * @throws StoreUnavailable, also when somebody was erased between sealing and commit: doing it again seals without them.
 */
export async function appendOwn(store: EventStore, stream: string, events: readonly NewEvent[]): Promise<number> {
  const [written = []] = await store.append([{ stream, expectedRevision: 'any', events }]);
  const positions = written.flatMap((one) => (one.outcome === 'fenced' ? [] : [one.position]));
  if (positions.length < written.length) throw new StoreUnavailable('a person was erased meanwhile');
  return positions.at(-1) ?? 0;
}
