/**
 * The ordinary days of the company: everything is as the policy promises, and nothing in it may ever become a finding. What each scene
 * needs for that (a collection before an access, a notice in time, a consent, a grant) happens before it.
 */
import { Chance, DAY_MS, HOUR_MS, MINUTE_MS } from './chance.ts';
import {
  type Data,
  forAnother,
  HANDED_OVER,
  type Happening,
  human,
  IN_SWEDEN,
  marketing,
  type SourceName,
  STAFF,
  type StaffRole,
  type Subject,
  self,
  service,
  TO,
  WHY,
} from './company.ts';

/** Somebody whose data is processed. */
interface Person {
  subject: Subject;
  /** Follow-ups of what was begun before are under way until then: meanwhile nothing is begun that would contradict them. */
  busyUntil: number;
  /** Who got data of the person. */
  got: Map<string, Data>;
}

/** When it was, or from when on the second version of the policy has one distributor less. */
const SECOND_VERSION_MS = Date.parse('2025-09-01T00:00:00.000Z');
/** Nothing is begun after that which would have to be ended later. */
const LAST_BEGINNING_MS = Date.parse('2026-02-10T00:00:00.000Z');

const OPENS = 6 * HOUR_MS;
const WORKING = 10 * HOUR_MS;

type Group = 'customers' | 'users' | 'subscribers' | 'prospects' | 'suppliers';
const SCHEMES: Record<Group, { scheme: string; category: string; name: (n: number) => string }> = {
  customers: { scheme: 'customer-number', category: 'customer', name: (n) => String(10_000 + n) },
  users: { scheme: 'user-id', category: 'user', name: (n) => `u-${n}` },
  subscribers: { scheme: 'email', category: 'subscriber', name: (n) => `reader.${n}@foretag-${n % 60}.example` },
  prospects: { scheme: 'prospect-number', category: 'prospect', name: (n) => `P-${n}` },
  suppliers: { scheme: 'supplier-contact', category: 'supplier-contact', name: (n) => `L-${n}` },
};

export class OrdinaryLife {
  private readonly chance: Chance;
  private readonly groups: Record<Group, Person[]> = { customers: [], users: [], subscribers: [], prospects: [], suppliers: [] };
  private readonly numbers = new Map<string, number>();
  private readonly size: number;
  private made: Happening[] = [];
  private now = 0;

  private readonly scenes: readonly (readonly [weight: number, scene: () => void])[] = [
    [200, () => this.supportCase()],
    [60, () => this.nightCall()],
    [130, () => this.invoice()],
    [90, () => this.payment()],
    [60, () => this.bookkeeping()],
    [10, () => this.taxReport()],
    [220, () => this.signIn()],
    [120, () => this.usage()],
    [60, () => this.hosting()],
    [60, () => this.signUp()],
    [40, () => this.newsletterIssue()],
    [8, () => this.withdrawal()],
    [50, () => this.campaign()],
    [30, () => this.newProspect()],
    [30, () => this.newCustomer()],
    [5, () => this.marketingObjection()],
    [4, () => this.objection()],
    [4, () => this.restriction()],
    [12, () => this.rectification()],
    [40, () => this.search()],
    [12, () => this.deniedAccess()],
    [25, () => this.supplierMail()],
    [2, () => this.authorityRequest()],
    [5, () => this.accessRequest()],
    [90, () => this.anothersMailing()],
    [10, () => this.corrected()],
    [5, () => this.retracted()],
    [6, () => this.claim()],
    [3, () => this.recruitment()],
  ];
  private readonly weight = this.scenes.reduce((sum, [weight]) => sum + weight, 0);

  /** @param events about how many happen in the whole year: so large is the company */
  constructor(seed: number, events: number) {
    this.chance = new Chance(seed);
    this.size = Math.max(40, Math.floor(events / 60));
  }

