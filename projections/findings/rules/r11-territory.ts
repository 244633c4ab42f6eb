import { clauseOf } from '../../../src/policy/promises.ts';
import { adequacyOf, isInEea } from '../../../src/vocabulary/vocabulary.ts';
import {
  dayOf,
  isHandingOver,
  isProcessing,
  type JudgedEvent,
  type Outcome,
  orConforms,
  peopleOf,
  type Rule,
  type State,
  textOf,
} from './rule.ts';

/** Chapter V begins with it: no transfer to a third country but under its conditions. */
const CHAPTER_V = '44';
const ADEQUACY = '45(1)';
const EXPLICIT_CONSENT = '49(1)(a)';

/**
 * Data stays where the policy says. Outside, the promise is broken, whatever the law allows; outside the EEA and without a tool that holds, the
 * law is broken too: two findings.
 */
export const R11: Rule = {
  id: 'R11',
  title: 'The data stayed where the policy says',
  needs: ['consents'],
  judge(event, promises, state) {
    if (!isProcessing(event, promises)) return [];
    const { country, recipient } = event.data;
    const clause = clauseOf(promises.policy.territory);
    const handedOver = isHandingOver(event) && recipient !== undefined && recipient.role !== 'data-subject';
    const places = [country, handedOver ? recipient.country : undefined].filter((each) => each !== undefined);
    const outcomes: Outcome[] = [];
    if (places.some((each) => !promises.isWithinTerritory(each))) {
      outcomes.push({ verdict: 'violates', what: 'outside-territory', clause, article: '5(1)(a)', severity: 'high' });
    }
    const thirdCountries = places.filter((each) => !isInEea(each));
    if (thirdCountries.length > 0) outcomes.push(...judgeTool({ event, thirdCountries, state, clause }));
    const missing = [
      ...(country === undefined ? ['country'] : []),
      ...(handedOver && recipient.country === undefined ? ['recipient.country'] : []),
    ];
    if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article: CHAPTER_V });
    return orConforms(outcomes);
  },
};

interface Transfer {
  event: JudgedEvent;
  thirdCountries: readonly string[];
  state: State;
  clause: number | null;
}

/** Whether the tool that is named holds. Clauses and binding rules hold by being named: no record says between whom they were agreed. */
function judgeTool(transfer: Transfer): Outcome[] {
  const { clause } = transfer;
  switch (textOf(transfer.event.data['transferTool'])) {
    case undefined:
      return [{ verdict: 'violates', what: 'no-transfer-tool', clause, article: CHAPTER_V, severity: 'critical' }];
    case 'adequacy':
      return judgeAdequacy(transfer);
    case 'explicit-consent':
      return judgeConsent(transfer);
    default:
      return [];
  }
}

function judgeAdequacy({ event, thirdCountries, clause }: Transfer): Outcome[] {
  const article = ADEQUACY;
  const decisions = thirdCountries.map((each) => adequacyOf(each, dayOf(event.time)));
  if (decisions.includes(undefined)) return [{ verdict: 'violates', what: 'no-adequacy-decision', clause, article, severity: 'critical' }];
  const isLimited = decisions.some((each) => each?.limited);
  return isLimited ? [{ verdict: 'undeterminable', missing: ['adequacy of the recipient'], clause, article }] : [];
}

/** Who ever consented to the purpose may have consented to the transfer; who refused, withdrew or let it expire did not. */
function judgeConsent({ event, state, clause }: Transfer): Outcome[] {
  const article = EXPLICIT_CONSENT;
  const { purpose, subjects } = event.data;
  const lacks = (...missing: string[]): Outcome => ({ verdict: 'undeterminable', missing, clause, article });
  const unknown = [...(purpose === undefined ? ['purpose'] : []), ...(subjects.length === 0 ? ['subjects'] : [])];
  if (purpose === undefined || unknown.length > 0) return [lacks(...unknown)];
  const without: string[] = [];
  let isUnheard = false;
  for (const person of peopleOf(event.data)) {
    const consent = state.consent(person, purpose);
    if (consent === undefined) isUnheard = true;
    else if (consent.state !== 'given') without.push(person);
  }
  const violation: Outcome = {
    verdict: 'violates',
    what: 'transfer-without-consent',
    clause,
    article,
    severity: 'critical',
    whom: without,
  };
  return [...(without.length > 0 ? [violation] : []), ...(isUnheard ? [lacks('consent')] : [])];
}
