/** Given a log, when it is judged page by page, then what stands found; and beside it what ought to be, worked out from all events at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { ViewsDatabase } from '../../../projections/database.ts';
import { Findings } from '../../../projections/findings/findings.ts';
import { judge, type Published } from '../../../projections/findings/judge.ts';
import type { Outcome } from '../../../projections/findings/rules/rule.ts';
import { nameOfWeek, weekOf as numberOf } from '../../../projections/findings/weeks.ts';
import { Runner, type RunnerOptions } from '../../../projections/runner.ts';
import { factsOf, heardOf } from '../../../projections/state/facts.ts';
import { inOrder, type Known, stateAround, type Timed } from '../../../projections/state/moment.ts';
import { groupsBy } from '../../../projections/state/state.ts';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import type { Entry, StoredData } from '../../../src/ledger/entry.ts';
import type { Policy } from '../../../src/policy/document.ts';
import { inForceAt } from '../../../src/policy/in-force.ts';
import { digestOf } from '../../../src/policy/normal-form.ts';
import { Promises } from '../../../src/policy/promises.ts';
import { MAILIT, read } from '../../policy/given.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** When the first event of a log is recorded. */
export const NOW = Date.parse('2026-03-02T12:00:00.000Z');

export interface Given {
  type: string;
  source: string;
  id: string;
  /** Hours from `NOW`. */
  at: number;
  data: Record<string, unknown>;
}

/** 22 characters that stand for somebody. */
export const reference = (name: string): string => name.padEnd(21, '_').concat('A');

/** So many seconds are between two events. */
export function recorded(given: readonly Given[], step = 1): RecordedEvent[] {
  return given.map(({ type, source, id, at, data }, i) => {
    const time = new Date(NOW + at * HOUR).toISOString();
    const whole = { actor: { reference: reference('desk'), kind: 'service' }, subjects: [], ...data } as unknown as StoredData;
    const entry: Entry = { format: 1, source, id, time, version: 1, data: whole };
    return {
      ...{ position: (i + 1) * 2, stream: `processing-${source}`, revision: i, id: `event-${i}`, type },
      ...{ data: JSON.stringify(entry), metadata: '{}', recordedAt: new Date(NOW + i * step * 1_000).toISOString() },
    };
  });
}

const POLICIES = 'urn:liggare:policies';

/** MAILIT's policy, published. */
export function published(version = '1', { at = -2_000, effectiveFrom = '2018-05-25', change = (text: string) => text } = {}): Given {
  const document = read(
    change(MAILIT)
      .replace(/^version: .*$/m, `version: '${version}'`)
      .replace(/^effectiveFrom: .*$/m, `effectiveFrom: ${effectiveFrom}`),
  );
  const data = {
    policy: document.policy,
    policyVersion: version,
    effectiveFrom,
    documentDigest: digestOf(document),
    document,
    url: 'https://x.example/',
  };
  return { type: 'PolicyPublished', source: POLICIES, id: `policy-${version}`, at, data };
}

/** A log that ends where it is told to. */
export function growing(events: readonly RecordedEvent[]) {
  return {
    end: events.length,
    readAll(position: number, limit: number) {
      return events
        .slice(0, this.end)
        .filter((event) => event.position > position)
        .slice(0, limit);
    },
    head() {
      return events[this.end - 1]?.position ?? 0;
    },
  };
}

export async function follow(runner: Runner): Promise<void> {
  for (let rounds = 0; (await runner.round()) || !runner.isCaughtUp; rounds++) {
    if (runner.lastFailure !== undefined) throw runner.lastFailure;
    if (rounds > 10_000) throw new Error('the runner does not catch up');
  }
}

/** Judges a log, up to each of its ends after the other, and looks at the rows. @param restarts nothing is remembered from one end to the next */
export async function judging<T>(
  events: readonly RecordedEvent[],
  look: (db: ViewsDatabase['db']) => Promise<T>,
  { ends = [], restarts = false, ...options }: RunnerOptions & { ends?: readonly number[]; restarts?: boolean } = {},
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-judging-'));
  const views = new ViewsDatabase(join(folder, 'views.db'));
  try {
    const log = growing(events);
    let runner: Runner | undefined;
    for (const end of [...ends, events.length]) {
      if (runner === undefined || restarts) {
        runner = new Runner(views, log, [new Findings()], options);
        await runner.prepare();
      }
      log.end = end;
      await follow(runner);
    }
    return await look(views.db);
  } finally {
    views.close();
    rmSync(folder, { recursive: true });
  }
}

