/**
 * What was so, read from the rows: for whoever asks of something that may be done, tries out a policy, or judges again what was recorded.
 * As of a position, everything recorded after it is as if it were not there: facts, corrections, retractions, links.
 */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { inForceAt } from '../../src/policy/in-force.ts';
import type { Promises } from '../../src/policy/promises.ts';
import { listed } from '../database.ts';
import type { State } from '../findings/rules/rule.ts';
import type { Schema } from '../schema.ts';
import { FACT_KINDS, type FactKind, factsOf, heardValue, keysOf, MARKS, markOf, type Said, type Told } from './facts.ts';
import { KEY_KINDS, type Key, type KeyKind } from './keys.ts';
import { inOrder, type Known, stateAround, type Timed } from './moment.ts';
import { ProcessorNames } from './names.ts';
import { judgedOf, type Particulars, type Profile } from './profile.ts';
import { isFallen } from './standing.ts';

export { keysOf } from './facts.ts';
export { stateAround } from './moment.ts';

type Db = Kysely<Schema>;

const KINDS = new Map<number, FactKind>(Object.entries(FACT_KINDS).map(([name, number]) => [number, name as FactKind]));

/** Links are followed so often, at most: each step joins at least one more reference, and nobody has more (`MAX_LINKED`). */
const MAX_STEPS = 100;
/** What happened next is looked for among so many: more within one millisecond of a person's life are no order of events. */
const NEXT = 16;

export interface Asked {
  /** What will be asked about; absent: what `keysOf` says of the events. */
  keys?: readonly Key[];
  /** What will be asked around. Without them nothing is told of contacts, disclosures, deliveries, and notices that came with collections. */
  events?: readonly Told[];
  /** Nothing recorded after it counts; absent: as of now, in the transaction that writes. */
  position?: number;
  /** By which processors have other names; absent: they have none. */
  policies?: readonly Promises[];
}

/**
 * Loads everything that is known of some keys, and answers around any moment, in a few statements however many keys there are. Sources that ever
 * reported a collection, and whether anybody ever got a grant, are told as of now.
 * @throws QuestionTooLong
 */
export async function loadState(db: Db, { keys, events = [], position, policies = [] }: Asked): Promise<(event: Told) => State> {
  const versions = await controllersOf(db, position);
  const controllers = versions.map(({ controller }) => controller);
  const wanted = new ProcessorNames(policies).with(keys ?? events.flatMap(keysOf));
  const known = await Recorded.load(db, wanted, { controllers, position });
  await known.lookAround(events);
  return (event) => stateAround(known, event, inForceAt(versions, event.time)?.controller);
}

/** Whose policy was in force when. */
async function controllersOf(db: Db, position = Number.MAX_SAFE_INTEGER): Promise<{ effectiveFrom: string; controller: string }[]> {
  return db
    .selectFrom('findings_versions')
    .select(['effective_from as effectiveFrom', 'controller'])
    .where('position', '<=', position)
    .orderBy('position')
    .execute();
}

const nameOf = (kind: KeyKind, value: string): string => `${kind}:${value}`;
const NOTHING: readonly Timed[] = [];

/** What is known, as it was read. */
export class Recorded implements Known {
  readonly #db: Db;
  readonly #position: number | undefined;
  readonly #facts = new Map<string, Timed[]>();
  readonly #ids = new Map<string, number>();
  readonly #heard = new Set<string>();
  #groups: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #together = new Map<string, readonly Timed[]>();

  private constructor(db: Db, position: number | undefined) {
    this.#db = db;
    this.#position = position;
  }

  /** @param controllers whose policies events may be judged by */
  static async load(db: Db, keys: readonly Key[], { controllers, position }: ToLoad): Promise<Recorded> {
    const recorded = new Recorded(db, position);
    await recorded.#load([...keys, ...heardKeys(keys, controllers)]);
    return recorded;
  }

