import { clauseOf } from '../../../src/policy/promises.ts';
import { isProcessing, type Outcome, orConforms, peopleOf, type Rule } from './rule.ts';

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
    const said = {
      given: [] as string[],
      refused: [] as string[],
      withdrawn: [] as string[],
      expired: [] as string[],
      unheard: [] as string[],
    };
    for (const person of peopleOf(event.data)) said[state.consent(person, purpose)?.state ?? 'unheard'].push(person);
    const ended = [...said.withdrawn, ...said.expired];
    const lacks = (missing: string): Outcome[] => [{ verdict: 'undeterminable', missing: [missing], clause, article }];
    if (legalBasis === undefined) return ended.length > 0 ? lacks('legalBasis') : [];
    const outcomes: Outcome[] = [];
    if (!onConsent) {
      // Who was asked and said no was told that it hangs on their consent (R3 speaks of it where the basis says the same).
      const whom = [...ended, ...said.refused];
      if (whom.length > 0) outcomes.push({ verdict: 'violates', what: 'basis-swapped', clause, article, severity: 'high', whom });
      return outcomes;
    }
    // Who signs up again may be reported before their new consent is.
    if (event.type === 'PersonalDataCollected') return ended.length > 0 ? lacks('consent') : orConforms([]);
    for (const how of ['withdrawn', 'expired'] as const) {
      const whom = said[how];
      if (whom.length > 0) outcomes.push({ verdict: 'violates', what: `consent-${how}`, clause, article, severity: 'critical', whom });
    }
    if (said.unheard.length > 0) outcomes.push(...lacks('consent'));
    return orConforms(outcomes);
  },
};
