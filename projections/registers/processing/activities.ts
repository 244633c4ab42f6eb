/**
 * The records of processing activities (Art. 30) as a function of what was declared and what was observed: both beside each other, and
 * how they differ. Pure: no clock, no database.
 */
import type { Agreement, Policy } from '../../../src/policy/document.ts';
import type { Promises } from '../../../src/policy/promises.ts';
import { isInEea } from '../../../src/vocabulary/vocabulary.ts';
import { iso } from '../../moment.ts';
import { holdsAt, type RecordedAgreement } from '../agreements.ts';

/** How often something was observed, and when first and last: UTC. */
export interface Seen {
  events: number;
  firstAt: string;
  lastAt: string;
}

/** Events that have all codes in common. Times in milliseconds since 1970. */
export interface Observation {
  type: string;
  capacity?: string;
  controller?: string;
  purpose?: string;
  legalBasis?: string;
  system?: string;
  country?: string;
  categories: readonly string[];
  /** Null: somebody of whom no category was said. Empty: nobody. */
  subjectCategories: readonly (string | null)[];
  recipient?: { id: string; role?: string; country?: string };
  transferTool?: string;
  events: number;
  firstAt: number;
  lastAt: number;
}

export type Counted = { code: string } & Seen;

/** What was recorded of an activity. */
export interface Observed extends Seen {
  /** Types of events. */
  operations: Counted[];
  legalBases: Counted[];
  /** Each category of data with whose it was; without, where that was not said, or nobody was concerned. */
  data: ({ subjectCategory?: string; category: string } & Seen)[];
  subjectCategories: Counted[];
  recipients: ({ id: string; role?: string; country?: string } & Seen)[];
  /** Where it happened, and where recipients are. */
  countries: Counted[];
  /** Those outside the EEA. */
  thirdCountries: ({ country: string; transferTools: string[]; recipients: string[] } & Seen)[];
  systems: Counted[];
  /** How many more there are than are listed: the most frequent are. */
  leftOut?: { recipients: number; systems: number };
}

export interface DeclaredBasis {
  basis: string;
  assessments?: readonly string[];
  statutes?: readonly string[];
  subjects?: readonly string[];
}

export interface DeclaredRecipient {
  id: string;
  name: string;
  role: string;
  country: string;
  categories?: readonly string[];
  /** The group that it belongs to. */
  group?: string;
  clauses: readonly number[];
}

export interface DeclaredAgreement {
  /** Absent of a recorded one, which is known by its digest alone. */
  reference?: string;
  /** A day of the policy, or the moment of a record. */
  from: string;
  until?: string;
  purposes?: readonly string[];
  categories?: readonly string[];
  countries?: readonly string[];
}

export interface DeclaredProcessor {
  id: string;
  name: string;
  role: string;
  service?: string;
  agreements: DeclaredAgreement[];
  clauses: readonly number[];
}

export interface DeclaredRetention {
  rule: string;
  about?: string;
  subjects?: readonly string[];
  trigger: string;
  countedFrom?: string;
  /** ISO 8601. */
  period: string;
  statute?: string;
  clauses: readonly number[];
}

/** What the policy declares of an activity, and the agreements with processors that were recorded. */
export interface Declared {
  about: string;
  legalBases: DeclaredBasis[];
  data: { subjectCategory: string; categories: readonly string[] }[];
  recipients: DeclaredRecipient[];
  processors: DeclaredProcessor[];
  /** Any authority may be a recipient, with what it needs. */
  authorities?: { needs: readonly string[]; clauses: readonly number[] };
  /** Outside the EEA, where recipients and processors are. */
  thirdCountries: string[];
  retention: DeclaredRetention[];
  /** Categories of data subjects of which no rule says how long their data is kept. */
  withoutRetention: string[];
  clauses: readonly number[];
}

/** What is declared of an activity on behalf of another controller: the agreements with it that were recorded. */
export interface DeclaredOnBehalf {
  agreements: DeclaredAgreement[];
  /** Outside the EEA, where it may be done. */
  thirdCountries: string[];
}

export type Direction = 'declared-not-observed' | 'observed-not-declared';

