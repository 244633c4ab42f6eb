/** What was so around an event, from the facts on its keys: the answers that rules ask for. Pure. */
import type {
  Collection,
  Delivery,
  Erasure,
  Grant,
  Informed,
  JudgedEvent,
  Notification,
  Objection,
  RecordedAgreement,
  Restriction,
  State,
} from '../findings/rules/rule.ts';
import { CASES } from '../findings/rules/rule.ts';
import { caseOpenedBy, type Fact, type FactKind, heardValue, type Said, type Told } from './facts.ts';
import type { KeyKind } from './keys.ts';

/** A fact without its key. */
export type Timed = Omit<Fact, 'key'>;

/** What stands recorded. */
export interface Known {
  /** Facts on a key, in order (`inOrder`); of a person those of everybody who is the same person. */
  of(kind: KeyKind, value: string): readonly Timed[];
  /** Whether a source ever reported a collection, or anybody ever got a grant. @param value `heardValue` */
  isHeard(kind: 'source' | 'grants', value: string): boolean;
  isSamePerson(one: string, other: string): boolean;
}

/** By time, then source and id: never by position, or the order of arrival would show. */
export function inOrder(a: Pick<Timed, 'time' | 'source' | 'id'>, b: Pick<Timed, 'time' | 'source' | 'id'>): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
}

/** Whether there is nothing among the facts of a person but what nearly everybody has: collections, and notices that came with them. */
export const isQuiet = (facts: readonly Timed[]): boolean => facts.every(({ kind }) => kind === 'collection' || kind === 'notice');

const NOTHING: readonly never[] = [];

/**
 * What was so around an event.
 * @param controller whose policy it is judged by: what names another one is nothing here. Absent: nobody is another
 */
export function stateAround(known: Known, event: Told, controller?: string): State {
  return new Around(known, event, controller);
}

export class Around implements State {
  readonly #known: Known;
  #event: Told;
  #controller: string | undefined;

  constructor(known: Known, event: Told, controller: string | undefined) {
    this.#known = known;
    this.#event = event;
    this.#controller = controller;
  }

  /** The same around another event: whoever judges many needs one. */
  move(event: Told, controller: string | undefined): this {
    this.#event = event;
    this.#controller = controller;
    return this;
  }