  /** Whom the company knows when the year begins. */
  opening(from: number): Happening[] {
    this.made = [];
    const people = { customers: this.size, users: this.size, prospects: 0, subscribers: this.size / 2, suppliers: this.size / 8 };
    let step = 0;
    for (const [group, count] of Object.entries(people)) {
      for (let i = 0; i < count; i++) {
        this.now = from + ++step * SECOND;
        this.newPerson(group as Group);
      }
    }
    return this.made;
  }

  /** About so many events of one day; some of what follows from them happens later. */
  day(from: number, events: number): Happening[] {
    this.made = [];
    const weekday = new Date(from).getUTCDay();
    const isWeekend = weekday === 0 || weekday === 6;
    const wanted = isWeekend ? events * 0.2 : events * 1.32;
    // Events come in scenes of two, more or less.
    const starts = Array.from({ length: Math.ceil(wanted / EVENTS_A_SCENE) }, () => this.chance.next()).sort((a, b) => a - b);
    for (const start of starts) {
      this.now = from + OPENS + Math.floor(start * WORKING);
      this.something();
    }
    this.heartbeats(from);
    return this.made;
  }

  private something(): void {
    let pick = this.chance.below(this.weight);
    for (const [weight, scene] of this.scenes) {
      pick -= weight;
      if (pick < 0) {
        scene();
        return;
      }
    }
  }

  private heartbeats(day: number): void {
    for (const source of COUNTED) {
      const nextBy = new Date(day + 2 * DAY_MS).toISOString();
      this.tell(source, 'SourceHeartbeat', day + 5 * MINUTE_MS, { actor: service(source), nextBy });
    }
  }

  /** Somebody writes or calls; somebody looks it up and answers. */
  private supportCase(): void {
    const person = this.someone(this.chance.percent(80) ? 'customers' : 'users');
    if (!person) return;
    const isCustomer = person.subject.category === 'customer';
    const actor = this.staff('customer-support');
    const subjects = [person.subject];
    const why = { ...WHY.customers, caseRef: this.next('CASE') };
    const [channel, category] = this.chance.of([
      ['email', 'correspondence'],
      ['phone', 'correspondence'],
      ['letter', 'correspondence'],
      ['social-media', 'social-media-message'],
    ] as const);
    const where = IN_SWEDEN('support');
    this.tell('support', 'PersonalDataCollected', this.now, {
      ...{ actor, subjects, categories: [category], ...why, origin: 'subject', channel, ...where },
    });
    const looked = this.now + this.minutes(20);
    this.tell('support', 'PersonalDataAccessed', looked, {
      ...{ actor, subjects, categories: ['name', 'work-email', category], ...why, mode: 'view', outcome: 'ok', resultCount: 1, ...where },
    });
    const answered = looked + this.minutes(60);
    const note = 'Answered in writing.';
    this.tell('support', 'PersonalDataUsed', answered, {
      ...{ actor, subjects, categories: isCustomer ? ['work-email', 'customer-number', category] : ['work-email', category] },
      ...{ ...why, note, ...where },
    });
    person.busyUntil = answered;
  }

  /** Outside office hours the phone is answered by a processor. */
  private nightCall(): void {
    const person = this.someone('customers');
    if (person) this.handOver(person, 'support', service('telephony'), ['name', 'phone', 'company'], WHY.customers, TO.svarsbyran);
  }

  private invoice(): void {
    const person = this.someone('customers');
    if (!person) return;
    const to = this.now < SECOND_VERSION_MS ? this.chance.of([TO.kuvert, TO.fakturabud]) : TO.kuvert;
    const categories = ['name', 'postal-address', 'company', 'customer-number'];
    this.handOver(
      person,
      'billing',
      service('billing-service'),
      categories,
      { ...WHY.invoices, contractRef: `AVT-${person.subject.value}` },
      to,
    );
  }