export interface Difference {
  direction: Direction;
  of: 'purpose' | 'controller' | 'agreement' | 'legalBasis' | 'subjectCategory' | 'dataCategory' | 'recipient' | 'country';
  value: string;
  /** Of a category of data: whose. */
  subjectCategory?: string;
  events?: number;
  lastAt?: string;
  /** Of the policy, where it speaks of it. */
  clauses?: readonly number[];
}

interface Differing {
  /** Absent where the events, or the agreement, named none. */
  purpose?: string;
  observed: Observed | null;
  differences: Difference[];
  /** How many more differences there are than are listed. */
  differencesLeftOut?: number;
}

/** What is done for one purpose as controller (Art. 30(1)). */
export interface OwnActivity extends Differing {
  capacity: 'controller';
  /** Only where it is not the one whose policy it is. */
  controller?: string;
  declared: Declared | null;
}

/** What is done for one purpose on behalf of another controller (Art. 30(2)). */
export interface ActivityOnBehalf extends Differing {
  capacity: 'processor';
  controller?: string;
  declared: DeclaredOnBehalf | null;
}

export type Activity = OwnActivity | ActivityOnBehalf;

export interface Given {
  /** The policy in force; absent before the first began. */
  promises?: Promises;
  /** When agreements must be current: milliseconds since 1970. */
  at: number;
  observations: readonly Observation[];
  agreements: readonly RecordedAgreement[];
}

/** Differences of one activity that are listed. */
const MAX_DIFFERENCES = 500;
/** Recipients, and systems, of one activity that are listed: the most frequent. */
const MAX_LISTED = 500;

/** All activities: as controller first, then on behalf of each other controller, by purpose. */
export function activitiesOf({ promises, at, observations, agreements: recorded }: Given): Activity[] {
  const groups = new Groups(promises?.policy.controller.id);
  for (const observation of observations) groups.of(observation).observations.push(observation);
  for (const purpose of Object.keys(promises?.policy.purposes ?? {})) groups.at('controller', undefined, purpose);
  const agreements = recorded.filter((each) => holdsAt(each, at));
  const engaged = agreements.filter(({ processor, controller }) => groups.isOurs(processor) && !groups.isOurs(controller));
  for (const { controller, purposes } of engaged) {
    // One that limits no purpose is seen where anything is done; where nothing is, by itself.
    const of = purposes ?? (groups.has('processor', controller) ? [] : [undefined]);
    for (const purpose of of) groups.at('processor', controller, purpose);
  }
  return groups.inOrder().map((group) => {
    const { capacity, controller, purpose, observations: found } = group;
    const observed = found.length === 0 ? null : observedOf(found);
    const of = { ...(controller !== undefined && { controller }), ...(purpose !== undefined && { purpose }) };
    if (capacity === 'processor') {
      const theirs = engaged.filter((each) => each.controller === controller && covers(each.purposes, purpose));
      const declared = theirs.length === 0 ? null : onBehalf(theirs);
      const isEngaged = engaged.some((each) => each.controller === controller);
      return { capacity, ...of, declared, ...listed(observed, differencesOnBehalf(group, isEngaged, declared, observed)) };
    }
    const declared = controller === undefined ? declaredOf(promises, purpose, iso(at).slice(0, 10), agreements) : null;
    return { capacity, ...of, declared, ...listed(observed, differencesOf(group, promises, declared, observed)) };
  });
}

interface Group {
  capacity: 'controller' | 'processor';
  controller: string | undefined;
  purpose: string | undefined;
  observations: Observation[];
}

