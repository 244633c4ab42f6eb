import { type RawBuilder, sql } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { StoredSubject } from '../../src/ledger/entry.ts';
import type { Policy } from '../../src/policy/document.ts';
import { effectiveAt } from '../../src/policy/in-force.ts';
import { listed } from '../database.ts';
import type { Page, ProjectedEvent, Tx, Value } from '../projection.ts';
import type { Book, Cause } from './book.ts';
import { type Corrections, HOLD, numbersOf, RELEASE, type Turned } from './corrections.ts';
import { CASE, type Keys, PERSON, type Profiles } from './keys.ts';
import type { Links, Member } from './links.ts';
import { type Fact, holdItems, isGrave, isPlain, itemsOf, type Said, type Standing, type Touch, UNDONE_BY } from './reckon.ts';
import { dayOf, RetentionVersion, RetentionVersions } from './rules.ts';
import { hexOf, isRecord, isTouch, saidIn, saidOf, textOf } from './said.ts';
import { type ItemKey, KINDS, type RetentionItem } from './tables.ts';

/** One person in memory, under all of their references. */
interface Dossier {
  /** Who stands for all of them. */
  person: number;
  members: readonly number[];
  /** Those that stand. */
  items: RetentionItem[];
  facts: Fact[];
  /** All that stand; undefined where they were not read. */
  touches: Touch[] | undefined;
}

interface Publication {
  policyVersion: string;
  effectiveFrom: string;
  document: Policy;
}

type Subject = Pick<StoredSubject, 'reference' | 'category'>;

/** What one event is, with the numbers of whom it is about. */
interface Read {
  event: ProjectedEvent;
  /** Each once. */
  subjects: readonly Subject[];
  people: number[];
  inCase: number;
  isTouch: boolean;
  said: Said | undefined;
  /** Undefined of what the ledger says of itself. */
  record: Buffer | undefined;
  tie: number;
}

interface Parts {
  keys: Keys;
  profiles: Profiles;
  links: Links;
  corrections: Corrections;
  book: Book;
}

/** People read by one statement. */
const TOGETHER = 5_000;
/** People judged again at once, with all that stands of them in memory. */
const CHUNK = 200;
const LINKS = 'ledger-people';
const POLICIES = 'ledger-policies';
const RECORDS = ['first', 'second', 'position', 'people', 'case_ref', 'is_hold'];
const TOUCHES = ['person', 'time', 'position', 'profile', 'tie', 'case_ref'];
const FACTS = ['subject', 'time', 'position', 'fact'];
/** People in memory, about; beyond, all are read again. */
const REMEMBERED = 30_000;

/** Pages applied event by event, with what is known of people in memory. */
export class Work {
  /** Of the page at hand. */
  #tx!: Tx;
  readonly #parts: Parts;
  readonly #names = new Map<number, string>();
  /** By everybody whom they are about. */
  readonly #dossiers = new Map<number, Dossier>();
  readonly #ofCase = new Map<number, Fact[]>();
  readonly #step: number;
  #versions: RetentionVersions;
  /** Types that set off a period under any version, or undo that. */
  #watched = new Set<string>();
  #followingCases = new Set<string>();
  /** Those of whom all touches were read. */
  readonly #withAll = new Set<Dossier>();
  #touches: Value[][] = [];
  #facts: Value[] = [];

  /** @param step people and their processing judged again in one transaction, about; then the others have their turn */
  constructor(parts: Parts, versions: RetentionVersions, step: number) {
    this.#parts = parts;
    this.#versions = versions;
    this.#step = step;
    this.#watch();
  }