  private payment(): void {
    const person = this.someone(this.chance.percent(85) ? 'customers' : 'suppliers');
    if (!person) return;
    const assessmentRef = person.subject.category === 'customer' ? 'LIA-01' : 'LIA-03';
    const to = this.chance.of([TO.landsbanken, TO.malarbanken]);
    this.handOver(
      person,
      'billing',
      service('billing-service'),
      ['name', 'bank-account', 'company'],
      { ...WHY.payment, assessmentRef },
      to,
    );
  }

  private bookkeeping(): void {
    const person = this.someone(this.chance.percent(80) ? 'customers' : 'suppliers');
    if (!person) return;
    const type = this.chance.of(['PersonalDataStored', 'PersonalDataUsed']);
    this.tell('billing', type, this.now, {
      ...{ actor: this.staff('accountant'), subjects: [person.subject], categories: ['name', 'company', 'bank-account'] },
      ...{ ...WHY.accounting, ...IN_SWEDEN('billing') },
    });
  }

  /** Everybody whose invoices are in it. */
  private taxReport(): void {
    const people = this.several('customers', 12);
    if (people.length === 0) return;
    const caseRef = `VAT-${new Date(this.now).toISOString().slice(0, 7)}`;
    this.handOverAll(
      people,
      'billing',
      this.staff('accountant'),
      ['name', 'organisation-number', 'tax'],
      { ...WHY.tax, caseRef },
      TO.skatteverket,
    );
  }

  private signIn(): void {
    const person = this.someone('users');
    if (!person) return;
    this.tell('platform', 'PersonalDataCollected', this.now, {
      ...{ actor: service('platform'), subjects: [person.subject], categories: ['authentication-history', 'ip-address'] },
      ...{ ...WHY.security, origin: 'observed', channel: 'product-usage', noticeRef: 'notice-platform-3', ...IN_SWEDEN('platform') },
    });
  }

  private usage(): void {
    const person = this.someone('users');
    if (!person) return;
    const type = this.chance.of(['PersonalDataUsed', 'PersonalDataDerived', 'PersonalDataStored']);
    this.tell('platform', type, this.now, {
      ...{ actor: service('platform'), subjects: [person.subject], categories: ['name', 'usage'], automated: true },
      ...{ ...WHY.contract, ...IN_SWEDEN('platform') },
    });
  }

  private hosting(): void {
    const person = this.someone('users');
    if (!person) return;
    const categories = ['name', 'usage', 'authentication-history'];
    this.handOver(person, 'platform', service('backup'), categories, WHY.contract, {
      ...TO.norrdrift,
      country: this.chance.of(['FI', 'SE']),
    });
  }

  private signUp(): void {
    if (this.groups.subscribers.length < this.size * 2) this.newPerson('subscribers');
    else this.newsletterIssue();
  }

  private newsletterIssue(): void {
    const readers = this.several('subscribers', 10);
    if (readers.length === 0) return;
    this.handOverAll(readers, 'newsletter', service('newsletter-service'), ['work-email'], WHY.newsletter, TO.kuvert);
  }

  /** A reader has had enough: the address is erased within days, and whoever got it is told. */
  private withdrawal(): void {
    const person = this.now < LAST_BEGINNING_MS ? this.take('subscribers') : undefined;
    if (!person) return;
    const subjects = [person.subject];
    this.tell('newsletter', 'ConsentWithdrawn', this.now, {
      ...{ actor: self(person.subject), subjects, ...WHY.newsletter, purposes: ['newsletter'], textVersion: 'newsletter-4' },
      ...{ method: 'unsubscribe-link', ...IN_SWEDEN('newsletter') },
    });
    const erased = this.now + this.chance.between(1, 16) * DAY_MS;
    this.tell('newsletter', 'PersonalDataErased', erased, {
      ...{ actor: service('newsletter-service'), subjects, categories: ['work-email'], ...WHY.newsletter },
      ...{ ground: '17(1)(b)', scope: 'newsletter', systems: ['newsletter'], ...IN_SWEDEN('newsletter') },
    });
    this.tellRecipients(person, erased, 'erasure');
  }

