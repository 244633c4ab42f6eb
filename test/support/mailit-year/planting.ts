/** What is planted into the year: events that must be found, each with what must be found of it, and others right beside them that must not. */
import { at, DAY_MS, HOUR_MS, MINUTE_MS } from './chance.ts';
import {
  type Data,
  HANDED_OVER,
  type Happening,
  human,
  type Identifier,
  IN_SWEDEN,
  SOURCES,
  type SourceName,
  type Subject,
  service,
  TO,
  WHY,
} from './company.ts';
import { type ExpectedFinding, recordOf } from './expectations.ts';

/** From when on each version of the policy is in force; `versions.ts` has the texts. */
export const VERSIONS: readonly (readonly [version: string, from: number])[] = [
  ['1', at('2018-05-25T00:00:00.000Z')],
  ['2', at('2025-09-01T00:00:00.000Z')],
  ['3', at('2025-11-14T02:00:00.000Z')],
  ['4', at('2025-11-14T03:00:00.000Z')],
];

export const versionAt = (time: number): string | null => VERSIONS.findLast(([, from]) => from <= time)?.[0] ?? null;

/** How grave, with the clause and the article that are cited. */
export type Cited = readonly [severity: NonNullable<ExpectedFinding['severity']>, clause: number | null, article: string];
/** Of what cannot be told. */
export type Lacking = readonly [clause: number | null, article: string];

export interface When {
  /** When the ledger hears of it, where that is on another day. */
  heard?: string;
  id?: string;
  source?: SourceName;
  /** Records of the source before it that never arrive. */
  lost?: number;
}

/** An event that was planted. */
export class Told {
  readonly happening: Happening & { id: string };
  private readonly planting: Planting;
  private readonly planted: string;

  constructor(planting: Planting, happening: Happening & { id: string }, planted: string) {
    this.planting = planting;
    this.happening = happening;
    this.planted = planted;
  }

  get record(): string {
    return recordOf(SOURCES[this.happening.source], this.happening.id);
  }

  /** As corrections and decisions point at it. */
  get target(): { source: string; id: string } {
    return { source: SOURCES[this.happening.source], id: this.happening.id };
  }

  violates(rule: string, what: string, [severity, clause, article]: Cited, more: Partial<ExpectedFinding> = {}): this {
    return this.finds({ rule, verdict: 'violates', what, severity, clause, article, ...more });
  }

  lacks(rule: string, missing: readonly string[], [clause, article]: Lacking, more: Partial<ExpectedFinding> = {}): this {
    return this.finds({ rule, verdict: 'undeterminable', missing, clause, article, ...more });
  }

  private finds(finding: Pick<ExpectedFinding, 'rule' | 'verdict' | 'clause' | 'article'> & Partial<ExpectedFinding>): this {
    const policyVersion = versionAt(this.happening.at);
    this.planting.findings.push({ planted: this.planted, record: this.record, policyVersion, state: 'open', ...finding });
    return this;
  }
}

/** Somebody whom MAILIT knows by a contract, and whom it told so. */
const FROM_CONTRACT: Data = { origin: 'employer', channel: 'contract', noticeRef: 'notice-customers-5' };

const COLLECTED: Record<string, { source: SourceName; data: Data }> = {
  customer: { source: 'crm', data: { ...WHY.contract, ...FROM_CONTRACT, categories: ['name', 'work-email', 'company'] } },
  user: { source: 'platform', data: { ...WHY.contract, ...FROM_CONTRACT, categories: ['name', 'work-email', 'company'] } },
  'supplier-contact': { source: 'billing', data: { ...WHY.suppliers, ...FROM_CONTRACT, categories: ['name', 'company'] } },
  subscriber: {
    source: 'newsletter',
    data: { ...WHY.newsletter, origin: 'subject', channel: 'newsletter-form', categories: ['work-email'] },
  },
  prospect: {
    source: 'crm',
    data: {
      ...WHY.customers,
      origin: 'public-register',
      channel: 'public-register',
      noticeRef: 'notice-2',
      categories: ['name', 'company'],
    },
  },
  'job-applicant': {
    source: 'recruitment',
    data: { ...WHY.recruitment, origin: 'subject', channel: 'job-application', categories: ['name', 'education'] },
  },
};

/** Works at the desk for everything: has every grant, and was instructed. */
export const DESK = 'berit.desk';
export const desk: Data = human(DESK, 'desk');

/** A recruitment that is open while people apply in what is planted. */
export const PROCESS = 'REC-planted';

export class Planting {
  readonly happenings: Happening[] = [];
  readonly findings: ExpectedFinding[] = [];
  private people = 0;
  private told = 0;
  private name = '';

  /** Begins what is said of one kind of finding. */
  plant(name: string, work: () => void): void {
    this.name = name;
    work();
  }

  tell(type: string, time: string | number, data: Data, { heard, id, source = 'crm', lost }: When = {}): Told {
    const happening = {
      ...{ at: typeof time === 'number' ? time : at(time), source, type, data, id: id ?? `planted-${++this.told}` },
      ...(heard !== undefined && { heard: at(heard) }),
      ...(lost !== undefined && { lost }),
    };
    this.happenings.push(happening);
    return new Told(this, happening, this.name);
  }

  /** Somebody nobody else in the year has to do with. */
  stranger(category?: string): Subject {
    this.people += 1;
    return { scheme: 'planted-number', value: `X-${this.people}`, ...(category !== undefined && { category }) };
  }

