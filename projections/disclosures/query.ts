import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type RawBuilder, sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { matchedFacts, onePerson } from '../entries/count.ts';
import { VALUE_AXES } from '../entries/numbers.ts';
import { iso } from '../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { QuestionTooLong, Views } from '../views.ts';

/** What one recipient got for one purpose. */
export interface Disclosure {
  recipient: { id: string; role?: string; country?: string };
  purpose?: string;
  events: number;
  /** Distinct people. */
  subjects: number;
  categories: string[];
  legalBases: string[];
  /** Where it happened. */
  countries: string[];
  /** Events that name a decision. */
  decisions: number;
  firstAt: string;
  lastAt: string;
}

/**
 * What was disclosed and transferred, by recipient and purpose (Q7). A recipient named with another role or country is
 * shown apart. What was retracted is not counted, what was corrected once. `order` is by the last time.
 */
export class Disclosures extends Query<Answer<Disclosure>> {
  constructor(readonly question: Question) {
    super();
  }
}

const TYPES = ['PersonalDataDisclosed', 'PersonalDataTransferred'];
/** Combinations of recipient and codes in one answer, at most; beyond, the question is too broad. */
const MAX_COMBINATIONS = 50_000;
const DEFAULT_LIMIT = 50;

interface Row {
  recipient: string;
  recipient_role: string | null;
  recipient_country: string | null;
  purpose: string | null;
  legal_basis: string | null;
  country: string | null;
  categories: string;
  decided: number;
  events: number;
  first_at: number;
  last_at: number;
}

type GroupRow = Pick<Row, 'recipient' | 'recipient_role' | 'recipient_country' | 'purpose'>;

@QueryHandler(Disclosures)
export class DisclosuresHandler implements IQueryHandler<Disclosures> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Disclosures): Promise<Answer<Disclosure>> {
    const frame = await this.#asking.frame('disclosures', question);
    const sought = await this.#asking.sought(question, frame);
    const all = sought ? await this.count(disclosing(sought), frame) : [];
    const { items, more } = pageOf(all, question, frame);
    const last = items.at(-1);
    return {
      items,
      next: more && last ? this.#asking.next('disclosures', question, frame, [last.lastAt, keyOf(last)]) : null,
      position: frame.position,
      asOf: frame.asOf,
      // Mere counts name nobody but whoever was asked about.
      people: sought?.values.get('subject') ?? sought?.values.get('actor') ?? [],
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  private async count(sought: Sought, frame: Frame): Promise<Disclosure[]> {
    const driver = sought.codes.get('type')?.length === 0 ? undefined : await driverOf(this.views.db, sought, 'count');
    if (!driver) return [];
    const matched = await matchedFacts(
      this.views.db,
      this.store,
      { sought, driver, position: frame.position },
      sql`f.recipient is not null`,
    );
    const merged = await this.#asking.merged(frame);
    const [combinations, people] = await Promise.all([this.combinations(matched), this.people(matched, merged)]);
    if (combinations.length > MAX_COMBINATIONS) throw new QuestionTooLong();
    const groups = new Map<string, Row[]>();
    for (const row of combinations) {
      const key = groupOf(row);
      const rows = groups.get(key);
      if (rows) rows.push(row);
      else groups.set(key, [row]);
    }
    return [...groups].map(([key, rows]) => disclosureOf(rows, people.get(key) ?? 0));
  }

  private async combinations(matched: RawBuilder<unknown>): Promise<Row[]> {
    const { rows } = await sql<Row>`with matched as (${matched}), counted as (
        select recipient, profile, count(*) as events, min(time) as first_at, max(time) as last_at from matched group by recipient, profile
      )
      select v.value as recipient, p.recipient_role, p.recipient_country, p.purpose, p.legal_basis, p.country, p.categories, p.decided,
        c.events, c.first_at, c.last_at
      from counted as c join entries_values as v on v.id = c.recipient join entries_profiles as p on p.id = c.profile
      limit ${MAX_COMBINATIONS + 1}`.execute(this.views.db);
    return rows;
  }

  /** Distinct people of each group; somebody with several references once. */
  private async people(matched: RawBuilder<unknown>, merged: readonly string[][]): Promise<Map<string, number>> {
    const one = onePerson(merged, VALUE_AXES.subject);
    const person = one ? sql`coalesce(o.person, n.subject)` : sql`n.subject`;
    const joined = one ? sql`left join ${one} as o on o.number = n.subject` : sql``;
    const { rows } = await sql<GroupRow & { people: number }>`with matched as (${matched}), named as (
        select recipient, profile, subject from matched where subject is not null
        union all
        select m.recipient, m.profile, s.subject from matched as m join entries_subjects as s on s.position = m.position where m.subject is null
      )
      select v.value as recipient, p.recipient_role, p.recipient_country, p.purpose, count(distinct ${person}) as people
      from named as n ${joined} join entries_values as v on v.id = n.recipient join entries_profiles as p on p.id = n.profile
      group by v.value, p.recipient_role, p.recipient_country, p.purpose`.execute(this.views.db);
    return new Map(rows.map((row) => [groupOf(row), Number(row.people)]));
  }
}

function disclosing(sought: Sought): Sought {
  const asked = sought.codes.get('type');
  return { ...sought, codes: new Map([...sought.codes, ['type', asked ? TYPES.filter((type) => asked.includes(type)) : TYPES]]) };
}

function groupOf({ recipient, recipient_role, recipient_country, purpose }: GroupRow): string {
  return JSON.stringify([recipient, recipient_role, recipient_country, purpose]);
}

function keyOf({ recipient: { id, role, country }, purpose }: Disclosure): string {
  return JSON.stringify([id, role ?? null, country ?? null, purpose ?? null]);
}

function disclosureOf(rows: readonly Row[], subjects: number): Disclosure {
  const { recipient, recipient_role, recipient_country, purpose } = rows[0] as Row;
  const codes = (of: (row: Row) => (string | null)[]) => [...new Set(rows.flatMap(of))].filter((code) => code !== null).sort();
  const events = (some: readonly Row[]) => some.reduce((sum, row) => sum + Number(row.events), 0);
  return {
    recipient: {
      id: recipient,
      ...(recipient_role !== null && { role: recipient_role }),
      ...(recipient_country !== null && { country: recipient_country }),
    },
    ...(purpose !== null && { purpose }),
    events: events(rows),
    subjects,
    categories: codes((row) => JSON.parse(row.categories)),
    legalBases: codes((row) => [row.legal_basis]),
    countries: codes((row) => [row.country]),
    decisions: events(rows.filter(({ decided }) => decided === 1)),
    firstAt: iso(Math.min(...rows.map((row) => Number(row.first_at)))),
    lastAt: iso(Math.max(...rows.map((row) => Number(row.last_at)))),
  };
}

function pageOf(all: Disclosure[], { order = 'desc', limit = DEFAULT_LIMIT }: Question, { last }: Frame) {
  const sign = order === 'asc' ? 1 : -1;
  const place = (item: Disclosure): [string, string] => [item.lastAt, keyOf(item)];
  const compare = (a: readonly [string, string], b: readonly [string, string]) => sign * (by(a[0], b[0]) || by(a[1], b[1]));
  const sorted = all.sort((a, b) => compare(place(a), place(b)));
  const rest = last ? sorted.filter((item) => compare(place(item), last as [string, string]) > 0) : sorted;
  return { items: rest.slice(0, limit), more: rest.length > limit };
}

const by = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
