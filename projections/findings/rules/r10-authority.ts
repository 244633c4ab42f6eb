import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { isHandingOver, isProcessing, type JudgedEvent, type Outcome, orConforms, type Rule } from './rule.ts';
import { isCategory } from './scope.ts';

const article = '6(1)(c)';

/** What a disclosure to an authority may have to name, by the field that names it. */
const FIELDS = { request: 'requestRef', decision: 'decisionRef', statute: 'statuteRef', scope: 'scope', release: 'releasedBy' } as const;

/** An authority gets data on a decision, within its scope, released by somebody. A bare request is not enough. */
export const R10: Rule = {
  id: 'R10',
  title: 'The authority had a decision, and got no more than it covers',
  needs: [],
  judge(event, promises) {
    const { authorities, disclosure } = promises.policy;
    if (!isHandingOver(event) || event.data.recipient?.role !== 'authority' || !isProcessing(event, promises)) return [];
    const clause = clauseOf(authorities ?? disclosure);
    const violates = (what: string): Outcome => ({ verdict: 'violates', what, clause, article, severity: 'critical' });
    if (authorities === undefined) return [violates('no-authority-named')];
    const { purpose, categories } = event.data;
    const lacking = authorities.needs.map((need) => FIELDS[need]).filter((field) => event.data[field] === undefined);
    const outcomes: Outcome[] = [];
    if (lacking.includes('decisionRef')) outcomes.push(violates('no-decision'));
    if (promises.purpose(purpose) && !authorities.purposes.includes(purpose as string)) outcomes.push(violates('another-purpose'));
    const missing: string[] = lacking.filter((field) => field !== 'decisionRef');
    if (purpose === undefined) missing.push('purpose');
    if (event.data['scope'] !== undefined) {
      const isWithin = isWithinScope(event, promises);
      if (categories === undefined) missing.push('categories');
      else if (isWithin === undefined) missing.push('categories of the scope');
      else if (!isWithin) outcomes.push(violates('beyond-scope'));
    }
    if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article });
    return orConforms(outcomes);
  },
};

/** Undefined where the scope has words: only what it names as categories of data can be compared. */
function isWithinScope({ data }: JudgedEvent, promises: Promises): boolean | undefined {
  const { categories = [] } = data;
  const scope = [data['scope']].flat() as string[];
  if (categories.every((each) => scope.includes(each)) || scope.includes('all')) return true;
  return scope.every((each) => isCategory(each, promises)) ? false : undefined;
}
