/**
 * The ledger's own short codes and the terms of the W3C Data Privacy Vocabulary 2.3 that they mean. History stores the
 * codes, so a new release of DPV changes nothing that was recorded. Pure data.
 */

/** What one code means. */
export interface Code {
  label: string;
  /** The term of DPV 2.3 in full; absent where it has none, not even a broader one. */
  iri?: string;
  /** Whether the term means the same as the code; else it is the nearest broader one. */
  exact: boolean;
  /** What the term leaves out, or what to mind. */
  note?: string;
}

export type CodeTable = Readonly<Record<string, Code>>;

/** Prefixes under which DPV 2.3 publishes its terms. */
export const PREFIXES: Readonly<Record<string, string>> = {
  dpv: 'https://w3id.org/dpv#',
  'eu-gdpr': 'https://w3id.org/dpv/legal/eu/gdpr#',
  pd: 'https://w3id.org/dpv/pd#',
  risk: 'https://w3id.org/dpv/risk#',
  loc: 'https://w3id.org/dpv/loc#',
  se: 'https://w3id.org/dpv/legal/se#',
};

/** `dpv:Collect` in full; undefined where the prefix is unknown or the text is no prefixed term. */
export function expandTerm(term: string): string | undefined {
  const match = /^([a-z-]+):([A-Za-z0-9-]{1,80})$/.exec(term);
  const prefix = match?.[1];
  if (prefix === undefined || !Object.hasOwn(PREFIXES, prefix)) return undefined;
  return `${PREFIXES[prefix]}${match?.[2]}`;
}

/** The inverse: a term in full, with its prefix. An IRI that has none stays as it is. */
export function compactTerm(iri: string): string {
  const [prefix, base] = Object.entries(PREFIXES).find(([, each]) => iri.startsWith(each)) ?? [];
  return base === undefined ? iri : `${prefix}:${iri.slice(base.length)}`;
}

const known = (term: string): string => {
  const iri = expandTerm(term);
  if (iri === undefined) throw new Error(`${term} has no known prefix`);
  return iri;
};
const same = (term: string, label: string, note?: string): Code => ({ label, iri: known(term), exact: true, note });
const broader = (term: string, label: string, note: string): Code => ({ label, iri: known(term), exact: false, note });
const none = (label: string, note = 'DPV 2.3 has no term for it.'): Code => ({ label, exact: false, note });

/** What a DPV purpose may never be, whatever a policy or a declared code says. */
export const FORBIDDEN_PURPOSES: readonly string[] = [known('dpv:SellDataToThirdParties')];

/** The 30 countries of the European Economic Area (ISO 3166-1 alpha-2). */
export const EEA: readonly string[] = Object.freeze(
  'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(' '),
);

/** A decision that a country's protection is adequate (Art. 45(3)): its first and last day (UTC). */
export interface Adequacy {
  from: string;
  until?: string;
  /** It holds for some recipients alone, which no record says. */
  limited?: true;
}

/**
 * The Commission's decisions on adequacy by country or territory (ISO 3166-1 alpha-2), as of 31 January 2026; those under Directive 95/46/EC go
 * on (Art. 45(9)). Events are judged by the day on which they happened: a decision that ends gets its last day, and stays. Canada: recipients
 * under PIPEDA; the USA: those certified under the Privacy Shield, later the Data Privacy Framework. What others leave out (in Japan, Korea,
 * Israel: some bodies and sectors) is not told apart. The United Kingdom was under EU law, or treated so, until its decision.
 */
export const ADEQUATE: Readonly<Record<string, readonly Adequacy[]>> = Object.freeze({
  AD: [{ from: '2010-10-19' }],
  AR: [{ from: '2003-06-30' }],
  BR: [{ from: '2026-01-26' }],
  CA: [{ from: '2001-12-20', limited: true }],
  CH: [{ from: '2000-07-26' }],
  FO: [{ from: '2010-03-05' }],
  GB: [{ from: '2018-05-25', until: '2031-12-27' }],
  GG: [{ from: '2003-11-21' }],
  IL: [{ from: '2011-01-31' }],
  IM: [{ from: '2004-04-28' }],
  JE: [{ from: '2008-05-08' }],
  JP: [{ from: '2019-01-23' }],
  KR: [{ from: '2021-12-17' }],
  NZ: [{ from: '2012-12-19' }],
  US: [
    { from: '2016-07-12', until: '2020-07-16', limited: true },
    { from: '2023-07-10', limited: true },
  ],
  UY: [{ from: '2012-08-21' }],
});