  private campaign(): void {
    const people = this.several('prospects', 6);
    if (people.length === 0) {
      this.newPerson('prospects');
      return;
    }
    this.tell('marketing', 'PersonalDataUsed', this.now, {
      ...{ actor: this.staff('marketer'), subjects: people.map(({ subject }) => subject), categories: ['name', 'work-email', 'company'] },
      ...{ ...marketing(this.now), ...IN_SWEDEN('marketing') },
    });
  }

  private newProspect(): void {
    if (this.groups.prospects.length < this.size) this.newPerson('prospects');
    else this.campaign();
  }

  private newCustomer(): void {
    if (this.groups.customers.length < this.size * 2) this.newPerson('customers');
    else this.supportCase();
  }

  /** Never to be written to for marketing again, nor sent newsletters. */
  private marketingObjection(): void {
    const person = this.take('prospects');
    if (!person) return;
    this.tell('privacy', 'ObjectionRaised', this.now, {
      ...{
        actor: self(person.subject),
        subjects: [person.subject],
        kind: '21(2)',
        purposes: ['direct-marketing'],
        ...IN_SWEDEN('privacy'),
      },
    });
  }

  /** Nothing is done for the purpose until it is decided; then it goes on, for grounds that are named, or never again. */
  private objection(): void {
    const person = this.now < LAST_BEGINNING_MS ? this.take('customers') : undefined;
    if (!person) return;
    const id = this.next('objection');
    const subjects = [person.subject];
    const common = { actor: this.staff('data-protection-officer'), subjects, ...IN_SWEDEN('privacy') };
    const raised = {
      ...common,
      actor: self(person.subject),
      kind: '21(1)',
      purposes: ['customer-communication'],
      reasons: 'I have changed employer.',
    };
    this.tell('privacy', 'ObjectionRaised', this.now, raised, { id });
    const decided = this.now + this.chance.between(2, 14) * DAY_MS;
    const target = { source: 'urn:mailit:privacy-desk', id };
    if (this.chance.percent(50)) {
      const grounds = 'The contract names nobody else to turn to.';
      this.tell('privacy', 'ObjectionDecided', decided, { ...common, target, kind: '21(1)', outcome: 'rejected', grounds });
      this.comesBack('customers', person, decided + HOUR_MS);
    } else {
      this.tell('privacy', 'ObjectionDecided', decided, { ...common, target, kind: '21(1)', outcome: 'upheld' });
    }
  }

  /** What is contested is stored and no more, until it was checked and the person told. */
  private restriction(): void {
    const person = this.now < LAST_BEGINNING_MS ? this.take('customers') : undefined;
    if (!person) return;
    const id = this.next('restriction');
    const common = { actor: this.staff('data-protection-officer'), subjects: [person.subject], ...IN_SWEDEN('privacy') };
    this.tell('privacy', 'ProcessingRestricted', this.now, { ...common, ground: '18(1)(a)', scope: 'all' }, { id });
    this.tellRecipients(person, this.now, 'restriction');
    const stored = this.now + this.chance.between(1, 3) * DAY_MS;
    this.tell('billing', 'PersonalDataStored', stored, {
      ...{ actor: service('billing-service'), subjects: [person.subject], categories: ['name', 'bank-account'] },
      ...{ ...WHY.accounting, ...IN_SWEDEN('billing') },
    });
    const lifted = this.now + this.chance.between(4, 12) * DAY_MS;
    const target = { source: 'urn:mailit:privacy-desk', id };
    this.tell('privacy', 'RestrictionLifted', lifted, { ...common, target, noticeRef: 'letter-18-3', scope: 'all' });
    this.comesBack('customers', person, lifted + HOUR_MS);
  }

