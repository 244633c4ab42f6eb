import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Kysely, sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { ACTOR } from '../../src/ledger/author.ts';
import type { Reference } from '../../src/ledger/entry.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import { inForceAt } from '../../src/policy/in-force.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { listed } from '../database.ts';
import { erasedAmong, type Gone, goneOf } from '../entries/gone.ts';
import { revisionOf } from '../entries/items.ts';
import { correctionsOf } from '../entries/walk.ts';
import { latestOf } from '../latest.ts';
import { momentOf } from '../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import type { Schema } from '../schema.ts';
import { FACT_KINDS, type Said } from '../state/facts.ts';
import { KEY_KINDS } from '../state/keys.ts';
import { isFallen } from '../state/standing.ts';
import { QuestionTooLong, Views } from '../views.ts';
import { type Asked, type PurposeState, purposesOf, type Statement } from './standing.ts';

/** Of whom it is. */
export interface ConsentSubject extends Gone {
  scheme?: string;
  value?: string;
  /** Instead of an identifier, where that is gone, or not to be seen. */
  reference?: string;
}

export type ConsentItem = { subject: ConsentSubject } & PurposeState;

export interface ConsentsQuestion extends Omit<Question, 'about' | 'leaves' | 'order'> {
  about?: Pick<NonNullable<Question['about']>, 'subject' | 'purpose'>;
  /** The moment that is asked about, of everything that was known `asOf`: a date-time, or a date (its end in UTC). Absent: the same. */
  at?: string;
}

/**
 * Consents and objections by person and purpose: what was so at a moment, as far as it was known as of another. About one person, or
 * several; else everybody of whom something was ever said, in the order in which they became known.
 */
export class Consents extends Query<Answer<ConsentItem>> {
  constructor(readonly question: ConsentsQuestion) {
    super();
  }
}

const DEFAULT_LIMIT = 50;
/** People read at once. */
const STEP = 200;
/** Steps of one page: of people of whom nothing that was asked for is known. */
const MAX_STEPS = 20;
/** Statements of the people of one step, at most. */
const MAX_STATEMENTS = 20_000;
const [CONSENT, OBJECTION, DECISION] = [FACT_KINDS.consent, FACT_KINDS.objection, FACT_KINDS.decision].map((kind) => sql.lit(kind));

/** One person, by all references, and their place in the order of the answer. */
interface Somebody {
  place: number;
  references: readonly Reference[];
}

