import { sql } from 'kysely';
import type { Policy } from '../../src/policy/document.ts';
import { effectiveAt } from '../../src/policy/in-force.ts';
import { Promises } from '../../src/policy/promises.ts';
import type { Page, ProjectedEvent, Projection, Tx } from '../projection.ts';
import {
  FACT_KINDS,
  type Fact,
  type FactKind,
  factsOf,
  type HeardKey,
  heardOf,
  keysOf,
  MARKS,
  markOf,
  type Told,
  visitOthers,
} from '../state/facts.ts';
import { type Held, Holding } from '../state/held.ts';
import { KEY_KINDS, type Key, type KeyKind } from '../state/keys.ts';
import { Around, inOrder, type Timed } from '../state/moment.ts';
import { judgedOf, ownOf } from '../state/profile.ts';
import { heardKeys, leadingCollections, recordedEvents } from '../state/state.ts';
import { Again, isOneOfAKind, type Left } from './again.ts';
import { Corrections, type Flip } from './corrections.ts';
import { createTables, indexQuestions, indexRecords, indexRows, TABLES } from './create.ts';
import { type Numbered, Profiles } from './interning.ts';
import type { Published } from './judge.ts';
import { Judging, type Plan, planOf, type Verdict } from './judging.ts';
import { EARLIEST, Reach } from './reach.ts';
import type { JudgedEvent } from './rules/rule.ts';
import { type Cause, Writing } from './writing.ts';

/** By how much an event may have happened after it was recorded: sources' clocks are let run ahead by a day (domain.md §1), and the hour is for nobody. */
const AHEAD_MS = 25 * 3_600_000;
const NOTHING: readonly never[] = [];
const KIND_NAMES = new Map<number, KeyKind>(Object.entries(KEY_KINDS).map(([name, number]) => [number, name as KeyKind]));
const FACT_NAMES = new Map<number, FactKind>(Object.entries(FACT_KINDS).map(([name, number]) => [number, name as FactKind]));

/** An event of the page with what is worked out of it before anything is judged. */
interface Prepared {
  event: ProjectedEvent;
  told: Told;
  profile: Numbered<Plan> | undefined;
  mark: number;
  facts: readonly Fact[];
  heard: HeardKey | undefined;
}

/**
 * Every event judged by the version in force when it happened, and judged again when something is learnt late (README, "Findings: how events
 * are judged"). What it finds depends on what stands recorded alone: neither on the order in which it arrived, nor on pages.
 */
export class Findings implements Projection {
  readonly name = 'findings';
  readonly version = 1;
  readonly tables = TABLES;
  readonly #judging = new Judging();
  readonly #profiles = new Profiles<Plan>();
  readonly #holding = new Holding();
  readonly #writing = new Writing();
  readonly #corrections = new Corrections();
  readonly #again = new Again(this.#judging, this.#profiles, this.#writing);
  readonly #around = new Around(this.#holding, {} as Told, undefined);
  /** Whether the versions were read. */
  #isReady = false;
  #isIndexed = false;
  /** The event of which something was begun; 0 of none, undefined where nobody looked. */
  #begunAt: number | undefined;

  create = createTables;

  async finish(db: Tx['db']): Promise<void> {
    await indexRecords(db);
    await indexRows(db);
    await indexQuestions(db);
  }