  private rectification(): void {
    const person = this.someone('customers');
    if (!person) return;
    const before = { phone: this.phone() };
    const after = { phone: this.phone() };
    this.tell('crm', 'PersonalDataRectified', this.now, {
      ...{ actor: this.staff('customer-support'), subjects: [{ ...person.subject, before, after }], categories: ['phone', 'name'] },
      ...{ ...WHY.rights, statuteRef: 'GDPR 16', caseRef: this.next('CASE'), fields: ['phone'], ...IN_SWEDEN('crm') },
    });
    this.tellRecipients(person, this.now, 'rectification');
  }

  private search(): void {
    const found = this.chance.percent(60) ? this.several('customers', 4) : [];
    const role = this.chance.of(['customer-support', 'salesperson'] as const);
    this.tell('crm', 'PersonalDataAccessed', this.now, {
      ...{ actor: this.staff(role), subjects: found.map(({ subject }) => subject), categories: ['name', 'company'], ...WHY.customers },
      ...{ caseRef: this.next('CASE'), mode: 'search', resultCount: found.length, outcome: 'ok', searchTerms: 'lind', ...IN_SWEDEN('crm') },
    });
  }

  /** Nobody got at anything: an attempt breaks no promise, whatever it was for. */
  private deniedAccess(): void {
    const person = this.someone('customers');
    if (!person) return;
    this.tell('billing', 'PersonalDataAccessed', this.now, {
      ...{ actor: this.staff('marketer'), subjects: [person.subject], categories: ['bank-account'], ...marketing(this.now) },
      ...{ mode: 'view', outcome: 'denied', ...IN_SWEDEN('billing') },
    });
  }

  private supplierMail(): void {
    const person = this.someone('suppliers');
    if (!person) return;
    const categories = ['name', 'work-email', 'correspondence'];
    const common = { actor: this.staff('accountant'), subjects: [person.subject], ...WHY.suppliers, ...IN_SWEDEN('billing') };
    this.tell('billing', 'PersonalDataCollected', this.now, {
      ...common,
      categories: ['correspondence'],
      origin: 'subject',
      channel: 'email',
    });
    const read = this.now + this.minutes(30);
    this.tell('billing', 'PersonalDataAccessed', read, { ...common, categories, caseRef: this.next('ORDER'), mode: 'view', outcome: 'ok' });
    person.busyUntil = read;
  }

  /** An authority gets what its decision names, from whoever may release it. */
  private authorityRequest(): void {
    const person = this.someone('customers');
    if (!person) return;
    const number = this.next('AUTH');
    const categories = ['name', 'postal-address'];
    const order = { requestRef: `request-${number}`, decisionRef: `dnr-${number}`, scope: categories, releasedBy: 'eva.strand' };
    this.handOver(person, 'privacy', this.staff('data-protection-officer'), categories, { ...WHY.authority, ...order }, TO.police);
  }

  private accessRequest(): void {
    const person = this.now < LAST_BEGINNING_MS ? this.someone('customers') : undefined;
    if (!person) return;
    const subjects = [person.subject];
    const requestRef = this.next('DSAR');
    const common = { actor: this.staff('data-protection-officer'), subjects, requestRef, right: 'access', ...IN_SWEDEN('privacy') };
    this.tell('privacy', 'RightsRequestReceived', this.now, { ...common, channel: 'email' });
    const answered = this.now + this.chance.between(3, 15) * DAY_MS;
    this.tell('privacy', 'PersonalDataDisclosed', answered - HOUR_MS, {
      ...{ actor: this.staff('data-protection-officer'), subjects, categories: ['name', 'phone', 'work-email'], ...WHY.rights, requestRef },
      ...{ ...HANDED_OVER, recipient: TO.person, ...IN_SWEDEN('privacy') },
    });
    this.tell('privacy', 'RightsRequestFulfilled', answered, { ...common, result: 'complete' });
    person.busyUntil = answered;
  }