const purpose: CodeTable = {
  'contract-fulfilment': same('dpv:FulfilmentOfContractualObligation', 'Fulfilling a contract'),
  'customer-communication': same('dpv:CommunicationManagement', 'Communicating with customers'),
  'supplier-communication': same('dpv:VendorManagement', 'Communicating with suppliers'),
  'direct-marketing': same('dpv:DirectMarketing', 'Direct marketing'),
  newsletter: broader('dpv:Marketing', 'Newsletter', 'DPV 2.3 has no newsletters.'),
  recruitment: same('dpv:RecruitmentManagement', 'Recruitment'),
  'tax-reporting': broader('dpv:LegalCompliance', 'Reporting taxes', 'DPV 2.3 has no reporting of taxes.'),
  payment: same('dpv:PaymentManagement', 'Making and receiving payments'),
  'invoice-distribution': broader('dpv:CommunicationManagement', 'Sending out invoices', 'DPV 2.3 has no distribution of invoices.'),
  'rights-fulfilment': same('dpv:RightsFulfilment', 'Answering data subjects who exercise a right'),
  security: same('dpv:EnforceSecurity', 'Keeping systems and data secure'),
  'legal-claims': same('dpv:DisputeManagement', 'Establishing, exercising or defending legal claims'),
};

const legalBasis: CodeTable = {
  '6(1)(a)': same('eu-gdpr:A6-1-a', 'Consent'),
  '6(1)(b)': same('eu-gdpr:A6-1-b', 'A contract with the data subject'),
  '6(1)(c)': same('eu-gdpr:A6-1-c', 'A legal obligation of the controller'),
  '6(1)(d)': same('eu-gdpr:A6-1-d', 'Vital interests'),
  '6(1)(e)': same('eu-gdpr:A6-1-e', 'A task in the public interest or official authority'),
  '6(1)(f)': same('eu-gdpr:A6-1-f', 'Legitimate interests'),
};

const dataCategory: CodeTable = {
  name: same('pd:Name', 'Name'),
  'postal-address': same('pd:PhysicalAddress', 'Postal address'),
  'job-title': same('pd:Job', 'Job title'),
  'customer-number': same('pd:UID', 'Customer number'),
  credential: same('pd:Password', 'Credential', 'That it was set, never its value or a hash of it.'),
  'work-email': same('pd:EmailAddressWork', 'E-mail address at work'),
  company: none('Name of the company'),
  'organisation-number': broader(
    'pd:OfficialID',
    'Organisation number',
    "DPV 2.3 has no organisation number. A sole trader's is a personal identity number, hence an official identifier.",
  ),
  correspondence: same('pd:Communication', 'Correspondence'),
  'social-media-message': same('pd:SocialMediaCommunication', 'Message in social media'),
  phone: same('pd:TelephoneNumber', 'Telephone number'),
  usage: same('pd:ServiceConsumptionBehaviour', 'How a service is used'),
  'authentication-history': same('pd:AuthenticationHistory', 'When somebody signed in'),
  'ip-address': same('pd:IPAddress', 'IP address'),
  education: same('pd:Education', 'Education'),
  'work-history': same('pd:WorkHistory', 'Earlier employments'),
  reference: same('pd:Reference', 'References for an applicant'),
  'bank-account': same('pd:BankAccount', 'Bank account'),
  tax: same('pd:Tax', 'Tax'),
};

const subjectCategory: CodeTable = {
  customer: same('dpv:Customer', 'Customer or their contact person', 'Where they buy services, also dpv:Client.'),
  employee: same('dpv:Employee', 'Employee'),
  'job-applicant': same('dpv:JobApplicant', 'Job applicant'),
  subscriber: same('dpv:Subscriber', 'Subscriber to a newsletter'),
  user: same('dpv:User', 'User of a system'),
  prospect: none('Possible customer'),
  'supplier-contact': none('Contact person at a supplier'),
};