class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #controllers = new Set<string>();
  readonly #ours: string | undefined;
  /** @param ours the id of the controller whose policy it is */
  constructor(ours: string | undefined) {
    this.#ours = ours;
  }

  isOurs(controller: string | undefined): boolean {
    return controller === undefined || controller === this.#ours;
  }

  of({ capacity, controller, purpose }: Observation): Group {
    if (capacity === 'processor' || capacity === 'sub-processor') return this.at('processor', controller, purpose);
    return this.at('controller', this.isOurs(controller) ? undefined : controller, purpose);
  }

  at(capacity: Group['capacity'], controller: string | undefined, purpose: string | undefined): Group {
    const key = JSON.stringify([capacity, controller, purpose]);
    const known = this.#groups.get(key);
    if (known) return known;
    const group: Group = { capacity, controller, purpose, observations: [] };
    this.#groups.set(key, group);
    this.#controllers.add(JSON.stringify([capacity, controller]));
    return group;
  }

  /** Whether there is anything of a controller. */
  has(capacity: Group['capacity'], controller: string | undefined): boolean {
    return this.#controllers.has(JSON.stringify([capacity, controller]));
  }

  /** Our own first; what has no name last. */
  inOrder(): Group[] {
    const place = ({ capacity, controller, purpose }: Group) => [
      capacity,
      controller === undefined && capacity === 'controller' ? '' : (controller ?? '\uffff'),
      purpose ?? '\uffff',
    ];
    const compare = (a: string[], b: string[]) => a.reduce((found, text, i) => found || by(text, b[i] as string), 0);
    return [...this.#groups.values()].sort((a, b) => compare(place(a), place(b)));
  }
}

const by = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const covers = (limit: readonly string[] | undefined, value: string | undefined): boolean =>
  limit === undefined || value === undefined || limit.includes(value);

/** Adds up what has the same key. */
class Tally<T extends object> {
  readonly #found = new Map<string, { what: T; events: number; firstAt: number; lastAt: number }>();

  add(what: T, { events, firstAt, lastAt }: Observation): void {
    const key = JSON.stringify(what);
    const known = this.#found.get(key);
    if (!known) this.#found.set(key, { what, events, firstAt, lastAt });
    else {
      known.events += events;
      known.firstAt = Math.min(known.firstAt, firstAt);
      known.lastAt = Math.max(known.lastAt, lastAt);
    }
  }

  /** By key. */
  all(): (T & Seen)[] {
    const sorted = [...this.#found].sort(([a], [b]) => by(a, b));
    return sorted.map(([, { what, events, firstAt, lastAt }]) => ({ ...what, events, firstAt: iso(firstAt), lastAt: iso(lastAt) }));
  }
}

function observedOf(observations: readonly Observation[]): Observed {
  const counted = () => new Tally<{ code: string }>();
  const [operations, legalBases, subjectCategories, countries, systems] = [counted(), counted(), counted(), counted(), counted()];
  const data = new Tally<{ subjectCategory?: string; category: string }>();
  const recipients = new Tally<{ id: string; role?: string; country?: string }>();
  const whole = new Tally<object>();
  for (const observation of observations) {
    const { type, legalBasis, system, recipient, categories, subjectCategories: whose } = observation;
    whole.add({}, observation);
    operations.add({ code: type }, observation);
    if (legalBasis !== undefined) legalBases.add({ code: legalBasis }, observation);
    for (const each of countriesOf(observation)) countries.add({ code: each }, observation);
    if (system !== undefined) systems.add({ code: system }, observation);
    if (recipient !== undefined) recipients.add(recipient, observation);
    for (const each of whose) if (each !== null) subjectCategories.add({ code: each }, observation);
    for (const each of whose.length === 0 ? [null] : whose) {
      for (const category of categories) data.add({ ...(each !== null && { subjectCategory: each }), category }, observation);
    }
  }
  return {
    ...(whole.all()[0] as Seen),
    operations: operations.all(),
    legalBases: legalBases.all(),
    data: data.all(),
    subjectCategories: subjectCategories.all(),
    recipients: recipients.all(),
    countries: countries.all(),
    thirdCountries: thirdCountriesOf(observations),
    systems: systems.all(),
  };
}

/** Where it happened and where it went: what went to the data subjects themselves stays out. */
function countriesOf({ country, recipient }: Observation): string[] {
  const to = recipient?.role === 'data-subject' ? undefined : recipient?.country;
  return [...new Set([country, to])].filter((each) => each !== undefined);
}

function thirdCountriesOf(observations: readonly Observation[]): Observed['thirdCountries'] {
  const found = new Tally<{ country: string }>();
  const tools = new Map<string, Set<string>>();
  const recipients = new Map<string, Set<string>>();
  for (const observation of observations) {
    for (const country of countriesOf(observation)) {
      if (isInEea(country)) continue;
      found.add({ country }, observation);
      note(tools, country, observation.transferTool);
      if (observation.recipient?.country === country) note(recipients, country, observation.recipient.id);
    }
  }
  return found.all().map(({ country, ...seen }) => ({
    country,
    transferTools: [...(tools.get(country) ?? [])].sort(),
    recipients: [...(recipients.get(country) ?? [])].sort().slice(0, MAX_LISTED),
    ...seen,
  }));
}

function note(sets: Map<string, Set<string>>, key: string, value: string | undefined): void {
  if (value === undefined) return;
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(value));
}