  /** As another controller's processor: that stands under the other's policy, whatever it is. */
  private anothersMailing(): void {
    const subject = { scheme: 'mailing-recipient', value: `m-${this.chance.below(this.size * 4)}` };
    const type = this.chance.of(['PersonalDataUsed', 'PersonalDataStored', 'PersonalDataAccessed', 'PersonalDataDisclosed']);
    this.tell('production', type, this.now, {
      ...{ actor: forAnother(this.chance.of(['olle.press', 'lisa.press'])), controller: `kund-${1 + this.chance.below(20)}` },
      ...{ subjects: [subject], categories: ['name', 'postal-address'], purpose: 'direct-marketing', legalBasis: '6(1)(f)' },
      ...(type === 'PersonalDataAccessed' && { mode: 'export', outcome: 'ok' }),
      ...(type === 'PersonalDataDisclosed' && { recipient: { id: 'postombud', role: 'sub-processor', country: 'SE' }, ...HANDED_OVER }),
      ...IN_SWEDEN('production'),
    });
  }

  /** A record is wrong in something that breaks no promise, and is corrected. */
  private corrected(): void {
    const person = this.someone('customers');
    if (!person) return;
    const [wrong, right] = [this.next(WRONG), this.next('voucher')];
    const stored = (categories: string[]) => ({
      ...{ actor: this.staff('accountant'), subjects: [person.subject], categories, ...WHY.accounting, ...IN_SWEDEN('billing') },
    });
    this.tell('billing', 'PersonalDataStored', this.now, stored(['name', 'tax']), { id: wrong });
    this.tell('billing', 'PersonalDataStored', this.now + MINUTE_MS, stored(['name', 'bank-account']), { id: right });
    this.tell('billing', 'RecordCorrected', this.now + HOUR_MS, {
      ...{ actor: human('anna.berg', 'accountant'), approver: 'johan.nystrom', reason: 'The account was meant.' },
      ...{ target: { source: 'urn:mailit:billing', id: wrong }, replacement: { source: 'urn:mailit:billing', id: right } },
    });
  }

  private retracted(): void {
    const person = this.someone('users');
    if (!person) return;
    const id = this.next(TWICE);
    const data = {
      actor: service('platform'),
      subjects: [person.subject],
      categories: ['usage'],
      ...WHY.contract,
      ...IN_SWEDEN('platform'),
    };
    this.tell('platform', 'PersonalDataUsed', this.now, data, { id });
    this.tell('platform', 'RecordRetracted', this.now + HOUR_MS, {
      ...{ actor: service('platform'), approver: 'eva.strand', reason: 'Sent twice.', target: { source: 'urn:mailit:platform', id } },
    });
  }

  private claim(): void {
    const person = this.someone('customers');
    if (!person) return;
    this.tell('privacy', 'PersonalDataUsed', this.now, {
      ...{ actor: this.staff('data-protection-officer'), subjects: [person.subject], categories: ['name', 'correspondence'] },
      ...{ ...WHY.claims, ...IN_SWEDEN('privacy') },
    });
  }

  /** A process is opened, people apply, are read about and chosen among, and it is closed. */
  private recruitment(): void {
    const opened = this.now;
    if (opened > LAST_DAY_MS - 95 * DAY_MS) return;
    const caseRef = this.next('REC');
    const actor = this.staff('recruiter');
    this.tell('recruitment', 'RecruitmentProcessOpened', opened, { actor, caseRef, ...IN_SWEDEN('recruitment') });
    const closed = opened + this.chance.between(40, 90) * DAY_MS;
    for (let i = this.chance.between(2, 5); i > 0; i--) {
      const subject = { scheme: 'application-number', value: this.next('A'), category: 'job-applicant' };
      const applied = opened + this.chance.between(1, 12) * DAY_MS + this.minutes(300);
      const common = { actor, subjects: [subject], categories: ['name', 'education', 'work-history'], ...WHY.recruitment, caseRef };
      const where = IN_SWEDEN('recruitment');
      this.tell('recruitment', 'PersonalDataCollected', applied, { ...common, origin: 'subject', channel: 'job-application', ...where });
      for (const days of [1, 8]) {
        this.tell('recruitment', 'PersonalDataAccessed', applied + days * DAY_MS, { ...common, mode: 'view', outcome: 'ok', ...where });
      }
    }
    this.tell('recruitment', 'RecruitmentProcessClosed', closed, { actor, caseRef, ...IN_SWEDEN('recruitment') });
  }

