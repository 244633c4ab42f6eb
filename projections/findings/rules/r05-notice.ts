import { dueAfter, endOfDay } from '../../../src/policy/due.ts';
import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { CONFORMS, dayOf, type Informed, type JudgedEvent, type Outcome, peopleOf, type State, textOf } from './rule.ts';

const article = '14(3)';

/** What the GDPR itself demands where a policy promises nothing. */
const BY_LAW = { within: 'P1M', atFirst: ['contact', 'disclosure'] };

/** Data that somebody gives, or that is observed of them, comes from them: Art. 13 speaks of it, and Art. 14 does not. */
const FROM_THEM = new Set(['subject', 'observed']);

/** What informs of rights in general, and not of processing for one purpose. */
const OF_ANY_PURPOSE = new Set([undefined, 'rights-fulfilment']);

/** How a person was informed of one collection. */
type Fate = { as: 'told' } | { as: 'unsure' } | { as: 'late' | 'untold'; due: number };

/**
 * The half of R5 that has a day: whoever's data came from somebody else is told within the time, at the first contact, or at the first disclosure,
 * whichever is first. A collection with a `noticeRef` told them itself. What told them before of the same purpose, they know (Art. 14(5)(a)).
 */
export function judgeNotice(event: JudgedEvent, promises: Promises, state: State): Outcome[] {
  const origin = textOf(event.data['origin']);
  // Without an origin, the other half says that it is missing.
  if (origin === undefined || FROM_THEM.has(origin) || event.data.subjects.length === 0) return [];
  if (textOf(event.data['noticeRef']) !== undefined) return [CONFORMS];
  const clause = clauseOf(promises.policy.information);
  const fates = peopleOf(event.data).map((person) => ({ person, fate: fateOf(person, event, promises, state) }));
  const outcomes: Outcome[] = [];
  for (const [as, what] of [['late', 'notice-late'] as const, ['untold', 'notice-missing'] as const]) {
    const found = fates.flatMap(({ person, fate }) => (fate.as === as ? [{ person, due: fate.due }] : []));
    if (found.length === 0) continue;
    // One finding for all of them, from the first of their days on.
    const dueAt = Math.min(...found.map(({ due }) => due)) + 1;
    outcomes.push({
      ...{ verdict: 'violates', what, clause, article, severity: 'medium' },
      whom: found.map(({ person }) => person),
      dueAt,
    });
  }
  if (fates.some(({ fate }) => fate.as === 'unsure')) {
    outcomes.push({ verdict: 'undeterminable', missing: ['purpose of the earlier notice'], clause, article });
  }
  return outcomes.length > 0 ? outcomes : [CONFORMS];
}

/** Told by the end of that day is told in time (Art. 14(3)(b), (c)): what two systems say of one letter lies seconds or hours apart. */
const endOf = (time: number | undefined): number => (time === undefined ? Number.POSITIVE_INFINITY : endOfDay(dayOf(time)));

function fateOf(person: string, { time, data }: JudgedEvent, { policy }: Promises, state: State): Fate {
  const { within, atFirst } = policy.information ?? BY_LAW;
  const due = Math.min(
    dueAfter(time, within),
    atFirst.includes('contact') ? endOf(state.firstContactAfter(person)) : Number.POSITIVE_INFINITY,
    atFirst.includes('disclosure') ? endOf(state.firstDisclosureAfter(person)) : Number.POSITIVE_INFINITY,
  );
  const ofThis = ({ purpose }: Informed) => purpose === data.purpose;
  const ofAny = ({ purpose }: Informed) => OF_ANY_PURPOSE.has(purpose);
  const informed = state.informed(person);
  if (informed.some((each) => each.at <= due && (ofThis(each) || (each.at >= time && ofAny(each))))) return { as: 'told' };
  if (informed.some((each) => each.at < time && ofAny(each))) return { as: 'unsure' };
  return { as: informed.some((each) => ofThis(each) || ofAny(each)) ? 'late' : 'untold', due };
}
