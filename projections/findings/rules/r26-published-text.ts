import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, type Rule, textOf } from './rule.ts';

const article = '12(1)';

/** What people read is the version that is in force: whoever reviewed it looked. */
export const R26: Rule = {
  id: 'R26',
  title: 'The text that people read is that of the policy in force',
  needs: [],
  recordedOnly: true,
  judge(event, promises) {
    if (event.type !== 'PolicyReviewed') return [];
    const { publication } = promises.policy;
    const clause = clauseOf(publication);
    const found = textOf(event.data['textDigest']);
    const missing = [
      ...(found === undefined ? ['textDigest'] : []),
      ...(publication.textDigest === undefined ? ['publication.textDigest'] : []),
    ];
    if (missing.length > 0) return [{ verdict: 'undeterminable', missing, clause, article }];
    if (found?.toLowerCase() === publication.textDigest?.toLowerCase()) return [CONFORMS];
    return [{ verdict: 'violates', what: 'published-text-differs', clause, article, severity: 'medium' }];
  },
};
