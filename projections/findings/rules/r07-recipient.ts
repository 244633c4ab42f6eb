import { clauseOf } from '../../../src/policy/promises.ts';
import { isHandingOver, isProcessing, type Outcome, orConforms, type Rule } from './rule.ts';

const article = '5(1)(b)';

/** Processors have agreements (R9), authorities decisions (R10), and everybody may have their own data. */
const OTHERWISE = new Set(['processor', 'sub-processor', 'authority', 'data-subject']);

/** Data goes to recipients that the policy names, for the purposes to which it binds them. The list is closed. */
export const R7: Rule = {
  id: 'R7',
  title: 'The recipient is registered, and bound to the purpose',
  needs: [],
  judge(event, promises) {
    const { recipient, purpose, categories = [] } = event.data;
    if (!isHandingOver(event) || !isProcessing(event, promises)) return [];
    const closed = clauseOf(promises.policy.disclosure);
    if (recipient === undefined) return [{ verdict: 'undeterminable', missing: ['recipient'], clause: closed, article }];
    if (OTHERWISE.has(recipient.role)) return [];
    if (recipient.id === undefined) return [{ verdict: 'undeterminable', missing: ['recipient.id'], clause: closed, article }];
    const found = promises.recipient(recipient.id);
    if (found === undefined)
      return [{ verdict: 'violates', what: 'recipient-not-registered', clause: closed, article, severity: 'critical' }];
    const { entry } = found;
    const violates = (what: string, severity: 'high' | 'medium'): Outcome => ({
      verdict: 'violates',
      what,
      clause: clauseOf(entry),
      article,
      severity,
    });
    const outcomes: Outcome[] = [];
    if (recipient.role !== entry.role) outcomes.push(violates('recipient-in-another-role', 'medium'));
    // Of a purpose that was never fixed, R2 speaks.
    if (promises.purpose(purpose) && !entry.purposes.includes(purpose as string))
      outcomes.push(violates('recipient-not-bound-to-purpose', 'high'));
    if (entry.categories && categories.some((each) => !entry.categories?.includes(each)))
      outcomes.push(violates('more-than-recipient-may-get', 'high'));
    return orConforms(outcomes);
  },
};
