import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { judgeNotice } from './r05-notice.ts';
import { isProcessing, type JudgedEvent, type Outcome, orConforms, peopleOf, type Rule, textOf, together } from './rule.ts';

const article = '5(1)(a)';

/** Data comes from where, and by which way, the policy says that it comes; and whoever did not give it themselves is told in time. */
export const R5: Rule = {
  id: 'R5',
  title: 'The data came from where the policy says, with a notice in time',
  needs: ['information'],
  judge(event, promises, state) {
    if (event.type !== 'PersonalDataCollected' || !isProcessing(event, promises)) return [];
    return together([...judgeOrigin(event, promises), ...judgeNotice(event, promises, state)]);
  },
};

function judgeOrigin({ data }: JudgedEvent, promises: Promises): Outcome[] {
  const { purpose, subjects } = data;
  // Of a purpose that is missing, or was never fixed, R2 speaks.
  if (purpose === undefined || !promises.purpose(purpose)) return [];
  const ways = Object.values(promises.policy.collection).filter(({ purposes }) => purposes.includes(purpose));
  const [origin, channel] = [textOf(data['origin']), textOf(data['channel'])];
  const named = ways.filter(({ origins }) => origin !== undefined && origins.includes(origin));
  const clause = lowestClause(named) ?? lowestClause(ways) ?? clauseOf(promises.policy.minimisation);
  if (origin === undefined || channel === undefined) {
    const missing = [...(origin === undefined ? ['origin'] : []), ...(channel === undefined ? ['channel'] : [])];
    return [{ verdict: 'undeterminable', missing, clause, article }];
  }
  const fitting = ways.filter(({ origins, channels }) => origins.includes(origin) && channels.includes(channel));
  const isTaken = (category: string | undefined) =>
    fitting.some((way) => !way.subjects || (category !== undefined && way.subjects.includes(category)));
  const others = subjects.filter(({ category }) => !isTaken(category) && (fitting.length === 0 || category !== undefined));
  const outcomes: Outcome[] = [];
  if (others.length > 0) {
    const what = fitting.length > 0 ? 'not-of-these-people' : named.length > 0 ? 'channel-not-named' : 'origin-not-named';
    outcomes.push({ verdict: 'violates', what, clause, article, severity: 'medium', whom: peopleOf({ subjects: others }) });
  }
  if (fitting.length > 0 && subjects.some(({ category }) => category === undefined && !isTaken(category))) {
    outcomes.push({ verdict: 'undeterminable', missing: ['subjects.category'], clause, article });
  }
  return orConforms(outcomes);
}

/** The promise that was broken: of several ways, the order in which a document has them means nothing. */
function lowestClause(ways: readonly { clauses: readonly number[] }[]): number | undefined {
  return ways.length === 0 ? undefined : Math.min(...ways.map(({ clauses }) => clauses[0] ?? Number.POSITIVE_INFINITY));
}
