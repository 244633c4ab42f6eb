import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { sql } from 'kysely';
import { EventStore } from '../../../src/eventstore/event-store.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import { inForceAt } from '../../../src/policy/in-force.ts';
import type { Promises } from '../../../src/policy/promises.ts';
import { KeyVault } from '../../../src/privacy/key-vault.ts';
import { driverOf, type Sought } from '../../entries/about.ts';
import { matchedFacts } from '../../entries/count.ts';
import { iso, momentOf } from '../../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../../question.ts';
import { QuestionTooLong, Views } from '../../views.ts';
import { AGREEMENT_TYPES, agreementsOf, holdsAt, type RecordedAgreement, type Said } from '../agreements.ts';
import { pageOf } from '../paging.ts';
import { standingOf } from '../standing.ts';

/** Whether an agreement, or a grant, is current at the day that is asked about. */
export type Standing = 'current' | 'not-yet' | 'ended';

/** An agreement with a processor (Art. 28(3)): declared by the policy, or recorded. What it leaves out it does not limit. */
export interface ShownAgreement {
  standing: Standing;
  /** Of a declared one; a recorded one is known by its digest alone. */
  reference?: string;
  from: string;
  until?: string;
  purposes?: readonly string[];
  categories?: readonly string[];
  countries?: readonly string[];
  systems?: readonly string[];
  scope?: readonly string[];
  /** Records that say so; absent of a declared one. */
  engaged?: Said;
  terminated?: Said;
}

/** What went to a processor, and how much of it no agreement covered when it happened. */
export interface DisclosedToProcessor {
  events: number;
  firstAt: string;
  lastAt: string;
  /** There never was an agreement. */
  withoutAgreement: number;
  /** None was current. */
  notCurrent: number;
  /** None that was current covered purpose and data. */
  beyondScope: number;
  /** None that covered them covered the country. */
  beyondCountries: number;
}

export interface ProcessorItem {
  id: string;
  /** Those of the policy; absent where it does not name the processor. */
  name?: string;
  role: string;
  service?: string;
  clauses?: readonly number[];
  /** Whether any agreement is current. */
  current: boolean;
  agreements: ShownAgreement[];
  /** Null where nothing was disclosed. */
  disclosed: DisclosedToProcessor | null;
}

/**
 * The processors of the controller (Art. 28): agreements that were declared and recorded, whether they are current, and what was
 * disclosed beyond them. It counts events and names nobody.
 */
export class Processors extends Query<Answer<ProcessorItem>> {
  constructor(readonly question: Question) {
    super();
  }
}

const NAME = 'processors';
const DISCLOSING = ['PersonalDataDisclosed', 'PersonalDataTransferred'];
const ROLES = ['processor', 'sub-processor'];
/** Days on which an agreement begins or ends, at most: between two of them the same ones are current. */
const MAX_TURNS = 2_000;
const MAX_COMBINATIONS = 50_000;

/** An agreement, by what is judged of it. Times in milliseconds since 1970. */
type Limits = Pick<RecordedAgreement, 'from' | 'until' | 'purposes' | 'categories' | 'countries'>;

interface Row {
  recipient: string;
  role: string;
  country: string | null;
  purpose: string | null;
  categories: string;
  /** How many turns came before. */
  turn: number;
  events: number;
  first_at: number;
  last_at: number;
}

interface Known {
  id: string;
  role: string;
  limits: Limits[];
  shown: ShownAgreement[];
  named: Pick<ProcessorItem, 'name' | 'service' | 'clauses'>;
}

