import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { CONFORMS, isProcessing, type JudgedEvent, type Outcome, type Restriction, type Rule, type State } from './rule.ts';

const article = '18(2)';

/** Others' rights and public interest (Art. 18(2)). */
const EXCEPTED_BASES = new Set(['6(1)(d)', '6(1)(e)']);

/** What is restricted is stored and no more, unless by consent, for claims, for others' rights or the public interest. */
export const R12: Rule = {
  id: 'R12',
  title: 'Nothing was used that is restricted',
  needs: ['restrictions', 'consents'],
  judge(event, promises, state) {
    if (!isProcessing(event, promises) || event.type === 'PersonalDataStored') return [];
    if (event.data.purpose === 'legal-claims' || EXCEPTED_BASES.has(event.data.legalBasis ?? '')) return [];
    const clause = clauseOf(promises.policy.rights['restriction']);
    const restricted = event.data.subjects.map(({ reference }) => reference).filter((each) => !hasConsent(event, each, state));
    const touched = (how: Touch) =>
      restricted.filter((each) => state.restrictions(each).some((one) => touches(one, event, promises) === how));
    const [whom, perhaps] = [touched('yes'), touched('perhaps')];
    const outcomes: Outcome[] = [];
    if (whom.length > 0) outcomes.push({ verdict: 'violates', what: 'under-restriction', clause, article, severity: 'high', whom });
    if (perhaps.length > 0) outcomes.push({ verdict: 'undeterminable', missing: ['scope of the restriction'], clause, article });
    if (outcomes.length > 0) return outcomes;
    return event.data.subjects.length > 0 ? [CONFORMS] : [];
  },
};

const hasConsent = ({ data }: JudgedEvent, person: string, state: State): boolean =>
  data.legalBasis === '6(1)(a)' && data.purpose !== undefined && state.consent(person, data.purpose)?.state === 'given';

type Touch = 'yes' | 'no' | 'perhaps';

/** A scope in codes either meets the event or not; of one in words nobody but people can tell. */
function touches({ scope }: Restriction, { data }: JudgedEvent, promises: Promises): Touch {
  const meant = (each: string) => each === 'all' || each === data.purpose || data.categories?.includes(each);
  if (scope.some(meant)) return 'yes';
  return scope.every((each) => promises.purpose(each) !== undefined || promises.namesCategory(each)) ? 'no' : 'perhaps';
}
