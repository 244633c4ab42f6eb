import type { PurposeEntry } from '../../../src/policy/document.ts';
import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { dayOf, isProcessing, type JudgedEvent, type Outcome, orConforms, peopleOf, type Rule, type State, textOf } from './rule.ts';

type Basis = PurposeEntry['bases'][string];

interface Case {
  event: JudgedEvent;
  purpose: string;
  basis: string;
  allowed: Basis;
  promises: Promises;
  state: State;
  violates(what: string, whom?: string[]): Outcome;
  lacks(...missing: string[]): Outcome;
}

/** The purpose may rest on the legal basis, and what that basis needs is there: a consent, a statute, a current assessment, the right people. */
export const R3: Rule = {
  id: 'R3',
  title: 'The legal basis is one that the purpose may rest on',
  needs: ['consents'],
  judge(event, promises, state) {
    const { purpose, legalBasis: basis } = event.data;
    const entry = promises.purpose(purpose);
    if (!isProcessing(event, promises) || entry === undefined || purpose === undefined) return [];
    const clause = clauseOf(entry);
    const article = basis ?? '6(1)';
    const violates = (what: string, whom?: string[]): Outcome => ({
      ...{ verdict: 'violates', what, clause, article, severity: 'high' },
      ...(whom && { whom }),
    });
    const lacks = (...missing: string[]): Outcome => ({ verdict: 'undeterminable', missing, clause, article });
    if (basis === undefined) return [lacks('legalBasis')];
    const allowed = Object.hasOwn(entry.bases, basis) ? entry.bases[basis] : undefined;
    if (allowed === undefined) return [violates('basis-not-allowed')];
    const judged = { event, purpose, basis, allowed, promises, state, violates, lacks };
    return orConforms([...people(judged), ...(NEEDED[basis]?.(judged) ?? [])]);
  },
};

/** A basis for some people is none for others: only whoever is party to a contract, or asked for it, can be processed for it. */
function people({ event, allowed, violates, lacks }: Case): Outcome[] {
  const { subjects } = allowed;
  if (subjects === undefined) return [];
  const unknown = event.data.subjects.some(({ category }) => category === undefined);
  const others = event.data.subjects.filter(({ category }) => category !== undefined && !subjects.includes(category));
  return [
    ...(others.length > 0 ? [violates('basis-not-for-subject', peopleOf({ subjects: others }))] : []),
    ...(unknown ? [lacks('subjects.category')] : []),
  ];
}

const NEEDED: Readonly<Record<string, (judged: Case) => Outcome[]>> = {
  '6(1)(a)': consent,
  '6(1)(c)': statute,
  '6(1)(e)': statute,
  '6(1)(f)': assessment,
};

/** Whoever collects a consent collects data on it at the same time: a form may report one before the other. */
function consent({ event, purpose, state, violates, lacks }: Case): Outcome[] {
  if (event.type === 'PersonalDataCollected') return [];
  const without: string[] = [];
  const unheard: string[] = [];
  for (const reference of peopleOf(event.data)) {
    const found = state.consent(reference, purpose);
    if (found === undefined) unheard.push(reference);
    // A withdrawn one is R15's.
    else if (found.state === 'refused') without.push(reference);
  }
  return [...(without.length > 0 ? [violates('consent-refused', without)] : []), ...(unheard.length > 0 ? [lacks('consent')] : [])];
}

/** A record names its statute; where it does not, and the policy names one alone, that one is meant. */
function statute({ event, allowed, violates, lacks }: Case): Outcome[] {
  const known = allowed.statutes ?? [];
  const named = textOf(event.data['statuteRef']);
  if (named === undefined) return known.length === 1 ? [] : [lacks('statuteRef')];
  return known.some((each) => named === each || (named.startsWith(each) && /^[\s,;§]/.test(named.slice(each.length))))
    ? []
    : [violates('statute-not-named-by-policy')];
}

/** As with statutes; and the assessment must have held on the day. */
function assessment({ event, allowed, promises, violates, lacks }: Case): Outcome[] {
  const known = allowed.assessments ?? [];
  const named = textOf(event.data['assessmentRef']) ?? (known.length === 1 ? known[0] : undefined);
  if (named === undefined) return [lacks('assessmentRef')];
  if (!known.includes(named)) return [violates('assessment-not-for-purpose')];
  const held = promises.policy.assessments?.[named];
  const day = dayOf(event.time);
  if (held === undefined || day < held.from) return [violates('assessment-not-yet-made')];
  return held.until !== undefined && day > held.until ? [violates('assessment-expired')] : [];
}
