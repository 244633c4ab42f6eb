import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { listed } from '../database.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { matchedFacts, onePerson } from '../entries/count.ts';
import { type ShownWho, whoAmong } from '../entries/gone.ts';
import { VALUE_AXES } from '../entries/numbers.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

/** What one actor did on one day (UTC). */
export interface ActorDay {
  /** By id with the permission to name actors, else by reference; somebody who has several, by one of them. */
  actor: ShownWho;
  /** `2026-03-02` */
  day: string;
  events: number;
  accesses: number;
  /** Accesses by the hour of the day, 24 numbers. */
  hours: number[];
  /** Distinct people. */
  subjects: number;
  categories: string[];
  /** Distinct cases. */
  cases: number;
  /** Accesses that were refused. */
  denied: number;
  searches: number;
  searchesWithoutCase: number;
}

/**
 * An actor's activity by day (Q8): accesses by hour, people, categories, cases, denied attempts, searches without a case.
 * Counted is what an actor did, not what others did on the actor's behalf; what was retracted is not, what was corrected
 * once. `order` is by day.
 */
export class ActorActivity extends Query<Answer<ActorDay>> {
  constructor(readonly question: Question) {
    super();
  }
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DEFAULT_LIMIT = 50;
/** Written out and not bound: a bound number is a floating one, and the hour would be one too. */
const DAY_LENGTH = sql.lit(DAY_MS);
/** Start of the day in which `time` falls; also before 1970. */
const day = (time: RawBuilder<number>) => sql<number>`(${time} - ((${time} % ${DAY_LENGTH}) + ${DAY_LENGTH}) % ${DAY_LENGTH})`;
const DAY = day(sql<number>`f.time`);
const ACCESSED = sql<SqlBool>`p.type = 'PersonalDataAccessed'`;
const count = (condition: RawBuilder<SqlBool>) => sql<number>`sum(case when ${condition} then 1 else 0 end)`;

interface DayRow {
  day: number;
  actor: number;
  events: number;
  accesses: number;
  cases: number;
  denied: number;
  searches: number;
  without_case: number;
}

/** What is known of each day beside its row, by `keyOf`. */
type ByDay<T> = Map<string, T>;
const keyOf = ({ day, actor }: Pick<DayRow, 'day' | 'actor'>): string => `${day} ${actor}`;

@QueryHandler(ActorActivity)
export class ActorActivityHandler implements IQueryHandler<ActorActivity> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: ActorActivity): Promise<Answer<ActorDay>> {
    const { limit = DEFAULT_LIMIT } = question;
    const frame = await this.#asking.frame('actor-activity', question);
    const sought = await this.#asking.sought(question, frame);
    const found = sought ? await this.days(sought, question, frame, limit + 1) : [];
    const days = found.slice(0, limit);
    const last = days.at(-1);
    const references = await this.references(days);
    return {
      items: sought && days.length > 0 ? await this.items(sought, frame, days, references, question.viewer.nameActors) : [],
      next: found.length > limit && last ? this.#asking.next('actor-activity', question, frame, [last.day, last.actor]) : null,
      position: frame.position,
      asOf: frame.asOf,
      // The activity of an actor is about that person.
      people: sought?.values.get('subject') ?? sought?.values.get('actor') ?? (await this.everybody(references, frame)),
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  private async everybody(references: ReadonlyMap<number, string>, frame: Frame): Promise<string[]> {
    return references.size === 0 ? [] : [...new Set((await this.#asking.groupsOf(frame)([...references.values()])).flat())];
  }

  /** The facts that match, with one number for an actor who has several. */
  private async matched(sought: Sought, frame: Frame): Promise<RawBuilder<unknown> | undefined> {
    const driver = await driverOf(this.views.db, sought, 'count');
    if (!driver) return undefined;
    const actors = sought.values.get('actor');
    const acting =
      actors && sql<SqlBool>`f.actor in (select id from entries_values where axis = ${VALUE_AXES.actor} and value in ${listed(actors)})`;
    const matched = await matchedFacts(this.views.db, this.store, { sought, driver, position: frame.position }, acting);
    const one = onePerson(await this.#asking.merged(frame), VALUE_AXES.actor);
    if (!one) return matched;
    return sql`select m.position, m.time, m.profile, coalesce(o.person, m.actor) as actor, m.case_ref, m.subject
      from (${matched}) as m left join ${one} as o on o.number = m.actor`;
  }

  private async days(sought: Sought, { order = 'desc' }: Question, frame: Frame, limit: number): Promise<DayRow[]> {
    const { last } = frame;
    const matched = await this.matched(last ? within(sought, ...daysFrom(last[0] as number, order)) : sought, frame);
    if (!matched) return [];
    const direction = order === 'asc' ? sql`asc` : sql`desc`;
    const behind = last === undefined ? sql`` : sql`where (${DAY}, f.actor) ${order === 'asc' ? sql`>` : sql`<`} (${sql.join(last)})`;
    const { rows } = await sql<DayRow>`with matched as (${matched})
      select ${DAY} as day, f.actor, count(*) as events, ${count(ACCESSED)} as accesses, count(distinct f.case_ref) as cases,
        ${count(sql`${ACCESSED} and p.outcome = 'denied'`)} as denied, ${count(sql`${ACCESSED} and p.mode = 'search'`)} as searches,
        ${count(sql`${ACCESSED} and p.mode = 'search' and f.case_ref is null`)} as without_case
      from matched as f join entries_profiles as p on p.id = f.profile ${behind}
      group by 1, f.actor order by 1 ${direction}, f.actor ${direction} limit ${limit}`.execute(this.views.db);
    return rows;
  }

  private async items(sought: Sought, frame: Frame, days: readonly DayRow[], references: ReadonlyMap<number, string>, isNamed: boolean) {
    const starts = days.map((row) => row.day);
    const matched = (await this.matched(within(sought, Math.min(...starts), Math.max(...starts)), frame)) as RawBuilder<unknown>;
    const f = sql`with matched as (${matched}), f as (select * from matched where actor in ${listed([...references.keys()])})`;
    const merged = await this.#asking.merged(frame);
    const [hours, subjects, categories, who] = await Promise.all([
      this.hours(f),
      this.subjects(f, merged),
      this.categories(f),
      whoAmong(this.vault, [...references.values()], isNamed),
    ]);
    return days.map((row): ActorDay => {
      const reference = references.get(row.actor) as string;
      const key = keyOf(row);
      return {
        actor: who(reference),
        day: new Date(row.day).toISOString().slice(0, 10),
        events: Number(row.events),
        accesses: Number(row.accesses),
        hours: hours.get(key) ?? new Array(24).fill(0),
        subjects: subjects.get(key) ?? 0,
        categories: [...(categories.get(key) ?? [])].sort(),
        cases: Number(row.cases),
        denied: Number(row.denied),
        searches: Number(row.searches),
        searchesWithoutCase: Number(row.without_case),
      };
    });
  }

  private async hours(f: RawBuilder<unknown>): Promise<ByDay<number[]>> {
    const { rows } = await sql<{ day: number; actor: number; start: number; accesses: number }>`${f}
      select ${DAY} as day, f.actor, (f.time - ${DAY}) / ${sql.lit(HOUR_MS)} as start, count(*) as accesses
      from f join entries_profiles as p on p.id = f.profile where ${ACCESSED} group by 1, f.actor, 3`.execute(this.views.db);
    const byDay: ByDay<number[]> = new Map();
    for (const row of rows) {
      const key = keyOf(row);
      const hours = byDay.get(key) ?? new Array<number>(24).fill(0);
      hours[row.start] = Number(row.accesses);
      byDay.set(key, hours);
    }
    return byDay;
  }

  /** Distinct people; somebody with several references once. */
  private async subjects(f: RawBuilder<unknown>, merged: readonly string[][]): Promise<ByDay<number>> {
    const one = onePerson(merged, VALUE_AXES.subject);
    const person = one ? sql`coalesce(o.person, n.subject)` : sql`n.subject`;
    const joined = one ? sql`left join ${one} as o on o.number = n.subject` : sql``;
    const { rows } = await sql<{ day: number; actor: number; people: number }>`${f}, named as (
        select ${DAY} as day, f.actor, f.subject from f where f.subject is not null
        union all
        select ${DAY} as day, f.actor, s.subject from f join entries_subjects as s on s.position = f.position where f.subject is null
      )
      select n.day, n.actor, count(distinct ${person}) as people from named as n ${joined} group by n.day, n.actor`.execute(this.views.db);
    return new Map(rows.map((row) => [keyOf(row), Number(row.people)]));
  }

  private async categories(f: RawBuilder<unknown>): Promise<ByDay<Set<string>>> {
    const { rows } = await sql<{ day: number; actor: number; categories: string }>`${f}
      select distinct ${DAY} as day, f.actor, p.categories from f join entries_profiles as p on p.id = f.profile`.execute(this.views.db);
    const byDay: ByDay<Set<string>> = new Map();
    for (const row of rows) {
      const key = keyOf(row);
      const categories = byDay.get(key) ?? new Set<string>();
      for (const category of JSON.parse(row.categories) as string[]) categories.add(category);
      byDay.set(key, categories);
    }
    return byDay;
  }

  private async references(days: readonly DayRow[]): Promise<Map<number, string>> {
    const actors = [...new Set(days.map(({ actor }) => actor))];
    if (actors.length === 0) return new Map();
    const rows = await this.views.db.selectFrom('entries_values').select(['id', 'value']).where('id', 'in', actors).execute();
    return new Map(rows.map(({ id, value }) => [id, value]));
  }
}

/** The days that are left from one on. */
const daysFrom = (day: number, order: 'asc' | 'desc'): [number, number] => (order === 'asc' ? [day, Infinity] : [-Infinity, day]);

/** What is sought, narrowed to days from one to another. */
function within(sought: Sought, first: number, last: number): Sought {
  const from = Math.max(sought.from ?? -Infinity, first);
  const to = Math.min(sought.to ?? Infinity, last + DAY_MS);
  return { ...sought, ...(Number.isFinite(from) && { from }), ...(Number.isFinite(to) && { to }) };
}
