import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isProcessing, type Rule } from './rule.ts';

const article = '5(1)(b)';

/** Data is processed for purposes that were fixed in advance, and for no other. */
export const R2: Rule = {
  id: 'R2',
  title: 'The purpose was fixed in advance',
  needs: [],
  judge(event, promises) {
    if (!isProcessing(event, promises)) return [];
    const clause = clauseOf(promises.policy.purposeLimitation);
    const { purpose } = event.data;
    if (purpose === undefined) return [{ verdict: 'undeterminable', missing: ['purpose'], clause, article }];
    if (promises.purpose(purpose)) return [CONFORMS];
    return [{ verdict: 'violates', what: 'purpose-not-fixed', clause, article, severity: 'high' }];
  },
};
