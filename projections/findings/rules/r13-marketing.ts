import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isProcessing, type Rule } from './rule.ts';

const article = '21(3)';

/** Whoever objected to direct marketing gets none, of whatever kind, and nothing overrides it. */
export const R13: Rule = {
  id: 'R13',
  title: 'No direct marketing after an objection',
  needs: ['objections'],
  judge(event, promises, state) {
    const { directMarketing } = promises.policy;
    if (!directMarketing?.purposes.includes(event.data.purpose as string) || !isProcessing(event, promises)) return [];
    const clause = clauseOf(directMarketing);
    const { subjects } = event.data;
    if (subjects.length === 0) return [{ verdict: 'undeterminable', missing: ['subjects'], clause, article }];
    const whom = subjects.map(({ reference }) => reference).filter((each) => state.objections(each).some(({ kind }) => kind === '21(2)'));
    if (whom.length === 0) return [CONFORMS];
    return [{ verdict: 'violates', what: 'after-objection', clause, article, severity: 'critical', whom }];
  },
};