  forget(): void {
    for (const each of [this.#judging, this.#profiles, this.#holding, this.#writing, this.#corrections]) each.forget();
    this.#isReady = false;
    this.#isIndexed = false;
    this.#begunAt = undefined;
  }

  async apply(tx: Tx, page: Page): Promise<number | undefined> {
    await this.#begin(tx);
    const prepared = await this.#prepare(tx, page);
    let done: number | undefined;
    for (let i = 0; i < prepared.length && done === undefined; i++) {
      const isWhole = await this.#step(tx, prepared[i] as Prepared);
      if (!isWhole) done = page[i - 1]?.position ?? (page[0] as ProjectedEvent).position - 1;
    }
    this.#writing.flush(tx);
    this.#writing.flushCounts(tx);
    return done;
  }

  async #begin(tx: Tx): Promise<void> {
    this.#profiles.age();
    this.#judging.age();
    await this.#holding.begin(tx.db);
    await this.#writing.begin(tx);
    await this.#corrections.begin(tx.db);
    if (this.#isReady) return;
    const versions = await tx.db.selectFrom('findings_versions').selectAll().orderBy('position').execute();
    this.#judging.use(versions.map(({ document }) => publishedOf(JSON.parse(document) as Version)));
    this.#isReady = true;
  }

  /** Everybody and everything on the page is taken into memory, in a few statements. */
  async #prepare(tx: Tx, page: Page): Promise<Prepared[]> {
    const prepared: Prepared[] = [];
    const keys: Key[] = [];
    const sources = new Set<string>();
    const processors = new Set<string>();
    const take = (kind: KeyKind, value: string) => {
      if (!this.#holding.has(kind, value)) keys.push({ kind, value });
      if (kind === 'recipient') processors.add(value);
    };
    for (const event of page) {
      const { type, time, entry } = event;
      const { source, id, data } = entry;
      const told: Told = { type, source, id, time, data };
      const mark = markOf(told);
      // What happens too often to be kept is told by the mark.
      const facts = HANDLED.has(type) ? NOTHING : factsOf(told);
      const heard = heardOf(told);
      take('actor', data.actor.reference);
      for (const { reference } of data.subjects) take('person', reference);
      visitOthers(told, take);
      for (const { key } of facts) if (key.kind !== 'person') take(key.kind, key.value);
      if (heard) take(heard.kind, heard.value);
      sources.add(source);
      prepared.push({ event, told, profile: undefined, mark, facts, heard });
    }
    const controllers = this.#judging.published.map(({ promises }) => promises.policy.controller.id);
    const heard: Key[] = [{ kind: 'grants', value: '' }, ...[...sources].map((value) => ({ kind: 'source' as const, value }))];
    const named = this.#judging.names.with([...processors].map((value) => ({ kind: 'recipient', value })));
    await this.#holding.take(tx, keys, [...heardKeys(heard, controllers), ...named]);
    await this.#look(tx, prepared);
    return prepared;
  }

  /** When something last happened on a key matters to whatever is learnt of it. */
  async #look(tx: Tx, prepared: readonly Prepared[]): Promise<void> {
    const unknown: Held[] = [];
    for (const each of prepared) if (isLearntFrom(each)) this.#lookFor(each, unknown);
    await this.#holding.look(tx.db, unknown);
  }

  /** Adds those of whom nobody knows when something last happened, of everybody whom an event, or what it says, is about. */
  #lookFor({ told: { data }, facts }: Prepared, unknown: Held[]): void {
    const look = (kind: KeyKind, value: string) => {
      if (kind === 'person' || kind === 'actor') {
        const group = this.#holding.groupOf(value);
        if (group !== undefined) {
          for (const each of this.#members(kind, value)) if (each.last === undefined) unknown.push(each);
          return;
        }
      }
      const held = this.#holding.get(kind, value) as Held;
      if (held.last === undefined) unknown.push(held);
    };
    for (const { reference } of data.subjects) look('person', reference);
    for (const { key } of facts) if (key.kind !== 'person') look(key.kind, key.value);
  }

  /** A key, or those of everybody who is the same person or processor, as far as they are known. */
  #members(kind: KeyKind, value: string): Held[] {
    let group = kind === 'person' || kind === 'actor' ? this.#holding.groupOf(value) : undefined;
    if (kind === 'recipient') group = this.#judging.names.of(value);
    return (group ?? [value]).flatMap((each) => this.#holding.get(kind, each) ?? NOTHING);
  }

  /** @returns whether everything that the event changes was judged again */
  async #step(tx: Tx, prepared: Prepared): Promise<boolean> {
    const { event, told } = prepared;
    const cause: Cause = { position: event.position, recordedAt: event.recordedAt };
    const begun = await this.#begun(tx, cause);
    if (begun) return this.#judgeAgain(tx, cause, begun);
    const reach = new Reach();
    prepared.profile = this.#profiles.known(told) ?? (await this.#profiles.of(tx, told));
    if (event.type === 'PolicyPublished') await this.#publish(tx, event, reach);
    if (this.#corrections.concerns(event)) await this.#stepCorrected(tx, prepared, cause, reach);
    else {
      await this.#learn(tx, prepared, reach);
      const verdict = this.#judgeFast(prepared) ?? (await this.#judge(tx, prepared));
      this.#keep(prepared, verdict);
      this.#find(prepared, verdict, cause);
      if (event.type === 'SubjectsMerged') await this.#link(tx, prepared, reach);
    }
    return reach.isEmpty || this.#judgeAgain(tx, cause, reach);
  }

  /** What was begun of the event and took more than one transaction. */
  async #begun(tx: Tx, { position }: Cause): Promise<Left | undefined> {
    this.#begunAt ??= (await tx.db.selectFrom('findings_again').select('cause').executeTakeFirst())?.cause ?? 0;
    if (this.#begunAt !== position) return undefined;
    const row = await tx.db.selectFrom('findings_again').select('step').where('cause', '=', position).executeTakeFirstOrThrow();
    return JSON.parse(row.step) as Left;
  }

  async #judgeAgain(tx: Tx, cause: Cause, reach: Reach | Left): Promise<boolean> {
    this.#writing.flush(tx);
    await this.#index(tx);
    const left = await this.#again.judge(tx, cause, reach);
    if (left !== undefined) {
      tx.insertMany('findings_again', ['cause', 'step'], [cause.position, JSON.stringify(left)], { columns: ['cause'], update: ['step'] });
      this.#begunAt = cause.position;
    } else if (this.#begunAt === cause.position) {
      await tx.db.deleteFrom('findings_again').where('cause', '=', cause.position).execute();
      this.#begunAt = 0;
    }
    return left === undefined;
  }