@QueryHandler(Consents)
export class ConsentsHandler implements IQueryHandler<Consents> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    store: EventStore,
    private readonly vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'findings');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Consents): Promise<Answer<ConsentItem>> {
    const name = `consents ${question.at ?? ''}`;
    const frame = await this.#asking.frame(name, question);
    // What was said is found by the one, and read in the other.
    await this.views.reached('entries', frame.position);
    const limit = question.limit ?? DEFAULT_LIMIT;
    const { found, last, people } = await this.read(question, frame, limit);
    const subjects = await this.subjectsOf(
      found.map(({ person }) => person),
      question,
    );
    return {
      items: found.map(({ person, state }) => ({ subject: subjects.get(person) as ConsentSubject, ...state })),
      next: last === undefined ? null : this.#asking.next(name, question, frame, last),
      position: frame.position,
      asOf: frame.asOf,
      people,
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  private async read(question: ConsentsQuestion, frame: Frame, limit: number) {
    const asked = await this.askedOf(question, frame);
    const [place, purpose] = (frame.last ?? [-1, '']) as [number, string];
    const isAfter = (person: Somebody, state: PurposeState) => person.place > place || (person.place === place && state.purpose > purpose);
    const found: { person: Somebody; state: PurposeState }[] = [];
    const sought = question.about?.subject === undefined ? undefined : await this.soughtPeople(question, frame);
    if (sought)
      question.onPeople?.(
        sought.flatMap(({ references }) => references),
        frame.correlationId,
      );
    let reached = place;
    for (let step = 0, isEnd = false; !isEnd && found.length <= limit; step++) {
      if (step === MAX_STEPS) return { found, last: [reached - 1, LAST], people: peopleOf(found, sought) };
      const some = sought ? sought.filter((each) => each.place >= reached).slice(0, STEP) : await this.everybody(reached, asked, frame);
      isEnd = some.length < STEP;
      const statements = await this.statementsOf(some, frame);
      for (const person of some) {
        for (const state of purposesOf(statements.get(person) ?? [], asked)) if (isAfter(person, state)) found.push({ person, state });
      }
      reached = (some.at(-1)?.place ?? reached) + 1;
    }
    const page = found.slice(0, limit);
    const end = page.at(-1);
    const last = found.length > limit && end ? [end.person.place, end.state.purpose] : undefined;
    return { found: page, last, people: peopleOf(page, sought) };
  }

  private async askedOf({ at, about }: ConsentsQuestion, frame: Frame): Promise<Asked> {
    const moment = at === undefined ? Date.parse(frame.asOf) : momentOf(at, 'end');
    const version = inForceAt(await this.policies.versions(Date.parse(frame.asOf)), moment);
    const purposes = about?.purpose === undefined ? undefined : [about.purpose].flat();
    return { at: moment, version, purposes, isComplete: about?.subject !== undefined };
  }

  /** Those asked about, each once, in an order of their own. */
  private async soughtPeople({ about, asOf, viewer }: ConsentsQuestion, frame: Frame): Promise<Somebody[]> {
    const sought = await this.#asking.sought(
      { about: { subject: about?.subject ?? [] }, ...(asOf !== undefined && { asOf }), viewer },
      frame,
    );
    const groups = await this.#asking.groupsOf(frame)(sought?.values.get('subject') ?? []);
    const once = new Map(groups.map((references) => [references[0], references]));
    return [...once.values()].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)).map((references, place) => ({ place, references }));
  }

  /** Everybody of whom something was said that may concern what is asked, from a place on. Whoever is linked stands where they first became known. */
  private async everybody(from: number, { purposes }: Asked, frame: Frame): Promise<Somebody[]> {
    const concerns = purposes?.map((code) => sql`f.fact like ${`%"${code}"%`}`) ?? [];
    const isMeant = concerns.length === 0 ? sql`true` : sql`(f.kind = ${OBJECTION} or ${sql.join(concerns, sql` or `)})`;
    const { rows } = await sql<{ key: number; value: string }>`select f.key, k.value from (
        select distinct f.key from findings_facts as f where f.kind in (${CONSENT}, ${OBJECTION}) and f.key >= ${from}
          and f.position <= ${frame.position} and ${isMeant} order by f.key limit ${STEP}) as f
      join findings_keys as k on k.id = f.key order by f.key`.execute(this.views.db);
    const groups = await this.#asking.groupsOf(frame)(rows.map(({ value }) => value));
    const linked = groups.filter((references) => references.length > 1).flat();
    const firsts = linked.length > 0 ? await this.placesOf(linked, frame) : new Map<string, number>();
    return rows.map(({ key }, i) => {
      const references = groups[i] ?? [];
      const isFirst =
        references.length === 1 || Math.min(...references.map((each) => firsts.get(each) ?? Number.POSITIVE_INFINITY)) === key;
      return { place: key, references: isFirst ? references : [] };
    });
  }

  /** Where those of whom something was said stand in the order. */
  private async placesOf(references: readonly Reference[], { position }: Frame): Promise<Map<Reference, number>> {
    const { rows } = await sql<{ id: number; value: string }>`select k.id, k.value from findings_keys as k
      where k.kind = ${sql.lit(KEY_KINDS.person)} and k.value in ${listed(references)} and exists (
        select 1 from findings_facts as f where f.key = k.id and f.kind in (${CONSENT}, ${OBJECTION}) and f.position <= ${position})`.execute(
      this.views.db,
    );
    return new Map(rows.map(({ id, value }) => [value, id]));
  }

  /** Everything that was recorded of each, standing or not. @throws QuestionTooLong */
  private async statementsOf(people: readonly Somebody[], { position }: Frame): Promise<Map<Somebody, Statement[]>> {
    const owners = new Map(people.flatMap((person) => person.references.map((reference) => [reference, person] as const)));
    const statements = new Map<Somebody, Statement[]>();
    if (owners.size === 0) return statements;
    const rows = await readStatements(this.views.db, [...owners.keys()], position);
    if (rows.length > MAX_STATEMENTS) throw new QuestionTooLong();
    const revisions = await correctionsOf(
      this.views.db,
      rows.map(({ source, id }) => recordKey(source, id)),
      position,
    );
    for (const row of rows) {
      const person = owners.get(row.reference) as Somebody;
      const revised = revisions.get(recordKey(row.source, row.id).toString('latin1'));
      const of = statements.get(person) ?? [];
      statements.set(person, of);
      // Several references of one person may stand on one event.
      if (!of.some((one) => one.position === row.position))
        of.push({ ...statementOf(row), ...(revised && { revised: revisionOf(revised) }) });
    }
    return statements;
  }

  /** By an identifier that is not an actor's, or by the reference. */
  private async subjectsOf(people: readonly Somebody[], { viewer }: ConsentsQuestion): Promise<Map<Somebody, ConsentSubject>> {
    const epoch = await this.vault.epoch();
    const references = [...new Set(people.flatMap((person) => person.references))];
    const names = viewer.nameSubjects ? await this.vault.identifiers(references) : new Map();
    const erased = await erasedAmong(
      this.vault,
      epoch,
      references.filter((reference) => !names.has(reference)),
    );
    const shownAs = ({ references: own }: Somebody): ConsentSubject => {
      const identifiers = own.flatMap((each) => names.get(each) ?? []);
      const identifier = identifiers.find(({ scheme }) => scheme !== ACTOR && !scheme.startsWith(':'));
      if (identifier) return { scheme: identifier.scheme, value: identifier.value };
      const [reference = ''] = own;
      if (!viewer.nameSubjects) return { reference, ...(erased.has(reference) && { erased: true }) };
      return identifiers.length > 0 ? { reference } : { reference, ...goneOf(reference, erased) };
    };
    return new Map(people.map((person) => [person, shownAs(person)]));
  }
}

