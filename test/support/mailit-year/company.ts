/** MAILIT AB and those around it: systems, staff, recipients, and the words in which events are told. Everybody is made up. */

/** A CloudEvents 1.0 event as `POST /v1/events` takes it. */
export interface CloudEvent {
  specversion: '1.0';
  source: string;
  id: string;
  sequence?: string;
  type: string;
  time: string;
  data: Data;
}

export type Data = Record<string, unknown>;

export interface Identifier {
  scheme: string;
  value: string;
}

export interface Subject extends Identifier {
  category?: string;
}

/** Something that happens; it becomes an event. */
export interface Happening {
  /** Milliseconds since 1970. */
  at: number;
  /** When the ledger hears of it; at the end of the day unless told. */
  heard?: number;
  source: SourceName;
  /** Given by the source unless told. */
  id?: string;
  /** How many records of the source before it never arrive. */
  lost?: number;
  type: string;
  data: Data;
}

export const SOURCES = {
  crm: 'urn:mailit:crm',
  support: 'urn:mailit:support',
  newsletter: 'urn:mailit:newsletter',
  billing: 'urn:mailit:billing',
  recruitment: 'urn:mailit:recruitment',
  platform: 'urn:mailit:platform',
  marketing: 'urn:mailit:marketing',
  privacy: 'urn:mailit:privacy-desk',
  hr: 'urn:mailit:hr',
  /** Mailings for other controllers. */
  production: 'urn:mailit:production',
  web: 'urn:mailit:web',
  /** Reports no collections, ever. */
  archive: 'urn:mailit:archive',
  /** Counts, and leaves a number out. */
  scanner: 'urn:mailit:letter-scanner',
  /** Does not count, and never says when it will be heard again. */
  fax: 'urn:mailit:fax',
} as const;
export type SourceName = keyof typeof SOURCES;

/** Who works there, by role. */
export const STAFF = {
  accountant: ['anna.berg', 'johan.nystrom'],
  'customer-support': ['karin.holm', 'erik.sandberg', 'maja.ek'],
  salesperson: ['sara.lund', 'mikael.wiklund'],
  recruiter: ['lena.falk'],
  marketer: ['per.alm'],
  'data-protection-officer': ['eva.strand'],
} as const;
export type StaffRole = keyof typeof STAFF;

/** What each role needs for its work: the grants that are recorded before the year begins. */
export const GRANTED: Record<StaffRole, { purposes: string[]; systems: string[] }> = {
  accountant: {
    purposes: ['payment', 'tax-reporting', 'accounting', 'supplier-communication', 'invoice-distribution'],
    systems: ['billing'],
  },
  'customer-support': { purposes: ['customer-communication', 'contract-fulfilment', 'rights-fulfilment'], systems: ['support', 'crm'] },
  salesperson: { purposes: ['customer-communication', 'contract-fulfilment', 'direct-marketing'], systems: ['crm'] },
  recruiter: { purposes: ['recruitment'], systems: ['recruitment'] },
  marketer: { purposes: ['direct-marketing'], systems: ['marketing'] },
  'data-protection-officer': {
    purposes: ['rights-fulfilment', 'legal-claims', 'authority-request', 'security'],
    systems: ['crm', 'support', 'billing', 'privacy', 'recruitment'],
  },
};

export const human = (id: string, role = 'clerk'): Data => ({ id, kind: 'human', role, capacity: 'controller' });
export const service = (id: string): Data => ({ id, kind: 'service', role: 'system', capacity: 'controller' });
/** Somebody who does it themselves, under the identifier that the event has them as subject. */
export const self = ({ value }: Identifier): Data => ({ id: value, kind: 'subject', role: 'person', capacity: 'controller' });
/** Staff of MAILIT that works for another controller. */
export const forAnother = (id: string): Data => ({ id, kind: 'human', role: 'operator', capacity: 'processor' });

export const IN_SWEDEN = (system: string): Data => ({ system, country: 'SE' });

/** Why, for each purpose, as MAILIT's policy allows it. */
export const WHY = {
  contract: { purpose: 'contract-fulfilment', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01' },
  customers: { purpose: 'customer-communication', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01' },
  suppliers: { purpose: 'supplier-communication', legalBasis: '6(1)(f)', assessmentRef: 'LIA-03' },
  newsletter: { purpose: 'newsletter', legalBasis: '6(1)(a)' },
  recruitment: { purpose: 'recruitment', legalBasis: '6(1)(b)' },
  tax: { purpose: 'tax-reporting', legalBasis: '6(1)(c)', statuteRef: 'SFS 2011:1244' },
  payment: { purpose: 'payment', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01' },
  invoices: { purpose: 'invoice-distribution', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01' },
  accounting: { purpose: 'accounting', legalBasis: '6(1)(c)', statuteRef: 'SFS 1999:1078 7 kap. 2 §' },
  authority: { purpose: 'authority-request', legalBasis: '6(1)(c)', statuteRef: 'SFS 1942:740' },
  rights: { purpose: 'rights-fulfilment', legalBasis: '6(1)(c)', statuteRef: 'GDPR 15' },
  security: { purpose: 'security', legalBasis: '6(1)(f)', assessmentRef: 'LIA-02' },
  claims: { purpose: 'legal-claims', legalBasis: '6(1)(f)', assessmentRef: 'LIA-05' },
} as const satisfies Record<string, Data>;

/** The assessment for marketing, which the second version of the policy replaces on 1 January. */
export const marketing = (at: number): Data => ({
  ...{ purpose: 'direct-marketing', legalBasis: '6(1)(f)' },
  assessmentRef: at < NEW_ASSESSMENT_MS ? 'LIA-04' : 'LIA-06',
});
const NEW_ASSESSMENT_MS = Date.parse('2026-01-01T00:00:00.000Z');

export const TO = {
  skatteverket: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
  landsbanken: { id: 'landsbanken', role: 'independent-controller', country: 'SE' },
  malarbanken: { id: 'malarbanken', role: 'independent-controller', country: 'SE' },
  kuvert: { id: 'kuvert-distribution', role: 'independent-controller', country: 'SE' },
  /** Until the second version of the policy. */
  fakturabud: { id: 'fakturabud', role: 'independent-controller', country: 'SE' },
  norrdrift: { id: 'norrdrift', role: 'processor', country: 'FI' },
  svarsbyran: { id: 'svarsbyran', role: 'processor', country: 'SE' },
  police: { id: 'polismyndigheten', role: 'authority', country: 'SE' },
  person: { role: 'data-subject' },
} as const satisfies Record<string, Data>;

/** Handed over by a program, for nothing. */
export const HANDED_OVER = { method: 'api', consideration: 'none' } as const;

/** Every field of an event must be told from `undefined`: JSON leaves those out. */
export function without(data: Data, ...fields: string[]): Data {
  return Object.fromEntries(Object.entries(data).filter(([field]) => !fields.includes(field)));
}