@QueryHandler(Processors)
export class ProcessorsHandler implements IQueryHandler<Processors> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Processors): Promise<Answer<ProcessorItem>> {
    const frame = await this.#asking.frame(NAME, question);
    const sought = (await this.#asking.sought(question, frame)) as Sought;
    const at = Date.parse(frame.asOf);
    const [engaged, versions] = await Promise.all([
      standingOf(this.views.db, this.store, AGREEMENT_TYPES, frame.position),
      this.policies.versions(),
    ]);
    const recorded = versions.filter(({ position }) => position <= frame.position);
    const promises = inForceAt(recorded, at)?.promises;
    const ours = promises?.policy.controller.id;
    const isOurs = (controller: string | undefined) => controller === undefined || ours === undefined || controller === ours;
    const agreements = agreementsOf(engaged, promises).filter(({ processor, controller }) => isOurs(controller) && processor !== ours);
    const known = knownOf(promises, agreements, at);
    const turns = turnsOf([...known.values()].flatMap(({ limits }) => limits));
    const rows = (await this.disclosed(sought, frame, turns)).filter(({ controller }) => isOurs(controller));
    const wanted = sought.values.get('recipient');
    const items = itemsOf(known, rows, turns, promises).filter(
      ({ id }) => wanted === undefined || wanted.some((name) => idOf(promises, name) === id),
    );
    return { ...pageOf(NAME, items, { asking: this.#asking, question, frame }), people: [] };
  }

  /** What went to processors, by everything that an agreement limits, and between which turns. */
  private async disclosed(sought: Sought, frame: Frame, turns: readonly number[]): Promise<(Row & { controller: string | undefined })[]> {
    const { db } = this.views;
    // Whoever is asked about may be named in several ways: they are told apart at the end.
    const values = new Map([...sought.values].filter(([axis]) => axis !== 'recipient'));
    const disclosing: Sought = { ...sought, values, codes: new Map([...sought.codes, ['type', DISCLOSING]]) };
    const driver = await driverOf(db, disclosing, 'count');
    if (!driver) return [];
    const matched = await matchedFacts(db, this.store, { sought: disclosing, driver, position: frame.position });
    const before = sql`(select count(*) from json_each(${JSON.stringify(turns)}) as t where t.value <= m.time)`;
    const { rows } = await sql<Row & { controller: string | null }>`with matched as (${matched}), counted as (
        select m.recipient, m.controller, m.profile, ${before} as turn, count(*) as events, min(m.time) as first_at, max(m.time) as last_at
        from matched as m join entries_profiles as p on p.id = m.profile
        where m.recipient is not null and p.recipient_role in (${sql.join(ROLES)})
          and coalesce(p.capacity, 'controller') not in (${sql.join(ROLES)})
        group by m.recipient, m.controller, m.profile, 4
      )
      select r.value as recipient, o.value as controller, p.recipient_role as role, p.recipient_country as country, p.purpose, p.categories,
        c.turn, c.events, c.first_at, c.last_at
      from counted as c join entries_profiles as p on p.id = c.profile join entries_values as r on r.id = c.recipient
        left join entries_values as o on o.id = c.controller
      limit ${MAX_COMBINATIONS + 1}`.execute(db);
    if (rows.length > MAX_COMBINATIONS) throw new QuestionTooLong();
    return rows.map((row) => ({ ...row, controller: row.controller ?? undefined }));
  }
}

const idOf = (promises: Promises | undefined, name: string): string => promises?.processor(name)?.id ?? name;

function knownOf(promises: Promises | undefined, recorded: readonly RecordedAgreement[], at: number): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const [id, { name, role, service, agreements, clauses }] of Object.entries(promises?.policy.processors ?? {})) {
    const declared = Object.entries(agreements).map(([reference, { from, until, purposes, categories, countries }]) => {
      const limits: Limits = {
        ...{ from: momentOf(from, 'start'), purposes, categories, countries },
        ...(until !== undefined && { until: momentOf(until, 'end') }),
      };
      const shown = { reference, from, ...(until !== undefined && { until }), purposes, categories, countries };
      return { limits, shown: { standing: standingAt(limits, at), ...shown } };
    });
    known.set(id, {
      ...{ id, role, named: { name, service, clauses } },
      limits: declared.map(({ limits }) => limits),
      shown: declared.map(({ shown }) => shown),
    });
  }
  for (const agreement of recorded) {
    const { processor, role = 'processor', controller, from, until, ...shown } = agreement;
    const id = idOf(promises, processor);
    const one = known.get(id) ?? { id, role, limits: [], shown: [], named: {} };
    one.limits.push(agreement);
    one.shown.push({
      ...{ standing: standingAt(agreement, at), from: iso(from) },
      ...(until !== undefined && { until: iso(until) }),
      ...shown,
    });
    known.set(id, one);
  }
  return known;
}

export function standingAt(limits: Pick<Limits, 'from' | 'until'>, at: number): Standing {
  if (at < limits.from) return 'not-yet';
  return holdsAt(limits, at) ? 'current' : 'ended';
}

/** Every moment from which other agreements are current than before, ascending. */
function turnsOf(limits: readonly Limits[]): number[] {
  const turns = new Set(limits.flatMap(({ from, until }) => (until === undefined ? [from] : [from, until + 1])));
  if (turns.size > MAX_TURNS) throw new QuestionTooLong();
  return [...turns].sort((a, b) => a - b);
}

function itemsOf(
  known: ReadonlyMap<string, Known>,
  rows: readonly Row[],
  turns: readonly number[],
  promises: Promises | undefined,
): ProcessorItem[] {
  const byProcessor = Map.groupBy(rows, ({ recipient }) => idOf(promises, recipient));
  const ids = [...new Set([...known.keys(), ...byProcessor.keys()])].sort();
  return ids.map((id) => {
    const { role, limits, shown, named } = known.get(id) ?? {
      role: byProcessor.get(id)?.[0]?.role ?? 'processor',
      limits: [],
      shown: [],
      named: {},
    };
    const theirs = byProcessor.get(id);
    return {
      ...{ id, ...named, role },
      current: shown.some(({ standing }) => standing === 'current'),
      agreements: shown,
      disclosed: theirs === undefined ? null : disclosedOf(theirs, limits, turns),
    };
  });
}

function disclosedOf(rows: readonly Row[], limits: readonly Limits[], turns: readonly number[]): DisclosedToProcessor {
  const counts = { withoutAgreement: 0, notCurrent: 0, beyondScope: 0, beyondCountries: 0 };
  for (const row of rows) {
    const beyond = beyondOf(row, limits, turns[row.turn - 1] ?? Number.NEGATIVE_INFINITY);
    if (beyond !== undefined) counts[beyond] += Number(row.events);
  }
  return {
    events: rows.reduce((sum, { events }) => sum + Number(events), 0),
    firstAt: iso(Math.min(...rows.map((row) => Number(row.first_at)))),
    lastAt: iso(Math.max(...rows.map((row) => Number(row.last_at)))),
    ...counts,
  };
}

/** What no agreement covered, if anything; as in rule R9. A country that was not said is none beyond. @param at when the last turn was */
function beyondOf(
  { purpose, categories, country }: Row,
  limits: readonly Limits[],
  at: number,
): keyof Omit<DisclosedToProcessor, 'events' | 'firstAt' | 'lastAt'> | undefined {
  if (limits.length === 0) return 'withoutAgreement';
  const current = limits.filter((each) => holdsAt(each, at));
  if (current.length === 0) return 'notCurrent';
  const data = JSON.parse(categories) as string[];
  const covering = current.filter((each) => includes(each.purposes, purpose === null ? [] : [purpose]) && includes(each.categories, data));
  if (covering.length === 0) return 'beyondScope';
  return country === null || covering.some((each) => includes(each.countries, [country])) ? undefined : 'beyondCountries';
}

const includes = (limit: readonly string[] | undefined, values: readonly string[]): boolean =>
  limit === undefined || values.every((each) => limit.includes(each));
