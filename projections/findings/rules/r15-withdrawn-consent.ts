import { clauseOf } from '../../../src/policy/promises.ts';
import { isProcessing, type Outcome, orConforms, type Rule } from './rule.ts';

const article = '7(3)';

/** What rested on a consent ends with it; and what was asked for as consent is not done on another basis afterwards. */
export const R15: Rule = {
  id: 'R15',
  title: 'Nothing was done on a consent that had ended',
  needs: ['consents'],
  judge(event, promises, state) {
    const { purpose, legalBasis, subjects } = event.data;
    if (!isProcessing(event, promises) || purpose === undefined || subjects.length === 0) return [];
    const clause = clauseOf(promises.policy.consent);
    const onConsent = legalBasis === '6(1)(a)';
    const ended = { withdrawn: [] as string[], expired: [] as string[] };
    let heard = 0;
    for (const { reference } of subjects) {
      const last = state.consent(reference, purpose);
      if (last === undefined) continue;
      heard += 1;
      if (last.state === 'withdrawn' || (last.state === 'expired' && onConsent)) ended[last.state].push(reference);
    }
    if (!onConsent && ended.withdrawn.length === 0) return [];
    const outcomes: Outcome[] = [];
    for (const [how, whom] of Object.entries(ended)) {
      if (whom.length === 0) continue;
      outcomes.push({
        verdict: 'violates',
        what: onConsent ? `consent-${how}` : 'basis-swapped',
        clause,
        article,
        severity: onConsent ? 'critical' : 'high',
        whom,
      });
    }
    if (outcomes.length === 0 && heard < subjects.length) return [{ verdict: 'undeterminable', missing: ['consent'], clause, article }];
    return orConforms(outcomes);
  },
};
