import { clauseOf } from '../../../src/policy/promises.ts';
import {
  isGivenByThem,
  isHandingOver,
  isProcessing,
  type JudgedEvent,
  type Outcome,
  orConforms,
  peopleOf,
  type Rule,
  type State,
} from './rule.ts';
import { covers } from './scope.ts';

const article = '18(2)';

/** Storing is what a restriction leaves; a rectification is what it often waits for. */
const NO_USE = new Set(['PersonalDataStored', 'PersonalDataRectified']);

/** Others' rights and public interest (Art. 18(2)). */
const EXCEPTED_BASES = new Set(['6(1)(d)', '6(1)(e)']);

/** What is restricted is stored and no more, unless by consent, for claims, for others' rights or the public interest. */
export const R12: Rule = {
  id: 'R12',
  title: 'Nothing was used that is restricted',
  needs: ['restrictions', 'consents'],
  judge(event, promises, state) {
    if (!isProcessing(event, promises) || NO_USE.has(event.type) || event.data.subjects.length === 0 || isExcepted(event)) return [];
    const clause = clauseOf(promises.policy.rights['restriction']);
    const whom: string[] = [];
    const missing = new Set<string>();
    for (const person of peopleOf(event.data)) {
      const met = state.restrictions(person).map(({ scope }) => covers(scope, event.data, promises));
      const unknown = met.includes(true) ? lackingConsent(event, person, state) : met.filter((each) => typeof each === 'string');
      if (unknown === undefined) whom.push(person);
      else for (const each of unknown) missing.add(each === 'scope' ? 'scope of the restriction' : each);
    }
    const outcomes: Outcome[] = [];
    if (whom.length > 0) outcomes.push({ verdict: 'violates', what: 'under-restriction', clause, article, severity: 'high', whom });
    if (missing.size > 0) outcomes.push({ verdict: 'undeterminable', missing: [...missing].sort(), clause, article });
    return orConforms(outcomes);
  },
};

/** Whoever asks for their data, or for what they have a right to, consents to that. */
function isExcepted(event: JudgedEvent): boolean {
  const { purpose, legalBasis, recipient, requestRef } = event.data;
  if (purpose === 'legal-claims' || EXCEPTED_BASES.has(legalBasis ?? '') || isGivenByThem(event)) return true;
  if (isHandingOver(event) && recipient?.role === 'data-subject' && recipient.id === undefined) return true;
  return purpose === 'rights-fulfilment' && requestRef !== undefined;
}

/**
 * What is missing to tell whether an exception holds; nothing where the person consents; undefined where none does. A record that names consent,
 * of which nobody ever heard, can be right.
 */
function lackingConsent({ data: { purpose, legalBasis } }: JudgedEvent, person: string, state: State): string[] | undefined {
  if (purpose === undefined) return ['purpose'];
  if (legalBasis === undefined) return ['legalBasis'];
  if (legalBasis !== '6(1)(a)') return undefined;
  const consent = state.consent(person, purpose);
  if (consent === undefined) return ['consent'];
  return consent.state === 'given' ? [] : undefined;
}
