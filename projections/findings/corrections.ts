/** Corrections and retractions as they arrive, before or after what they are about: whose standing they change. */
import { type Kysely, sql } from 'kysely';
import { isLedgersOwn } from '../../src/vocabulary/source.ts';
import type { ProjectedEvent, Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { pointerOf } from '../state/facts.ts';
import { isFallenAt, MAX_CHAIN } from '../state/standing.ts';

/** Records that are waited for, at most; beyond, every event is looked up. */
const MAX_AWAITED = 100_000;

interface Pair {
  source: string;
  id: string;
}

/** A record whose standing changed. */
export interface Flip {
  position: number;
  /** Why it fell; undefined where it stands again. */
  why: 'retracted' | 'corrected' | undefined;
}

const COLUMNS = ['position', 'source', 'id', 'target_source', 'target_id', 'replacement_source', 'replacement_id'];
const keyOf = ({ source, id }: Pair): string => `${source}\0${id}`;

export class Corrections {
  /** Records that corrections point at and that are not there yet; undefined where nobody looked, or they are too many. */
  #awaited: Set<string> | undefined;
  #isTooMany = false;

  forget(): void {
    this.#awaited = undefined;
    this.#isTooMany = false;
  }

  async begin(db: Kysely<Schema>): Promise<void> {
    if (this.#awaited !== undefined || this.#isTooMany) return;
    const any = await db.selectFrom('findings_corrections').select('position').limit(1).executeTakeFirst();
    this.#awaited = new Set();
    if (any) for (const pair of await awaited(db)) this.#await(pair);
  }

  /** Whether the event is said something of, or says something of another: then its standing and theirs have to be looked at. */
  concerns({ type, entry }: ProjectedEvent): boolean {
    if (type === 'RecordCorrected' || type === 'RecordRetracted') return true;
    if (this.#isTooMany) return true;
    return (this.#awaited as Set<string>).size > 0 && (this.#awaited as Set<string>).has(keyOf(entry));
  }

  /** Keeps what an event says of another; to be called once the event is among the rows. */
  async keep(tx: Tx, { position, type, entry }: ProjectedEvent): Promise<void> {
    this.#awaited?.delete(keyOf(entry));
    if (type !== 'RecordCorrected' && type !== 'RecordRetracted') return;
    const target = pointerOf(entry.data['target']);
    // Of itself nobody but the ledger says anything.
    if (!target || (isLedgersOwn(target.source) && entry.source !== target.source)) return;
    const replacement = type === 'RecordCorrected' ? pointerOf(entry.data['replacement']) : undefined;
    const row = [position, entry.source, entry.id, target.source, target.id, replacement?.source ?? null, replacement?.id ?? null];
    tx.insertMany('findings_corrections', COLUMNS, row);
    for (const pair of [target, ...(replacement ? [replacement] : [])]) {
      if ((await positionsOf(tx.db, pair)).length === 0) this.#await(pair);
    }
  }

  /** Why an event does not stand as it arrives; undefined where it does. */
  whyFallen(tx: Tx, { entry: { source, id } }: ProjectedEvent): Promise<Flip['why']> {
    return whyFallen(tx.db, { source, id });
  }

  /** Which records before it the event makes fall or stand again, in the order of their positions. */
  async flips(tx: Tx, { position: at, entry: { source, id } }: ProjectedEvent): Promise<Flip[]> {
    const flips: Flip[] = [];
    for (const pair of await touchedBy(tx.db, { source, id })) {
      for (const position of await positionsOf(tx.db, pair)) {
        if (position === at) continue;
        const isFallen = await fallenAt(tx.db, position);
        const why = await whyFallen(tx.db, pair);
        if (isFallen !== (why !== undefined)) flips.push({ position, why });
      }
    }
    return flips.sort((a, b) => a.position - b.position);
  }

  #await(pair: Pair): void {
    if (this.#isTooMany) return;
    this.#awaited?.add(keyOf(pair));
    if ((this.#awaited?.size ?? 0) <= MAX_AWAITED) return;
    this.#isTooMany = true;
    this.#awaited = undefined;
  }
}

/** Records that corrections point at and that nobody recorded. */
async function awaited(db: Kysely<Schema>): Promise<Pair[]> {
  const isThere = (source: string, id: string) =>
    sql`exists (select 1 from findings_events as e join findings_profiles as p on p.id = e.profile where e.id = ${sql.ref(id)} and p.source = ${sql.ref(source)})`;
  const { rows } = await sql<Pair>`select c.target_source as source, c.target_id as id from findings_corrections as c
      where not ${isThere('c.target_source', 'c.target_id')}
    union select c.replacement_source, c.replacement_id from findings_corrections as c
      where c.replacement_id is not null and not ${isThere('c.replacement_source', 'c.replacement_id')}
    limit ${MAX_AWAITED + 1}`.execute(db);
  return rows;
}

/** The event, what it corrects or takes the place of, what that corrects, and so on. */
async function touchedBy(db: Kysely<Schema>, { source, id }: Pair): Promise<Pair[]> {
  const touched = new Map<string, Pair>([[keyOf({ source, id }), { source, id }]]);
  let last: Pair[] = [{ source, id }];
  for (let step = 0; step <= MAX_CHAIN + 1 && last.length > 0; step++) {
    const found: Pair[] = [];
    for (const each of last) {
      // Only of the event itself it matters whose place it takes: that it is recorded is what is new.
      const inPlaceOf = step === 0 ? sql`or (replacement_source = ${each.source} and replacement_id = ${each.id})` : sql``;
      const { rows } = await sql<Pair>`select target_source as source, target_id as id from findings_corrections
        where (source = ${each.source} and id = ${each.id}) ${inPlaceOf}`.execute(db);
      for (const pair of rows) if (!touched.has(keyOf(pair))) found.push(pair);
    }
    for (const pair of found) touched.set(keyOf(pair), pair);
    last = found;
  }
  return [...touched.values()];
}

async function positionsOf(db: Kysely<Schema>, { source, id }: Pair): Promise<number[]> {
  const rows = await db
    .selectFrom('findings_events as e')
    .innerJoin('findings_profiles as p', 'p.id', 'e.profile')
    .select('e.position')
    .where('e.id', '=', id)
    .where('p.source', '=', source)
    .execute();
  return rows.map(({ position }) => position);
}

async function fallenAt(db: Kysely<Schema>, position: number): Promise<boolean> {
  return (await db.selectFrom('findings_fallen').select('position').where('position', '=', position).executeTakeFirst()) !== undefined;
}

/** Why a record does not stand now: retracted, or else corrected; undefined where it stands. */
async function whyFallen(db: Kysely<Schema>, { source, id }: Pair): Promise<Flip['why']> {
  const now = Number.MAX_SAFE_INTEGER;
  const { rows } = await sql<{ fallen: number; retracted: number }>`select
    ${isFallenAt(sql`${source}`, sql`${id}`, now)} as fallen,
    exists (select 1 from findings_corrections as c where c.target_source = ${source} and c.target_id = ${id} and c.replacement_id is null
      and not ${isFallenAt(sql`c.source`, sql`c.id`, now)}) as retracted`.execute(db);
  if (!rows[0]?.fallen) return undefined;
  return rows[0].retracted ? 'retracted' : 'corrected';
}