/** A finding in few words: which record, which rule, what, from when on, about whom, under which version. */
function inShort(
  source: string,
  id: string,
  rule: string,
  version: string | null,
  outcome: Exclude<Outcome, { verdict: 'conforms' }>,
): string {
  const said =
    outcome.verdict === 'undeterminable'
      ? `? ${outcome.missing.join(',')}`
      : [
          `${outcome.what} ${outcome.severity}`,
          outcome.recipient === undefined ? '' : ` of ${outcome.recipient}`,
          outcome.dueAt === undefined ? '' : ` from ${new Date(outcome.dueAt).toISOString()}`,
          outcome.whom === undefined ? '' : ` to ${[...new Set(outcome.whom)].sort().join('+')}`,
        ].join('');
  return `${source}/${id} ${rule} ${said} @${outcome.clause} ${outcome.article} v${version}`;
}

/** What stands found, sorted. */
export async function found(db: ViewsDatabase['db']): Promise<string[]> {
  const rows = await db
    .selectFrom('findings_rows as f')
    .innerJoin('findings_outcomes as o', 'o.id', 'f.outcome')
    .innerJoin('findings_events as e', 'e.position', 'f.position')
    .innerJoin('findings_profiles as p', 'p.id', 'e.profile')
    .selectAll('o')
    .select(['f.row', 'f.due_at', 'f.is_partial', 'p.source', 'e.id as record'])
    .where('f.until', 'is', null)
    .execute();
  const whom = await db.selectFrom('findings_whom').selectAll().execute();
  return rows
    .map(({ source, record, rule, policy_version, ...row }) =>
      inShort(source, record, rule, policy_version, {
        verdict: row.verdict,
        ...(row.missing !== null && { missing: JSON.parse(row.missing) as string[] }),
        ...{ what: row.what, severity: row.severity, clause: row.clause, article: row.article },
        ...(row.recipient !== null && { recipient: row.recipient }),
        ...(row.due_at !== null && { dueAt: row.due_at }),
        ...(row.is_partial === 1 && { whom: whom.filter((each) => each.row === row.row).map(({ reference }) => reference) }),
      } as never),
    )
    .sort();
}

/** Every row that there ever was of some rules: which record, what, at which event it appeared and went (from 1), and why. */
export async function history(db: ViewsDatabase['db'], ...rules: string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('findings_rows as f')
    .innerJoin('findings_outcomes as o', 'o.id', 'f.outcome')
    .innerJoin('findings_events as e', 'e.position', 'f.position')
    .select([
      'e.id',
      'o.rule',
      'o.what',
      'o.missing',
      'o.policy_version',
      'f.since',
      'f.until',
      'f.detected_at',
      'f.cleared_why',
      'f.due_at',
    ])
    .where('o.rule', 'in', rules)
    .orderBy('f.row')
    .execute();
  return rows.map(({ id, rule, what, missing, policy_version, since, until, detected_at, cleared_why, due_at }) => {
    const detected = (detected_at - NOW) / 1_000 + 1;
    const [from, to] = [since / 2, until === null ? '' : until / 2];
    const said = `${id} ${rule} ${what ?? `? ${(JSON.parse(missing as string) as string[]).join()}`} v${policy_version} ${from}–${to}`;
    const due = due_at === null ? '' : ` due ${new Date(due_at).toISOString().slice(0, 10)}`;
    return `${said}${due}${cleared_why === null ? '' : ` ${cleared_why}`}${detected === from ? '' : ` detected at ${detected}`}`;
  });
}

/** How many events each rule judged so, as of now. */
export async function counted(db: ViewsDatabase['db']): Promise<Record<string, string>> {
  const { rows } = await sql<
    Record<string, string | number>
  >`select rule, policy_version, week, sum(conforms) as conforms, sum(violates) as violates,
      sum(undeterminable) as undeterminable, sum(dated) as dated from findings_counts group by rule, policy_version, week`.execute(db);
  const all = rows.map(({ rule, policy_version, week, ...of }) => [`${rule} ${policy_version} ${week}`, Object.values(of).join(' ')]);
  return Object.fromEntries(all.filter(([, sums]) => sums !== '0 0 0 0').sort()) as Record<string, string>;
}