const recipientRole: CodeTable = {
  processor: same('dpv:DataProcessor', 'Processor'),
  'sub-processor': same('dpv:DataSubProcessor', 'Sub-processor'),
  'independent-controller': same('dpv:DataController', 'Controller in its own right'),
  'joint-controller': same('dpv:JointDataControllers', 'Joint controller'),
  authority: same('dpv:NationalAuthority', 'Public authority'),
  'data-subject': same('dpv:DataSubject', 'The data subject', 'Named by the subject on the event, never by an id.'),
  'supervisory-authority': same('dpv:DataProtectionAuthority', 'Supervisory authority'),
};

const channel: CodeTable = {
  contract: none('Entering into a contract'),
  'newsletter-form': none('Newsletter sign-up'),
  'web-form': none('Form on the web'),
  'in-person': none('In person'),
  letter: none('Letter'),
  email: none('E-mail'),
  sms: none('Text message'),
  phone: none('Telephone'),
  'social-media': none('Social media'),
  'job-application': none('Job application'),
  'public-register': broader('dpv:PublicDataSource', 'Public register', 'The source, not the way it came.'),
  'product-usage': broader('dpv:ObservedPersonalData', 'Use of the product', 'The kind of data, not the way it came.'),
  internal: none('From inside the organisation'),
};

const origin: CodeTable = {
  subject: same('dpv:DataSubjectDataSource', 'The data subject'),
  employer: broader('dpv:ThirdPartyDataSource', "The data subject's employer", 'DPV 2.3 has no employer as a source.'),
  'public-register': same('dpv:PublicDataSource', 'A public register'),
  'third-party': same('dpv:ThirdPartyDataSource', 'A third party'),
  observed: same('dpv:Observe', 'Observed by the controller', 'The operation; DPV 2.3 has no such source.'),
};

const right: CodeTable = {
  access: same('eu-gdpr:A15', 'Access'),
  rectification: same('eu-gdpr:A16', 'Rectification'),
  erasure: same('eu-gdpr:A17', 'Erasure'),
  restriction: same('eu-gdpr:A18', 'Restriction of processing'),
  'recipient-notification': same('eu-gdpr:A19', 'That recipients are told'),
  portability: same('eu-gdpr:A20', 'Data portability'),
  objection: same('eu-gdpr:A21', 'Objection'),
  'automated-decision': same('eu-gdpr:A22', 'Not to be subject to automated decisions'),
  information: same('eu-gdpr:A13', 'Information', 'eu-gdpr:A14 where the data was not obtained from the subject.'),
  'withdraw-consent': same('eu-gdpr:A7-3', 'Withdrawal of consent'),
  complaint: same('eu-gdpr:A77', 'Complaint to a supervisory authority'),
  damages: broader('risk:Compensation', 'Damages', 'DPV 2.3 has no term for Art. 82.'),
};

const transferTool: CodeTable = {
  adequacy: same('eu-gdpr:A45-3', 'Adequacy decision'),
  'standard-clauses': same('eu-gdpr:A46-2-c', 'Standard data protection clauses'),
  'binding-rules': same('eu-gdpr:A46-2-b', 'Binding corporate rules'),
  'explicit-consent': same('eu-gdpr:A49-1-a', 'Explicit consent to the transfer'),
};

const actorKind: CodeTable = {
  human: broader('dpv:NaturalPerson', 'A person at work', 'DPV 2.3 has no role for staff.'),
  service: same('dpv:Technology', 'A program or service account'),
  authority: same('dpv:Authority', 'A public authority'),
  subject: same('dpv:DataSubject', 'The data subject'),
};

const capacity: CodeTable = {
  controller: same('dpv:DataController', 'As controller'),
  'joint-controller': same('dpv:JointDataControllers', 'As joint controller'),
  processor: same('dpv:DataProcessor', 'As processor for another controller'),
  'sub-processor': same('dpv:DataSubProcessor', 'As sub-processor'),
};