  /** Somebody whose data was collected as it should be. */
  person(category: keyof typeof COLLECTED = 'customer', time: string | number = FIRST_MS + this.people * MINUTE_MS): Subject {
    const subject = this.stranger(category);
    const { source, data } = COLLECTED[category] as (typeof COLLECTED)[string];
    const caseRef = category === 'job-applicant' ? { caseRef: PROCESS } : {};
    this.tell(
      'PersonalDataCollected',
      time,
      { actor: service(source), subjects: [subject], ...data, ...caseRef, ...IN_SWEDEN(source) },
      { source },
    );
    return subject;
  }

  /** Used by a program for customer relations, as it should be. `undefined` leaves a field out. */
  used(subjects: Subject | Subject[], time: string | number, data: Data = {}, when: When = {}): Told {
    return this.processed('PersonalDataUsed', subjects, time, { actor: service('crm'), ...data }, when);
  }

  stored(subjects: Subject | Subject[], time: string | number, data: Data = {}, when: When = {}): Told {
    return this.processed('PersonalDataStored', subjects, time, { actor: service('crm'), ...data }, when);
  }

  collected(subjects: Subject | Subject[], time: string | number, data: Data, when: When = {}): Told {
    return this.processed('PersonalDataCollected', subjects, time, { actor: service('crm'), ...data }, when);
  }

  /** Looked up by somebody who may, for a case. */
  accessed(subjects: Subject | Subject[], time: string | number, data: Data = {}, when: When = {}): Told {
    const how = { actor: desk, mode: 'view', outcome: 'ok', caseRef: 'CASE-planted' };
    return this.processed('PersonalDataAccessed', subjects, time, { ...how, ...data }, when);
  }

  /** An invoice to a distributor, as it should be. */
  disclosed(subjects: Subject | Subject[], time: string | number, data: Data = {}, when: When = {}): Told {
    const how = { actor: service('billing-service'), ...WHY.invoices, ...HANDED_OVER, recipient: TO.kuvert };
    return this.processed('PersonalDataDisclosed', subjects, time, { ...how, ...data }, when);
  }

  erased(subjects: Subject | Subject[], time: string | number, data: Data, when: When = {}): Told {
    const how = { actor: service('crm'), ground: '17(1)(a)', scope: 'all', systems: ['crm'] };
    return this.processed('PersonalDataErased', subjects, time, { ...how, ...data }, when);
  }

  processed(type: string, subjects: Subject | Subject[], time: string | number, data: Data, when: When = {}): Told {
    const all: Data = { subjects: [subjects].flat(), categories: ['name'], ...WHY.customers, ...IN_SWEDEN('crm'), ...data };
    const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return this.tell(type, time, said, when);
  }

  /** What is no processing: consents, objections, decisions, notices … */
  fact(type: string, subjects: Subject | Subject[], time: string | number, data: Data, when: When = {}): Told {
    const all: Data = { actor: service('privacy-desk'), subjects: [subjects].flat().map(identifierOf), ...data };
    const said = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return this.tell(type, time, said, { source: 'privacy', ...when });
  }

  consent(
    how: 'Given' | 'Refused' | 'Withdrawn' | 'Expired',
    subject: Subject,
    time: string | number,
    purposes = ['newsletter'],
    when: When = {},
  ): Told {
    return this.fact(`Consent${how}`, subject, time, { purposes, textVersion: 'newsletter-4', method: 'form' }, when);
  }

  objects(kind: '21(1)' | '21(2)', subject: Subject, time: string | number, purposes: string[], when: When = {}): Told {
    return this.fact('ObjectionRaised', subject, time, { kind, purposes }, when);
  }

  restricts(subject: Subject, time: string | number, scope: string | string[], when: When = {}): Told {
    return this.fact('ProcessingRestricted', subject, time, { ground: '18(1)(a)', scope }, when);
  }

  informs(subject: Subject, time: string | number, when: When = {}): Told {
    return this.fact('InformationProvided', subject, time, { right: 'information', noticeRef: 'notice-customers-5' }, when);
  }

  notifies(subject: Subject, recipient: Data, time: string | number, data: Data = {}, when: When = {}): Told {
    return this.fact('RecipientNotified', subject, time, { recipient, result: 'told', ...data }, when);
  }

  grants(grantee: string, time: string | number, data: Data = {}, when: When = {}): Told {
    return this.tell('AccessGranted', time, { actor: service('hr'), grantee, ...data }, { source: 'hr', ...when });
  }

  instructs(staff: string, time: string | number, when: When = {}): Told {
    return this.tell('StaffInstructed', time, { actor: service('hr'), staff, textVersion: 'instruction-7' }, { source: 'hr', ...when });
  }

  /** Nobody approves their own. */
  retracts(told: Told, time: string | number, when: When = {}): Told {
    const data = { actor: desk, approver: 'eva.strand', reason: 'It was never so.', target: told.target };
    return this.tell('RecordRetracted', time, data, { source: told.happening.source, ...when });
  }

  corrects(told: Told, replacement: Told['target'], time: string | number, when: When = {}): Told {
    const data = { actor: desk, approver: 'eva.strand', reason: 'It was another.', target: told.target, replacement };
    return this.tell('RecordCorrected', time, data, { source: told.happening.source, ...when });
  }
}

export const identifierOf = ({ scheme, value }: Subject): Identifier => ({ scheme, value });

/** The first Monday of the year: whoever is needed is collected then, unless told. */
const FIRST_MS = at('2025-03-03T06:00:00.000Z');

/** A moment so much later than another. */
export const later = (time: string, { days = 0, hours = 0, ms = 0 }: { days?: number; hours?: number; ms?: number }): number =>
  at(time) + days * DAY_MS + hours * HOUR_MS + ms;
