/** A whole year of a company with what was planted in it: exactly that is found, and nothing else. */
import { join } from 'node:path';
import { sql } from 'kysely';
import { Completeness } from '../../projections/completeness/completeness.ts';
import { Sources, SourcesHandler } from '../../projections/completeness/query.ts';
import { Findings } from '../../projections/findings/findings.ts';
import { findingsOfSources } from '../../projections/findings/of-sources.ts';
import { Retention } from '../../projections/retention/retention.ts';
import type { Views } from '../../projections/views.ts';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { at } from '../support/mailit-year/chance.ts';
import type { CloudEvent, Identifier } from '../support/mailit-year/company.ts';
import { expectedLines, type Found, foundAt, linesOf, reordered } from '../support/mailit-year/compared.ts';
import { lineOf, recordOf } from '../support/mailit-year/expectations.ts';
import { eventOf, type MailitYear, mailitYear, YEAR_ENDS } from '../support/mailit-year/mailit-year.ts';
import { OF_SOURCES } from '../support/mailit-year/planted-house.ts';
import { Planting } from '../support/mailit-year/planting.ts';
import { Projected } from '../support/mailit-year/projected.ts';
import { openYear, type RecordedYear } from '../support/mailit-year/recorded.ts';
import { POLICY_TEXTS } from '../support/mailit-year/versions.ts';

/** Events that conform, about. */
const EVENTS = Number(process.env['MAILIT_YEAR_EVENTS'] ?? 100_000);

/** A whole year takes a busy machine some minutes. */
const HANGS_MS = 900_000;

let year: MailitYear;
let recorded: RecordedYear;
let projected: Projected;
let found: Found[];

/** Everything that is kept is due one day: of retention, what was due in the year. */
const isAsked = ({ rule, dueAt = 0 }: { rule: string; dueAt?: number }) => rule !== 'R17' || dueAt <= YEAR_ENDS;

async function follow(name: string, { folder, labels }: RecordedYear, log: readonly RecordedEvent[]) {
  const views = await Projected.open(join(folder, name), log, [new Findings(), new Retention(), new Completeness()]);
  await views.catchUp();
  const rows = (await views.found('findings', 'retention')).filter(isAsked);
  return { views, found: foundAt(rows, YEAR_ENDS, log, labels) };
}

beforeAll(async () => {
  year = mailitYear({ seed: 1, events: EVENTS });
  recorded = await openYear();
  for (const step of year.steps()) await recorded.take(step);
  ({ views: projected, found } = await follow('views.db', recorded, recorded.store.events));
}, HANGS_MS);
afterAll(async () => {
  projected?.close();
  await recorded?.close();
});

it('is a year in which there is something to find', () => {
  expect(year.events).toBeGreaterThan(EVENTS);
  const kinds = new Map<string, Set<string>>();
  for (const { rule, what, missing, severity, record } of year.findings) {
    const kind = `${rule} ${what ?? missing} ${severity}`;
    kinds.set(kind, (kinds.get(kind) ?? new Set()).add(record));
  }
  expect(kinds.size).toBeGreaterThan(80);
  const rules = new Set(year.findings.map(({ rule }) => Number(rule.slice(1))));
  expect([...rules].sort((a, b) => a - b)).toEqual([...Array.from({ length: 17 }, (_, i) => i + 1), 19, 25, 26, 27, 28, 29, 30, 32]);
  expect([...kinds].filter(([kind, records]) => kind.endsWith('critical') && records.size < 2)).toEqual([]);
});

it('has nothing in quarantine but what belongs there', () => {
  expect(recorded.quarantined().map((label) => label.split(' ').at(-1))).toEqual(['form-1', 'form-2', 'form-3', 'form-4']);
});

