import { type Heard, judgeSource } from '../../../projections/findings/rules/sources.ts';
import { AT, inShort } from './judging.ts';

const heard = (said: Partial<Heard>): Heard => ({
  ...{ source: 'urn:mailit:billing', highestSequence: 412, missingCount: 0, lastHeardAt: AT - 60_000, nextBy: AT + 60_000 },
  ...said,
});
const LATER = AT + 3_600_000;

describe('R28 · What was heard of a source is whole', () => {
  it.each<[string, Heard, number, string[]]>([
    ['nothing is missing, and it is not due', heard({}), AT, ['conforms']],
    ['a number is missing', heard({ missingCount: 1 }), AT, ['sequence-gap @null 5(2) low']],
    ['it said when it would be heard, and was not', heard({}), LATER, ['source-silent @null 5(2) low from 2026-03-02T09:15:07.121Z']],
    ['it was heard since, and said nothing further', heard({ lastHeardAt: AT + 61_000 }), LATER, ['conforms']],
    ['on the very moment that it said', heard({ nextBy: AT }), AT, ['conforms']],
    ['it does not count', heard({ highestSequence: null }), AT, ['? sequence']],
    ['it never says when it will be heard', heard({ nextBy: null }), LATER, ['? SourceHeartbeat.nextBy']],
    ['neither', heard({ highestSequence: null, nextBy: null }), AT, ['? sequence, SourceHeartbeat.nextBy']],
    [
      'a gap, and nobody knows whether it is silent',
      heard({ missingCount: 3, nextBy: null }),
      AT,
      ['sequence-gap @null 5(2) low', '? SourceHeartbeat.nextBy'],
    ],
  ])('%s', (_what, given, at, then) => {
    const { rule, outcomes } = judgeSource(given, at);
    expect(rule).toBe('R28');
    expect(outcomes.map(inShort)).toEqual(then);
  });
});
