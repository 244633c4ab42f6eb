import { clauseOf } from '../../../src/policy/promises.ts';
import { isHandingOver, isProcessing, type JudgedEvent, type Outcome, orConforms, type Rule } from './rule.ts';

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
    const lacking = authorities.needs.map((need) => FIELDS[need]).filter((field) => event.data[field] === undefined);
    const outcomes: Outcome[] = [];
    if (lacking.includes('decisionRef')) outcomes.push(violates('no-decision'));
    if (promises.purpose(event.data.purpose) && !authorities.purposes.includes(event.data.purpose as string))
      outcomes.push(violates('another-purpose'));
    if (isBeyondScope(event)) outcomes.push(violates('beyond-scope'));
    const missing = lacking.filter((field) => field !== 'decisionRef');
    if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article });
    return orConforms(outcomes);
  },
};

/** Only a scope that names categories of data can be compared; one in words is taken as it is. */
function isBeyondScope({ data }: JudgedEvent): boolean {
  const { categories = [] } = data;
  const scope = [data['scope'] ?? []].flat();
  return scope.some((each) => categories.includes(each as string)) && categories.some((each) => !scope.includes(each));
}