  /** What is looked up by here is made when it is first needed: most of a log that is loaded needs none of it. */
  async #index({ db }: Tx): Promise<void> {
    if (this.#isIndexed) return;
    await indexRecords(db);
    await indexRows(db);
    this.#isIndexed = true;
  }

  /** Adds what an event says to what is known, and finds out how far it reaches. */
  async #learn(tx: Tx, prepared: Prepared, reach: Reach): Promise<void> {
    const { told, facts, heard } = prepared;
    let isEarlier = false;
    if (isLearntFrom(prepared)) {
      await this.#lookAgain(tx, prepared);
      for (const fact of facts) isEarlier = this.#learnFact(prepared, fact, reach) || isEarlier;
      this.#reachOfMark(prepared, reach);
    }
    this.#depend(prepared);
    if (heard) {
      this.#writing.heard((this.#holding.get(heard.kind, heard.value) as Held).id, 1);
      if (this.#holding.hear(heard.kind, heard.value, 1)) await this.#scanFor(tx, heard.kind, told.source, reach);
    }
    if (isEarlier) {
      await this.#leadOf(
        tx,
        told.data.subjects.map(({ reference }) => reference),
      );
    }
  }

  /** What was handed over, or whom it reached, is nothing that is kept; whoever waited for it is judged again. */
  #reachOfMark({ event: { time }, told: { data }, mark }: Prepared, reach: Reach): void {
    const kinds = OF_MARK[mark];
    if (kinds === undefined) return;
    for (const { reference } of data.subjects) {
      const members = this.#members('person', reference);
      for (const kind of kinds) reach.ofNewFact(kind, time, members);
    }
  }

  /** @returns whether it is an erasure that collections followed which were no news without it */
  #learnFact({ event: { type, position } }: Prepared, fact: Fact, reach: Reach): boolean {
    const { key, kind, time } = fact;
    const held = this.#holding.get(key.kind, key.value) as Held;
    const members = this.#members(key.kind, key.value);
    const isCollections = type === 'PersonalDataCollected';
    if (isCollections && isNoNews(fact, held, this.#holding.of(key.kind, key.value))) {
      // The first collection stays the first; the next notice may be another one.
      if (kind === 'notice') reach.ofNewFact(kind, time, members);
      return false;
    }
    reach.ofNewFact(kind, time, members);
    if (!TOO_OFTEN.has(kind)) {
      this.#writing.fact(held.id, position, fact);
      held.add(timedOf(fact));
    }
    if (kind !== 'erasure') return false;
    return members.some(({ last }) => COLLECTED.some((each) => (last?.[each] ?? Number.POSITIVE_INFINITY) >= time));
  }

  /** Under which keys the event is found. @param stands it is not retracted, nor corrected by what is recorded */
  #depend({ event: { position, time }, told, mark }: Prepared, stands = true): void {
    const { subjects } = told.data;
    const isOwn = stands && isNext(mark) && this.#isOwn(told);
    const seen = subjects.length > 1 || !FREQUENT.has(told.type) ? new Set<number>() : undefined;
    const depend = (held: Held, as: number) => {
      if (seen?.has(held.id)) return;
      seen?.add(held.id);
      this.#writing.dependent(held.id, as, time, position);
      held.happened(as, time);
      if (isOwn && as === mark) held.happenedToOwn(mark, time);
    };
    for (const { reference } of subjects) depend(this.#holding.get('person', reference) as Held, mark);
    visitOthers(told, (kind, value) => depend(this.#holding.get(kind, value) as Held, MARKS.plain));
  }

  /** Whether it is certainly the controller's, under whichever version. */
  #isOwn({ data: { controller } }: Told): boolean {
    const { published } = this.#judging;
    return published.length > 0 && published.every(({ promises }) => isOf(controller, promises));
  }

  async #lookAgain(tx: Tx, prepared: Prepared): Promise<void> {
    const unknown: Held[] = [];
    this.#lookFor(prepared, unknown);
    if (unknown.length === 0) return;
    this.#writing.flush(tx);
    await this.#holding.look(tx.db, unknown);
  }

  /** Collections that were no news when they came are, once something ended what they repeated. */
  async #leadOf(tx: Tx, people: readonly string[]): Promise<void> {
    this.#writing.flush(tx);
    const all = new Set(people.flatMap((each) => this.#holding.groupOf(each) ?? [each]));
    for (const value of all) {
      const held = this.#holding.get('person', value);
      if (held === undefined) continue;
      const erased = this.#holding.of('person', value).filter(({ kind }) => kind === 'erasure');
      const leading = await leadingCollections(
        tx.db,
        held.id,
        erased.map(({ time }) => time),
      );
      for (const { position, facts } of leading) for (const fact of facts) this.#writing.fact(held.id, position, fact);
      this.#writing.flush(tx);
      await this.#holding.reread(tx.db, [held]);
    }
  }

  /** Where something is heard of for the first time, or not any more, whoever was judged for lack of it is judged again. */
  async #scanFor(tx: Tx, kind: HeardKey['kind'], source: string, reach: Reach): Promise<void> {
    const scan = kind === 'grants' ? { types: ['PersonalDataAccessed'] } : { types: ASKED_FOR_COLLECTIONS, source };
    let profiles = tx.db.selectFrom('findings_profiles').select('id').where('type', 'in', scan.types);
    if (kind === 'source') profiles = profiles.where('source', '=', source);
    if ((await profiles.limit(1).executeTakeFirst()) === undefined) return;
    reach.scans.push({ from: EARLIEST, after: 0, ...scan });
  }

  /** A version that says from when it is in force: what happened from then on is judged by it. */
  async #publish(tx: Tx, { position, entry: { data } }: ProjectedEvent, reach: Reach): Promise<void> {
    const { policy, policyVersion, effectiveFrom, documentDigest, document } = data as unknown as Record<string, string> & {
      document: Policy;
    };
    if (document === undefined) return;
    const version = { policy, version: policyVersion, effectiveFrom, digest: documentDigest, document } as Version;
    const row = [position, version.version, version.effectiveFrom, document.controller.id, JSON.stringify(version)];
    tx.insertMany('findings_versions', ['position', 'version', 'effective_from', 'controller', 'document'], row);
    this.#judging.use([...this.#judging.published, publishedOf(version)]);
    const from = effectiveAt(version);
    this.#writing.flush(tx);
    const after = await behindWhatWasRecorded(tx, from - AHEAD_MS);
    if (after !== undefined) reach.scans.push({ from, after });
    // From now on what is heard is heard for whoever's policy it is, too.
    const sources = await tx.db.selectFrom('findings_profiles').select('source').distinct().execute();
    const heard: Key[] = [{ kind: 'grants', value: '' }, ...sources.map(({ source }) => ({ kind: 'source' as const, value: source }))];
    const named: Key[] = this.#judging.names.all().map((value) => ({ kind: 'recipient', value }));
    await this.#holding.take(tx, [], [...heardKeys(heard, [document.controller.id]), ...named]);
  }

  /** Whoever is linked is one person from here on, and was before. */
  async #link(tx: Tx, { event, told: { data } }: Prepared, reach: Reach): Promise<void> {
    const references = [...new Set(data.subjects.map(({ reference }) => reference))];
    if (references.length < 2) return;
    tx.insertMany(
      'findings_links',
      ['position', 'reference'],
      references.flatMap((reference) => [event.position, reference]),
    );
    this.#writing.flush(tx);
    await this.#linked(tx, references, reach);
  }

  async #linked(tx: Tx, references: readonly string[], reach: Reach): Promise<void> {
    const before = references.flatMap((each) => this.#holding.groupOf(each) ?? [each]);
    await this.#holding.link(tx.db);
    const all = [...new Set([...before, ...references.flatMap((each) => this.#holding.groupOf(each) ?? [each])])].sort();
    for (const kind of ['person', 'actor'] as const) {
      await this.#holding.take(
        tx,
        [],
        all.map((value) => ({ kind, value })),
      );
      reach.everythingOf(all.flatMap((value) => this.#holding.get(kind, value) ?? NOTHING));
    }
    if (all.some((each) => this.#holding.of('person', each).some(({ kind }) => kind === 'erasure'))) await this.#leadOf(tx, all);
  }

  /** The event as rules see it: made of its profile, as when it is judged again. It is the same object for every event of the profile. */
  #staged({ event: { time, recordedAt, entry }, told, profile }: Prepared): JudgedEvent & { id: string } {
    const { stage, places, profile: shared } = profile as Numbered<Plan>;
    stage.id = entry.id;
    stage.time = time;
    stage.recordedAt = recordedAt;
    const { actor, subjects } = entry.data;
    stage.data.actor.reference = actor.reference;
    stage.data.subjects = subjects;
    const own = ownOf(told);
    if (own === null) return stage;
    const placed = subjects.map(({ reference, category }) => ({ reference, place: places.get(category) as number }));
    return judgedOf(shared, { id: entry.id, time, recordedAt, actor: actor.reference, subjects: placed, own });
  }

  /** What its plan says; undefined where it has none, or something is found for the first time. */
  #judgeFast(prepared: Prepared): Verdict | undefined {
    if (isOneOfAKind(prepared.told.type, prepared.mark)) return undefined;
    return this.#judging.byPlan(this.#planned(prepared, this.#judging.versionAt(prepared.event.time)));
  }

  #planned(prepared: Prepared, version: Published | undefined) {
    const event = this.#staged(prepared);
    const isQuiet = event.data.subjects.every(({ reference }) => this.#isQuiet(reference));
    const state = this.#around.move(event, version?.promises.policy.controller.id);
    return { plan: planOf(prepared.profile as Numbered<Plan>, version), event, isQuiet, state };
  }

  #isQuiet(reference: string): boolean {
    if (this.#holding.groupOf(reference) !== undefined) return this.#members('person', reference).every(({ isQuiet }) => isQuiet);
    return (this.#holding.get('person', reference) as Held).isQuiet;
  }

  async #judge(tx: Tx, prepared: Prepared): Promise<Verdict> {
    const version = this.#judging.versionAt(prepared.event.time);
    if (!isOneOfAKind(prepared.told.type, prepared.mark)) return this.#judging.withPlan(tx, this.#planned(prepared, version));
    const event = this.#staged(prepared);
    if (!this.#needsRows(prepared)) {
      return this.#judging.inFull(tx, event, this.#around.move(event, version?.promises.policy.controller.id));
    }
    this.#writing.flush(tx);
    const { id, profile: profileFacts } = prepared.profile as Numbered<Plan>;
    const { position } = prepared.event;
    const verdicts = await this.#again.verdicts(tx, [{ position, profile: id, profileFacts, judgement: null, event }]);
    return verdicts.get(position) as Verdict;
  }

  /** Whether something that happens too often to be held in memory matters to it. */
  #needsRows({ mark, event: { time }, told: { data } }: Prepared): boolean {
    const never = Number.NEGATIVE_INFINITY;
    const lasts = data.subjects.flatMap(({ reference }) => this.#members('person', reference)).map(({ last }) => last);
    const lastAt = (of: number) => Math.max(...lasts.map((last) => last?.[of] ?? Number.POSITIVE_INFINITY));
    if (mark === MARKS.elsewhere) {
      return lastAt(MARKS.contact) >= time || lastAt(MARKS.disclosed) >= time || lastAt(MARKS.noticed) > never;
    }
    return mark === MARKS.obliging && (lastAt(MARKS.disclosed) > never || lastAt(MARKS.delivered) > never);
  }

  #keep({ event, told, profile }: Prepared, verdict: Verdict | undefined): void {
    const { id, places } = profile as Numbered<Plan>;
    const { actor, subjects } = told.data;
    const key = (kind: KeyKind, value: string) => (this.#holding.get(kind, value) as Held).id;
    const [first] = subjects;
    const people =
      first === undefined
        ? null
        : subjects.length === 1
          ? key('person', first.reference)
          : JSON.stringify(subjects.flatMap(({ reference, category }) => [key('person', reference), places.get(category) as number]));
    this.#writing.event(event, id, key('actor', actor.reference), people, ownOf(told), verdict?.together.id ?? null);
  }

  #find({ event: { position, time, recordedAt } }: Prepared, { together, findings }: Verdict, cause: Cause): void {
    for (const finding of findings) this.#writing.finding(position, time, finding, cause);
    this.#writing.count(together, time, recordedAt, 1);
  }

  /** An event that something is said of, or that says something of another: who stands and who does not comes first. */
  async #stepCorrected(tx: Tx, prepared: Prepared, cause: Cause, reach: Reach): Promise<void> {
    const { event } = prepared;
    await this.#index(tx);
    this.#keep(prepared, undefined);
    this.#writing.flush(tx);
    await this.#corrections.keep(tx, event);
    const why = await this.#corrections.whyFallen(tx, event);
    if (why === undefined) await this.#learn(tx, prepared, reach);
    else {
      this.#depend(prepared, false);
      for (const fact of prepared.facts) {
        const { kind, key } = fact;
        if (!TOO_OFTEN.has(kind)) this.#writing.fact((this.#holding.get(key.kind, key.value) as Held).id, event.position, fact);
      }
      tx.insertMany('findings_fallen', ['position', 'why'], [event.position, why]);
    }
    if (event.type === 'SubjectsMerged') await this.#link(tx, prepared, reach);
    this.#writing.flush(tx);
    for (const flip of await this.#corrections.flips(tx, event)) await this.#flip(tx, flip, reach);
    if (why !== undefined) return;
    const verdict = await this.#judge(tx, prepared);
    await tx.db.updateTable('findings_events').set({ judgement: verdict.together.id }).where('position', '=', event.position).execute();
    this.#find(prepared, verdict, cause);
  }

  /** Something recorded before does not stand any more, or stands again: what it said is unsaid, or said. */
  async #flip(tx: Tx, { position, why }: Flip, reach: Reach): Promise<void> {
    const [recorded] = await recordedEvents(tx.db, [position]);
    if (recorded === undefined) return;
    const { event } = recorded;
    if (why === undefined) await tx.db.deleteFrom('findings_fallen').where('position', '=', position).execute();
    else tx.insertMany('findings_fallen', ['position', 'why'], [position, why]);
    reach.positions.push(position);
    const said = await this.#saidAt(tx, position);
    // What happens too often to be kept is told by the event itself.
    const often = factsOf(event).filter(({ kind }) => TOO_OFTEN.has(kind) || kind === 'collection' || kind === 'notice');
    const facts = [...said, ...often.map(({ key, kind, time }) => ({ key, kind, time }))];
    const heard = heardOf(event);
    const keys = this.#judging.names.with([...keysOf(event), ...facts.map(({ key }) => key)]);
    await this.#holding.take(tx, [], [...keys, ...(heard ? [heard] : [])]);
    if (heard) {
      const by = why === undefined ? 1 : -1;
      this.#writing.heard((this.#holding.get(heard.kind, heard.value) as Held).id, by);
      if (this.#holding.hear(heard.kind, heard.value, by)) await this.#scanFor(tx, heard.kind, event.source, reach);
    }
    const people = [
      ...facts.map(({ key }) => key),
      ...event.data.subjects.map(({ reference: value }) => ({ kind: 'person' as const, value })),
    ];
    const held = new Set(people.flatMap(({ kind, value }) => this.#members(kind, value)));
    await this.#holding.reread(tx.db, [...held]);
    if (event.type === 'SubjectsMerged') {
      await this.#linked(
        tx,
        event.data.subjects.map(({ reference }) => reference),
        reach,
      );
    }
    if (facts.some(({ kind }) => kind === 'collection' || kind === 'erasure')) {
      await this.#leadOf(
        tx,
        event.data.subjects.map(({ reference }) => reference),
      );
    }
    for (const { key, kind, time } of facts) reach.ofFact(kind, time, this.#members(key.kind, key.value));
  }

  /** The facts that an event said, whether it stands or not. */
  async #saidAt(tx: Tx, position: number): Promise<{ key: Key; kind: FactKind; time: number }[]> {
    const rows = await tx.db
      .selectFrom('findings_facts as f')
      .innerJoin('findings_keys as k', 'k.id', 'f.key')
      .select(['f.kind', 'f.time', 'k.kind as of', 'k.value'])
      .where('f.position', '=', position)
      .execute();
    return rows.map(({ kind, time, of, value }) => ({
      key: { kind: KIND_NAMES.get(of) as KeyKind, value },
      kind: FACT_NAMES.get(kind) as FactKind,
      time,
    }));
  }
}

/** A version, as its row has it. */
interface Version {
  policy: string;
  version: string;
  effectiveFrom: string;
  digest: string;
  document: Policy;
}

const publishedOf = ({ document, ...published }: Version): Published => ({ ...published, promises: new Promises(document) });

/** Kept by the mark of their events alone. */
const TOO_OFTEN: ReadonlySet<FactKind> = new Set(['contact', 'disclosure', 'delivery']);
/** Events that say nothing else. */
const HANDLED = new Set(['PersonalDataUsed', 'PersonalDataDisclosed', 'PersonalDataTransferred']);
const OF_MARK: Readonly<Record<number, readonly FactKind[]>> = {
  [MARKS.contact]: ['contact'],
  [MARKS.disclosed]: ['disclosure', 'delivery'],
  [MARKS.delivered]: ['delivery'],
};
/** Events that have each of their keys once. */
const FREQUENT = new Set([...HANDLED, 'PersonalDataAccessed', 'PersonalDataCollected', 'PersonalDataDerived', 'PersonalDataStored']);

/** Whether only the next such event after another counts. */
const isNext = (mark: number): boolean => mark === MARKS.contact || mark === MARKS.disclosed;

const isOf = (controller: string | undefined, { policy }: Promises): boolean =>
  controller === undefined || controller === policy.controller.id;

/** Whether others are judged by the event. */
const isLearntFrom = ({ facts, mark }: Prepared): boolean => facts.length > 0 || mark !== MARKS.plain;
const COLLECTED = [MARKS.collected, MARKS.noticed, MARKS.elsewhere];
/** What is judged by whether its source ever reported a collection. */
const ASKED_FOR_COLLECTIONS = ['PersonalDataAccessed', 'PersonalDataDisclosed', 'PersonalDataTransferred'];

const timedOf = ({ kind, time, source, id, fact }: Fact): Timed => ({ kind, time, source, id, fact });

/**
 * Whether a collection says what is known: the same categories were collected before, and nothing was erased since; or a notice came for the
 * same purpose before.
 * @param held its own key's; what was erased under any name of the person counts
 */
function isNoNews(fact: Fact, { facts }: Held, ofPerson: readonly Timed[]): boolean {
  const { kind, fact: said } = fact;
  if (kind !== 'collection' && kind !== 'notice') return false;
  return facts.some((before) => {
    if (before.kind !== kind || inOrder(before, fact) > 0 || before.fact.controller !== said.controller) return false;
    if (kind === 'notice') return before.fact.purpose === said.purpose;
    if (before.fact.categories?.join() !== said.categories?.join()) return false;
    return !ofPerson.some((each) => each.kind === 'erasure' && inOrder(each, before) >= 0 && inOrder(each, fact) <= 0);
  });
}

/**
 * A position behind which everything lies that was recorded at or after a moment; undefined where that is nothing. Positions and times of recording
 * rise together.
 */
async function behindWhatWasRecorded({ db }: Tx, recordedAt: number): Promise<number | undefined> {
  const { rows } = await sql<{ first: number | null; last: number | null }>`select
    (select position from findings_events order by position limit 1) as first,
    (select position from findings_events order by position desc limit 1) as last`.execute(db);
  let [low, high] = [Number(rows[0]?.first ?? 1) - 1, Number(rows[0]?.last ?? 0)];
  if (high === 0) return undefined;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = await db
      .selectFrom('findings_events')
      .select(['position', 'recorded_at'])
      .where('position', '>', middle)
      .orderBy('position')
      .limit(1)
      .executeTakeFirst();
    if (next === undefined || next.recorded_at >= recordedAt) high = middle;
    else low = next.position;
  }
  return low;
}
