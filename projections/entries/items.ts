/** An entry as it is answered: envelope, what the ledger found, and the data under the names of domain.md §1. */
import type { Kysely } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { KeyVault } from '../../src/privacy/key-vault.ts';
import { iso, LATE_MS, SKEW_MS } from '../moment.ts';
import type { Schema } from '../schema.ts';
import type { Opening, ShownData } from './opening.ts';
import { type Correction, correctionsOf, type Document } from './walk.ts';

/** Said of a record by a later one. */
export interface Revision {
  by: { source: string; id: string; position: number; recordedAt: string };
  /** The record that stands in its place. */
  replacement?: { source: string; id: string };
}

export type TimelineItem = {
  position: number;
  recordedAt: string;
  source: string;
  id: string;
  type: string;
  time: string;
  /** As CloudEvents writes it: a decimal number in a string. */
  sequence?: string;
  /** Of the type's schema, as recorded. */
  version: number;
  /** Recorded more than a day after it happened. */
  late: boolean;
  /** By its source's clock it happened more than five minutes after it was recorded. */
  skew: boolean;
  corrected?: Revision;
  retracted?: Revision;
} & ShownData;

/** Where it is looked up how entries are shown. */
export interface Shelf {
  db: Kysely<Schema>;
  vault: KeyVault;
  /** Nothing recorded after it is said of an entry. */
  position: number;
  /** For each reference all that are the same person, as of the answer. */
  groupsOf(references: readonly string[]): Promise<string[][]>;
}

/**
 * Entries as one viewer may see them, in their order.
 * @param documents as many as the keys of all people shown on them can be fetched at once
 */
export async function itemsOf(
  { documents, hasCorrections }: { documents: readonly Document[]; hasCorrections: boolean },
  opening: Opening,
  { db, vault, position, groupsOf }: Shelf,
): Promise<TimelineItem[]> {
  const keys = hasCorrections ? documents.map(({ entry }) => recordKey(entry.source, entry.id)) : [];
  const [corrections] = await Promise.all([correctionsOf(db, keys, position), opening.fetch(documents, vault, groupsOf)]);
  return documents.map((document, i) => itemOf(document, corrections.get(keys[i]?.toString('latin1') ?? ''), opening.show(document)));
}

function itemOf({ position, recordedAt, time, type, entry }: Document, correction: Correction | undefined, data: ShownData): TimelineItem {
  const { source, id, sequence, version } = entry;
  const envelope = {
    ...{ position, recordedAt: iso(recordedAt), source, id, type, time: entry.time },
    ...(sequence !== undefined && { sequence: String(sequence) }),
    version,
    late: recordedAt - time > LATE_MS,
    skew: time - recordedAt > SKEW_MS,
    ...(correction && revisionOf(correction)),
  };
  // Once for the order in which it reads, once because no field of the data stands in for the envelope's.
  return { ...envelope, ...data, ...envelope };
}

/** What a later record said of one, as it is shown. */
export function revisionOf({ by, replacement }: Correction): Pick<TimelineItem, 'corrected' | 'retracted'> {
  const said = { by: { ...by, recordedAt: iso(by.recordedAt) } };
  return replacement ? { corrected: { ...said, replacement } } : { retracted: said };
}
