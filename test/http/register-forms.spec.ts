/** Given a register, then the page that is printed, the linked data that machines read, and the lines of a table. */
import { createRequire } from 'node:module';
import type { RecordedAgreement } from '../../projections/registers/agreements.ts';
import { activitiesOf, type Observation } from '../../projections/registers/processing/activities.ts';
import type { RegisterHead } from '../../projections/registers/processing/query.ts';
import { linkedDataOf, type ToldRegister } from '../../src/http/register-linked-data.ts';
import { pageOf } from '../../src/http/register-page.ts';
import { registerRow } from '../../src/http/register-rows.ts';
import type { Policy } from '../../src/policy/document.ts';
import { Promises } from '../../src/policy/promises.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { MAILIT, read } from '../policy/given.ts';
import { DPV_TERMS } from './dpv-terms.ts';

interface Quad {
  subject: { value: string };
  predicate: { value: string };
  object: { value: string };
}
interface Processor {
  toRDF(document: unknown, options: object): Promise<Quad[]>;
}
const jsonld = createRequire(import.meta.url)('jsonld') as Processor;

const AT = Date.parse('2026-03-02T12:00:00Z');
const mailit = read(MAILIT);
const vocabulary = Vocabulary.builtIn().with(mailit.codes ?? {});

const used = (changes: Partial<Observation> = {}): Observation => ({
  ...{ type: 'PersonalDataUsed', capacity: 'controller', controller: 'mailit', purpose: 'tax-reporting', legalBasis: '6(1)(c)' },
  ...{ system: 'billing', country: 'SE', categories: ['name', 'tax'], subjectCategories: ['customer'] },
  ...{ events: 1_234, firstAt: AT - 2_000, lastAt: AT - 1_000 },
  ...changes,
});
const sent = (id: string, changes: Partial<Observation> = {}): Observation =>
  used({ type: 'PersonalDataDisclosed', recipient: { id, role: 'independent-controller', country: 'SE' }, ...changes });

function given(
  observations: readonly Observation[],
  { policy = mailit, agreements = [] }: { policy?: Policy; agreements?: RecordedAgreement[] } = {},
): ToldRegister {
  const { supervisoryAuthority, financialYearEnds, clauses, ...controller } = policy.controller;
  const head: RegisterHead = {
    controller: { ...controller, supervisoryAuthority: { id: 'imy', name: 'Integritetsskyddsmyndigheten' } },
    policy: {
      ...{ policy: 'mailit', version: '1', effectiveFrom: '2018-05-25', title: policy.title, url: policy.publication.url, digest: 'ab12' },
      publishedAt: '2026-01-02T08:00:00.000Z',
    },
    territory: { area: 'EEA-30', countries: [] },
    ...{ earlierVersions: [], window: { from: '2026-01-01T00:00:00.000Z' }, statutes: { 'SFS 1999:1078': 'Bokföringslagen' } },
    security: {
      declared: policy.security?.measures ?? [],
      recorded: [{ measure: 'disk-encryption', events: 1, firstAt: '2026-01-01T00:00:00.000Z', lastAt: '2026-01-01T00:00:00.000Z' }],
    },
    totals: { activities: 14, declared: 14, observed: 1, differences: 20 },
  };
  const items = activitiesOf({ promises: new Promises(policy), at: AT, observations, agreements });
  return { head, items, position: 412, asOf: '2026-03-02T12:00:00.000Z', hasMore: false };
}

/** Everything that a register may hold. */
const EVERYTHING = [
  used(),
  sent('skatteverket'),
  sent('norrdrift', { purpose: 'contract-fulfilment', recipient: { id: 'norrdrift', role: 'processor', country: 'FI' } }),
  sent('police', { purpose: 'authority-request', recipient: { id: 'police', role: 'authority', country: 'SE' } }),
  sent('imy', { purpose: 'rights-fulfilment', recipient: { id: 'imy', role: 'supervisory-authority', country: 'SE' } }),
  sent('data-subject', { purpose: 'rights-fulfilment', recipient: { id: 'data-subject', role: 'data-subject', country: 'GB' } }),
  sent('cloud', {
    ...{ type: 'PersonalDataTransferred', purpose: 'newsletter', legalBasis: '6(1)(a)', transferTool: 'standard-clauses' },
    recipient: { id: 'cloud', role: 'processor', country: 'US' },
  }),
  ...[...new Set(vocabulary.codes('operation'))]
    .filter((type) => type.startsWith('PersonalData') && !type.endsWith('Erased'))
    .map((type) => used({ type, categories: vocabulary.codes('dataCategory'), subjectCategories: vocabulary.codes('subjectCategory') })),
  ...vocabulary.codes('legalBasis').map((legalBasis) => used({ legalBasis })),
  ...vocabulary.codes('transferTool').map((transferTool) => used({ transferTool, country: 'IN' })),
  ...vocabulary.codes('recipientRole').map((role) => sent('some', { recipient: { id: 'some', role, country: 'CH' } })),
  ...vocabulary.codes('purpose').map((purpose) => used({ purpose, capacity: 'processor', controller: 'alfa' })),
  used({ country: 'ZZ', purpose: undefined as never }),
];
const AGREEMENT: RecordedAgreement = {
  ...{
    processor: 'mailit',
    controller: 'alfa',
    from: AT - 1_000,
    purposes: ['payment'],
    categories: ['name', 'company'],
    countries: ['SE', 'US'],
  },
  engaged: { source: 'urn:mailit:legal', id: 'e1', position: 1 },
};

