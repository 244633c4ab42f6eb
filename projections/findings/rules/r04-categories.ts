import { clauseOf } from '../../../src/policy/promises.ts';
import { isProcessing, type Outcome, orConforms, peopleOf, type Rule } from './rule.ts';

const article = '5(1)(c)';

/** Of whom which data is processed for what: the matrix. What the policy never names is a gap in the policy, whatever the purpose. */
export const R4: Rule = {
  id: 'R4',
  title: 'The data is what the purpose needs',
  needs: [],
  judge(event, promises) {
    if (!isProcessing(event, promises)) return [];
    const { categories, subjects, purpose } = event.data;
    const clause = clauseOf(promises.policy.minimisation);
    if (categories === undefined) return [{ verdict: 'undeterminable', missing: ['categories'], clause, article }];
    const outcomes: Outcome[] = [];
    const hasGap =
      categories.some((each) => !promises.namesCategory(each)) ||
      subjects.some(({ category }) => category !== undefined && !promises.namesSubject(category));
    if (hasGap) outcomes.push({ verdict: 'violates', what: 'not-named-by-policy', clause, article, severity: 'gap' });
    const entry = promises.purpose(purpose);
    if (entry === undefined) return outcomes;
    const named = categories.filter((each) => promises.namesCategory(each));
    const beyond = subjects.filter(({ category }) => {
      if (category === undefined || !promises.namesSubject(category)) return false;
      const allowed = Object.hasOwn(entry.data, category) ? entry.data[category] : undefined;
      return !allowed || named.some((each) => !allowed.includes(each));
    });
    if (beyond.length > 0) {
      outcomes.push({
        verdict: 'violates',
        what: 'outside-matrix',
        clause,
        article,
        severity: 'medium',
        whom: peopleOf({ subjects: beyond }),
      });
    }
    // Nobody on it, as in a search without a hit: what was looked for must be somebody's.
    const all = new Set(Object.values(entry.data).flat());
    if (subjects.length === 0 && named.some((each) => !all.has(each))) {
      outcomes.push({ verdict: 'violates', what: 'outside-matrix', clause, article, severity: 'medium' });
    }
    if (subjects.some(({ category }) => category === undefined)) {
      outcomes.push({ verdict: 'undeterminable', missing: ['subjects.category'], clause, article });
    }
    return orConforms(outcomes);
  },
};
