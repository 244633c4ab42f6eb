import type { NewEvent } from '../eventstore/event-store.ts';
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
    references: [actor.reference, ...subjects.map((subject) => subject.reference)],
  };
}
