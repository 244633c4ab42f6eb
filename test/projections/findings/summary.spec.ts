/** How many findings there are, by rule or clause and week; of sources as a whole; nobody is named. */
import fc from 'fast-check';
import { findingsOfSources } from '../../../projections/findings/of-sources.ts';
import { RULE_NAMES, titleOf } from '../../../projections/findings/titles.ts';
import { beginOf, nameOfWeek, WEEK_MS, weekOf } from '../../../projections/findings/weeks.ts';
import { disclosure } from '../../support/write-side.ts';
import { type GivenFindings, openFindings } from './given-findings.ts';

describe('weeks', () => {
  it.each([
    ['2026-03-02T00:00:00Z', '2026-W10'],
    ['2026-03-01T23:59:59.999Z', '2026-W09'],
    ['2026-01-01T00:00:00Z', '2026-W01'],
    ['2027-01-03T00:00:00Z', '2026-W53'],
    ['2024-12-30T00:00:00Z', '2025-W01'],
    ['1969-12-28T00:00:00Z', '1969-W52'],
    ['0001-01-01T00:00:00Z', '0001-W01'],
  ])('%s is in %s', (time, name) => {
    expect(nameOfWeek(weekOf(Date.parse(time)))).toBe(name);
  });

  it('follow each other without a gap', () =>
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 8_000_000_000_000 }), (time) => {
        const week = weekOf(time);
        expect(beginOf(week)).toBeLessThanOrEqual(time);
        expect(beginOf(week) + WEEK_MS).toBeGreaterThan(time);
        expect(new Date(beginOf(week)).getUTCDay()).toBe(1);
      }),
    ));
});

describe('the rules', () => {
  it('have a title each', () => {
    expect(RULE_NAMES.slice(0, 3)).toEqual(['R1', 'R2', 'R3']);
    expect(RULE_NAMES).toContain('R17');
    for (const rule of RULE_NAMES) expect(titleOf(rule)).not.toBe(rule);
  });
});

describe('a summary', () => {
  let ledger: GivenFindings;
  beforeEach(async () => {
    ledger = await openFindings();
  });
  afterEach(() => ledger.close());

  it('counts by rule and week how findings stand, and what conforms', async () => {
    await ledger.given(disclosure('1'), disclosure('2', { time: '2026-02-25T00:00:00.000Z' }), disclosure('3'));
    const third = (await ledger.recorded())[2]?.position as number;
    await ledger.found({ on: 0 });
    const seen = await ledger.found({ on: 0, what: 'more-than-recipient-may-get', severity: 'medium' });
    const explained = await ledger.found({ on: 0, rule: 'R8', severity: 'critical', what: 'consideration' });
    await ledger.found({ on: 1, until: third });
    await ledger.found({ on: 1, rule: 'R2', severity: null, missing: ['purpose'] });
    await ledger.found({ on: 2, rule: 'R5', severity: 'medium', what: 'notice-missing', due: '2100-01-01T00:00:00Z' });
    await ledger.found({ on: 2, in: 'retention', rule: 'R17', severity: 'high', what: 'kept-too-long', clause: 26 });
    await ledger.conforms('R7', '2026-W10', '2026-03-02', 40);
    await ledger.conforms('R7', '2026-W10', '2026-03-03', -2);
    await ledger.conforms('R7', '2026-W09', '2026-03-02', 7);
    await ledger.remark('acknowledge', seen);
    await ledger.remark('acknowledge', explained);
    await ledger.remark('explain', explained);
    const { items, people } = await ledger.summary();
    const none = { violates: 0, undeterminable: 0, open: 0, acknowledged: 0, explained: 0, cleared: 0, notYetDue: 0 };
    const severities = { critical: 0, high: 0, medium: 0, low: 0, gap: 0 };
    const title = expect.any(String);
    const cell = (rule: string, week: string, counts: object) => ({ rule, title, week, conforms: 0, ...none, ...severities, ...counts });
    expect(items).toEqual([
      cell('R5', '2026-W10', { notYetDue: 1 }),
      cell('R7', '2026-W10', { conforms: 38, violates: 2, open: 1, acknowledged: 1, critical: 1, medium: 1 }),
      cell('R8', '2026-W10', { violates: 1, explained: 1, critical: 1 }),
      cell('R17', '2026-W10', { violates: 1, open: 1, high: 1 }),
      cell('R2', '2026-W09', { undeterminable: 1, open: 1 }),
      cell('R7', '2026-W09', { conforms: 7, cleared: 1 }),
    ]);
    expect(people).toEqual([]);
    expect((await ledger.summary({ asOf: '2026-03-02' })).items).toMatchObject([
      { rule: 'R7', week: '2026-W10', conforms: 40, violates: 0 },
      { rule: 'R7', week: '2026-W09', conforms: 7 },
    ]);
    expect((await ledger.summary({ about: { rule: 'R7', from: '2026-03-04', to: '2026-03-05' } })).items).toEqual([items[1]]);
    expect((await ledger.summary({ by: 'clause' })).items).toMatchObject([
      { clause: 21, week: '2026-W10', violates: 3, notYetDue: 1 },
      { clause: 26, week: '2026-W10', violates: 1 },
      { clause: 21, week: '2026-W09', undeterminable: 1, cleared: 1 },
    ]);
  });

  it('has pages', async () => {
    await ledger.given(disclosure('1'));
    for (const rule of ['R2', 'R3', 'R7', 'R8', 'R9']) await ledger.found({ on: 0, rule });
    const all = (await ledger.summary()).items;
    const paged: object[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await ledger.summary({ limit: 2, ...(cursor !== undefined && { cursor }) });
      paged.push(...page.items);
      cursor = page.next;
    }
    expect(paged).toEqual(all);
  });
});

describe('of a source as a whole', () => {
  const at = Date.parse('2026-03-02T12:00:00Z');
  const heard = { source: 'urn:mailit:billing', highestSequence: 9, missingCount: 0, lastHeardAt: at - 3_600_000, nextBy: at + 1 };

  it('nothing is found where nothing is missing', () => expect(findingsOfSources([heard], at)).toEqual([]));

  it('gaps and silence are found, and what would have to be known', () => {
    const [gap, silence, unknown] = findingsOfSources(
      [
        { ...heard, missingCount: 2, nextBy: at - 1 },
        { ...heard, source: 'urn:mailit:crm', highestSequence: null },
      ],
      at,
    );
    expect(gap).toMatchObject({ source: 'urn:mailit:billing', rule: 'R28', what: 'sequence-gap', detectedAt: '2026-03-02T11:00:00.000Z' });
    expect(silence).toMatchObject({ what: 'source-silent', severity: 'low', detectedAt: '2026-03-02T12:00:00.000Z', state: 'open' });
    expect(unknown).toMatchObject({ source: 'urn:mailit:crm', verdict: 'undeterminable', missing: ['sequence'], article: '5(2)' });
  });
});
