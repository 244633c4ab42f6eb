import { dueAfter } from '../../../src/policy/due.ts';
import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import { type Delivery, isOurs, isRecipient, type JudgedEvent, type Outcome, orConforms, peopleOf, type Rule, type State } from './rule.ts';
import { covers } from './scope.ts';

const article = '19';

/** The right that each of them serves. */
const RIGHTS: Readonly<Record<string, string>> = {
  PersonalDataRectified: 'rectification',
  PersonalDataErased: 'erasure',
  ProcessingRestricted: 'restriction',
};

/** Telling somebody was tried and failed: they do not know. */
const FAILED = 'failed';

/** What a recipient has to be told of whom. */
interface Concerned {
  recipient: string;
  people: Set<string>;
}

/**
 * Whoever got data is told when it is rectified, erased or restricted, unless that proves impossible or takes disproportionate effort. Art. 19
 * names no time: that of requests is taken. One outcome for each recipient that was not told.
 */
export const R19: Rule = {
  id: 'R19',
  title: 'Every recipient was told of a rectification, erasure or restriction',
  needs: ['deliveries', 'erasures'],
  recordedOnly: true,
  judge(event, promises, state) {
    const right = RIGHTS[event.type];
    if (right === undefined || !isOurs(event.data, promises) || event.data.subjects.length === 0) return [];
    const { rights, requests } = promises.policy;
    const clause = clauseOf(rights[right] ?? rights['recipient-notification']);
    const due = dueAfter(event.time, requests.within);
    const missing = new Set<string>();
    const outcomes: Outcome[] = [];
    for (const { recipient, people } of concerned(event, promises, state, missing)) {
      const told = [...people].map((person) => ({ person, at: toldAt(person, recipient, right, promises, state, missing) }));
      for (const [what, found] of [
        ['recipient-told-late', told.filter(({ at }) => typeof at === 'number' && at > due)] as const,
        ['recipient-not-told', told.filter(({ at }) => at === 'never')] as const,
      ]) {
        if (found.length === 0) continue;
        const whom = found.map(({ person }) => person);
        outcomes.push({ ...{ verdict: 'violates', what, clause, article, severity: 'medium' }, whom, recipient, dueAt: due + 1 });
      }
    }
    if (missing.size > 0) outcomes.push({ verdict: 'undeterminable', missing: [...missing].sort(), clause, article });
    return orConforms(outcomes);
  },
};

/** Who got what the event is about, by name. */
function concerned(event: JudgedEvent, promises: Promises, state: State, missing: Set<string>): Concerned[] {
  const found = new Map<string, Concerned>();
  for (const person of peopleOf(event.data)) {
    for (const delivery of state.deliveries(person)) {
      if (!isRecipient(delivery.role)) continue;
      const about = isAbout(event, remaining(delivery, person, state), promises);
      if (about === false) continue;
      if (about !== true) missing.add(about === 'scope' ? 'scope' : 'categories');
      else if (delivery.recipient === undefined) missing.add('recipient.id of what was disclosed');
      else {
        const recipient = named(delivery.recipient, promises);
        const of = found.get(recipient) ?? { recipient, people: new Set() };
        found.set(recipient, of);
        of.people.add(person);
      }
    }
  }
  return [...found.values()];
}

/** What a recipient got that was not erased since: of that erasure they had to be told themselves. */
function remaining(delivery: Delivery, person: string, state: State): Delivery {
  const since = state.erasures(person).filter(({ at }) => at >= delivery.at);
  if (since.length === 0) return delivery;
  const isGone = (category: string) =>
    since.some(({ scope }) => scope.some((word) => word === 'all' || word === delivery.purpose || word === category));
  return { ...delivery, categories: delivery.categories.filter((category) => !isGone(category)) };
}

/** Whether what somebody got is what was changed: of the same categories, and within the scope. */
function isAbout({ data }: JudgedEvent, delivery: Delivery, promises: Promises): boolean | 'scope' | 'purpose' | 'categories' {
  const { categories } = data;
  if (delivery.categories.length === 0) return false;
  if (categories !== undefined && !categories.some((each) => delivery.categories.includes(each))) return false;
  const scope = data['scope'];
  // A rectification has none: it is of its categories.
  if (scope === undefined) return categories === undefined ? 'categories' : true;
  return covers([scope].flat() as string[], delivery, promises);
}

/**
 * When a person's recipient was told, or why telling was not necessary; `unsure` where a record leaves out whom, or how it ended.
 */
function toldAt(
  person: string,
  recipient: string,
  right: string,
  promises: Promises,
  state: State,
  missing: Set<string>,
): number | 'never' | 'unsure' {
  const of = state.notifications(person).filter((each) => (each.right ?? right) === right || each.right === 'recipient-notification');
  const sure = of.find((each) => isFor(each.recipient, recipient, promises) && each.result !== undefined && each.result !== FAILED);
  if (sure) return sure.at;
  if (of.some((each) => isFor(each.recipient, recipient, promises) && each.result === undefined))
    missing.add('result of RecipientNotified');
  else if (of.some((each) => each.recipient === undefined && each.result !== FAILED)) missing.add('recipient.id of RecipientNotified');
  else return 'never';
  return 'unsure';
}

const isFor = (told: string | undefined, recipient: string, promises: Promises): boolean =>
  told !== undefined && named(told, promises) === recipient;

/** A recipient under the one of its names that the policy gives it. */
const named = (name: string, promises: Promises): string => promises.recipient(name)?.id ?? promises.processor(name)?.id ?? name;
