import { clauseOf } from '../../../src/policy/promises.ts';
import { type Grant, isProcessing, isProcessor, type JudgedEvent, NOBODY, type Outcome, orConforms, type Rule } from './rule.ts';

const article = '32(4)';

/** Whoever looks data up has a grant that covers it, and a case that needs it. A denied attempt broke nothing. */
export const R6: Rule = {
  id: 'R6',
  title: 'Whoever looked it up had a grant and a case',
  needs: ['grants'],
  judge(event, promises, state) {
    const { access } = promises.policy;
    const { actor, purpose, caseRef } = event.data;
    if (event.type !== 'PersonalDataAccessed' || !access || !isProcessing(event, promises)) return [];
    const clause = clauseOf(access);
    const lacks = (...missing: string[]): Outcome => ({ verdict: 'undeterminable', missing, clause, article });
    if (actor.kind === NOBODY.kind) return [lacks('actor')];
    // A processor's staff is bound by its agreement (Art. 28(3)(b)).
    if (actor.kind !== 'human' || isProcessor(actor)) return [];
    const outcomes: Outcome[] = [];
    const grants = state.grants(actor.reference);
    // Where no grant was ever recorded, nothing can be told of anybody.
    const covered = grants === undefined ? ['grants'] : coveredBy(grants, event);
    if (covered === false) outcomes.push({ verdict: 'violates', what: 'no-grant', clause, article, severity: 'high' });
    else if (covered !== true) outcomes.push(lacks(...covered));
    if (caseRef === undefined && !access.withoutCase?.includes(purpose as string)) {
      outcomes.push({ verdict: 'violates', what: 'no-case', clause, article, severity: 'medium' });
    }
    return orConforms(outcomes);
  },
};

/** Whether grants for that purpose and system cover all of the data between them; what is missing where that hangs on it. */
function coveredBy(grants: readonly Grant[], { data: { purpose, categories, system } }: JudgedEvent): boolean | string[] {
  const cover = (isFor: (limit: readonly string[] | undefined, value: string | undefined) => boolean): boolean => {
    const fitting = grants.filter(({ purposes, systems }) => isFor(purposes, purpose) && isFor(systems, system));
    return (categories ?? [undefined]).every((each) => fitting.some((grant) => isFor(grant.categories, each))) && fitting.length > 0;
  };
  if (cover((limit, value) => limit === undefined || (value !== undefined && limit.includes(value)))) return true;
  if (!cover((limit, value) => limit === undefined || value === undefined || limit.includes(value))) return false;
  return Object.entries({ purpose, categories, system }).flatMap(([name, value]) => (value === undefined ? [name] : []));
}