const consideration: CodeTable = {
  none: none('Nothing was given for it'),
  payment: none('It was paid for'),
  exchange: none('It was given in exchange'),
  other: none('Something else was given for it'),
};

const accessMode: CodeTable = {
  view: same('dpv:Consult', 'One record was looked at'),
  search: same('dpv:Query', 'Records were searched for'),
  export: same('dpv:Export', 'Records were taken out'),
};

const accessOutcome: CodeTable = { ok: none('It was allowed'), denied: none('It was refused') };

const erasureGround: CodeTable = {
  '17(1)(a)': same('eu-gdpr:JustificationA17NonNecessity', 'No longer needed for its purpose'),
  '17(1)(b)': same('eu-gdpr:JustificationA17NoLegalBasis', 'Consent withdrawn and no other legal basis'),
  '17(1)(c)': same('eu-gdpr:JustificationA17ObjectA21', 'The data subject objected'),
  '17(1)(d)': same('eu-gdpr:JustificationA17UnlawfulProcessing', 'Unlawfully processed'),
  '17(1)(e)': same('eu-gdpr:JustificationA17LegalErasure', 'A legal obligation to erase'),
  '17(1)(f)': same('eu-gdpr:JustificationA17ChildData', 'Collected from a child for an online service'),
};

const NO_GROUND = 'DPV 2.3 has the right, not its grounds.';
const restrictionGround: CodeTable = {
  '18(1)(a)': broader('eu-gdpr:A18', 'Accuracy is contested and being checked', NO_GROUND),
  '18(1)(b)': broader('eu-gdpr:A18', 'Unlawful, and the data subject opposes erasure', NO_GROUND),
  '18(1)(c)': broader('eu-gdpr:A18', 'Needed by the data subject for legal claims', NO_GROUND),
  '18(1)(d)': broader('eu-gdpr:A18', 'The data subject objected and a decision is pending', NO_GROUND),
};

const legalHoldGround: CodeTable = {
  expression: same('eu-gdpr:JustificationA17FreedomOfExpression', 'Freedom of expression, Art. 17(3)(a)'),
  'legal-obligation': same('eu-gdpr:JustificationA17LegallyRequired', 'A legal obligation, Art. 17(3)(b)'),
  'public-health': same('eu-gdpr:JustificationA17PublicHealth', 'Public health, Art. 17(3)(c)'),
  'public-interest': same('eu-gdpr:JustificationA17Archiving', 'Archives in the public interest, Art. 17(3)(d)'),
  'legal-claims': same('eu-gdpr:JustificationA17LegalClaims', 'Legal claims, Art. 17(3)(e)'),
};

const objectionKind: CodeTable = {
  '21(1)': broader('eu-gdpr:A21', "On grounds of the data subject's situation", NO_GROUND),
  '21(2)': broader('eu-gdpr:A21', 'To direct marketing: absolute', NO_GROUND),
};

const objectionOutcome: CodeTable = {
  upheld: same('dpv:RequestAccepted', 'The processing stops'),
  rejected: same('dpv:RequestRejected', 'Compelling legitimate grounds override it'),
};

const breachKind: CodeTable = {
  confidentiality: same('eu-gdpr:ConfidentialityBreach', 'Disclosed to or seen by the wrong people'),
  integrity: same('eu-gdpr:IntegrityBreach', 'Altered'),
  availability: same('eu-gdpr:AvailabilityBreach', 'Lost or out of reach'),
};

const breachRisk: CodeTable = {
  none: none('Unlikely to result in a risk, Art. 33(1)'),
  risk: broader('dpv:Risk', 'A risk', 'The concept, not a level.'),
  high: same('risk:HighRisk', 'A high risk, Art. 34(1)'),
};

const breachNotificationPhase: CodeTable = {
  initial: same('eu-gdpr:DPABreachInitialNotice', 'First notification'),
  phased: same('eu-gdpr:DPAPhasedBreachNotice', 'Further information, Art. 33(4)'),
};

const breachExemption: CodeTable = {
  '33(1)': same('eu-gdpr:JustificationA33RiskUnlikely', 'No risk is likely'),
  '34(3)(a)': same('eu-gdpr:JustificationA33BreachedDataIneffective', 'The data is unintelligible to others'),
  '34(3)(b)': same('eu-gdpr:JustificationA33RiskMitigated', 'Later measures took the high risk away'),
  '34(3)(c)': same('eu-gdpr:JustificationA33DisproportionateEffort', 'Public communication instead'),
};

