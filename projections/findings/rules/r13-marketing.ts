import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isMarketingObjection, isProcessing, peopleOf, type Rule } from './rule.ts';

const article = '21(3)';

/** Whoever objected to direct marketing gets none, of whatever kind, and nothing overrides it. */
export const R13: Rule = {
  id: 'R13',
  title: 'No direct marketing after an objection',
  needs: ['objections'],
  judge(event, promises, state) {
    const { directMarketing } = promises.policy;
    const { purpose, subjects } = event.data;
    if (!directMarketing?.purposes.includes(purpose as string) || !isProcessing(event, promises)) return [];
    const clause = clauseOf(directMarketing);
    if (subjects.length === 0) return [{ verdict: 'undeterminable', missing: ['subjects'], clause, article }];
    const whom = peopleOf(event.data).filter((each) => state.objections(each).some((one) => isMarketingObjection(one, promises)));
    if (whom.length === 0) return [CONFORMS];
    return [{ verdict: 'violates', what: 'after-objection', clause, article, severity: 'critical', whom }];
  },
};
