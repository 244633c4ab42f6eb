import { R25 } from '../../../projections/findings/rules/r25-review.ts';
import { AT, event, PROMISES, table } from './judging.ts';

const reviewed = event('PolicyReviewed', { policyVersion: '1' });
const published = (effectiveFrom?: string) => event('PolicyPublished', { policyVersion: '1', effectiveFrom });
const next = (time: string) => ({ nextReviewAt: () => Date.parse(time) });
const OVERDUE = 'review-overdue @42 24(1) medium from 2027-03-03';

table(R25, [
  ['reviewed again within the year', reviewed, ['conforms'], PROMISES, next('2027-01-15')],
  ['reviewed again on its last day', reviewed, ['conforms'], PROMISES, next('2027-03-02T23:59:59.999Z')],
  ['reviewed again after it', reviewed, ['review-late @42 24(1) medium from 2027-03-03'], PROMISES, next('2027-03-03')],
  ['not reviewed again: a year is left', reviewed, [OVERDUE]],
  ['published and not reviewed', published('2026-03-02'), [OVERDUE]],
  ['published and reviewed', published('2026-03-02'), ['conforms'], PROMISES, next('2026-09-01')],
  [
    'published years after it applied: nobody knows of reviews before',
    published('2018-05-25'),
    ['? PolicyReviewed'],
    PROMISES,
    next('2026-09-01'),
  ],
  ['nor was it reviewed since', published('2018-05-25'), [OVERDUE, '? PolicyReviewed']],
  ['published half a year after it applied', published('2025-09-01'), ['conforms'], PROMISES, { nextReviewAt: () => AT + 1 }],
  ['nothing of it', event('PersonalDataUsed'), []],
]);
