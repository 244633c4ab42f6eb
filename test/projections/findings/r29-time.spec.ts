import { R29 } from '../../../projections/findings/rules/r29-time.ts';
import { AT, event, table } from './judging.ts';

const recorded = (recordedAt: number | undefined) => ({
  ...event('PersonalDataUsed'),
  ...(recordedAt === undefined ? { recordedAt: undefined } : { recordedAt }),
});
const MINUTE_MS = 60_000;

table(R29, [
  ['recorded after it happened', recorded(AT + 1), ['conforms']],
  ['recorded long after it happened: late, and flagged elsewhere', recorded(AT + 90 * 24 * 60 * MINUTE_MS), ['conforms']],
  ['a clock that is ahead as clocks are', recorded(AT - 5 * MINUTE_MS), ['conforms']],
  ['a clock that is further ahead', recorded(AT - 5 * MINUTE_MS - 1), ['clock-ahead @null 5(2) low']],
  ['nobody recorded it', recorded(undefined), ['? recordedAt']],
]);
