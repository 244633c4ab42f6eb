import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isOurs, isProcessing, type JudgedEvent, type Outcome, type Rule } from './rule.ts';

const article = '21(1)';

/** What somebody objected to rests until it is decided, and goes on only for grounds that are named. Against marketing there is nothing to decide. */
export const R14: Rule = {
  id: 'R14',
  title: 'An objection was heeded until it was decided with grounds',
  needs: ['objections'],
  judge(event, promises, state) {
    const clause = clauseOf(promises.policy.rights['objection']);
    if (event.type === 'ObjectionDecided') return isOurs(event.data, promises) ? decision(event, clause) : [];
    const { purpose, legalBasis, subjects } = event.data;
    if (!isProcessing(event, promises) || legalBasis !== '6(1)(f)' || event.type === 'PersonalDataStored') return [];
    if (purpose === undefined || subjects.length === 0) return [];
    const broken = (outcome: string | undefined) =>
      subjects
        .map(({ reference }) => reference)
        .filter((each) =>
          state.objections(each).some((one) => one.kind === '21(1)' && one.purposes.includes(purpose) && one.outcome === outcome),
        );
    const outcomes: Outcome[] = [];
    for (const [what, whom] of [['objection-pending', broken(undefined)] as const, ['objection-upheld', broken('upheld')] as const]) {
      if (whom.length > 0) outcomes.push({ verdict: 'violates', what, clause, article, severity: 'high', whom });
    }
    return outcomes.length > 0 ? outcomes : [CONFORMS];
  },
};

/** Grounds are sealed: that they were given can be seen. */
function decision({ data }: JudgedEvent, clause: number | null): Outcome[] {
  const { kind, outcome } = data;
  if (outcome !== 'rejected') return [CONFORMS];
  if (kind === '21(2)') return [{ verdict: 'violates', what: 'decided-though-absolute', clause, article: '21(3)', severity: 'critical' }];
  if (!data.sealedFields?.includes('grounds'))
    return [{ verdict: 'violates', what: 'rejected-without-grounds', clause, article, severity: 'high' }];
  return kind === undefined ? [{ verdict: 'undeterminable', missing: ['kind'], clause, article }] : [CONFORMS];
}