describe('what is found is what was planted, and nothing else', () => {
  it('at the end of the year', () => expect(linesOf(found, 'open')).toEqual(expectedLines(year.findings).open));
  it('cleared in the year', () => expect(linesOf(found, 'cleared')).toEqual(expectedLines(year.findings).cleared));
  it('to be done by a day after it', () => expect(linesOf(found, 'pending')).toEqual(expectedLines(year.findings).pending));

  it('of sources', async () => {
    const views = { db: projected.views.db, reached: async () => 0, position: () => 0, recordedAt: () => undefined };
    const { items } = await new SourcesHandler(views as unknown as Views).execute(new Sources());
    const heard = items.map(({ nextBy, lastHeardAt, ...each }) => ({
      ...{ ...each, lastHeardAt: Date.parse(lastHeardAt), nextBy: nextBy === null ? null : Date.parse(nextBy) },
    }));
    expect(findingsOfSources(heard, YEAR_ENDS)).toEqual(OF_SOURCES.map((each) => expect.objectContaining(each)));
  });

  it('of whom', async () => {
    const named = year.findings.flatMap(({ whom, ...each }) => (whom ? [{ whom, line: lineOf(each) }] : []));
    const people = named.flatMap(({ whom }) => whom);
    const known = await recorded.vault.resolve(people as Identifier[], { create: false });
    const references = new Map(people.map((each, i) => [each, known[i]?.reference]));
    const lines = new Set(named.map(({ line }) => line));
    const everybody = (position: number) =>
      (JSON.parse(recorded.store.events[position - 1]?.data ?? '') as Entry).data.subjects.map(({ reference }) => reference);
    const whose = found.flatMap(({ line, row: { whom, position } }) =>
      lines.has(line) ? [{ line, whom: whom ?? everybody(position) }] : [],
    );
    const told = (each: { line: string; whom: readonly unknown[] }) => `${each.line}: ${[...each.whom].sort()}`;
    expect(whose.map(told).sort()).toEqual(
      named.map(({ line, whom }) => told({ line, whom: whom.map((one) => references.get(one)) })).sort(),
    );
  });

  it('when the ledger heard of it, or of what made it one', () => {
    const heard = new Map<string, string>();
    for (const { data, recordedAt } of recorded.store.events) {
      const { source, id } = JSON.parse(data) as Entry;
      const record = recordOf(source, id);
      for (const name of [record, id, recorded.labels.get(record)]) if (name !== undefined) heard.set(name, recordedAt);
    }
    // What has a day of its own is one from then on.
    const dayless = year.findings.filter(({ dueAt }) => dueAt === undefined);
    const lines = new Set(dayless.map(lineOf));
    const detected = found.flatMap(({ line, row }) => (lines.has(line) ? [`${line} ${new Date(row.detectedAt).toISOString()}`] : []));
    expect(detected.sort()).toEqual(dayless.map((each) => `${lineOf(each)} ${heard.get(each.detectedBy ?? each.record)}`).sort());
  });
});

it('conforms as often as was reckoned, by rule', async () => {
  const { rows } = await sql<{ rule: string; conforms: number }>`select rule, sum(conforms) as conforms from findings_counts
    group by rule having sum(conforms) > 0`.execute(projected.views.db);
  expect(Object.fromEntries(rows.map(({ rule, conforms }) => [rule, conforms]))).toEqual(Object.fromEntries(year.conforms));
});

it('is found out to be the same when half of it arrives up to two months later', async () => {
  const small = mailitYear({ seed: 2, events: Math.min(EVENTS, 1_500) });
  const other = await openYear();
  for (const step of small.steps()) await other.take(step);
  const late = await follow('late.db', other, reordered(other.store.events, 3));
  // A clock that was ahead when it was heard is not when it is heard later.
  const expected = expectedLines(small.findings, ({ rule }) => rule !== 'R29');
  expect(linesOf(late.found, 'open').filter((line) => !line.includes(': R29 '))).toEqual(expected.open);
  expect(linesOf(late.found, 'pending')).toEqual(expected.pending);
  late.views.close();
  await other.close();
});

it('cannot be told of people of whom no grant and no instruction was ever recorded; and a policy that nobody looks at is overdue', async () => {
  const silent = await openYear();
  const planting = new Planting();
  const person = planting.person();
  planting
    .accessed(person, '2025-03-05T08:00:00.000Z')
    .lacks('R6', ['grants'], [20, '32(4)'])
    .lacks('R27', ['StaffInstructed'], [39, '29']);
  await silent.take({ do: 'publish', now: at('2025-03-01T08:00:00.000Z'), policy: POLICY_TEXTS[0], label: 'the policy' });
  const published = { planted: 'a policy that nobody looks at', record: 'the policy', rule: 'R25', clause: 42, article: '24(1)' } as const;
  planting.findings.push(
    ...([
      { ...published, verdict: 'undeterminable', missing: ['PolicyReviewed'], policyVersion: '1', state: 'open' },
      {
        ...published,
        verdict: 'violates',
        what: 'review-overdue',
        severity: 'medium',
        policyVersion: '1',
        state: 'open',
        dueAt: at('2026-03-02'),
      },
    ] as const),
  );
  const events = planting.happenings.map((each): CloudEvent => eventOf(each));
  await silent.take({ do: 'record', now: at('2025-03-06T00:00:00.000Z'), events });
  const log = silent.store.events;
  const views = await Projected.open(join(silent.folder, 'silent.db'), log, [new Findings()]);
  await views.catchUp();
  const rows = await views.found('findings');
  expect(linesOf(foundAt(rows, at('2026-03-02'), log, silent.labels), 'open')).toEqual(expectedLines(planting.findings).open);
  // A day earlier it is in time.
  expect(linesOf(foundAt(rows, at('2026-03-02') - 1, log, silent.labels), 'pending')).toHaveLength(1);
  views.close();
  await silent.close();
});
