import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { type Erasure, isProcessing, type JudgedEvent, type Outcome, orConforms, peopleOf, type Rule, type State } from './rule.ts';
import { covers, isCategory } from './scope.ts';

const article = '17(1)';

/**
 * What was erased is gone: whoever still processes it, in a system in which it was erased, never erased it. Data that was collected again since
 * is other data. A search that found nothing processed nothing.
 */
export const R16: Rule = {
  id: 'R16',
  title: 'What was erased was not processed again',
  needs: ['erasures', 'collections'],
  judge(event, promises, state) {
    const { subjects, resultCount } = event.data;
    if (!isProcessing(event, promises) || event.type === 'PersonalDataCollected' || subjects.length === 0 || resultCount === 0) return [];
    const clause = clauseOf(promises.policy.rights['erasure']);
    const whom: string[] = [];
    const missing = new Set<string>();
    for (const person of peopleOf(event.data)) {
      const met = state.erasures(person).map((erasure) => meets(erasure, person, event, promises, state));
      if (met.includes(true)) whom.push(person);
      else for (const each of met) if (typeof each === 'string') missing.add(each === 'scope' ? 'scope of the erasure' : each);
    }
    const outcomes: Outcome[] = [];
    if (whom.length > 0) outcomes.push({ verdict: 'violates', what: 'after-erasure', clause, article, severity: 'critical', whom });
    if (missing.size > 0) outcomes.push({ verdict: 'undeterminable', missing: [...missing].sort(), clause, article });
    return orConforms(outcomes);
  },
};

/** Whether the event is about what an erasure ended; what is missing where that cannot be told. */
function meets({ at, scope, systems }: Erasure, person: string, { data }: JudgedEvent, promises: Promises, state: State): boolean | string {
  if (data.system !== undefined && !systems.includes(data.system)) return false;
  const covered = covers(scope, data, promises);
  if (covered === false) return false;
  const again = state.collections(person).filter((each) => each.at >= at);
  const { categories } = data;
  if (categories === undefined) {
    if (again.length > 0) return 'categories';
  } else {
    // Of an erasure of single categories, these alone have to be there again.
    const ofData = scope.every((word) => isCategory(word, promises));
    const erased = ofData ? categories.filter((each) => scope.includes(each)) : categories;
    const renewed = new Set(again.flatMap((each) => each.categories));
    if (again.length > 0 && erased.every((each) => renewed.has(each))) return false;
  }
  if (data.system === undefined) return 'system';
  return covered;
}