describe('linked data', () => {
  /** Nothing is loaded: whatever would be is an error. */
  const documentLoader = (url: string): never => {
    throw new Error(`${url} is not in the document`);
  };
  const quadsOf = (told: ToldRegister) => jsonld.toRDF(linkedDataOf(told, vocabulary), { documentLoader, safe: true });
  const TERM = 'urn:liggare:term:';
  const STANDARD =
    /^http:\/\/(purl\.org\/dc\/terms\/(issued|title|source|identifier|description)|www\.w3\.org\/2004\/02\/skos\/core#(Concept|notation|prefLabel|broader|note)|www\.w3\.org\/1999\/02\/22-rdf-syntax-ns#(type|value))$/;

  test('every IRI is a term of DPV 2.3 that is known, a standard one, or the own one of something', async () => {
    const quads = await quadsOf(given(EVERYTHING, { agreements: [AGREEMENT] }));
    const text = JSON.stringify(linkedDataOf(given(EVERYTHING, { agreements: [AGREEMENT] }), vocabulary));
    const iris = new Set(quads.flatMap(({ subject, predicate, object }) => [subject.value, predicate.value, object.value]));
    const isIri = (value: string) => /^(https?:\/\/|urn:)/.test(value) && value !== 'https://www.mailit.se/';
    const known = (value: string) => DPV_TERMS.has(value) || STANDARD.test(value) || value.startsWith('urn:liggare:');
    expect([...iris].filter((value) => isIri(value) && !known(value))).toEqual([]);
    // Nothing that is written with a prefix was left as it is, for want of the prefix.
    expect([...iris].filter((value) => /^(dpv|eu-gdpr|pd|loc|se|risk|dct|skos|liggare):/.test(value))).toEqual([]);
    expect(text).not.toMatch(/SellData|dpv:Delete/);
  });

  test('says in its terms who does what to whose data, for what, by which right, and for how long', async () => {
    const quads = await quadsOf(given([used()]));
    const of = (subject: string, predicate: string) =>
      quads.filter((quad) => quad.subject.value === subject && quad.predicate.value.endsWith(predicate)).map(({ object }) => object.value);
    const process = 'urn:liggare:process:controller:mailit:tax-reporting';
    const declared = of(process, `${TERM}declared`)[0] as string;
    expect(of(process, 'type')).toEqual(['https://w3id.org/dpv#Process']);
    expect(of(process, 'hasDataController')).toEqual(['urn:liggare:organisation:mailit']);
    expect(of('urn:liggare:organisation:mailit', 'hasName')).toEqual(['MAILIT AB']);
    expect(of('urn:liggare:organisation:mailit', 'hasAuthority')).toEqual(['https://w3id.org/dpv/legal/se#DPA-SE']);
    expect(of(declared, 'hasLegalBasis')).toEqual(['https://w3id.org/dpv/legal/eu/gdpr#A6-1-c']);
    expect(of(declared, 'hasRecipient')).toEqual(['urn:liggare:organisation:skatteverket']);
    const [row] = of(declared, 'hasProcess');
    expect(of(row as string, 'hasDataSubject')).toEqual(['https://w3id.org/dpv#Customer']);
    expect(of(row as string, 'hasPersonalData')).toContain('https://w3id.org/dpv/pd#Tax');
    const [storage] = of(declared, 'hasStorageCondition');
    const [duration] = of(storage as string, 'hasDuration');
    expect(of(duration as string, 'value')).toEqual(['P7Y']);
    expect(of(of(process, `${TERM}observed`)[0] as string, `${TERM}events`)).toEqual(['1234']);
  });

  test('a broader term is said to be broader, and a code without any says so', async () => {
    const quads = await quadsOf(given([used()]));
    const of = (subject: string) =>
      Object.fromEntries(
        quads
          .filter((quad) => quad.subject.value === subject)
          .map(({ predicate, object }) => [predicate.value.split(/[#/]/).at(-1), object.value]),
      );
    expect(of('urn:liggare:code:purpose:tax-reporting')).toMatchObject({
      ...{ type: 'http://www.w3.org/2004/02/skos/core#Concept', notation: 'tax-reporting' },
      ...{ broader: 'https://w3id.org/dpv#LegalCompliance', note: 'DPV 2.3 has no reporting of taxes.' },
    });
    const company = of('urn:liggare:code:dataCategory:company');
    expect(company).toMatchObject({ notation: 'company', note: 'DPV 2.3 has no term for it.' });
    expect(company).not.toHaveProperty('broader');
  });

  test('names that would break an IRI are encoded', async () => {
    const quads = await quadsOf(given([sent('a b/"<>\\^`{|}å'), used({ capacity: 'processor', controller: 'x y', purpose: 'payment' })]));
    const values = quads.flatMap(({ subject, object }) => [subject.value, object.value]);
    expect(values).toContain(`urn:liggare:organisation:${encodeURIComponent('a b/"<>\\^`{|}å')}`);
    expect(values).toContain('urn:liggare:process:processor:x%20y:payment');
  });

  test('without a policy it holds what was observed', async () => {
    const { head, ...told } = given([used()]);
    const none = { ...head, controller: null, policy: null };
    await expect(quadsOf({ ...told, head: none })).resolves.not.toHaveLength(0);
  });
});

describe('the page', () => {
  const hostile = '<script>alert(1)</script>"\'&\u202egnihton\u0000';

  test('stands for itself: no scripts, nothing from elsewhere', () => {
    const page = pageOf(given(EVERYTHING, { agreements: [AGREEMENT] }), vocabulary);
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<(script|img|link|iframe|form|object)|\s(src|href|on\w+)=/i);
  });

  test('shows what somebody wrote and obeys none of it', () => {
    const policy: Policy = {
      ...mailit,
      title: hostile,
      controller: { ...mailit.controller, name: hostile, contact: hostile, address: hostile },
      purposes: { 'tax-reporting': { ...(mailit.purposes['tax-reporting'] as Policy['purposes'][string]), about: hostile } },
      recipients: {
        ...mailit.recipients,
        skatteverket: { ...(mailit.recipients['skatteverket'] as Policy['recipients'][string]), name: hostile },
      },
      security: { measures: [hostile], clauses: [38] },
    };
    const agreement = { ...AGREEMENT, controller: hostile, purposes: [hostile], categories: [hostile], countries: [hostile] };
    const odd = used({
      purpose: hostile,
      legalBasis: hostile,
      system: hostile,
      country: hostile,
      categories: [hostile],
      subjectCategories: [hostile],
    });
    const page = pageOf(
      given([odd, sent(hostile), used({ controller: hostile }), used({ capacity: 'processor', controller: hostile })], {
        policy,
        agreements: [agreement],
      }),
      vocabulary,
    );
    expect(page).not.toContain('<script');
    expect(['\u202e', '\u0000'].filter((control) => page.includes(control))).toEqual([]);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}gnihton\\u{0}');
  });

  test('every list ends, however long it is', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => sent(`org-${i}`, { system: `system-${i}`, legalBasis: `basis-${i % 300}` }));
    const page = pageOf(given(many), vocabulary);
    expect(page.match(/<li>/g)?.length).toBeLessThan(3_000);
    expect(page).toContain('and 4,900 more');
    const long = pageOf(given([sent('x'.repeat(200_000))]), vocabulary);
    expect(long.length).toBeLessThan(200_000);
  });

  test('says what is declared, what was observed, and how both differ', () => {
    const page = pageOf(given([used({ legalBasis: '6(1)(e)' })]), vocabulary);
    expect(page).toContain('MAILIT AB, 556532-9496');
    expect(page).toContain('7 years after the end of the financial year of last-processing, by SFS 1999:1078 Bokföringslagen');
    expect(page).toContain('Observed, not declared: <bdi>legal basis: A task in the public interest or official authority</bdi></strong>');
    expect(page).toContain('1,234 events');
    expect(page).toContain('Declared, never observed: <bdi>people: Contact person at a supplier</bdi>');
    for (const measure of ['Information', 'Offices', 'disk-encryption']) expect(page).toContain(`<li><bdi>${measure}</bdi>`);
    expect(page).toContain('none is declared');
    expect(page).toContain('On behalf of other controllers, Art. 30(2)');
  });

  test('says that more follows, and which versions were in force before', () => {
    const told = given([used()]);
    const head = { ...told.head, earlierVersions: [{ policy: 'mailit', version: '0', effectiveFrom: '2017-01-01' }] };
    const page = pageOf({ ...told, head, hasMore: true }, vocabulary);
    expect(page).toContain('More activities follow');
    expect(page).toContain('version 0 from 2017-01-01');
  });
});

test('a line of a table holds codes and names, and what differs', () => {
  const { items } = given([used({ legalBasis: '6(1)(e)' }), sent('skatteverket')]);
  expect(registerRow(items.find(({ purpose }) => purpose === 'tax-reporting') as never)).toMatchObject({
    ...{ capacity: 'controller', purpose: 'tax-reporting', declared: true, legalBases: ['6(1)(c)'], recipients: ['skatteverket'] },
    ...{ retention: ['P7Y after end-of-financial-year'], statutes: ['SFS 2011:1244', 'SFS 1999:1078'], clauses: ['25'] },
    observed: { events: 2_468, legalBases: ['6(1)(c)', '6(1)(e)'], recipients: ['skatteverket'], countries: ['SE'] },
    observedNotDeclared: ['legalBasis 6(1)(e)'],
    declaredNotObserved: expect.arrayContaining(['subjectCategory supplier-contact', 'dataCategory company of customer']),
  });
});
