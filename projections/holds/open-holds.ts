import { type Kysely, sql } from 'kysely';
import type { EventStore } from '../../src/eventstore/event-store.ts';
import { listed } from '../database.ts';
import { stands } from '../entries/corrections.ts';
import { iso } from '../moment.ts';
import type { Schema } from '../schema.ts';
import type { HoldsTables } from './tables.ts';

/** A legal hold that stands: the person may not be erased. */
export interface OpenHold {
  /** The record that placed it. */
  source: string;
  id: string;
  position: number;
  /** Of those asked about, whom it names. */
  references: string[];
  /** Code of the vocabulary, for example `legal-claims`. */
  ground: string;
  /** The exception of Art. 17(3) that it rests on; absent for a ground that this program does not know. */
  exception?: string;
  /** When it must be looked at again: a date, or a date-time. A hold whose review is overdue still holds. */
  reviewBy: string;
  /** What is held; absent where it was not said, which means everything. */
  scope?: string | string[];
  placedAt: string;
  recordedAt: string;
}

/** The exceptions of Art. 17(3) by the grounds of a legal hold (domain.md §2). */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  expression: '17(3)(a)',
  'legal-obligation': '17(3)(b)',
  'public-health': '17(3)(c)',
  'public-interest': '17(3)(d)',
  'legal-claims': '17(3)(e)',
};

/**
 * The open legal holds on one person, the oldest first, as of a position; whoever must know all of them waits for the
 * projection `holds` before. In doubt a hold stands, because an erasure cannot be undone: a release ends it for the people
 * whom the release names; one that was itself corrected or retracted ends nothing; a hold that was corrected stands until its
 * replacement is recorded, and then the replacement does, where it is a hold. A correction or retraction counts only where it
 * was recorded after what it points at: before, nobody could know whether its author may take back a hold.
 * @param references of one person: everybody linked, who is one person for holds and releases alike
 */
export async function openHolds(
  db: Kysely<Schema>,
  store: Pick<EventStore, 'find'>,
  references: readonly string[],
  position = Number.MAX_SAFE_INTEGER,
): Promise<OpenHold[]> {
  if (references.length === 0) return [];
  const named = sql`select position from holds_subjects where reference in ${listed(references)}`;
  const { rows } = await sql<Row>`select h.*, c.position as corrected, c.replacement, k.position as known
    from checkpoints as k cross join holds_placed as h
    left join holds_corrections as c on c.target = h.record and c.position > h.position and ${stands('c', position, 'holds_corrections')}
    where k.name = 'holds' and h.position in (${named}) and h.position <= ${position} and not exists (
      select 1 from holds_released as r where r.target = h.record and r.position <= ${position} and r.position in (${named}) and not exists (
        select 1 from holds_corrections as o where o.target = r.record and o.position > r.position and ${stands('o', position, 'holds_corrections')}))
    order by h.position`.execute(db);
  // A replacement that is recorded and not yet among the rows replaces nothing: it may be a hold itself.
  const gone = await replaced(rows, store, Math.min(position, rows[0]?.known ?? 0));
  const open = new Map(rows.filter((row) => !gone.has(row.position)).map((row) => [row.position, row]));
  if (open.size === 0) return [];
  const people = await peopleOf(db, [...open.keys()], references);
  return [...open.values()].map((row) => holdOf(row, people.get(row.position) ?? []));
}

type Row = HoldsTables['holds_placed'] & { corrected: number | null; replacement: Buffer | null; known: number };

/** Holds that were retracted, or whose replacement is recorded. */
async function replaced(rows: readonly Row[], store: Pick<EventStore, 'find'>, position: number): Promise<Set<number>> {
  const corrected = rows.filter((row) => row.corrected !== null);
  const pending = corrected.filter((row) => row.replacement !== null);
  const found = pending.length > 0 ? await store.find(pending.map(({ replacement }) => Buffer.from(replacement as Buffer))) : [];
  const recorded = pending.filter((_, i) => (found[i] ?? Number.POSITIVE_INFINITY) <= position);
  return new Set([...corrected.filter((row) => row.replacement === null), ...recorded].map((row) => row.position));
}

async function peopleOf(db: Kysely<Schema>, positions: readonly number[], references: readonly string[]): Promise<Map<number, string[]>> {
  const { rows } = await sql<{ position: number; reference: string }>`select position, reference from holds_subjects
    where reference in ${listed(references)} and position in ${listed(positions)}`.execute(db);
  const people = new Map<number, string[]>();
  for (const { position, reference } of rows) people.set(position, [...(people.get(position) ?? []), reference]);
  return people;
}

function holdOf({ source, id, position, ground, review_by, scope, time, recorded_at }: Row, references: string[]): OpenHold {
  const exception = EXCEPTIONS[ground];
  return {
    ...{ source, id, position, references, ground },
    ...(exception !== undefined && { exception }),
    reviewBy: review_by,
    ...(scope !== null && { scope: JSON.parse(scope) as string | string[] }),
    ...{ placedAt: iso(time), recordedAt: iso(recorded_at) },
  };
}
