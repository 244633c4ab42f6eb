import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import {
  CONFORMS,
  isGivenByThem,
  isMarketingObjection,
  isOurs,
  isProcessing,
  type JudgedEvent,
  type Objection,
  type Outcome,
  orConforms,
  peopleOf,
  type Rule,
  type State,
} from './rule.ts';

const article = '21(1)';

/** The bases against which there is a right to object on grounds of one's situation (Art. 21(1)). */
const OBJECTIONABLE = new Set(['6(1)(e)', '6(1)(f)']);

/** Storing is what a restriction leaves (Art. 18(1)(d)); a rectification is nothing that was objected to. */
const NO_USE = new Set(['PersonalDataStored', 'PersonalDataRectified']);

/** What somebody objected to rests until it is decided, and goes on only for grounds that are named. Against marketing there is nothing to decide. */
export const R14: Rule = {
  id: 'R14',
  title: 'An objection was heeded until it was decided with grounds',
  needs: ['objections'],
  judge(event, promises, state) {
    const clause = clauseOf(promises.policy.rights['objection']);
    if (event.type === 'ObjectionDecided') return isOurs(event.data, promises) ? judgeDecision(event, clause, promises, state) : [];
    const { purpose, legalBasis, subjects } = event.data;
    if (!isProcessing(event, promises) || NO_USE.has(event.type) || isGivenByThem(event) || subjects.length === 0) return [];
    // Claims are what an objection gives way to (Art. 21(1)); of a purpose that is missing, R2 speaks.
    if (purpose === undefined || purpose === 'legal-claims') return [];
    if (legalBasis !== undefined && !OBJECTIONABLE.has(legalBasis)) return [];
    const outcomes: Outcome[] = [];
    for (const fate of ['pending', 'upheld'] as const) {
      const isBroken = (one: Objection) => one.purposes.includes(purpose) && fateOf(one) === fate && !isMarketingObjection(one, promises);
      const whom = peopleOf(event.data).filter((each) => state.objections(each).some(isBroken));
      if (whom.length > 0) outcomes.push({ verdict: 'violates', what: `objection-${fate}`, clause, article, severity: 'high', whom });
    }
    if (outcomes.length === 0) return legalBasis === undefined ? [] : [CONFORMS];
    return legalBasis === undefined ? [{ verdict: 'undeterminable', missing: ['legalBasis'], clause, article }] : outcomes;
  },
};

/** Rejected without grounds, it is not decided. */
function fateOf({ outcome, hasGrounds = true }: Objection): 'pending' | 'upheld' | 'rejected' {
  if (outcome === 'upheld') return 'upheld';
  return outcome !== undefined && hasGrounds ? 'rejected' : 'pending';
}

/** Grounds are sealed: that they were given can be seen. What kind the objection was stands on the decision, or on the objection. */
function judgeDecision(event: JudgedEvent, clause: number | null, promises: Promises, state: State): Outcome[] {
  const { data } = event;
  if (data['outcome'] !== 'rejected') return [CONFORMS];
  const objection = objectionOf(event, state);
  const kind = objection?.kind ?? data['kind'];
  if (data['kind'] === '21(2)' || (objection && isMarketingObjection(objection, promises))) {
    const marketing = clauseOf(promises.policy.directMarketing) ?? clause;
    return [{ verdict: 'violates', what: 'decided-though-absolute', clause: marketing, article: '21(3)', severity: 'critical' }];
  }
  const outcomes: Outcome[] = [];
  if (!data.sealedFields?.includes('grounds')) {
    outcomes.push({ verdict: 'violates', what: 'rejected-without-grounds', clause, article, severity: 'high' });
  }
  if (kind === undefined) outcomes.push({ verdict: 'undeterminable', missing: ['kind'], clause, article });
  return orConforms(outcomes);
}

/** The objection that a decision is of, where the people whom the decision names raised it. */
function objectionOf({ data }: JudgedEvent, state: State): Objection | undefined {
  const { source, id } = (data['target'] ?? {}) as { source?: string; id?: string };
  return peopleOf(data)
    .flatMap((person) => state.objections(person))
    .find((one) => one.source === source && one.id === id);
}