  private newPerson(group: Group): void {
    const { scheme, category, name } = SCHEMES[group];
    const number = this.count(group);
    const subject = { scheme, value: name(number), category };
    const person: Person = { subject, busyUntil: this.now, got: new Map() };
    this.groups[group].push(person);
    this.COLLECTED[group](person);
  }

  /** How each group's data comes, with all that has to be there from the beginning. */
  private readonly COLLECTED: Record<Group, (person: Person) => void> = {
    customers: (person) => this.fromEmployer(person, 'crm', ['name', 'work-email', 'phone', 'company', 'customer-number'], WHY.contract),
    users: (person) => this.fromEmployer(person, 'platform', ['name', 'work-email', 'company'], WHY.contract),
    suppliers: (person) => this.fromEmployer(person, 'billing', ['name', 'work-email', 'company'], WHY.suppliers),
    prospects: (person) => {
      this.tell('marketing', 'PersonalDataCollected', this.now, {
        ...{ actor: this.staff('marketer'), subjects: [person.subject], categories: ['name', 'work-email', 'company'] },
        ...{ ...marketing(this.now), origin: 'public-register', channel: 'public-register', noticeRef: 'notice-marketing-2' },
        ...IN_SWEDEN('marketing'),
      });
    },
    subscribers: (person) => {
      const subjects = [person.subject];
      const actor = self(person.subject);
      const common = { actor, subjects, ...WHY.newsletter, consentRef: `consent-${person.subject.value}`, ...IN_SWEDEN('newsletter') };
      const collected = { ...common, categories: ['work-email'], origin: 'subject', channel: 'newsletter-form' };
      this.tell('newsletter', 'PersonalDataCollected', this.now, collected);
      const consent = { purposes: ['newsletter'], textVersion: 'newsletter-4', method: 'double-opt-in', proof: 'Confirmed by link.' };
      person.busyUntil = this.now + this.minutes(20);
      this.tell('newsletter', 'ConsentGiven', person.busyUntil, { ...common, ...consent });
    },
  };

  /** Named by the employer: told at once by a notice, or within three weeks, and left alone until then. */
  private fromEmployer(person: Person, source: SourceName, categories: string[], why: Data): void {
    const isTold = this.chance.percent(70) || this.now > LAST_DAY_MS - 22 * DAY_MS;
    const subjects = [person.subject];
    this.tell(source, 'PersonalDataCollected', this.now, {
      ...{ actor: service(source), subjects, categories, ...why, origin: 'employer', channel: this.chance.of(['contract', 'email']) },
      ...(isTold && { noticeRef: 'notice-customers-5' }),
      ...IN_SWEDEN(source),
    });
    if (isTold) return;
    person.busyUntil = this.now + this.chance.between(1, 21) * DAY_MS;
    const told = { actor: service(source), subjects, right: 'information', channel: 'letter', noticeRef: 'notice-customers-5' };
    this.tell('privacy', 'InformationProvided', person.busyUntil, { ...told, ...IN_SWEDEN('privacy') });
  }

  private handOver(person: Person, source: SourceName, actor: Data, categories: string[], why: Data, to: Data): void {
    this.handOverAll([person], source, actor, categories, why, to);
  }

  private handOverAll(people: readonly Person[], source: SourceName, actor: Data, categories: string[], why: Data, to: Data): void {
    this.tell(source, 'PersonalDataDisclosed', this.now, {
      ...{ actor, subjects: people.map(({ subject }) => subject), categories, ...why, recipient: to, ...HANDED_OVER, ...IN_SWEDEN(source) },
    });
    for (const { got } of people) got.set(String(to['id']), to);
  }

