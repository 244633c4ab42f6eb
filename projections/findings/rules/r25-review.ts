import { dueAfter } from '../../../src/policy/due.ts';
import { clauseOf } from '../../../src/policy/promises.ts';
import { type Outcome, orConforms, type Rule, textOf } from './rule.ts';

const article = '24(1)';

/**
 * The policy is looked at again within the time that it names: each publication and each review begins it anew. The first version may have applied
 * before it was published, and whether anybody reviewed it in between the ledger cannot know.
 */
export const R25: Rule = {
  id: 'R25',
  title: 'The policy was reviewed in time',
  needs: ['reviews'],
  recordedOnly: true,
  judge(event, promises, state) {
    if (event.type !== 'PolicyPublished' && event.type !== 'PolicyReviewed') return [];
    const { review } = promises.policy;
    const clause = clauseOf(review);
    const outcomes: Outcome[] = [];
    const due = dueAfter(event.time, review.every);
    const next = state.nextReviewAt();
    if (next === undefined || next > due) {
      const what = next === undefined ? 'review-overdue' : 'review-late';
      outcomes.push({ verdict: 'violates', what, clause, article, severity: 'medium', dueAt: due + 1 });
    }
    const began = textOf(event.data['effectiveFrom']);
    if (began !== undefined && dueAfter(Date.parse(began), review.every) < event.time) {
      outcomes.push({ verdict: 'undeterminable', missing: ['PolicyReviewed'], clause, article });
    }
    return orConforms(outcomes);
  },
};