  /** @returns up to where the page was applied, where a version takes more than one transaction */
  async apply(tx: Tx, page: Page): Promise<number | undefined> {
    const { book } = this.#parts;
    this.#tx = tx;
    this.#age();
    await book.open({ tx, names: this, versions: this.#versions });
    let done = (page[0] as ProjectedEvent).position - 1;
    for (const part of partsOf(page)) {
      const isWhole = await this.#apply(part);
      if (!isWhole) return done;
      done = (part.at(-1) as ProjectedEvent).position;
    }
    return undefined;
  }

  /** @returns whether all of it was */
  async #apply(part: Page): Promise<boolean> {
    const { book } = this.#parts;
    const read = await this.#read(part);
    this.#writeRecords(read);
    await this.#prepare(read);
    let isWhole = true;
    for (const each of read) {
      const { position, recordedAt } = each.event;
      if (book.isBehind(recordedAt)) await this.#foresee({ position, recordedAt, why: 'judged-again' });
      if (isPublication(each.event)) isWhole = await this.#publish(each.event);
      else await this.#one(each);
    }
    this.#flush();
    return isWhole;
  }

  /** What stands recorded of somebody is read again for each page: it may be much. */
  #age(): void {
    if (Math.max(this.#dossiers.size, this.#names.size) > REMEMBERED)
      for (const memory of [this.#dossiers, this.#names, this.#ofCase]) memory.clear();
    this.#forgetTouches();
  }

  #forgetTouches(): void {
    for (const dossier of this.#withAll) dossier.touches = undefined;
    this.#withAll.clear();
  }

  /** The reference of somebody in memory. */
  of(person: number): string {
    return this.#names.get(person) as string;
  }

  async learn(people: readonly number[]): Promise<void> {
    const unknown = people.filter((person) => !this.#names.has(person));
    for (const some of chunks(unknown)) {
      const rows = await this.#tx.db
        .selectFrom('retention_keys')
        .select(['id', 'value'])
        .where(sql<boolean>`id in ${listed(some)}`)
        .execute();
      for (const { id, value } of rows) this.#names.set(id, value);
    }
  }

  #watch(): void {
    const triggers = this.#versions.all.flatMap((version) => version.triggers);
    this.#watched = new Set(triggers.flatMap((type) => [type, ...(UNDONE_BY[type] ?? [])]));
    this.#followingCases = new Set(this.#versions.all.flatMap((version) => version.purposesByCase));
  }

  /** Everybody and every case of the page by number, in the order of the log. */
  async #read(page: Page): Promise<Read[]> {
    const kinds: (typeof PERSON | typeof CASE)[] = [];
    const values: string[] = [];
    const read = page.map((event): Read => {
      const touch = isTouch(event);
      const said = touch ? undefined : saidOf(event);
      const isCounted = touch || said !== undefined || event.stream === LINKS;
      const subjects = isCounted ? subjectsOf(event) : [];
      for (const { reference } of subjects) {
        kinds.push(PERSON);
        values.push(reference);
      }
      const caseRef = isCounted ? event.entry.data.caseRef : undefined;
      if (caseRef !== undefined) {
        kinds.push(CASE);
        values.push(caseRef);
      }
      const record = isRecord(event) ? recordKey(event.entry.source, event.entry.id) : undefined;
      const tie = record === undefined ? 0 : record.readUIntBE(0, 6);
      return { event, subjects, people: [], inCase: caseRef === undefined ? 0 : 1, isTouch: touch, said, record, tie };
    });
    const numbers = await this.#parts.keys.of(this.#tx, kinds, values);
    let at = 0;
    for (const each of read) {
      for (const { reference } of each.subjects) {
        const person = numbers[at++] as number;
        each.people.push(person);
        if (!this.#names.has(person)) this.#names.set(person, reference);
      }
      if (each.inCase > 0) each.inCase = numbers[at++] as number;
    }
    return read;
  }

  /** All of the page at once: whoever looks leaves out what comes after the event at hand. */
  #writeRecords(read: readonly Read[]): void {
    const records = read.filter(({ record }) => record !== undefined).sort((a, b) => a.tie - b.tie);
    const rows: Value[] = [];
    for (const { event, record, people, inCase, said } of records) {
      const [first, second] = numbersOf(record as Buffer);
      const isHold = said?.kind === 'hold' ? HOLD : said?.kind === 'released' ? RELEASE : 0;
      rows.push(first, second, event.position, people.length > 0 ? JSON.stringify(people) : null, inCase, isHold);
    }
    this.#tx.insertMany('retention_records', RECORDS, rows);
  }

  /** Reads everybody of the page, and whatever it is known to need of them. */
  async #prepare(read: readonly Read[]): Promise<void> {
    const people = new Set<number>();
    const reckoned = new Set<number>();
    const cases = new Set<number>();
    for (const { isTouch: touched, said, people: some, inCase, event } of read) {
      if (!touched && said === undefined) continue;
      for (const person of some) people.add(person);
      if (said && this.#isReckoned(said)) for (const person of some) reckoned.add(person);
      if (inCase > 0 && (said !== undefined || this.#followingCases.has(event.entry.data.purpose ?? ''))) cases.add(inCase);
    }
    await this.#loadCases([...cases]);
    await this.#load([...people]);
    for (const { isTouch: touched, people: some, event } of read) {
      if (!touched) continue;
      const { purpose = '', categories = [] } = event.entry.data;
      for (const person of some) {
        const { facts } = this.#dossiers.get(person) as Dossier;
        if (facts.length > 0 && !isPlain({ person, time: event.time, purpose, categories }, facts, this.#versions)) reckoned.add(person);
      }
    }
    await this.#loadTouches([...reckoned].map((person) => this.#dossiers.get(person) as Dossier));
  }

  #isReckoned(said: Said): boolean {
    return said.kind !== 'trigger' || this.#watched.has(said.type);
  }

  async #one(read: Read): Promise<void> {
    const { event, said, record } = read;
    const { position, recordedAt, type, stream } = event;
    if (stream === LINKS) return this.#link(read);
    if (record === undefined) return said ? this.#say(read, said) : undefined;
    const target = this.#parts.corrections.note(this.#tx, event);
    // What was corrected before it came, or takes the place of what was.
    const turned = this.#parts.corrections.isAwaited(record) ? await this.#turn(record, { position, recordedAt, why: 'corrected' }) : [];
    if (turned.some((each) => each.position === position)) this.#keep(read);
    else if (read.isTouch) await this.#touch(read);
    else if (said) await this.#say(read, said);
    if (target) await this.#turn(target, { position, recordedAt, why: type === 'RecordRetracted' ? 'retracted' : 'corrected' });
  }

  /** Writes down what does not stand when it comes: it may stand later. */
  #keep({ event, people, subjects, inCase, isTouch: touched, said, record, tie }: Read): void {
    for (const [i, person] of people.entries()) {
      if (touched) {
        const profile = this.#parts.profiles.of(this.#tx, event, subjects[i]?.category);
        this.#touches.push([person, event.time, event.position, profile, tie, inCase]);
      } else if (said) this.#facts.push(person, event.time, event.position, textOf(said, record));
    }
    if (said?.kind === 'trigger' && inCase > 0) this.#facts.push(inCase, event.time, event.position, textOf(said, record));
  }

  async #touch({ event, people, subjects, inCase, tie }: Read): Promise<void> {
    const { time, position, recordedAt } = event;
    const cause = { position, recordedAt, why: 'processed' };
    for (let i = 0; i < people.length; i++) {
      const person = people[i] as number;
      const profile = this.#parts.profiles.of(this.#tx, event, subjects[i]?.category);
      this.#touches.push([person, time, position, profile, tie, inCase]);
      const dossier = this.#dossiers.get(person) as Dossier;
      const touch = { time, position, tie, person, profile: this.#parts.profiles.named(profile), inCase };
      dossier.touches?.push(touch);
      if (!this.#move(dossier, touch, cause)) await this.#reckon(dossier, touch, cause);
    }
  }

  /**
   * What most events do: they move the day of the last processing, or change nothing.
   * @returns whether that is all; else the purpose has to be reckoned
   */
  #move(dossier: Dossier, touch: Touch, cause: Cause): boolean {
    const { profile, person, time, position, inCase } = touch;
    if (!this.#versions.isOurs(profile.controller, time)) return true;
    if (dossier.facts.length > 0) {
      if (dossier.facts.some(({ said, subject }) => said.kind === 'destroyed' && subject === person)) return true;
      if (!isPlain({ person, time, purpose: profile.purpose, categories: profile.categories }, dossier.facts, this.#versions)) return false;
      // What an erasure was about does not matter any more where something was processed after it.
      if (dossier.items.some(({ purpose, missing }) => purpose === profile.purpose && missing === 'scope')) return false;
    }
    const version = this.#versions.at(time);
    const rule = version?.ruleOf(profile.purpose, profile.subject);
    if (version === undefined || rule === undefined || typeof rule === 'string') return this.#isOneMore(dossier, touch);
    const key = { purpose: profile.purpose, rule: rule.id, version: version.version, case_ref: rule.followsCase ? inCase : 0 };
    const item = dossier.items.find((each) => isSame(each, key));
    if (!item) return this.#isOneMore(dossier, touch);
    if (item.time === time) return false;
    if (rule.entry.trigger !== 'last-processing') return item.time < time && rule.entry.trigger !== profile.type;
    if (item.kind !== KINDS.dated) return false;
    // Of what happened on one day the first stands for the day.
    if (dayOf(time) === dayOf(item.time)) return item.time < time;
    if (time > item.time) this.#parts.book.move(item, { position, time, due_at: version.dueAt(rule, time) }, cause);
    return true;
  }

  /**
   * Whether an item that is the only one of its purpose stays as it is, since the processing is neither what it runs from nor sets anything off:
   * of a time without a rule more of the same under the same version; and what happened before the last processing, under an earlier version.
   */
  #isOneMore({ items, facts }: Dossier, { profile: { purpose, subject }, time, inCase }: Touch): boolean {
    const [item, ...others] = items.filter((each) => each.purpose === purpose);
    if (item === undefined || others.length > 0) return false;
    const isSetOff = this.#versions.all.some((version) => {
      const rule = version.ruleOf(purpose, subject);
      if (typeof rule === 'string' || rule.entry.trigger.endsWith('-processing')) return false;
      return (rule.followsCase ? (this.#ofCase.get(inCase) ?? []) : facts).some(({ said }) => said.kind === 'trigger');
    });
    if (isSetOff) return false;
    const version = this.#versions.at(time);
    if (item.kind === KINDS['no-rule']) {
      const missing = version ? version.ruleOf(purpose, subject) : 'policy';
      const isSaid = missing === item.missing || (missing === 'subjects.category' && item.missing === 'retention rule');
      return isSaid && time > item.time && item.version === (version?.version ?? '');
    }
    const rule = this.#versions.named(item.version)?.ruleOf(purpose, subject);
    if (item.kind !== KINDS.dated || item.missing !== null || typeof rule !== 'object' || rule.id !== item.rule) return false;
    return rule.entry.trigger === 'last-processing' && !rule.followsCase && dayOf(time) < dayOf(item.time);
  }

  /** One purpose after processing; what stands recorded is read only where there may be more of it than this. */
  async #reckon(dossier: Dossier, touch: Touch, cause: Cause): Promise<void> {
    const { purpose } = touch.profile;
    const isFirst = !dossier.items.some((item) => item.purpose === purpose) && !dossier.facts.some(isGrave);
    if (!isFirst) await this.#loadTouches([dossier]);
    const standing = this.#standingOf(dossier, dossier.touches ?? [touch]);
    const items = itemsOf(purpose, standing, this.#versions);
    this.#parts.book.become(dossier, (each) => each === purpose, items, cause);
  }

  #standingOf({ facts }: Dossier, touches: readonly Touch[]): Standing {
    return { touches, facts, ofCase: (inCase) => this.#ofCase.get(inCase) ?? [] };
  }

  /** Everything of a person. */
  #reckonAll(dossier: Dossier, cause: Cause): void {
    const standing = this.#standingOf(dossier, dossier.touches as Touch[]);
    const purposes = new Set(standing.touches.map(({ profile }) => profile.purpose));
    const items = [...purposes].flatMap((purpose) => itemsOf(purpose, standing, this.#versions));
    const all = [...items, ...holdItems(dossier.facts, this.#versions)];
    this.#parts.book.become(dossier, () => true, all, cause);
  }

  async #say({ event, people, inCase, record, tie }: Read, said: Said): Promise<void> {
    const { time, position, recordedAt } = event;
    const fact = { time, position, tie, record: hexOf(record), said };
    const text = textOf(said, record);
    const dossiers = new Set(people.map((person) => this.#dossiers.get(person) as Dossier));
    for (const subject of people) {
      this.#facts.push(subject, time, position, text);
      this.#dossiers.get(subject)?.facts.push({ ...fact, subject });
    }
    if (inCase > 0 && said.kind === 'trigger') {
      this.#facts.push(inCase, time, position, text);
      this.#ofCase.get(inCase)?.push({ ...fact, subject: inCase });
    }
    if (!this.#isReckoned(said)) return;
    if (inCase > 0 && said.kind === 'trigger') for (const dossier of await this.#inCase(inCase)) dossiers.add(dossier);
    const cause = { position, recordedAt, why: WHY[said.kind] };
    await this.#loadTouches([...dossiers]);
    for (const dossier of [...dossiers].sort((a, b) => a.person - b.person)) this.#reckonAll(dossier, cause);
  }

  /** Everybody who has something in a case, with all that stands of them. */
  async #inCase(inCase: number): Promise<Dossier[]> {
    this.#flush();
    const rows = await this.#tx.db
      .selectFrom('retention_items')
      .select('person')
      .distinct()
      .where('case_ref', '=', inCase)
      .where('purpose', '<>', '')
      .where('until', 'is', null)
      .execute();
    return this.#withTouches(rows.map(({ person }) => person));
  }

  async #withTouches(people: readonly number[]): Promise<Dossier[]> {
    await this.#load(people);
    const dossiers = [...new Set(people.map((person) => this.#dossiers.get(person) as Dossier))];
    await this.#loadTouches(dossiers);
    return dossiers;
  }

  /** Forgets what is known of these people and their cases, which changed, and reckons them anew. */
  async #anew(people: readonly number[], cause: Cause): Promise<void> {
    const members = new Set<number>();
    for (const person of people) {
      for (const member of [...(this.#dossiers.get(person)?.members ?? []), ...this.#parts.links.groupOf(person)]) members.add(member);
    }
    for (const member of members) this.#dossiers.delete(member);
    const dossiers = await this.#withTouches([...members]);
    for (const dossier of dossiers.sort((a, b) => a.person - b.person)) this.#reckonAll(dossier, cause);
  }

  async #turn(record: Buffer, cause: Cause): Promise<Turned[]> {
    this.#flush();
    const turned = await this.#parts.corrections.turned(this.#tx, record, cause.position);
    for (const { people, inCase } of turned) {
      const all = new Set(people);
      if (inCase > 0) {
        this.#ofCase.delete(inCase);
        for (const { members } of await this.#inCase(inCase)) for (const member of members) all.add(member);
        await this.#loadCases([inCase]);
      }
      await this.#anew([...all], cause);
      this.#flush();
    }
    return turned;
  }

  async #link({ event: { position, recordedAt, type, entry }, people }: Read): Promise<void> {
    const { links } = this.#parts;
    const target = (entry.data['target'] as { id?: unknown } | undefined)?.id;
    this.#flush();
    const before = people.flatMap((person) => this.#dossiers.get(person)?.members ?? links.groupOf(person));
    let changed: number[] = [];
    if (type === 'SubjectsMerged') {
      const linked = people.map((person): Member => [person, this.of(person)]);
      changed = links.link(this.#tx, position, entry.id, linked);
    } else if (type === 'RecordRetracted' && typeof target === 'string') {
      changed = await links.separate(this.#tx, position, target);
    }
    if (changed.length === 0) return;
    await this.#regroup([...before, ...changed], { position, recordedAt, why: 'linked' });
  }

  /** Whoever stood for somebody may not do so any more: all items end that are not theirs. */
  async #regroup(people: readonly number[], cause: Cause): Promise<void> {
    const members = [...new Set(people.flatMap((person) => [person, ...this.#parts.links.groupOf(person)]))];
    for (const member of members) this.#dossiers.delete(member);
    const items = await this.#itemsOf(members);
    for (const item of items) {
      const [one = item.person] = this.#parts.links.groupOf(item.person);
      if (one !== item.person) this.#parts.book.end(item, cause);
    }
    this.#flush();
    await this.#anew(members, cause);
    this.#flush();
  }

  /**
   * A new version concerns whatever happened since it began, which is little, unless it is the first. People one after the other, since all
   * may be concerned, and no more in one transaction than the others can wait for.
   * @returns whether everybody was judged by it
   */
  async #publish({ position, recordedAt, entry: { data } }: ProjectedEvent): Promise<boolean> {
    const { db } = this.#tx;
    const begun = await db.selectFrom('retention_again').select('after').where('cause', '=', position).executeTakeFirst();
    let after = begun?.after ?? 0;
    if (begun === undefined) {
      const isMore = await this.#use(position, data as unknown as Publication);
      if (!isMore) return true;
    }
    const cause = { position, recordedAt, why: 'judged-again' };
    for (let judged = 0; judged < this.#step; ) {
      const people = await this.#peopleAfter(after, Math.min(CHUNK, this.#step));
      const last = people.at(-1);
      if (last === undefined) {
        if (begun) await db.deleteFrom('retention_again').where('cause', '=', position).execute();
        return true;
      }
      // Whoever is linked is judged once, with the one who stands for all.
      const first = people.filter((person) => this.#parts.links.groupOf(person)[0] === person);
      judged += people.length + (await this.#judgeAgain(first, cause));
      after = last;
    }
    this.#tx.insertMany('retention_again', ['cause', 'after'], [position, after], { columns: ['cause'], update: ['after'] });
    return false;
  }

  /** From here on the version is one of all. @returns whether anything is recorded that it concerns */
  async #use(position: number, { policyVersion, effectiveFrom, document }: Publication): Promise<boolean> {
    const version = new RetentionVersion(policyVersion, effectiveFrom, document);
    const row = [position, policyVersion, effectiveFrom, JSON.stringify(document)];
    this.#tx.insertMany('retention_versions', ['position', 'version', 'effective_from', 'document'], row);
    this.#versions = new RetentionVersions([...this.#versions.all, version]);
    this.#watch();
    this.#parts.book.judgeBy(this.#versions);
    this.#ofCase.clear();
    // Before the first began, what is said is said in its words.
    const isFirst = this.#versions.latestFirst().at(-1) === version;
    const since = isFirst ? Number.MIN_SAFE_INTEGER : effectiveAt(version);
    const { rows: concerned } = await sql`select 1 from retention_touches where time >= ${since}
      union all select 1 from retention_facts where time >= ${since} limit 1`.execute(this.#tx.db);
    return concerned.length > 0;
  }

  async #peopleAfter(after: number, limit: number): Promise<number[]> {
    const { db } = this.#tx;
    const people = db.selectFrom('retention_keys').select('id').where('kind', '=', PERSON).where('id', '>', after);
    return (await people.orderBy('id').limit(limit).execute()).map(({ id }) => id);
  }

  /** @returns how much of them was read */
  async #judgeAgain(people: readonly number[], cause: Cause): Promise<number> {
    const inMemory = new Set(people.filter((person) => this.#dossiers.has(person)));
    const { rows } = await sql<{ id: number }>`select distinct case_ref as id from retention_touches
      where person in ${listed(people)} and case_ref > 0`.execute(this.#tx.db);
    await this.#loadCases(rows.map(({ id }) => id));
    await this.#anew(people, cause);
    this.#flush();
    let read = 0;
    for (const dossier of this.#withAll) {
      read += dossier.touches?.length ?? 0;
      if (!inMemory.has(dossier.person)) for (const member of dossier.members) this.#dossiers.delete(member);
    }
    this.#forgetTouches();
    return read;
  }

  async #foresee(cause: Cause): Promise<void> {
    this.#flush();
    await this.#parts.book.foresee(cause, (row) => this.#dossiers.get(row.person)?.items.find(({ id }) => id === row.id) ?? row);
  }

  #flush(): void {
    const sorted = this.#touches.sort((a, b) => (a[0] as number) - (b[0] as number) || (a[1] as number) - (b[1] as number));
    this.#tx.insertMany('retention_touches', TOUCHES, sorted.flat());
    this.#tx.insertMany('retention_facts', FACTS, this.#facts);
    this.#touches = [];
    this.#facts = [];
    this.#parts.book.flush();
  }

  /** Facts about cases; what is in memory already stays. */
  async #loadCases(cases: readonly number[]): Promise<void> {
    const unknown = [...new Set(cases)].filter((inCase) => !this.#ofCase.has(inCase));
    if (unknown.length === 0) return;
    for (const inCase of unknown) this.#ofCase.set(inCase, []);
    for (const fact of await this.#factsAbout(unknown)) this.#ofCase.get(fact.subject)?.push(fact);
  }

  /** People with their items and facts; who is in memory already stays. */
  async #load(people: readonly number[]): Promise<void> {
    const unknown: number[] = [];
    for (const person of people) {
      if (this.#dossiers.has(person)) continue;
      const members = this.#parts.links.groupOf(person);
      const dossier: Dossier = { person: members[0] as number, members, items: [], facts: [], touches: undefined };
      for (const member of members) this.#dossiers.set(member, dossier);
      unknown.push(...members);
    }
    for (const item of await this.#itemsOf(unknown)) this.#dossiers.get(item.person)?.items.push(item);
    for (const fact of await this.#factsAbout(unknown)) this.#dossiers.get(fact.subject)?.facts.push(fact);
    await this.learn(unknown);
  }

  async #itemsOf(people: readonly number[]): Promise<RetentionItem[]> {
    const items: RetentionItem[] = [];
    for (const some of chunks(people)) {
      const rows = await this.#tx.db
        .selectFrom('retention_items')
        .selectAll()
        .where('until', 'is', null)
        .where(sql<boolean>`person in ${listed(some)}`)
        .execute();
      for (const row of rows) items.push(row);
    }
    return items;
  }

  async #factsAbout(subjects: readonly number[]): Promise<Fact[]> {
    const facts: Fact[] = [];
    for (const some of chunks(subjects)) {
      const { rows } = await sql<{
        subject: number;
        time: number;
        position: number;
        fact: string;
      }>`select f.subject, f.time, f.position, f.fact
        from retention_facts as f where f.subject in ${listed(some)} ${this.#standing('f')}`.execute(this.#tx.db);
      for (const { fact, ...row } of rows) facts.push({ ...row, ...saidIn(fact) });
    }
    return facts;
  }

  /** All processing of these people that stands, where it was not read. */
  async #loadTouches(dossiers: readonly Dossier[]): Promise<void> {
    const unread = [...new Set(dossiers)].filter(({ touches }) => touches === undefined);
    if (unread.length === 0) return;
    this.#flush();
    for (const dossier of unread) {
      dossier.touches = [];
      this.#withAll.add(dossier);
    }
    for (const some of chunks(unread.flatMap(({ members }) => members))) {
      const { rows } = await sql<{ person: number; time: number; position: number; profile: number; tie: number; case_ref: number }>`
        select t.person, t.time, t.position, t.profile, t.tie, t.case_ref from retention_touches as t
        where t.person in ${listed(some)} ${this.#standing('t')}`.execute(this.#tx.db);
      for (const { profile, case_ref, ...row } of rows) {
        const touch = { ...row, profile: this.#parts.profiles.named(profile), inCase: case_ref };
        this.#dossiers.get(row.person)?.touches?.push(touch);
      }
    }
    const touches = unread.flatMap((dossier) => dossier.touches as Touch[]);
    await this.#loadCases(
      touches.flatMap(({ profile, inCase }) => (inCase > 0 && this.#followingCases.has(profile.purpose) ? [inCase] : [])),
    );
  }

  #standing(of: string): RawBuilder<unknown> {
    if (!this.#parts.corrections.hasFallen) return sql``;
    return sql`and not exists (select 1 from retention_fallen as x where x.position = ${sql.ref(`${of}.position`)} and x.until is null)`;
  }
}

const WHY: Readonly<Record<Said['kind'], string>> = {
  trigger: 'judged-again',
  erased: 'erased',
  destroyed: 'erased',
  hold: 'held',
  released: 'released',
};

const isPublication = ({ type, stream }: ProjectedEvent): boolean => type === 'PolicyPublished' && stream === POLICIES;

/** A version stands alone: under it other things have to be known of those who follow. */
function partsOf(page: Page): Page[] {
  const parts: ProjectedEvent[][] = [];
  let isAlone = true;
  for (const event of page) {
    if (isAlone || isPublication(event)) parts.push([event]);
    else parts.at(-1)?.push(event);
    isAlone = isPublication(event);
  }
  return parts;
}

const isSame = (a: ItemKey, b: ItemKey): boolean =>
  a.purpose === b.purpose && a.rule === b.rule && a.version === b.version && a.case_ref === b.case_ref;

/** Everybody once: the same person may stand on an event under two identifiers. */
function subjectsOf({ entry: { data } }: ProjectedEvent): Subject[] {
  const { subjects } = data;
  if (subjects.length < 2) return subjects;
  return [...new Map(subjects.map((subject) => [subject.reference, subject])).values()];
}

function chunks<T>(all: readonly T[]): T[][] {
  const some: T[][] = [];
  for (let from = 0; from < all.length; from += TOGETHER) some.push(all.slice(from, from + TOGETHER));
  return some;
}