  consent(person: string, purpose: string): ReturnType<State['consent']> {
    const facts = this.#known.of('person', person);
    for (let i = facts.length - 1; i >= 0; i--) {
      const each = facts[i] as Timed;
      if (each.kind !== 'consent' || !this.#isBefore(each) || !each.fact.purposes?.includes(purpose)) continue;
      return { state: each.fact.state as 'given', at: each.time };
    }
    return undefined;
  }

  objections(person: string): readonly Objection[] {
    const facts = this.#known.of('person', person);
    if (facts.length === 0) return NOTHING;
    const decisions = this.#before(facts, 'decision');
    return this.#before(facts, 'objection').map(({ source, id, fact: { kind, purposes } }) => {
      const decided = decisions.findLast(({ fact: { target } }) => target?.source === source && target.id === id);
      const { outcome, hasGrounds } = decided?.fact ?? {};
      return {
        ...{ source, id, kind: kind as string, purposes: purposes ?? [] },
        ...(outcome !== undefined && { outcome }),
        ...(hasGrounds !== undefined && { hasGrounds }),
      };
    });
  }

  restrictions(person: string): readonly Restriction[] {
    const facts = this.#known.of('person', person);
    if (facts.length === 0) return NOTHING;
    const liftings = this.#before(facts, 'lifting');
    return this.#before(facts, 'restriction').flatMap((one) => {
      const scope = liftings.reduce((left, lifting) => this.#remaining(left, one, lifting), one.fact.scope ?? []);
      return scope.length > 0 ? [{ scope }] : [];
    });
  }

  /** What a lifting leaves of a restriction: nothing of the one that it names, or, where it names none, what is not in its scope. */
  #remaining(scope: readonly string[], restriction: Timed, { fact: { target, scope: lifted }, ...lifting }: Timed): readonly string[] {
    const isMeant =
      target === undefined ? inOrder(lifting, restriction) > 0 : target.source === restriction.source && target.id === restriction.id;
    if (!isMeant) return scope;
    if (lifted === undefined || lifted.includes('all')) return NOTHING;
    // Of everything something was lifted: for this event it was, or it was not.
    if (scope.includes('all')) return this.#isWithin(lifted) ? NOTHING : scope;
    return scope.filter((each) => !lifted.includes(each));
  }

  #isWithin(scope: readonly string[]): boolean {
    const { purpose, categories } = this.#event.data;
    if (purpose !== undefined && scope.includes(purpose)) return true;
    return categories !== undefined && categories.length > 0 && categories.every((each) => scope.includes(each));
  }

  erasures(person: string): readonly Erasure[] {
    const facts = this.#known.of('person', person);
    if (facts.length === 0) return NOTHING;
    return this.#before(facts, 'erasure').map(({ time, fact: { scope = [], systems = [] } }) => ({ at: time, scope, systems }));
  }

  collections(person: string): readonly Collection[] {
    const facts = this.#known.of('person', person);
    if (facts.length === 0) return NOTHING;
    return this.#before(facts, 'collection').map(({ time, fact: { categories = [] } }) => ({ at: time, categories }));
  }

  reportsCollections(source: string): boolean {
    return this.#isHeard('source', source);
  }

  grants(actor: string): readonly Grant[] | undefined {
    if (!this.#isHeard('grants', '')) return undefined;
    const facts = this.#known.of('actor', actor);
    const revocations = this.#before(facts, 'revocation').filter(({ fact }) => this.#isRevokedBy(fact));
    return this.#before(facts, 'grant').flatMap((grant) => {
      const { from = grant.time, until = Number.POSITIVE_INFINITY, purposes, categories, systems } = grant.fact;
      const { time } = this.#event;
      if (time < from || time > until || revocations.some((each) => inOrder(each, grant) > 0)) return [];
      return [{ ...(purposes && { purposes }), ...(categories && { categories }), ...(systems && { systems }) }];
    });
  }

  /** A revocation of some purposes, categories or systems ends what was granted for those: for this event, or not. */
  #isRevokedBy({ purposes, categories, systems }: Said): boolean {
    const { data } = this.#event;
    if (purposes !== undefined && !(data.purpose !== undefined && purposes.includes(data.purpose))) return false;
    if (systems !== undefined && !(data.system !== undefined && systems.includes(data.system))) return false;
    return categories === undefined || (data.categories ?? []).some((each) => categories.includes(each));
  }

  instructedAt(actor: string): number | undefined {
    return this.#last(this.#known.of('actor', actor), 'instruction')?.time;
  }

  agreements(names: readonly string[]): readonly RecordedAgreement[] {
    const facts = names.flatMap((each) => this.#known.of('recipient', each)).filter((each) => this.#isOurs(each));
    if (names.length > 1) facts.sort(inOrder);
    const ends = facts.filter(({ kind }) => kind === 'termination');
    return facts
      .filter(({ kind }) => kind === 'agreement')
      .map((agreement) => agreementOf(agreement, ends))
      .sort((a, b) => a.from - b.from);
  }

  informed(person: string): readonly Informed[] {
    return this.#known
      .of('person', person)
      .filter((each) => each.kind === 'notice' && this.#isOurs(each) && !this.#isItself(each))
      .map(({ time, fact: { purpose } }) => ({ at: time, ...(purpose !== undefined && { purpose }) }));
  }

  firstContactAfter(person: string): number | undefined {
    return this.#next(this.#known.of('person', person), 'contact')?.time;
  }

  firstDisclosureAfter(person: string): number | undefined {
    return this.#next(this.#known.of('person', person), 'disclosure')?.time;
  }

  deliveries(person: string): readonly Delivery[] {
    return this.#before(this.#known.of('person', person), 'delivery').map(({ time, fact }) => ({
      at: time,
      role: fact.role as string,
      ...(fact.recipient !== undefined && { recipient: fact.recipient }),
      ...(fact.purpose !== undefined && { purpose: fact.purpose }),
      categories: fact.categories ?? [],
    }));
  }

  notifications(person: string): readonly Notification[] {
    const facts = this.#known.of('person', person);
    return facts
      .filter((each) => each.kind === 'notification' && this.#isAfter(each))
      .map(({ time, fact }) => ({
        at: time,
        ...(fact.recipient !== undefined && { recipient: fact.recipient }),
        ...(fact.right !== undefined && { right: fact.right }),
        ...(fact.result !== undefined && { result: fact.result }),
      }));
  }

  nextReviewAt(): number | undefined {
    return this.#next(this.#known.of('policy', ''), 'review')?.time;
  }

  caseEndedAt(event: JudgedEvent): number | undefined {
    const opened = caseOpenedBy(event);
    if (opened === undefined) return undefined;
    const ends = CASES[event.type]?.ends;
    return this.#next(
      this.#known.of('case', opened).filter(({ fact: { type } }) => ends?.includes(type as string)),
      'ending',
    )?.time;
  }

  isSamePerson(one: string, other: string): boolean {
    return this.#known.isSamePerson(one, other);
  }

  #last(facts: readonly Timed[], kind: FactKind): Timed | undefined {
    for (let i = facts.length - 1; i >= 0; i--) {
      const each = facts[i] as Timed;
      if (each.kind === kind && this.#isBefore(each)) return each;
    }
    return undefined;
  }

  #next(facts: readonly Timed[], kind: FactKind): Timed | undefined {
    return facts.find((each) => each.kind === kind && this.#isAfter(each));
  }

  #before(facts: readonly Timed[], kind: FactKind): readonly Timed[] {
    let found: Timed[] | undefined;
    for (const each of facts) {
      if (each.kind !== kind || !this.#isBefore(each)) continue;
      if (found === undefined) found = [each];
      else found.push(each);
    }
    return found ?? NOTHING;
  }

  #isBefore(fact: Timed): boolean {
    return this.#order(fact) < 0 && this.#isOurs(fact);
  }

  #isAfter(fact: Timed): boolean {
    return this.#order(fact) > 0 && this.#isOurs(fact);
  }

  /** Of the same moment as something that is only asked about, everything recorded came before. */
  #order(fact: Timed): number {
    const { time, source, id } = this.#event;
    if (fact.time !== time || id === undefined) return fact.time - time || -1;
    return inOrder(fact, { time, source, id });
  }

  #isHeard(kind: 'source' | 'grants', value: string): boolean {
    const controller = this.#controller ?? '';
    return this.#known.isHeard(kind, heardValue(value, '')) || this.#known.isHeard(kind, heardValue(value, controller));
  }

  #isItself({ source, id }: Timed): boolean {
    return source === this.#event.source && id === this.#event.id;
  }

  #isOurs({ fact: { controller } }: Timed): boolean {
    return controller === undefined || this.#controller === undefined || controller === this.#controller;
  }
}

/** A termination ends the agreement with the reference that it names, or every one where it names none. */
function agreementOf(agreement: Timed, ends: readonly Timed[]): RecordedAgreement {
  const { from = agreement.time, until = Number.POSITIVE_INFINITY, ref, countries, purposes, categories } = agreement.fact;
  const end = ends.find((each) => inOrder(each, agreement) > 0 && (each.fact.ref === undefined || each.fact.ref === ref));
  const last = Math.min(until, end?.time ?? Number.POSITIVE_INFINITY);
  return {
    ...{ from, ...(last !== Number.POSITIVE_INFINITY && { until: last }) },
    ...{ ...(countries && { countries }), ...(purposes && { purposes }), ...(categories && { categories }) },
  };
}
