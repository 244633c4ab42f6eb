import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { driverOf, type Sought, soughtBy } from '../entries/about.ts';
import { matchedFacts } from '../entries/count.ts';
import { VALUE_AXES } from '../entries/numbers.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

/** What one actor did on one day (UTC). */
export interface ActorDay {
  /** By id with the permission to name actors, else by reference. */
  actor: { id: string } | { reference: string; erased?: true };
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
  ) {
    this.#asking = new Asking(views, store, vault, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: ActorActivity): Promise<Answer<ActorDay>> {
    const { limit = DEFAULT_LIMIT } = question;
    const frame = await this.#asking.frame('actor-activity', question);
    const sought = await soughtBy(question.about ?? {}, this.vault);
    const matched = sought && (await this.matched(sought, frame));
    const found = matched ? await this.days(matched, question, frame, limit + 1) : [];
    const days = found.slice(0, limit);
    const last = days.at(-1);
    const references = await this.references(days);
    return {
      items: matched && days.length > 0 ? await this.items(matched, days, references, question.viewer.nameActors) : [],
      next: found.length > limit && last ? this.#asking.next('actor-activity', question, frame, [last.day, last.actor]) : null,
      position: frame.position,
      asOf: frame.asOf,
      // The activity of an actor is about that person.
      people: sought?.values.get('subject') ?? sought?.values.get('actor') ?? [...new Set(references.values())],
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  private async matched(sought: Sought, { position }: Frame): Promise<RawBuilder<unknown> | undefined> {
    const driver = await driverOf(this.views.db, sought);
    if (!driver) return undefined;
    const actors = sought.values.get('actor');
    const acting =
      actors &&
      sql<SqlBool>`f.actor in (select id from entries_values where axis = ${VALUE_AXES.actor} and value in (${sql.join(actors)}))`;
    return matchedFacts(this.views.db, this.store, { sought, driver, position }, acting);
  }

  private async days(matched: RawBuilder<unknown>, { order = 'desc' }: Question, { last }: Frame, limit: number): Promise<DayRow[]> {
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

  private async items(matched: RawBuilder<unknown>, days: readonly DayRow[], references: ReadonlyMap<number, string>, isNamed: boolean) {
    const first = Math.min(...days.map((row) => row.day));
    const end = Math.max(...days.map((row) => row.day)) + DAY_MS;
    const actors = [...references.keys()];
    const within = sql`with matched as (${matched}), f as (
      select * from matched where time >= ${first} and time < ${end} and actor in (${sql.join(actors)}))`;
    const [hours, subjects, categories, names] = await Promise.all([
      this.hours(within),
      this.subjects(within),
      this.categories(within),
      isNamed ? this.vault.identifiers([...references.values()]) : undefined,
    ]);
    return days.map((row): ActorDay => {
      const reference = references.get(row.actor) as string;
      const key = keyOf(row);
      return {
        actor: actorOf(reference, names),
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

  private async hours(within: RawBuilder<unknown>): Promise<ByDay<number[]>> {
    const { rows } = await sql<{ day: number; actor: number; start: number; accesses: number }>`${within}
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

  private async subjects(within: RawBuilder<unknown>): Promise<ByDay<number>> {
    const { rows } = await sql<{ day: number; actor: number; people: number }>`${within}, named as (
        select ${DAY} as day, f.actor, f.subject from f where f.subject is not null
        union all
        select ${DAY} as day, f.actor, s.subject from f join entries_subjects as s on s.position = f.position where f.subject is null
      )
      select day, actor, count(distinct subject) as people from named group by day, actor`.execute(this.views.db);
    return new Map(rows.map((row) => [keyOf(row), Number(row.people)]));
  }

  private async categories(within: RawBuilder<unknown>): Promise<ByDay<Set<string>>> {
    const { rows } = await sql<{ day: number; actor: number; categories: string }>`${within}
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

function actorOf(reference: string, names: Awaited<ReturnType<KeyVault['identifiers']>> | undefined): ActorDay['actor'] {
  if (!names) return { reference };
  const identifiers = names.get(reference);
  const name = (identifiers?.find(({ scheme }) => scheme === 'actor') ?? identifiers?.[0])?.value;
  return name === undefined ? { reference, erased: true } : { id: name };
}
