/**
 * A year at a company like MAILIT, as its systems would report it: customers and their mail, a newsletter with consents,
 * invoices through distributors, taxes, payments, recruitment, suppliers, and staff who look things up. Everything is
 * made up, and the same for the same seed. Plain erasable TypeScript: measurements run it from source.
 */

/** A CloudEvents 1.0 event as `POST /v1/events` takes it. */
export interface CloudEvent {
  specversion: '1.0';
  source: string;
  id: string;
  sequence: string;
  type: string;
  time: string;
  datacontenttype: 'application/json';
  data: Record<string, unknown>;
}

export interface DemoOptions {
  /** Same seed, same events. */
  seed: number;
  /** How many events. */
  count: number;
  /** Nothing happens after this time (ISO 8601), and nothing before a year earlier. */
  until: string;
  /** People that there are at most in each group (customers, subscribers, applicants); 400 unless told. */
  people?: number;
}

type Data = Record<string, unknown>;
interface Happening {
  at: number;
  source: SourceName;
  type: string;
  data: Data;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Working hours, in UTC. */
const OPENS = 6 * HOUR_MS;
const CLOSES = 17 * HOUR_MS;

const SOURCES = {
  crm: 'urn:mailit:crm',
  support: 'urn:mailit:support',
  newsletter: 'urn:mailit:newsletter',
  billing: 'urn:mailit:billing',
  recruitment: 'urn:mailit:recruitment',
  platform: 'urn:mailit:platform',
} as const;
type SourceName = keyof typeof SOURCES;

const STAFF = {
  accountant: ['anna.berg', 'johan.nystrom'],
  'customer-support': ['karin.holm', 'erik.sandberg', 'maja.ek'],
  salesperson: ['sara.lund', 'mikael.wiklund'],
  recruiter: ['lena.falk'],
  marketer: ['per.alm'],
  'data-protection-officer': ['eva.strand'],
} as const;
type StaffRole = keyof typeof STAFF;

const GIVEN_NAMES = 'Åsa Björn Cecilia David Elin Fredrik Gunilla Håkan Ingrid Jonas Kerstin Lars Malin Nils Örjan Petra'.split(' ');
const FAMILY_NAMES = 'Åkesson Bergström Dahl Ekström Forsberg Hedlund Isaksson Lindqvist Månsson Norén Öberg Sjögren'.split(' ');
const CUSTOMER_CATEGORIES = ['name', 'job-title', 'work-email', 'phone', 'company', 'customer-number'];
/** Who opens other people's records in the evening, without a case. */
const CURIOUS = 'erik.sandberg';
/** The customer that the demo asks about. */
export const DEMO_CUSTOMER = '10027';
const DEMO_INDEX = Number(DEMO_CUSTOMER) - 10_001;

/**
 * Events in the order of their times, with a gapless sequence for each source. Lazy and in bounded memory, whatever
 * the count.
 */
export function* demoEvents(options: DemoOptions): Generator<CloudEvent> {
  const company = new Company(options.seed, options.people ?? 400);
  const until = Date.parse(options.until);
  const calendar = new WorkingTime(until);
  const written = new Map<SourceName, number>();
  const pending: Happening[] = [];
  let made = 0;
  let share = 0;
  let now = 0;
  while (made < options.count) {
    now = Math.max(now, calendar.at(share));
    const next = pending[0];
    if (next !== undefined && (next.at <= now || share === 1)) {
      pending.shift();
      const number = (written.get(next.source) ?? 0) + 1;
      written.set(next.source, number);
      made += 1;
      now = Math.max(now, next.at);
      yield cloudEvent(next, number);
    } else {
      // What is left of the year is shared out among the events that are left.
      const left = options.count - made - pending.length;
      const happenings = company.something(now).filter(({ at }) => at <= until);
      for (const happening of happenings) insert(pending, happening);
      share = happenings.length >= left ? 1 : share + ((1 - share) * happenings.length) / left;
    }
  }
}

function cloudEvent({ at, source, type, data }: Happening, number: number): CloudEvent {
  const time = new Date(at).toISOString();
  const id = `${source}-${time.slice(0, 4)}-${String(number).padStart(6, '0')}`;
  return {
    specversion: '1.0',
    source: SOURCES[source],
    id,
    sequence: String(number),
    type,
    time,
    datacontenttype: 'application/json',
    data,
  };
}

/** Keeps the list in order of time; what happens at the same time stays in the order in which it was thought of. */
function insert(pending: Happening[], happening: Happening): void {
  let at = pending.length;
  while (at > 0 && (pending[at - 1] as Happening).at > happening.at) at -= 1;
  pending.splice(at, 0, happening);
}

/** A share of a year, from 0 to 1 → a time in working hours on a weekday. */
class WorkingTime {
  private readonly days: number[] = [];