function declaredOf(
  promises: Promises | undefined,
  purpose: string | undefined,
  day: string,
  agreements: readonly RecordedAgreement[],
): Declared | null {
  const entry = promises?.purpose(purpose);
  if (promises === undefined || entry === undefined || purpose === undefined) return null;
  const { policy } = promises;
  const recipients = recipientsFor(policy, purpose);
  const processors = processorsFor(promises, purpose, day, agreements);
  const places = [...recipients.map(({ country }) => country), ...processors.flatMap((each) => each.agreements.flatMap(countriesIn))];
  const retention = retentionOf(policy, purpose);
  return {
    about: entry.about,
    legalBases: Object.entries(entry.bases).map(([basis, { assessments, statutes, subjects }]) => ({
      basis,
      ...(assessments && { assessments }),
      ...(statutes && { statutes }),
      ...(subjects && { subjects }),
    })),
    data: Object.entries(entry.data).map(([subjectCategory, categories]) => ({ subjectCategory, categories })),
    recipients,
    processors,
    ...(policy.authorities?.purposes.includes(purpose) && {
      authorities: { needs: policy.authorities.needs, clauses: policy.authorities.clauses },
    }),
    thirdCountries: outsideEea(places),
    retention,
    withoutRetention: Object.keys(entry.data).filter((whose) => !retention.some(({ subjects }) => covers(subjects, whose))),
    clauses: entry.clauses,
  };
}

const countriesIn = ({ countries = [] }: DeclaredAgreement): readonly string[] => countries;

/** Of a group its members, by whom records name them. */
function recipientsFor({ recipients }: Policy, purpose: string): DeclaredRecipient[] {
  return Object.entries(recipients)
    .filter(([, { purposes }]) => purposes.includes(purpose))
    .flatMap(([id, { name, role, country, categories, organisations, clauses }]) => {
      const entry = { role, ...(categories && { categories }), clauses };
      if (organisations === undefined) return [{ id, name, country, ...entry }];
      return Object.entries(organisations).map(([member, other]) => ({
        ...{ id: member, name: other.name, country: other.country ?? country, group: name },
        ...entry,
      }));
    });
}

/** Agreements that were recorded count beside those of the policy, also of processors that it does not name. */
function processorsFor(promises: Promises, purpose: string, day: string, recorded: readonly RecordedAgreement[]): DeclaredProcessor[] {
  const ours = promises.policy.controller.id;
  const others = recorded.filter(
    ({ processor, controller, purposes }) =>
      processor !== ours && (controller === undefined || controller === ours) && covers(purposes, purpose),
  );
  const declared = Object.entries(promises.policy.processors ?? {}).flatMap(([id, { name, role, service, agreements, clauses }]) => {
    const current = Object.entries(agreements)
      .filter(([, each]) => each.purposes.includes(purpose) && holdsOn(each, day))
      .map(([reference, each]) => ({ reference, ...limitsOf(each) }));
    const beside = others.filter(({ processor }) => promises.processor(processor)?.id === id).map(limitsOf);
    const all = [...current, ...beside];
    return all.length === 0 ? [] : [{ id, name, role, service, agreements: all, clauses }];
  });
  const unnamed = Map.groupBy(
    others.filter(({ processor }) => promises.processor(processor) === undefined),
    ({ processor }) => processor,
  );
  const clauses = promises.policy.processorship?.clauses ?? [];
  return [
    ...declared,
    ...[...unnamed].map(([id, agreements]) => ({ id, name: id, role: 'processor', agreements: agreements.map(limitsOf), clauses })),
  ];
}

