/** What a page writes, gathered to be written in bulk. */
import type { Page, Tx, Value } from '../projection.ts';
import { FACT_KINDS, type Fact } from '../state/facts.ts';
import type { FoundTogether } from './interning.ts';
import { findingId } from './items.ts';
import type { FindingOfEvent } from './judging.ts';
import { nameOfWeek, weekOf } from './weeks.ts';

type Event = Page[number];

const EVENT = ['position', 'profile', 'id', 'time', 'recorded_at', 'actor', 'subject', 'subjects', 'own', 'judgement'];
const DEPENDENT = ['key', 'mark', 'time', 'position'];
const FACT = ['key', 'time', 'position', 'kind', 'source', 'id', 'fact'];
/** What makes it go is not there yet. */
const ROW = ['row', 'finding', 'outcome', 'position', 'time', 'due_at', 'is_partial', 'since', 'detected_at', 'at'];
const COUNT = ['rule', 'policy_version', 'week', 'recorded_on', 'conforms', 'violates', 'undeterminable', 'dated'];
const COUNTED = ['conforms', 'violates', 'undeterminable', 'dated'] as const;

/** Room for the place of a dependent within a page: 10,000 events with 1,000 people each at most. */
const PLACES = 2 ** 24;

const DAY_MS = 24 * 3_600_000;
/** Room for days since 1970, and for weeks: both with the number of a judgement are one number. */
const DAYS = 2 ** 16;
const WEEKS = 2 ** 17;

/** What makes findings appear or go: the event at hand, by its position and when it was recorded. */
export interface Cause {
  position: number;
  recordedAt: number;
}

export class Writing {
  #events: Value[] = [];
  /** Mark, time, position. */
  #dependents: number[] = [];
  /** The key of each of them above, its place among them below: they sort without comparing rows. */
  #order: number[] = [];
  #facts: Value[] = [];
  #rows: Value[] = [];
  #whom: Value[] = [];
  #heard = new Map<number, number>();
  /** How many events were found to be what, by number of judgement, week of the event, day of its recording: one number. */
  #counts = new Map<number, number>();
  readonly #together = new Map<number, FoundTogether>();
  /** The highest number of a row, read when first needed. */
  #lastRow: number | undefined;

  forget(): void {
    this.#events = [];
    this.#dependents = [];
    this.#order = [];
    this.#facts = [];
    this.#rows = [];
    this.#whom = [];
    this.#heard.clear();
    this.#counts.clear();
    this.#together.clear();
    this.#lastRow = undefined;
  }

  async begin({ db }: Tx): Promise<void> {
    if (this.#lastRow !== undefined) return;
    const row = await db
      .selectFrom('findings_rows')
      .select(({ fn }) => fn.max<number | null>('row').as('row'))
      .executeTakeFirst();
    this.#lastRow = row?.row ?? 0;
  }

  /** @param subjects key of the only one, or JSON of several */
  event(
    event: Event,
    profile: number,
    actor: number,
    subjects: number | string | null,
    own: string | null,
    judgement: number | null,
  ): void {
    const [one, several] = typeof subjects === 'string' ? [null, subjects] : [subjects, null];
    this.#events.push(event.position, profile, event.entry.id, event.time, event.recordedAt, actor, one, several, own, judgement);
  }

  dependent(key: number, mark: number, time: number, position: number): void {
    this.#order.push(key * PLACES + this.#order.length);
    this.#dependents.push(mark, time, position);
  }

  fact(key: number, position: number, { time, kind, source, id, fact }: Omit<Fact, 'key'>): void {
    this.#facts.push(key, time, position, FACT_KINDS[kind], source, id, JSON.stringify(fact));
  }

  heard(key: number, by: number): void {
    this.#heard.set(key, (this.#heard.get(key) ?? 0) + by);
  }

  /** @param detectedAt when it was detected; absent: now */
  finding(position: number, time: number, { outcome, dueAt, whom }: FindingOfEvent, cause: Cause, detectedAt = cause.recordedAt): void {
    const row = (this.#lastRow as number) + 1;
    this.#lastRow = row;
    const at = dueAt === undefined ? detectedAt : Math.max(dueAt, detectedAt);
    this.#rows.push(row, findingId(position, outcome.key), outcome.id, position, time, dueAt ?? null, whom === undefined ? 0 : 1);
    this.#rows.push(cause.position, detectedAt, at);
    if (whom !== undefined) for (const reference of [...whom].sort()) this.#whom.push(row, reference);
  }

  /** Counts an event as found so, or takes that back. */
  count(together: FoundTogether, time: number, recordedAt: number, by: 1 | -1): void {
    const key = (together.id * WEEKS + Math.min(WEEKS - 1, weekOf(time))) * DAYS + dayOf(recordedAt);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
    this.#together.set(together.id, together);
  }

  /** Writes what was gathered: before anything is read that it may be part of, and at the end. */
  flush(tx: Tx): void {
    tx.insertMany('findings_events', EVENT, this.#events);
    this.#events = [];
    tx.insertMany('findings_dependents', DEPENDENT, this.#sortedDependents());
    tx.insertMany('findings_facts', FACT, this.#facts, { columns: ['key', 'time', 'position', 'kind'] });
    this.#facts = [];
    tx.insertMany('findings_rows', ROW, this.#rows);
    this.#rows = [];
    tx.insertMany('findings_whom', ['row', 'reference'], this.#whom);
    this.#whom = [];
    const heard = [...this.#heard].flat();
    tx.insertMany('findings_heard', ['key', 'count'], heard, { columns: ['key'], add: ['count'] });
    this.#heard.clear();
  }

  /** Writes how much was counted; once a page, since nothing here reads it. What comes to nothing is written too: pages make no difference. */
  flushCounts(tx: Tx): void {
    const sums = new Map<string, { key: string[]; counts: number[] }>();
    for (const [key, by] of this.#counts) {
      const recordedOn = isoDay(key % DAYS);
      const week = nameOfWeek(Math.floor(key / DAYS) % WEEKS);
      const together = this.#together.get(Math.floor(key / DAYS / WEEKS)) as FoundTogether;
      for (const [rule, as] of together.counts) {
        const name = `${rule}\0${together.policyVersion}\0${week}\0${recordedOn}`;
        const sum = sums.get(name) ?? { key: [rule, together.policyVersion, week, recordedOn], counts: [0, 0, 0, 0] };
        sums.set(name, sum);
        const at = COUNTED.indexOf(as);
        sum.counts[at] = (sum.counts[at] as number) + by;
      }
    }
    const rows = [...sums.values()].flatMap(({ key, counts }) => [...key, ...counts]);
    tx.insertMany('findings_counts', COUNT, rows, { columns: COUNT.slice(0, 4), add: COUNTED });
    this.#counts.clear();
    this.#together.clear();
  }

  /** In the order of their keys, so that what stands together in the tree is written together. */
  #sortedDependents(): Value[] {
    const dependents = this.#dependents;
    const order = Float64Array.from(this.#order).sort();
    this.#dependents = [];
    this.#order = [];
    const values: Value[] = [];
    for (const each of order) {
      const key = Math.floor(each / PLACES);
      const at = (each - key * PLACES) * 3;
      values.push(key, dependents[at] as number, dependents[at + 1] as number, dependents[at + 2] as number);
    }
    return values;
  }
}

const dayOf = (time: number): number => Math.min(DAYS - 1, Math.max(0, Math.floor(time / DAY_MS)));

const isoDay = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);