/** Behind every purpose. */
const LAST = '\uffff';

function peopleOf(found: readonly { person: Somebody }[], sought: readonly Somebody[] | undefined): Reference[] {
  return [...new Set((sought ?? found.map(({ person }) => person)).flatMap(({ references }) => references))];
}

interface Row {
  reference: string;
  kind: number;
  time: number;
  position: number;
  source: string;
  id: string;
  fact: string;
  recorded_at: number;
  type: string;
  entry: string;
  fallen: number;
}

async function readStatements(db: Kysely<Schema>, references: readonly Reference[], position: number): Promise<Row[]> {
  const fallen = isFallen({ position: sql`f.position`, source: sql`f.source`, id: sql`f.id` }, position);
  const { rows } =
    await sql<Row>`select k.value as reference, f.kind, f.time, f.position, f.source, f.id, f.fact, d.recorded_at, d.type, d.entry,
      case when ${fallen} then 1 else 0 end as fallen
    from findings_keys as k join findings_facts as f on f.key = k.id join entries_documents as d on d.position = f.position
    where k.kind = ${sql.lit(KEY_KINDS.person)} and k.value in ${listed(references)}
      and f.kind in (${CONSENT}, ${OBJECTION}, ${DECISION}) and f.position <= ${position}
    order by f.time, f.position limit ${MAX_STATEMENTS + 1}`.execute(db);
  return rows;
}

const KINDS: Readonly<Record<number, Statement['kind']>> = {
  [FACT_KINDS.consent]: 'consent',
  [FACT_KINDS.objection]: 'objection',
  [FACT_KINDS.decision]: 'decision',
};

function statementOf({ kind, source, id, position, time, recorded_at, fact, type, entry, fallen }: Row): Statement {
  const { textVersion, method } = latestOf(type, entry).data as { textVersion?: string; method?: string };
  return {
    ...{ kind: KINDS[kind] as Statement['kind'], source, id, position, time: Number(time), recordedAt: Number(recorded_at) },
    said: JSON.parse(fact) as Said,
    ...(textVersion !== undefined && { textVersion }),
    ...(method !== undefined && { method }),
    stands: !fallen,
  };
}