/** Of the policy with days, of a record with milliseconds since 1970. */
type Limits = { from: string | number; until?: string | number } & Pick<DeclaredAgreement, 'purposes' | 'categories' | 'countries'>;

const dayOrMoment = (moment: string | number): string => (typeof moment === 'number' ? iso(moment) : moment);

const holdsOn = ({ from, until }: Agreement, day: string): boolean => from <= day && (until === undefined || day <= until);

function limitsOf({ from, until, purposes, categories, countries }: Limits): DeclaredAgreement {
  return {
    from: dayOrMoment(from),
    ...(until !== undefined && { until: dayOrMoment(until) }),
    ...(purposes && { purposes }),
    ...(categories && { categories }),
    ...(countries && { countries }),
  };
}

function retentionOf({ retention }: Policy, purpose: string): DeclaredRetention[] {
  return Object.entries(retention)
    .filter(([, { purposes }]) => purposes.includes(purpose))
    .map(([rule, { about, subjects, trigger, countedFrom, period, statute, clauses }]) => ({
      rule,
      ...(about !== undefined && { about }),
      ...(subjects && { subjects }),
      trigger,
      ...(countedFrom !== undefined && { countedFrom }),
      period,
      ...(statute !== undefined && { statute }),
      clauses,
    }));
}

function onBehalf(agreements: readonly RecordedAgreement[]): DeclaredOnBehalf {
  const limits = agreements.map(limitsOf);
  return { agreements: limits, thirdCountries: outsideEea(limits.flatMap(countriesIn)) };
}

const outsideEea = (countries: readonly string[]): string[] => [...new Set(countries.filter((country) => !isInEea(country)))].sort();

function differencesOf(
  { controller, purpose }: Group,
  promises: Promises | undefined,
  declared: Declared | null,
  observed: Observed | null,
): Difference[] {
  if (observed === null) return purpose === undefined ? [] : [missing('purpose', purpose, declared?.clauses)];
  if (controller !== undefined) return [found('controller', controller, observed)];
  if (promises === undefined || declared === null) {
    return [found('purpose', purpose ?? '', observed, promises?.policy.purposeLimitation.clauses)];
  }
  return [
    ...ofBases(declared, observed),
    ...ofData(declared, observed, promises.policy.minimisation.clauses),
    ...ofRecipients(declared, observed, promises),
    ...ofCountries(declared, observed, promises),
  ];
}

function missing(of: Difference['of'], value: string, clauses?: readonly number[]): Difference {
  return { direction: 'declared-not-observed', of, value, ...(clauses && { clauses }) };
}

function found(of: Difference['of'], value: string, seen: Seen, clauses?: readonly number[]): Difference {
  return { direction: 'observed-not-declared', of, value, events: seen.events, lastAt: seen.lastAt, ...(clauses && { clauses }) };
}

function ofBases({ legalBases, clauses }: Declared, observed: Observed): Difference[] {
  const declared = legalBases.map(({ basis }) => basis);
  return bothWays('legalBasis', declared, observed.legalBases, clauses);
}

function bothWays(of: Difference['of'], declared: readonly string[], observed: readonly Counted[], clauses: readonly number[]) {
  const seen = new Set(observed.map(({ code }) => code));
  return [
    ...declared.filter((code) => !seen.has(code)).map((code) => missing(of, code, clauses)),
    ...observed.filter(({ code }) => !declared.includes(code)).map((each) => found(of, each.code, each, clauses)),
  ];
}

/** Where nobody of a category was seen, or nobody was declared, its data goes without saying. */
function ofData({ data, clauses }: Declared, observed: Observed, minimisation: readonly number[]): Difference[] {
  const declared = new Map(data.map(({ subjectCategory, categories }) => [subjectCategory, new Set(categories)]));
  const anybodys = new Set(data.flatMap(({ categories }) => categories));
  const seen = new Set(observed.data.map(({ subjectCategory, category }) => `${subjectCategory} ${category}`));
  const whose = new Set(observed.subjectCategories.map(({ code }) => code));
  const never = data
    .filter(({ subjectCategory }) => whose.has(subjectCategory))
    .flatMap(({ subjectCategory, categories }) =>
      categories
        .filter((category) => !seen.has(`${subjectCategory} ${category}`))
        .map((category) => ({ ...missing('dataCategory', category, clauses), subjectCategory })),
    );
  const beyond = observed.data
    .filter(({ subjectCategory, category }) => {
      if (subjectCategory === undefined) return !anybodys.has(category);
      return declared.has(subjectCategory) && !declared.get(subjectCategory)?.has(category);
    })
    .map(({ subjectCategory, category, ...each }) => ({
      ...found('dataCategory', category, each, minimisation),
      ...(subjectCategory !== undefined && { subjectCategory }),
    }));
  return [...bothWays('subjectCategory', [...declared.keys()], observed.subjectCategories, clauses), ...never, ...beyond];
}