const accuracy: CodeTable = {
  exact: none('Counted'),
  approximate: none('Estimated'),
  unknown: none('Not known: never zero'),
};

const notificationResult: CodeTable = {
  told: none('The recipient was told'),
  impossible: none('Telling proved impossible, Art. 19'),
  'disproportionate-effort': none('Telling would take disproportionate effort, Art. 19'),
  failed: none('It was tried and failed'),
};

const verificationResult: CodeTable = {
  confirmed: none('It is the data subject'),
  'not-confirmed': same('eu-gdpr:JustificationA12IdentityFailure', 'Identity was not proved'),
};

const fulfilmentResult: CodeTable = {
  complete: same('dpv:RequestFulfilled', 'In full'),
  partial: none('In part; the exception says why not the rest'),
};

const settlementResult: CodeTable = {
  paid: same('risk:Compensation', 'Damages were paid'),
  rejected: same('dpv:RequestRejected', 'The claim was rejected'),
  withdrawn: none('The claim was withdrawn'),
};

/** Event types as operations and states, for JSON-LD. The consent types are DPV's consent states. */
const operation: CodeTable = {
  PersonalDataCollected: same('dpv:Collect', 'Collection'),
  PersonalDataAccessed: same('dpv:Access', 'Access', 'Its mode is more exact: Consult, Query, Export.'),
  PersonalDataUsed: same('dpv:Use', 'Use'),
  PersonalDataDerived: same('dpv:Derive', 'Derivation'),
  PersonalDataStored: same('dpv:Store', 'Storage'),
  PersonalDataDisclosed: same('dpv:Disclose', 'Disclosure'),
  PersonalDataTransferred: same('dpv:Transfer', 'Transfer', 'dpv:CrossBorderTransfer where it leaves the country.'),
  PersonalDataRectified: broader('dpv:Modify', 'Rectification', 'DPV 2.3 has no Rectify: read with eu-gdpr:A16.'),
  PersonalDataErased: same('dpv:Erase', 'Erasure', 'Never dpv:Delete, which means removal that can be undone.'),
  ProcessingRestricted: same('dpv:Restrict', 'Restriction of processing'),
  ConsentGiven: same('dpv:ConsentGiven', 'Consent given'),
  ConsentRefused: same('dpv:ConsentRefused', 'Consent refused'),
  ConsentWithdrawn: same('dpv:ConsentWithdrawn', 'Consent withdrawn', 'dpv:ConsentRevoked is by somebody else.'),
  ConsentExpired: same('dpv:ConsentExpired', 'Consent expired'),
  BreachNotifiedToAuthority: same('eu-gdpr:DPABreachNotice', 'Notification of a breach', 'Its phase is more exact.'),
  BreachCommunicatedToSubjects: same('eu-gdpr:DataSubjectBreachNotice', 'Communication of a breach'),
};

/** Organisations that DPV has a term for, by the id under which they are recorded as a recipient. */
const organisation: CodeTable = {
  imy: same('se:DPA-SE', 'Integritetsskyddsmyndigheten'),
  datainspektionen: same('se:DPA-SE', 'Datainspektionen', "An alias: the name of 'imy' before 2021."),
};

/** Every list of codes by its name. */
export const CODES = {
  purpose,
  legalBasis,
  dataCategory,
  subjectCategory,
  recipientRole,
  channel,
  origin,
  right,
  transferTool,
  actorKind,
  capacity,
  consideration,
  accessMode,
  accessOutcome,
  erasureGround,
  restrictionGround,
  legalHoldGround,
  objectionKind,
  objectionOutcome,
  breachKind,
  breachRisk,
  breachNotificationPhase,
  breachExemption,
  accuracy,
  notificationResult,
  verificationResult,
  fulfilmentResult,
  settlementResult,
  operation,
  organisation,
} as const satisfies Record<string, CodeTable>;

export type CodeList = keyof typeof CODES;
