import type { Agreement } from '../../../src/policy/document.ts';
import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, dayOf, isHandingOver, isProcessing, type Outcome, type RecordedAgreement, type Rule } from './rule.ts';

const article = '28(3)';

/** What somebody may process: what it leaves out it does not limit. */
type Scope = Pick<RecordedAgreement, 'countries' | 'purposes' | 'categories'>;

/** A processor works under an agreement that holds on the day, and covers purpose, data and country. */
export const R9: Rule = {
  id: 'R9',
  title: 'The processor has an agreement that covers it',
  needs: ['agreements'],
  judge(event, promises, state) {
    const { recipient, purpose, categories } = event.data;
    if (!isHandingOver(event) || !isProcessing(event, promises)) return [];
    if (recipient?.role !== 'processor' && recipient?.role !== 'sub-processor') return [];
    const { id, country } = recipient;
    const known = promises.processor(id);
    const clause = clauseOf(known?.entry ?? promises.policy.processorship);
    const lacks = (...missing: string[]): Outcome[] => [{ verdict: 'undeterminable', missing, clause, article }];
    const violates = (what: string): Outcome[] => [{ verdict: 'violates', what, clause, article, severity: 'high' }];
    if (id === undefined) return lacks('recipient.id');
    const declared = Object.values(known?.entry.agreements ?? {});
    const recorded = state.agreements(known?.names ?? [id]);
    if (declared.length + recorded.length === 0) return violates('no-agreement');
    const day = dayOf(event.time);
    const current: Scope[] = [...declared.filter((each) => holdsOn(each, day)), ...recorded.filter((each) => holdsAt(each, event.time))];
    if (current.length === 0) return violates('agreement-not-current');
    // What the record leaves out might be covered by those that limit it, and is by those that do not.
    const covering = current.filter((each) => includes(each.purposes, purpose && [purpose]) && includes(each.categories, categories));
    if (covering.length === 0) return violates('beyond-agreement');
    const fitting = covering.filter(({ countries }) => includes(countries, country && [country]));
    if (fitting.length === 0) return violates('country-beyond-agreement');
    const open = fitting.map((each) => [
      ...(each.purposes && purpose === undefined ? ['purpose'] : []),
      ...(each.categories && categories === undefined ? ['categories'] : []),
      ...(each.countries && country === undefined ? ['recipient.country'] : []),
    ]);
    const least = open.reduce((one, other) => (other.length < one.length ? other : one));
    return least.length === 0 ? [CONFORMS] : lacks(...least);
  },
};

const holdsOn = ({ from, until }: Agreement, day: string): boolean => from <= day && (until === undefined || day <= until);

const holdsAt = ({ from, until }: RecordedAgreement, time: number): boolean => from <= time && (until === undefined || time <= until);

/** Whether values are within a limit, where there is one and they are told. */
const includes = (limit: readonly string[] | undefined, values: readonly string[] | '' | undefined): boolean =>
  limit === undefined || !values || values.every((each) => limit.includes(each));