/** Whoever gets their own data is no recipient to be declared. */
function ofRecipients({ recipients, processors, authorities }: Declared, observed: Observed, promises: Promises): Difference[] {
  const declared = new Map([...recipients, ...processors].map(({ id, clauses }) => [id, clauses]));
  const idOf = (id: string) => promises.recipient(id)?.id ?? promises.processor(id)?.id ?? id;
  const seen = new Set(observed.recipients.map(({ id }) => idOf(id)));
  const { clauses } = promises.policy.disclosure;
  const beyond = observed.recipients.filter(({ id, role }) => {
    if (role === 'data-subject' || (role === 'authority' && authorities !== undefined)) return false;
    return !declared.has(idOf(id));
  });
  return [
    ...[...declared].filter(([id]) => !seen.has(id)).map(([id, its]) => missing('recipient', id, its)),
    ...beyond.map((each) => found('recipient', each.id, each, clauses)),
  ];
}

function ofCountries({ thirdCountries }: Declared, { countries }: Observed, promises: Promises): Difference[] {
  const { clauses } = promises.policy.territory;
  const beyond = countries.filter(({ code }) => !promises.isWithinTerritory(code));
  return [
    ...thirdCountries.filter((country) => !countries.some(({ code }) => code === country)).map((each) => missing('country', each, clauses)),
    ...beyond.map((each) => found('country', each.code, each, clauses)),
  ];
}

/** On behalf of another controller, agreements declare: what any of them allows is declared. */
function differencesOnBehalf(
  { controller = '', purpose = '' }: Group,
  isEngaged: boolean,
  declared: DeclaredOnBehalf | null,
  observed: Observed | null,
): Difference[] {
  if (observed === null) return [purpose === '' ? missing('agreement', controller) : missing('purpose', purpose)];
  if (declared === null) return [isEngaged ? found('purpose', purpose, observed) : found('agreement', controller, observed)];
  const { agreements } = declared;
  const isBeyond = (what: 'categories' | 'countries', value: string) => !agreements.some((each) => covers(each[what], value));
  const categories = new Map(observed.data.map(({ category, ...each }) => [category, each]));
  return [
    ...[...categories].filter(([code]) => isBeyond('categories', code)).map(([code, each]) => found('dataCategory', code, each)),
    ...observed.countries.filter(({ code }) => isBeyond('countries', code)).map((each) => found('country', each.code, each)),
  ];
}

/** What differs is found among everything; of what is listed there is a limit. */
function listed(observed: Observed | null, differences: readonly Difference[]): Differing {
  const over = differences.length - MAX_DIFFERENCES;
  return {
    observed: observed && listedObserved(observed),
    differences: differences.slice(0, MAX_DIFFERENCES),
    ...(over > 0 && { differencesLeftOut: over }),
  };
}

function listedObserved(observed: Observed): Observed {
  const [recipients, systems] = [mostFrequent(observed.recipients), mostFrequent(observed.systems)];
  const leftOut = { recipients: observed.recipients.length - recipients.length, systems: observed.systems.length - systems.length };
  return { ...observed, recipients, systems, ...(leftOut.recipients + leftOut.systems > 0 && { leftOut }) };
}

function mostFrequent<T extends Seen>(all: T[]): T[] {
  if (all.length <= MAX_LISTED) return all;
  const kept = new Set([...all].sort((a, b) => b.events - a.events).slice(0, MAX_LISTED));
  return all.filter((each) => kept.has(each));
}
