import { clauseOf } from '../../../src/policy/promises.ts';
import { isHandingOver, isProcessing, type Outcome, orConforms, type Rule, type Severity } from './rule.ts';

const article = '5(1)(b)';

/** Processors have agreements (R9), authorities decisions (R10). */
const OTHERWISE = new Set(['processor', 'sub-processor', 'authority']);

/** Data goes to recipients that the policy names, for the purposes to which it binds them. The list is closed. */
export const R7: Rule = {
  id: 'R7',
  title: 'The recipient is registered, and bound to the purpose',
  needs: [],
  judge(event, promises) {
    const { recipient, purpose, categories } = event.data;
    if (!isHandingOver(event) || !isProcessing(event, promises)) return [];
    const closed = clauseOf(promises.policy.disclosure);
    if (recipient === undefined) return [{ verdict: 'undeterminable', missing: ['recipient'], clause: closed, article }];
    // Everybody may have their own data; an organisation is nobody's data subject.
    if (OTHERWISE.has(recipient.role) || (recipient.role === 'data-subject' && recipient.id === undefined)) return [];
    if (recipient.id === undefined) return [{ verdict: 'undeterminable', missing: ['recipient.id'], clause: closed, article }];
    const entry = promises.recipient(recipient.id)?.entry;
    const clause = clauseOf(entry ?? promises.processor(recipient.id)?.entry ?? promises.policy.disclosure);
    const violates = (what: string, severity: Severity): Outcome => ({ verdict: 'violates', what, clause, article, severity });
    if (entry === undefined) {
      // A processor that is given data as its own controller works outside its agreement.
      if (promises.processor(recipient.id)) return [violates('recipient-in-another-role', 'high')];
      return [violates('recipient-not-registered', 'critical')];
    }
    const outcomes: Outcome[] = [];
    if (recipient.role !== entry.role) outcomes.push(violates('recipient-in-another-role', 'medium'));
    // Of a purpose that was never fixed, R2 speaks.
    if (promises.purpose(purpose) && !entry.purposes.includes(purpose as string))
      outcomes.push(violates('recipient-not-bound-to-purpose', 'high'));
    if (entry.categories && categories?.some((each) => !entry.categories?.includes(each)))
      outcomes.push(violates('more-than-recipient-may-get', 'high'));
    const missing = [
      ...(purpose === undefined ? ['purpose'] : []),
      ...(entry.categories && categories === undefined ? ['categories'] : []),
    ];
    if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article });
    return orConforms(outcomes);
  },
};
