import { judge, type Published } from '../../../projections/findings/judge.ts';
import { AT, disclosure, event, mailitWith, NOTHING, PROMISES } from './judging.ts';

const BEFORE = AT - 48 * 3_600_000;
/** Anna was instructed, and the data came from somewhere. */
const INSTRUCTED = { ...NOTHING, instructedAt: () => BEFORE, collections: () => [{ at: BEFORE, categories: ['name'] }] };
const first: Published = { policy: 'mailit', version: '1', effectiveFrom: '2018-05-25', digest: 'a', promises: PROMISES };
/** From a day in March on, a distributor less. */
const second: Published = {
  ...{ policy: 'mailit', version: '2', effectiveFrom: '2026-03-02', digest: 'b' },
  promises: mailitWith('      fakturabud: { name: Fakturabud }\n', ''),
};
const broken = (published: readonly Published[], judged = disclosure()) =>
  judge(judged, published, INSTRUCTED).filter(({ outcome }) => outcome.verdict !== 'conforms');

describe('an event is judged', () => {
  it('by every rule that it concerns', () => {
    const said = judge(disclosure(), [first], INSTRUCTED);
    expect(said.map(({ rule }) => rule)).toEqual(['R1', 'R2', 'R3', 'R4', 'R7', 'R8', 'R11', 'R12', 'R14', 'R16', 'R27', 'R28', 'R29']);
    expect(new Set(said.map(({ outcome }) => outcome.verdict))).toEqual(new Set(['conforms']));
  });

  it('by the version that was in force when it happened, and says which', () => {
    expect(broken([first, second])).toMatchObject([{ rule: 'R7', policyVersion: '2', outcome: { what: 'recipient-not-registered' } }]);
    expect(broken([first, second], { ...disclosure(), time: AT - 24 * 3_600_000 })).toEqual([]);
  });

  it('by none before the first: then that is said, and what the law alone says', () => {
    const before = { ...disclosure(), time: Date.parse('2018-05-24') };
    const without = { policyVersion: null, outcome: { verdict: 'undeterminable', missing: ['policy'] } };
    expect(judge(before, [first], NOTHING)).toMatchObject([
      { rule: 'R1', ...without },
      { rule: 'R29', outcome: { verdict: 'conforms' } },
    ]);
    expect(judge({ ...before, time: AT, recordedAt: AT - 3_600_000 }, [], NOTHING)).toMatchObject([
      { rule: 'R1', ...without },
      { rule: 'R29', policyVersion: null, outcome: { what: 'clock-ahead' } },
    ]);
    expect(judge(before, [], NOTHING, { beforehand: true })).toHaveLength(1);
  });

  it('beforehand without what only records can break', () => {
    const { recordedAt: _, ...asked } = event('PersonalDataUsed');
    const rules = judge(asked, [first], NOTHING, { beforehand: true }).map(({ rule }) => rule);
    expect(rules).toEqual(['R1', 'R2', 'R3', 'R4', 'R11', 'R12', 'R14', 'R16', 'R27']);
  });
});
