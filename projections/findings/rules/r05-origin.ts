import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isProcessing, type Rule, textOf } from './rule.ts';

const article = '5(1)(a)';

/** Data comes from where, and by which way, the policy says that it comes. Whether the notice under Art. 14 followed is an obligation with a day of its own. */
export const R5: Rule = {
  id: 'R5',
  title: 'The data came from where the policy says',
  needs: [],
  judge(event, promises) {
    const { purpose, subjects } = event.data;
    if (event.type !== 'PersonalDataCollected' || !isProcessing(event, promises) || !promises.purpose(purpose)) return [];
    const ways = Object.values(promises.policy.collection).filter(({ purposes }) => purposes.includes(purpose as string));
    const clause = clauseOf(ways[0] ?? promises.policy.minimisation);
    const [origin, channel] = [textOf(event.data['origin']), textOf(event.data['channel'])];
    if (origin === undefined || channel === undefined) {
      const missing = [...(origin === undefined ? ['origin'] : []), ...(channel === undefined ? ['channel'] : [])];
      return [{ verdict: 'undeterminable', missing, clause, article }];
    }
    const fitting = ways.filter(({ origins, channels }) => origins.includes(origin) && channels.includes(channel));
    const taken = subjects.filter(({ category }) =>
      fitting.some((way) => !way.subjects || (category !== undefined && way.subjects.includes(category))),
    );
    const unknown = fitting.length > 0 && subjects.some((each) => each.category === undefined && !taken.includes(each));
    const others = subjects.filter((each) => !taken.includes(each) && (fitting.length === 0 || each.category !== undefined));
    if (others.length > 0) {
      const what = ways.some(({ origins }) => origins.includes(origin)) ? 'channel-not-named' : 'origin-not-named';
      return [{ verdict: 'violates', what, clause, article, severity: 'medium', whom: others.map(({ reference }) => reference) }];
    }
    return unknown ? [{ verdict: 'undeterminable', missing: ['subjects.category'], clause, article }] : [CONFORMS];
  },
};