  constructor(until: number) {
    const last = Math.floor(until / DAY_MS) * DAY_MS;
    for (let day = last - 365 * DAY_MS; day + DAY_MS <= until; day += DAY_MS) {
      const weekday = new Date(day).getUTCDay();
      if (weekday !== 0 && weekday !== 6) this.days.push(day);
    }
  }

  at(share: number): number {
    const position = Math.min(share, 0.999_999) * this.days.length;
    const day = this.days[Math.floor(position)] as number;
    return Math.floor(day + OPENS + (position % 1) * (CLOSES - OPENS));
  }
}

/** sfc32: small, fast, the same on every machine. */
class Chance {
  private a: number;
  private b = 0x9e3779b9;
  private c = 0x243f6a88;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed | 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** From 0, below 1. */
  next(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

interface Person {
  number: number;
  name: string;
  email: string;
}

class Company {
  private readonly chance: Chance;
  private readonly limit: number;
  private readonly customers: Person[] = [];
  private readonly subscribers: Person[] = [];
  private readonly applicants: Person[] = [];
  private readonly suppliers: Person[] = [];
  /** The last number that each group has given out: nobody gets the number of somebody who left. */
  private readonly numbers = new Map<Person[], number>();
  private cases = 0;
  /** Weighted: what happens, how often. */
  private readonly scenarios: readonly [weight: number, scene: (now: number) => Happening[]][] = [
    [14, (now) => this.newCustomer(now)],
    [26, (now) => this.supportCase(now)],
    [16, (now) => this.invoice(now)],
    [12, (now) => this.payment(now)],
    [10, (now) => this.signUp(now)],
    [6, (now) => this.newsletterIssue(now)],
    [3, (now) => this.withdrawal(now)],
    [8, (now) => this.signIn(now)],
    [6, (now) => this.application(now)],
    [5, (now) => this.search(now)],
    [3, (now) => this.supplier(now)],
    [3, (now) => this.rectification(now)],
    [2, (now) => this.taxReport(now)],
    [2, (now) => this.denied(now)],
    [2, (now) => this.curiosity(now)],
    [1, (now) => this.objection(now)],
  ];
  private readonly weight = this.scenarios.reduce((sum, [weight]) => sum + weight, 0);

  constructor(seed: number, limit: number) {
    this.limit = limit;
    this.chance = new Chance(seed);
  }

  /** One thing that happens now, with what follows from it later. */
  something(now: number): Happening[] {
    // A company has customers before it has cases.
    if (this.customers.length < Math.min(this.limit, DEMO_INDEX + 1)) return this.newCustomer(now);
    let pick = this.chance.below(this.weight);
    for (const [weight, scene] of this.scenarios) {
      pick -= weight;
      if (pick < 0) return scene(now);
    }
    return this.newCustomer(now);
  }

  private newCustomer(now: number): Happening[] {
    if (this.customers.length >= this.limit) return this.supportCase(now);
    const customer = this.person(this.customers, 10_001);
    const data = {
      actor: this.staff('salesperson', now),
      subjects: [{ ...this.customer(customer), also: [{ scheme: 'email', value: customer.email }], after: { name: customer.name } }],
      categories: CUSTOMER_CATEGORIES,
      ...this.contract(customer),
      origin: 'employer',
      channel: 'contract',
      ...SE('crm'),
    };
    return [{ at: now, source: 'crm', type: 'PersonalDataCollected', data }];
  }

  /** A customer writes or calls, somebody looks the record up and answers. */
  private supportCase(now: number): Happening[] {
    const customer = this.someCustomer();
    const caseRef = this.nextCase(now);
    const why = { purpose: 'customer-communication', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01', caseRef };
    const subjects = [this.customer(customer)];
    const actor = this.staff('customer-support', now);
    const [channel, category] = this.chance.of([
      ['email', 'correspondence'],
      ['email', 'correspondence'],
      ['phone', 'correspondence'],
      ['social-media', 'social-media-message'],
    ] as const);
    const collected = { actor, subjects, categories: [category], ...why, origin: 'subject', channel, ...SE('support') };
    const viewed = { actor, subjects, categories: ['name', 'work-email', category], ...why, mode: 'view', outcome: 'ok', ...SE('support') };
    const answered = { actor, subjects, categories: ['work-email', category], ...why, note: 'Answered by e-mail.', ...SE('support') };
    return [
      { at: now, source: 'support', type: 'PersonalDataCollected', data: collected },
      { at: now + this.minutes(20), source: 'support', type: 'PersonalDataAccessed', data: viewed },
      { at: now + 20 * MINUTE_MS + this.minutes(60), source: 'support', type: 'PersonalDataUsed', data: answered },
    ];
  }

  private invoice(now: number): Happening[] {
    const customer = this.someCustomer();
    const data = {
      actor: service('billing-service'),
      subjects: [this.customer(customer)],
      categories: ['name', 'postal-address', 'company', 'customer-number'],
      purpose: 'invoice-distribution',
      legalBasis: '6(1)(f)',
      assessmentRef: 'LIA-01',
      contractRef: `AVT-${customer.number}`,
      recipient: { id: this.chance.of(['kuvert-distribution', 'fakturabud']), role: 'independent-controller', country: 'SE' },
      method: 'api',
      consideration: 'none',
      ...SE('billing'),
    };
    return [{ at: now, source: 'billing', type: 'PersonalDataDisclosed', data }];
  }

  private payment(now: number): Happening[] {
    const customer = this.someCustomer();
    const data = {
      actor: service('billing-service'),
      subjects: [this.customer(customer)],
      categories: ['name', 'bank-account', 'customer-number'],
      ...this.contract(customer),
      purpose: 'payment',
      recipient: { id: this.chance.of(['landsbanken', 'malarbanken']), role: 'independent-controller', country: 'SE' },
      method: 'api',
      consideration: 'none',
      ...SE('billing'),
    };
    return [{ at: now, source: 'billing', type: 'PersonalDataDisclosed', data }];
  }

  /** The month's report names everybody whose invoices are in it. */
  private taxReport(now: number): Happening[] {
    const month = new Date(now).toISOString().slice(0, 7);
    const data = {
      actor: this.staff('accountant', now),
      subjects: this.several(12, () => this.someCustomer()).map((customer) => this.customer(customer)),
      categories: ['name', 'organisation-number', 'tax'],
      purpose: 'tax-reporting',
      legalBasis: '6(1)(c)',
      statuteRef: 'SFS 2011:1244',
      caseRef: `VAT-${month}`,
      recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
      method: 'api',
      consideration: 'none',
      ...SE('billing'),
    };
    return [{ at: now, source: 'billing', type: 'PersonalDataDisclosed', data }];
  }

  private signUp(now: number): Happening[] {
    if (this.subscribers.length >= this.limit) return this.newsletterIssue(now);
    const subscriber = this.person(this.subscribers, 1);
    const actor = self(subscriber);
    const subjects = [this.subscriber(subscriber)];
    const why = { purpose: 'newsletter', legalBasis: '6(1)(a)', consentRef: `consent-${subscriber.number}` };
    const collected = { actor, subjects, categories: ['work-email'], ...why, origin: 'subject', channel: 'newsletter-form' };
    const consent = { purposes: ['newsletter'], textVersion: 'newsletter-2025-1', method: 'double-opt-in', proof: 'confirmed by link' };
    const where = { ...SE('newsletter'), clientAddress: `192.0.2.${1 + this.chance.below(254)}` };
    return [
      { at: now, source: 'newsletter', type: 'PersonalDataCollected', data: { ...collected, ...where } },
      { at: now + this.minutes(30), source: 'newsletter', type: 'ConsentGiven', data: { actor, subjects, ...why, ...consent, ...where } },
    ];
  }

  private newsletterIssue(now: number): Happening[] {
    if (this.subscribers.length === 0) return this.signUp(now);
    const readers = this.several(8, () => this.chance.of(this.subscribers));
    const why = { purpose: 'newsletter', legalBasis: '6(1)(a)' };
    const data = {
      actor: service('newsletter-service'),
      subjects: readers.map((reader) => this.subscriber(reader)),
      categories: ['work-email'],
      ...why,
      recipient: { id: 'kuvert-distribution', role: 'independent-controller', country: 'SE' },
      method: 'api',
      consideration: 'none',
      ...SE('newsletter'),
    };
    return [{ at: now, source: 'newsletter', type: 'PersonalDataDisclosed', data }];
  }

  /** A reader has had enough: consent withdrawn, and the address erased the same day. */
  private withdrawal(now: number): Happening[] {
    const [subscriber] = this.subscribers.splice(this.chance.below(this.subscribers.length), 1);
    if (subscriber === undefined) return this.signUp(now);
    const subjects = [this.subscriber(subscriber)];
    const why = { purpose: 'newsletter', legalBasis: '6(1)(a)', consentRef: `consent-${subscriber.number}` };
    const withdrawn = {
      actor: self(subscriber),
      subjects,
      ...why,
      purposes: ['newsletter'],
      textVersion: 'newsletter-2025-1',
      method: 'unsubscribe-link',
      ...SE('newsletter'),
    };
    const erased = {
      actor: service('newsletter-service'),
      subjects,
      categories: ['work-email'],
      ...why,
      ground: '17(1)(b)',
      scope: ['work-email'],
      systems: ['newsletter'],
      ...SE('newsletter'),
    };
    return [
      { at: now, source: 'newsletter', type: 'ConsentWithdrawn', data: withdrawn },
      { at: now + this.minutes(120), source: 'newsletter', type: 'PersonalDataErased', data: erased },
    ];
  }

  /** The platform keeps who signed in from where. */
  private signIn(now: number): Happening[] {
    const data = {
      actor: service('platform'),
      subjects: [{ ...this.customer(this.someCustomer()), category: 'user' }],
      categories: ['authentication-history', 'ip-address', 'usage'],
      purpose: 'security',
      legalBasis: '6(1)(f)',
      assessmentRef: 'LIA-02',
      origin: 'observed',
      channel: 'product-usage',
      clientAddress: `198.51.100.${1 + this.chance.below(254)}`,
      ...SE('platform'),
    };
    return [{ at: now, source: 'platform', type: 'PersonalDataCollected', data }];
  }

  /** Somebody applies for a job; the recruiter reads it, days later once more. */
  private application(now: number): Happening[] {
    if (this.applicants.length >= this.limit) return this.search(now);
    const applicant = this.person(this.applicants, 1);
    const process = `REC-${new Date(now).toISOString().slice(0, 4)}-${1 + Math.floor(applicant.number / 15)}`;
    const subjects = [{ scheme: 'application-number', value: `A-${applicant.number}`, category: 'job-applicant' }];
    const why = { purpose: 'recruitment', legalBasis: '6(1)(b)', caseRef: process };
    const categories = ['name', 'education', 'work-history'];
    const collected = {
      actor: this.staff('recruiter', now),
      subjects: subjects.map((subject) => ({ ...subject, also: [{ scheme: 'email', value: applicant.email }] })),
      categories: [...categories, 'phone'],
      ...why,
      origin: 'subject',
      channel: 'job-application',
      ...SE('recruitment'),
    };
    const read = (at: number): Happening => {
      const data = { actor: this.staff('recruiter', at), subjects, categories, ...why, mode: 'view', outcome: 'ok', ...SE('recruitment') };
      return { at, source: 'recruitment', type: 'PersonalDataAccessed', data };
    };
    const reference = {
      actor: this.staff('recruiter', now),
      subjects,
      categories: ['reference'],
      ...why,
      origin: 'third-party',
      channel: 'phone',
      ...SE('recruitment'),
    };
    return [
      { at: now, source: 'recruitment', type: 'PersonalDataCollected', data: collected },
      read(now + this.minutes(180)),
      { at: now + this.days(5), source: 'recruitment', type: 'PersonalDataCollected', data: reference },
      read(now + this.days(9)),
    ];
  }

  private search(now: number): Happening[] {
    const found = this.several(4, () => this.someCustomer()).slice(this.chance.below(2));
    const hasCase = this.chance.next() < 0.7;
    const customers = hasCase ? found : [];
    const data = {
      actor: this.staff(this.chance.of(['customer-support', 'salesperson'] as const), now),
      subjects: customers.map((customer) => this.customer(customer)),
      categories: ['name', 'company'],
      purpose: 'customer-communication',
      legalBasis: '6(1)(f)',
      assessmentRef: 'LIA-01',
      ...(hasCase ? { caseRef: this.nextCase(now) } : {}),
      mode: 'search',
      resultCount: customers.length,
      outcome: 'ok',
      searchTerms: this.chance.of(FAMILY_NAMES),
      ...SE('crm'),
    };
    return [{ at: now, source: 'crm', type: 'PersonalDataAccessed', data }];
  }

  private supplier(now: number): Happening[] {
    if (this.suppliers.length >= this.limit) return this.search(now);
    const contact = this.person(this.suppliers, 1);
    const data = {
      actor: this.staff('accountant', now),
      subjects: [{ scheme: 'supplier-contact', value: `L-${contact.number}`, category: 'supplier-contact', after: { name: contact.name } }],
      categories: ['name', 'job-title', 'work-email', 'company', 'organisation-number'],
      purpose: 'supplier-communication',
      legalBasis: '6(1)(f)',
      assessmentRef: 'LIA-03',
      origin: this.chance.of(['employer', 'public-register'] as const),
      channel: this.chance.of(['contract', 'public-register'] as const),
      ...SE('billing'),
    };
    return [{ at: now, source: 'billing', type: 'PersonalDataCollected', data }];
  }

  private rectification(now: number): Happening[] {
    const customer = this.someCustomer();
    const [before, after] = [this.phone(), this.phone()];
    const data = {
      actor: this.staff('customer-support', now),
      subjects: [{ ...this.customer(customer), before: { phone: before }, after: { phone: after } }],
      categories: ['phone'],
      purpose: 'rights-fulfilment',
      legalBasis: '6(1)(c)',
      statuteRef: 'GDPR 16',
      caseRef: this.nextCase(now),
      fields: ['phone'],
      ...SE('crm'),
    };
    return [{ at: now, source: 'crm', type: 'PersonalDataRectified', data }];
  }

  private denied(now: number): Happening[] {
    const data = {
      actor: this.staff('marketer', now),
      subjects: [this.customer(this.someCustomer())],
      categories: ['bank-account'],
      purpose: 'direct-marketing',
      legalBasis: '6(1)(f)',
      assessmentRef: 'LIA-04',
      mode: 'view',
      outcome: 'denied',
      ...SE('billing'),
    };
    return [{ at: now, source: 'billing', type: 'PersonalDataAccessed', data }];
  }

  /** Records opened in the evening, one after the other, for no case. */
  private curiosity(now: number): Happening[] {
    const evening = Math.floor(now / DAY_MS) * DAY_MS + 21 * HOUR_MS;
    const opened = this.several(3, () => this.someCustomer());
    return opened.map((customer, index) => {
      const at = evening + index * 2 * MINUTE_MS + this.minutes(2);
      const data = {
        actor: this.actor(CURIOUS, 'customer-support', at),
        subjects: [this.customer(customer)],
        categories: ['name', 'phone', 'correspondence'],
        purpose: 'customer-communication',
        legalBasis: '6(1)(f)',
        assessmentRef: 'LIA-01',
        mode: 'view',
        outcome: 'ok',
        ...SE('crm'),
      };
      return { at, source: 'crm', type: 'PersonalDataAccessed', data } as const;
    });
  }

  private objection(now: number): Happening[] {
    const customer = this.someCustomer();
    const data = {
      actor: this.staff('data-protection-officer', now),
      subjects: [this.customer(customer)],
      purpose: 'rights-fulfilment',
      legalBasis: '6(1)(c)',
      kind: '21(2)',
      purposes: ['direct-marketing'],
      caseRef: this.nextCase(now),
      ...SE('crm'),
    };
    return [{ at: now, source: 'crm', type: 'ObjectionRaised', data }];
  }

  /** The next person of a group; the group's list grows. */
  private person(group: Person[], first: number): Person {
    const number = (this.numbers.get(group) ?? first - 1) + 1;
    this.numbers.set(group, number);
    const given = this.chance.of(GIVEN_NAMES);
    const family = this.chance.of(FAMILY_NAMES);
    // Domains under .example belong to nobody (RFC 2606).
    const email = `${ascii(given)}.${ascii(family)}.${number}@foretag-${1 + (number % 60)}.example`;
    const person = { number, name: `${given} ${family}`, email };
    group.push(person);
    return person;
  }

  /** Old customers more often than new ones, and one of them rather often. */
  private someCustomer(): Person {
    const favourite = this.customers[DEMO_INDEX];
    if (favourite && this.chance.next() < 0.02) return favourite;
    return this.customers[Math.floor(this.chance.next() ** 1.5 * this.customers.length)] as Person;
  }

  /** Up to `most` different ones, at least one. */
  private several(most: number, pick: () => Person): Person[] {
    const wanted = 1 + this.chance.below(most);
    return [...new Set(Array.from({ length: wanted }, pick))];
  }

  private customer({ number }: Person): { scheme: string; value: string; category: string } {
    return { scheme: 'customer-number', value: String(number), category: 'customer' };
  }

  private subscriber({ email }: Person): { scheme: string; value: string; category: string } {
    return { scheme: 'email', value: email, category: 'subscriber' };
  }

  /** The contract is with the customer's employer: legitimate interest, not 6(1)(b). */
  private contract({ number }: Person): Data {
    return { purpose: 'contract-fulfilment', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01', contractRef: `AVT-${number}` };
  }

  private staff(role: StaffRole, now: number): Data {
    return this.actor(this.chance.of(STAFF[role]), role, now);
  }

  private actor(id: string, role: string, now: number): Data {
    const day = Math.floor(now / DAY_MS);
    return { id, kind: 'human', role, capacity: 'controller', credentialRef: `card-${id}`, sessionRef: `session-${day}-${id}` };
  }

  private nextCase(now: number): string {
    this.cases += 1;
    return `CASE-${new Date(now).toISOString().slice(0, 4)}-${this.cases}`;
  }

  /** From the numbers that the Swedish Post and Telecom Authority keeps free for fiction. */
  private phone(): string {
    return `070-17406${String(5 + this.chance.below(95)).padStart(2, '0')}`;
  }

  private minutes(most: number): number {
    return MINUTE_MS + this.chance.below(most * MINUTE_MS);
  }

  private days(about: number): number {
    return about * DAY_MS + this.chance.below(2 * HOUR_MS);
  }
}

function service(id: string): Data {
  return { id, kind: 'service', role: 'system', capacity: 'controller' };
}

/** Somebody who does it themselves, under the identifier that the event has them as subject. */
function self({ email }: Person): Data {
  return { id: email, kind: 'subject', role: 'subscriber', capacity: 'controller' };
}

const SE = (system: string): Data => ({ system, country: 'SE' });

function ascii(name: string): string {
  return name.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