/** Every row of every table. */
export async function rowsOf(db: ViewsDatabase['db']): Promise<Record<string, unknown[]>> {
  const dump: Record<string, unknown[]> = {};
  for (const table of new Findings().tables) {
    const { rows } = await sql`select * from ${sql.table(table)}`.execute(db);
    dump[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return dump;
}

/** Everything that stands recorded, and what it says, worked out from all of it at once. */
export function expected(events: readonly RecordedEvent[]): { found: string[]; counted: Record<string, string> } {
  const all = events.map(({ type, data, recordedAt }) => {
    const { source, id, time, data: said } = JSON.parse(data) as Entry;
    return { type, source, id, time: Date.parse(time), recordedAt: Date.parse(recordedAt), data: said };
  });
  const isSame = (pointer: unknown, { source, id }: { source: string; id: string }) =>
    (pointer as { source: string; id: string }).source === source && (pointer as { id: string }).id === id;
  const stands = (record: (typeof all)[number], chain = 16): boolean =>
    !all.some(
      (by) =>
        (by.type === 'RecordRetracted' || by.type === 'RecordCorrected') &&
        isSame(by.data['target'], record) &&
        (by.type === 'RecordRetracted' || all.some((other) => isSame(by.data['replacement'], other))) &&
        (chain === 0 || stands(by, chain - 1)),
    );
  const standing = all.filter((each) => stands(each));
  const groups = groupsBy(
    standing.filter(({ type }) => type === 'SubjectsMerged').map(({ data }) => data.subjects.map((one) => one.reference)),
  );
  const facts = standing.flatMap(factsOf);
  const known: Known = {
    of: (kind, value) => {
      const isPerson = kind === 'person' || kind === 'actor';
      const names = (isPerson ? groups.get(value) : undefined) ?? [value];
      return facts.filter(({ key }) => key.kind === kind && names.includes(key.value)).sort(inOrder) as Timed[];
    },
    isHeard: (kind, value) => standing.some((each) => heardOf(each)?.kind === kind && heardOf(each)?.value === value),
    isSamePerson: (one, other) => one === other || groups.get(one)?.includes(other) === true,
  };
  const versions: Published[] = all
    .filter(({ type }) => type === 'PolicyPublished')
    .map(({ data }) => ({
      ...{ policy: String(data['policy']), version: String(data['policyVersion']), effectiveFrom: String(data['effectiveFrom']) },
      ...{ digest: String(data['documentDigest']), promises: new Promises(data['document'] as Policy) },
    }));
  const lines: string[] = [];
  const weight = { conforms: 0, dated: 1, undeterminable: 2, violates: 3 };
  const rules: Record<string, { conforms: number; violates: number; undeterminable: number; dated: number }> = {};
  for (const event of standing) {
    const controller = inForceAt(versions, event.time)?.promises.policy.controller.id;
    const heaviest: Record<string, keyof typeof weight> = {};
    for (const { rule, policyVersion, outcome } of judge(event, versions, stateAround(known, event, controller))) {
      const as = outcome.verdict === 'violates' && outcome.dueAt !== undefined ? 'dated' : outcome.verdict;
      const name = `${rule} ${policyVersion ?? ''} ${weekOf(event.time)}`;
      if (weight[heaviest[name] ?? 'conforms'] <= weight[as]) heaviest[name] = as;
      if (outcome.verdict === 'conforms') continue;
      const people = new Set(event.data.subjects.map((each) => each.reference));
      const isEverybody = outcome.verdict === 'violates' && new Set(outcome.whom).size === people.size;
      lines.push(inShort(event.source, event.id, rule, policyVersion, isEverybody ? { ...outcome, whom: undefined as never } : outcome));
    }
    for (const [name, as] of Object.entries(heaviest)) {
      rules[name] ??= { conforms: 0, violates: 0, undeterminable: 0, dated: 0 };
      rules[name][as]++;
    }
  }
  return {
    found: lines.sort(),
    counted: Object.fromEntries(
      Object.entries(rules)
        .map(([name, { conforms, violates, undeterminable, dated }]) => [name, `${conforms} ${violates} ${undeterminable} ${dated}`])
        .sort(),
    ) as Record<string, string>,
  };
}

const weekOf = (time: number): string => nameOfWeek(numberOf(time));
