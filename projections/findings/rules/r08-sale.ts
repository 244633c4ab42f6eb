import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isHandingOver, isProcessing, type Rule, textOf } from './rule.ts';

const article = '5(1)(a)';

/** Nothing is given for data. */
export const R8: Rule = {
  id: 'R8',
  title: 'Nothing was given for it',
  needs: [],
  judge(event, promises) {
    if (!isHandingOver(event) || !isProcessing(event, promises)) return [];
    const clause = clauseOf(promises.policy.disclosure);
    const consideration = textOf(event.data['consideration']);
    if (consideration === undefined) return [{ verdict: 'undeterminable', missing: ['consideration'], clause, article }];
    return consideration === 'none' ? [CONFORMS] : [{ verdict: 'violates', what: 'consideration', clause, article, severity: 'critical' }];
  },
};
