import { clauseOf } from '../../../src/policy/promises.ts';
import { type Grant, isProcessing, type Outcome, orConforms, type Rule } from './rule.ts';

const article = '32(4)';

/** Whoever looks data up has a grant that covers it, and a case that needs it. A denied attempt broke nothing. */
export const R6: Rule = {
  id: 'R6',
  title: 'Whoever looked it up had a grant and a case',
  needs: ['grants'],
  judge(event, promises, state) {
    const { access } = promises.policy;
    const { actor, purpose, categories = [], system, caseRef } = event.data;
    if (event.type !== 'PersonalDataAccessed' || actor.kind !== 'human' || !access || !isProcessing(event, promises)) return [];
    const clause = clauseOf(access);
    const outcomes: Outcome[] = [];
    const grants = state.grants(actor.reference);
    // Where no grant was ever recorded, nothing can be told of anybody.
    if (grants === undefined) outcomes.push({ verdict: 'undeterminable', missing: ['grants'], clause, article });
    else if (!grants.some((grant) => covers(grant, purpose, categories, system))) {
      outcomes.push({ verdict: 'violates', what: 'no-grant', clause, article, severity: 'high' });
    }
    if (caseRef === undefined && !access.withoutCase?.includes(purpose as string)) {
      outcomes.push({ verdict: 'violates', what: 'no-case', clause, article, severity: 'medium' });
    }
    return orConforms(outcomes);
  },
};

function covers(
  { purposes, categories, systems }: Grant,
  purpose: string | undefined,
  wanted: readonly string[],
  system: string | undefined,
): boolean {
  const isFor = purposes === undefined || purposes.includes(purpose as string);
  const isOf = categories === undefined || wanted.every((each) => categories.includes(each));
  return isFor && isOf && (systems === undefined || systems.includes(system as string));
}
