import fc from 'fast-check';
import { type Judgement, judge, type Published } from '../../projections/findings/judge.ts';
import { type Change, MAX_EXAMPLES, Tally } from '../../projections/simulation/tally.ts';
import { AT, event, KIM, LEE, NOTHING, PROMISES } from './findings/judging.ts';

const always = (promises: Published['promises']): Published => ({
  ...{ policy: 'mailit', version: '1', effectiveFrom: '1900-01-01', digest: '', promises },
});
const NOW = always(PROMISES);

type Outcome = Judgement['outcome'];
const violation = (what: string, more: Partial<Extract<Outcome, { verdict: 'violates' }>> = {}): Judgement => ({
  rule: 'R4',
  policyVersion: '1',
  outcome: { verdict: 'violates', what, clause: 9, article: '5(1)(c)', severity: 'high', ...more },
});
const unknown = (...missing: string[]): Judgement => ({
  rule: 'R10',
  policyVersion: '1',
  outcome: { verdict: 'undeterminable', missing, clause: 23, article: '6(3)' },
});
const conforms: Judgement = { rule: 'R4', policyVersion: '1', outcome: { verdict: 'conforms' } };

let ids = 0;
function judged(before: Judgement[], after: Judgement[], subjects = [{ reference: KIM }]) {
  const { data, ...rest } = event('PersonalDataUsed');
  return { event: { ...rest, id: `e${ids++}`, data: { ...data, subjects } }, position: ids, before, after };
}
const same = (reference: string) => reference;

describe('what a draft would find otherwise', () => {
  it.each<[string, Judgement[], Judgement[], Partial<Record<Change, number>>]>([
    ['nothing, where both find nothing', [conforms], [conforms], {}],
    ['a finding that appears', [conforms], [violation('a')], { appears: 1 }],
    ['a finding that goes', [violation('a')], [conforms], { goes: 1 }],
    ['a finding that stays, whatever its clause is then', [violation('a')], [violation('a', { clause: 8, severity: 'low' })], { stays: 1 }],
    ['another one in its place', [violation('a')], [violation('b')], { appears: 1, goes: 1 }],
    ['of another recipient', [violation('a', { recipient: 'one' })], [violation('a', { recipient: 'two' })], { appears: 1, goes: 1 }],
    ['what was not to be told and is now', [unknown('decisionRef')], [violation('a')], { appears: 1, goes: 1 }],
    ['of which something else is missing', [unknown('a')], [unknown('a', 'b')], { appears: 1, goes: 1 }],
    ['what is not due yet, not at all', [violation('a', { dueAt: AT + 1 })], [], {}],
    ['what would be due sooner, and so by now', [violation('a', { dueAt: AT + 1 })], [violation('a', { dueAt: AT })], { appears: 1 }],
  ])('%s', (_, before, after, expected) => {
    const tally = new Tally(AT, 3);
    tally.add(judged(before, after));
    const { appear, go, stay } = tally.total(same);
    expect({ appears: appear, goes: go, stays: stay }).toEqual({ appears: 0, goes: 0, stays: 0, ...expected });
  });

  it('counts by sort of finding, in the order of the rules, and says how many people are concerned, each once', () => {
    const tally = new Tally(AT, 0);
    tally.add(judged([], [violation('b'), unknown('x')], [{ reference: KIM }, { reference: LEE }]));
    tally.add(judged([], [violation('b', { whom: [KIM] }), violation('a')]));
    tally.add(judged([violation('a')], [violation('a')]));
    const rows = tally
      .rows(same)
      .map(({ rule, what, verdict, appear, stay, subjects }) => [rule, what ?? verdict, appear, stay, subjects.appear]);
    expect(rows).toEqual([
      ['R4', 'a', 1, 1, 1],
      ['R4', 'b', 2, 0, 2],
      ['R10', 'undeterminable', 1, 0, 2],
    ]);
    expect(tally.total(same)).toEqual({ appear: 4, go: 0, stay: 1, subjects: { appear: 2, go: 0 } });
    // Two references of one person.
    expect(tally.total(() => KIM).subjects.appear).toBe(1);
    expect(tally.events).toBe(3);
  });

  it('gives some examples of each sort, which name the record and nobody', () => {
    const tally = new Tally(AT, 2);
    for (let i = 0; i < 5; i++) tally.add(judged([violation('gone')], [violation('new', { dueAt: AT })]));
    expect(tally.examples.map(({ change, what }) => [change, what])).toEqual([
      ['goes', 'gone'],
      ['appears', 'new'],
      ['goes', 'gone'],
      ['appears', 'new'],
    ]);
    expect(tally.examples[1]).toMatchObject({
      rule: 'R4',
      severity: 'high',
      clause: 9,
      dueAt: '2026-03-02T09:14:07.120Z',
      event: { type: 'PersonalDataUsed' },
    });
    expect(JSON.stringify(tally.examples)).not.toContain(KIM);
  });

  it('gives so many examples at most, of however many sorts', () => {
    const tally = new Tally(AT, 10);
    for (let i = 0; i < 2 * MAX_EXAMPLES; i++) tally.add(judged([], [violation(`w${i % 100}`)]));
    expect(tally.examples).toHaveLength(MAX_EXAMPLES);
  });

  it('under the policy that was published is nothing', () => {
    const types = fc.constantFrom('PersonalDataUsed', 'PersonalDataCollected', 'PersonalDataDisclosed', 'ObjectionRaised');
    const purposes = fc.constantFrom('customer-communication', 'direct-marketing', 'tax-reporting', 'never-promised');
    fc.assert(
      fc.property(types, purposes, (type, purpose) => {
        const one = { ...event(type, { purpose }), id: 'one' };
        const [before, after] = [judge(one, [NOW], NOTHING), judge(one, [always(PROMISES)], NOTHING)];
        const tally = new Tally(AT, 3);
        tally.add({ event: one, position: 1, before, after });
        const { appear, go } = tally.total(same);
        return appear === 0 && go === 0;
      }),
    );
  });
});