  /** Everybody who got data of the person hears of it within the month (Art. 19). */
  private tellRecipients({ subject, got }: Person, from: number, right: string): void {
    let time = from;
    for (const recipient of got.values()) {
      time += this.minutes(40);
      this.tell('privacy', 'RecipientNotified', time, {
        ...{
          actor: service('privacy-desk'),
          subjects: [subject],
          right,
          recipient,
          result: this.chance.of(['told', 'told', 'impossible']),
        },
        ...IN_SWEDEN('privacy'),
      });
    }
  }

  private tell(source: SourceName, type: string, at: number, data: Data, { id }: { id?: string } = {}): void {
    this.made.push({ at, source, type, data, ...(id !== undefined && { id }), ...(this.isLate(type, at) && { heard: this.later(at) }) });
  }

  /** Some systems are offline for days. What facts are judged by comes in time: else something would look wrong until it came. */
  private isLate(type: string, at: number): boolean {
    return LATE_TYPES.has(type) && at > YEAR_MS && this.chance.percent(3);
  }

  private later(at: number): number {
    return Math.min(at + this.chance.between(1, 12) * DAY_MS, LAST_DAY_MS + 20 * HOUR_MS);
  }

  /** Old ones more often than new ones; nobody to whom something else is about to happen. */
  private someone(group: Group): Person | undefined {
    const people = this.groups[group];
    for (let tries = 0; tries < 8; tries++) {
      const person = people[Math.floor(this.chance.next() ** 1.5 * people.length)];
      if (person && person.busyUntil < this.now) return person;
    }
    return undefined;
  }

  private several(group: Group, most: number): Person[] {
    const wanted = this.chance.between(1, most);
    const found = Array.from({ length: wanted }, () => this.someone(group)).filter((person) => person !== undefined);
    return [...new Set(found)];
  }

  /** Somebody who is in the group no more. */
  private take(group: Group): Person | undefined {
    const person = this.someone(group);
    if (person) this.groups[group].splice(this.groups[group].indexOf(person), 1);
    return person;
  }

  private comesBack(group: Group, person: Person, at: number): void {
    person.busyUntil = at;
    this.groups[group].push(person);
  }

  private staff(role: StaffRole): Data {
    return human(this.chance.of(STAFF[role]), role);
  }

  private next(what: string): string {
    return `${what}-${this.count(what)}`;
  }

  private count(what: string): number {
    const number = (this.numbers.get(what) ?? 0) + 1;
    this.numbers.set(what, number);
    return number;
  }

  private minutes(most: number): number {
    return MINUTE_MS + this.chance.below(most * MINUTE_MS);
  }

  /** From the numbers that the Swedish Post and Telecom Authority keeps free for fiction. */
  private phone(): string {
    return `070-17406${String(this.chance.between(5, 99)).padStart(2, '0')}`;
  }
}

/** Records whose ids begin so do not stand: they are corrected, or retracted. */
const WRONG = 'wrong-voucher';
const TWICE = 'sent-twice';
export const FALLEN = [WRONG, TWICE] as const;

/** Each says every day by when it will be heard again. */
const COUNTED = [
  ...(['crm', 'support', 'billing', 'platform', 'newsletter', 'recruitment', 'marketing', 'privacy', 'hr', 'production'] as const),
];

const SECOND = 1_000;
/** Measured: what a scene makes on average. */
const EVENTS_A_SCENE = 1.52;
const YEAR_MS = Date.parse('2025-03-01T00:00:00.000Z');
const LAST_DAY_MS = Date.parse('2026-02-28T00:00:00.000Z');
/** Of these nothing else depends. */
const LATE_TYPES = new Set(['PersonalDataAccessed', 'PersonalDataUsed', 'PersonalDataStored', 'PersonalDataDerived']);
