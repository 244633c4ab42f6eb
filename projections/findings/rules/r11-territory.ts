import { clauseOf } from '../../../src/policy/promises.ts';
import { isInEea } from '../../../src/vocabulary/vocabulary.ts';
import { isHandingOver, isProcessing, type Outcome, orConforms, type Rule, textOf } from './rule.ts';

/** Chapter V begins with it: no transfer to a third country but under its conditions. */
const CHAPTER_V = '44';

/**
 * Data stays where the policy says. Outside, the promise is broken, whatever the law allows; outside the EEA and without a tool, the law
 * is broken too: two findings.
 */
export const R11: Rule = {
  id: 'R11',
  title: 'The data stayed where the policy says',
  needs: [],
  judge(event, promises) {
    if (!isProcessing(event, promises)) return [];
    const { country, recipient } = event.data;
    const clause = clauseOf(promises.policy.territory);
    const handedOver = isHandingOver(event) && recipient !== undefined && recipient.role !== 'data-subject';
    const places = [country, handedOver ? recipient.country : undefined].filter((each) => each !== undefined);
    const outcomes: Outcome[] = [];
    if (places.some((each) => !promises.isWithinTerritory(each))) {
      outcomes.push({ verdict: 'violates', what: 'outside-territory', clause, article: '5(1)(a)', severity: 'high' });
    }
    if (places.some((each) => !isInEea(each)) && textOf(event.data['transferTool']) === undefined) {
      outcomes.push({ verdict: 'violates', what: 'no-transfer-tool', clause, article: CHAPTER_V, severity: 'critical' });
    }
    const missing = [
      ...(country === undefined ? ['country'] : []),
      ...(handedOver && recipient.country === undefined ? ['recipient.country'] : []),
    ];
    if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article: CHAPTER_V });
    return orConforms(outcomes);
  },
};