  of(kind: KeyKind, value: string): readonly Timed[] {
    const group = kind === 'person' || kind === 'actor' ? this.#groups.get(value) : undefined;
    if (group === undefined) return this.#facts.get(nameOf(kind, value)) ?? NOTHING;
    const name = nameOf(kind, group[0] as string);
    let together = this.#together.get(name);
    if (together === undefined) {
      together = merged(group.map((each) => this.#facts.get(nameOf(kind, each)) ?? NOTHING));
      this.#together.set(name, together);
    }
    return together;
  }

  isHeard(kind: 'source' | 'grants', value: string): boolean {
    return this.#heard.has(nameOf(kind, value));
  }

  isSamePerson(one: string, other: string): boolean {
    return one === other || this.#groups.get(one)?.includes(other) === true;
  }

  async #load(keys: readonly Key[]): Promise<void> {
    const people = keys.filter(({ kind }) => kind === 'person' || kind === 'actor').map(({ value }) => value);
    this.#groups = await groupsOf(this.#db, people, this.#position);
    const all = new Map<KeyKind, Set<string>>();
    for (const { kind, value } of keys) {
      const group = kind === 'person' || kind === 'actor' ? this.#groups.get(value) : undefined;
      const values = all.get(kind) ?? new Set();
      all.set(kind, values);
      for (const each of group ?? [value]) values.add(each);
    }
    for (const { id, kind, value } of await keyRows(this.#db, all)) this.#ids.set(nameOf(kind, value), id);
    const names = new Map([...this.#ids].map(([name, id]) => [id, name]));
    const facts = await factsOfKeys(this.#db, [...names.keys()], this.#position);
    for (const [id, of] of facts) this.#facts.set(names.get(id) as string, of);
    const heard = await this.#db
      .selectFrom('findings_heard')
      .select('key')
      .where('key', 'in', listed([...names.keys()]) as never)
      .where('count', '>', 0)
      .execute();
    for (const { key } of heard) this.#heard.add(names.get(key) as string);
  }

  /**
   * Adds what happens too often to be kept as facts and matters to these events: notices that came with collections, the next contact and
   * the next disclosure of whoever's data came from elsewhere, and what was delivered of whoever's recipients have to be told.
   */
  async lookAround(events: readonly Told[]): Promise<void> {
    const found: { name: string; facts: Timed[] }[] = [];
    for (const event of events) {
      const mark = markOf(event);
      if (mark !== MARKS.elsewhere && mark !== MARKS.obliging) continue;
      for (const name of this.#namesOf(event)) {
        const facts = mark === MARKS.elsewhere ? await this.#whatInforms(name, event) : await this.#deliveries(name, event);
        found.push({ name, facts });
      }
    }
    for (const { name, facts } of found) this.#add(name, facts);
  }

  /** Everybody on an event who is known, and whoever they are besides. */
  #namesOf({ data }: Told): string[] {
    const references = new Set(data.subjects.flatMap(({ reference }) => this.#groups.get(reference) ?? [reference]));
    return [...references].map((each) => nameOf('person', each)).filter((name) => this.#ids.has(name));
  }

  async #whatInforms(name: string, { time }: Told): Promise<Timed[]> {
    const key = this.#ids.get(name) as number;
    const found: Timed[] = [];
    for (const mark of [MARKS.contact, MARKS.disclosed]) {
      found.push(...(await this.#marked(sql`d.key = ${key} and d.mark = ${mark} and d.time >= ${time} order by d.time limit ${NEXT}`)));
    }
    const noticed = sql`d.key = ${key} and d.mark = ${MARKS.noticed}`;
    // Of each purpose the first of all, and the first from here on.
    for (const since of [Number.MIN_SAFE_INTEGER, time]) {
      found.push(...(await this.#marked(sql`${noticed} and d.time >= ${since}`, sql`p.purpose`)));
    }
    return found;
  }

  /** Of each profile the first, and the first after each erasure. */
  async #deliveries(name: string, { time }: Told): Promise<Timed[]> {
    const key = this.#ids.get(name) as number;
    const erased = this.of('person', name.slice(name.indexOf(':') + 1))
      .filter((each) => each.kind === 'erasure' && each.time <= time)
      .map((each) => each.time);
    const found: Timed[] = [];
    for (const since of new Set([Number.MIN_SAFE_INTEGER, ...erased])) {
      const delivered = sql`d.key = ${key} and d.mark in (${MARKS.disclosed}, ${MARKS.delivered}) and d.time >= ${since} and d.time <= ${time}`;
      found.push(...(await this.#marked(delivered, sql`p.id`)));
    }
    return found;
  }

  /**
   * Facts of events that were kept by their mark alone.
   * @param first of those that are alike in this, only the first
   */
  async #marked(condition: RawBuilder<unknown>, first?: RawBuilder<unknown>): Promise<Timed[]> {
    const nth = first ? sql`row_number() over (partition by ${first} order by d.time, p.source, e.id)` : sql`1`;
    const stood = sql`not ${isFallen({ position: sql`d.position`, source: sql`p.source`, id: sql`e.id` }, this.#position)}`;
    const { rows } = await sql<{ time: number; id: string; facts: string }>`select time, id, facts from (
      select d.time, e.id, p.facts, ${nth} as nth from findings_dependents as d
      join findings_events as e on e.position = d.position join findings_profiles as p on p.id = e.profile
      where d.position <= ${this.#position ?? Number.MAX_SAFE_INTEGER} and ${stood} and ${condition}) as marked where nth = 1`.execute(
      this.#db,
    );
    return rows.flatMap(({ time, id, facts }) => saidBy(JSON.parse(facts) as Profile, time, id));
  }

  #add(name: string, facts: readonly Timed[]): void {
    if (facts.length === 0) return;
    this.#facts.set(name, merged([this.#facts.get(name) ?? NOTHING, facts]));
    this.#together.clear();
  }
}

interface ToLoad {
  controllers: readonly string[];
  position?: number | undefined;
}

/** Of sources, and of grants to anybody, what is heard for each controller. */
export function heardKeys(keys: readonly Key[], controllers: readonly string[]): Key[] {
  const all = ['', ...new Set(controllers)];
  return keys
    .filter(({ kind }) => kind === 'source' || kind === 'grants')
    .flatMap(({ kind, value }) => all.map((controller) => ({ kind, value: heardValue(value, controller) })));
}

/** In order, each once: what came with an event may have been found in two ways. */
function merged(lists: readonly (readonly Timed[])[]): Timed[] {
  const all = lists.flat().sort(inOrder);
  return all.filter((each, i) => {
    for (let at = i - 1; at >= 0 && inOrder(all[at] as Timed, each) === 0; at--) if (all[at]?.kind === each.kind) return false;
    return true;
  });
}

/** What an event of a profile says of anybody on it. */
export function saidBy(profile: Profile, time: number, id: string): Timed[] {
  const somebody = { reference: '*', place: 0 };
  const event = judgedOf(profile, { id, time, recordedAt: time, actor: '*', subjects: [somebody], own: null });
  return factsOf(event).filter(({ key }) => key.kind === 'person');
}

/**
 * What collections of a key's person say that has to stand among its facts, as of now: of each profile the first, and the first from each of
 * these moments on.
 */
export async function leadingCollections(db: Db, key: number, since: readonly number[]): Promise<{ position: number; facts: Timed[] }[]> {
  const found = new Map<number, Timed[]>();
  for (const from of new Set([Number.MIN_SAFE_INTEGER, ...since])) {
    const { rows } = await sql<{ time: number; position: number; id: string; facts: string }>`select time, position, id, facts from (
      select d.time, d.position, e.id, p.facts, row_number() over (partition by p.id order by d.time, e.id) as nth from findings_dependents as d
      join findings_events as e on e.position = d.position join findings_profiles as p on p.id = e.profile
      where d.key = ${key} and d.mark in (${MARKS.collected}, ${MARKS.noticed}, ${MARKS.elsewhere}) and d.time >= ${from}
        and not exists (select 1 from findings_fallen as x where x.position = d.position)) as collected where nth = 1`.execute(db);
    for (const { time, position, id, facts } of rows) found.set(position, saidBy(JSON.parse(facts) as Profile, time, id));
  }
  return [...found].map(([position, facts]) => ({ position, facts }));
}

function keyRows(db: Db, keys: ReadonlyMap<KeyKind, ReadonlySet<string>>): Promise<{ id: number; kind: KeyKind; value: string }[]> {
  const each = [...keys].map(async ([kind, values]) => {
    const rows = await db
      .selectFrom('findings_keys')
      .select(['id', 'value'])
      .where('kind', '=', KEY_KINDS[kind])
      .where('value', 'in', listed([...values]) as never)
      .execute();
    return rows.map((row) => ({ ...row, kind }));
  });
  return Promise.all(each).then((found) => found.flat());
}

/** The facts of some keys that stand, in order. */
export async function factsOfKeys(db: Db, keys: readonly number[], position?: number): Promise<Map<number, Timed[]>> {
  const found = new Map<number, Timed[]>();
  if (keys.length === 0) return found;
  const stood = sql`not ${isFallen({ position: sql`f.position`, source: sql`f.source`, id: sql`f.id` }, position)}`;
  const { rows } = await sql<{ key: number; time: number; kind: number; source: string; id: string; fact: string }>`
    select f.key, f.time, f.kind, f.source, f.id, f.fact from findings_facts as f
    where f.key in ${listed(keys)} and f.position <= ${position ?? Number.MAX_SAFE_INTEGER} and ${stood}`.execute(db);
  for (const { key, time, kind, source, id, fact } of rows) {
    const of = found.get(key);
    const one: Timed = { kind: KINDS.get(kind) as FactKind, time, source, id, fact: JSON.parse(fact) as Said };
    if (of === undefined) found.set(key, [one]);
    else of.push(one);
  }
  for (const of of found.values()) if (of.length > 1) of.sort(inOrder);
  return found;
}

/** For each of the references that is linked, all that are the same person, sorted; those who are not linked are left out. */
export async function groupsOf(db: Db, references: readonly string[], position?: number): Promise<Map<string, string[]>> {
  const links = new Map<number, string[]>();
  let frontier = new Set(references);
  const seen = new Set<string>();
  for (let step = 0; step < MAX_STEPS && frontier.size > 0; step++) {
    for (const each of frontier) seen.add(each);
    const stood = sql`not ${isFallen({ position: sql`l.position`, source: sql`p.source`, id: sql`e.id` }, position)}`;
    const { rows } = await sql<{ position: number; reference: string }>`select l.position, l.reference from findings_links as l
      join findings_events as e on e.position = l.position join findings_profiles as p on p.id = e.profile
      where l.position in (select position from findings_links where reference in ${listed([...frontier])})
      and l.position <= ${position ?? Number.MAX_SAFE_INTEGER} and ${stood}`.execute(db);
    frontier = new Set();
    for (const each of rows) {
      const of = links.get(each.position) ?? [];
      links.set(each.position, of);
      if (!of.includes(each.reference)) of.push(each.reference);
      if (!seen.has(each.reference)) frontier.add(each.reference);
    }
  }
  return groupsBy([...links.values()]);
}

/** Groups of whoever is joined by links, directly or by way of others; each reference leads to the same sorted list. */
export function groupsBy(links: readonly (readonly string[])[]): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  for (const link of links) {
    const joined = new Set<string>();
    for (const each of link) for (const other of groups.get(each) ?? [each]) joined.add(other);
    for (const each of joined) groups.set(each, joined);
  }
  const sorted = new Map<Set<string>, string[]>();
  return new Map(
    [...groups].map(([reference, group]) => {
      const list = sorted.get(group) ?? [...group].sort();
      sorted.set(group, list);
      return [reference, list];
    }),
  );
}

/** An event as it is judged again. */
export interface RecordedEvent {
  position: number;
  profile: number;
  profileFacts: Profile;
  /** What the rules found (`findings_judgements`); null while it does not stand. */
  judgement: number | null;
  event: ReturnType<typeof judgedOf>;
}

/** Events as rules see them, in the order of their positions. */
export async function recordedEvents(db: Db, positions: readonly number[]): Promise<RecordedEvent[]> {
  const rows = await db
    .selectFrom('findings_events as e')
    .innerJoin('findings_profiles as p', 'p.id', 'e.profile')
    .selectAll('e')
    .select('p.facts')
    .where('e.position', 'in', listed(positions) as never)
    .orderBy('e.position')
    .execute();
  const subjects = rows.map(({ subject, subjects }) => subjectsOf(subject, subjects));
  const ids = new Set(rows.map(({ actor }) => actor));
  for (const of of subjects) for (const { key } of of) ids.add(key);
  const keys = await db
    .selectFrom('findings_keys')
    .select(['id', 'value'])
    .where('id', 'in', listed([...ids]) as never)
    .execute();
  const references = new Map(keys.map(({ id, value }) => [id, value]));
  const referenceOf = (key: number) => references.get(key) as string;
  const profiles = new Map<number, Profile>();
  return rows.map(({ position, profile, judgement, id, time, recorded_at, actor, own, facts }, i) => {
    const shared = profiles.get(profile) ?? (JSON.parse(facts) as Profile);
    profiles.set(profile, shared);
    const particulars: Particulars = {
      ...{ id, time, recordedAt: recorded_at, actor: referenceOf(actor), own },
      subjects: (subjects[i] ?? []).map(({ key, place }) => ({ reference: referenceOf(key), place })),
    };
    return { position, profile, profileFacts: shared, judgement, event: judgedOf(shared, particulars) };
  });
}

function subjectsOf(subject: number | null, subjects: string | null): { key: number; place: number }[] {
  if (subject !== null) return [{ key: subject, place: 0 }];
  const numbers = subjects === null ? [] : (JSON.parse(subjects) as number[]);
  return numbers.flatMap((key, i) => (i % 2 === 0 ? [{ key, place: numbers[i + 1] as number }] : []));
}
