/** What an event says that others are judged by, and under which keys it is found. */
import { factsOf, keysOf, MARKS, markOf, type Told } from '../../../projections/state/facts.ts';
import type { StoredData } from '../../../src/ledger/entry.ts';

const [ANNA, BO, MARIA, NILS] = ['anna', 'bo', 'maria', 'nils'];
const AT = Date.parse('2026-03-02T12:00:00.000Z');

const event = (type: string, data: object = {}): Told => ({
  ...{ type, source: 'urn:test:crm', id: '1', time: AT },
  data: { actor: { reference: MARIA, kind: 'human' }, subjects: [{ reference: ANNA }], ...data } as unknown as StoredData,
});

const said = (type: string, data: object = {}) =>
  factsOf(event(type, data)).map(({ kind, key, fact }) => [`${kind} of ${key.kind} ${key.value}`, fact]);

test.each<[string, object, [string, object][]]>([
  ['ConsentGiven', { purposes: ['newsletter'] }, [['consent of person anna', { state: 'given', purposes: ['newsletter'] }]]],
  ['ConsentExpired', { purposes: ['newsletter'] }, [['consent of person anna', { state: 'expired', purposes: ['newsletter'] }]]],
  [
    'ObjectionRaised',
    { kind: '21(2)', purposes: ['newsletter'], subjects: [{ reference: ANNA }, { reference: BO }, { reference: ANNA }] },
    [
      ['objection of person anna', { kind: '21(2)', purposes: ['newsletter'] }],
      ['objection of person bo', { kind: '21(2)', purposes: ['newsletter'] }],
    ],
  ],
  [
    'ObjectionDecided',
    { target: { source: 'urn:test:crm', id: 'o' }, outcome: 'rejected', sealedFields: ['grounds'] },
    [
      ['decision of person anna', { target: { source: 'urn:test:crm', id: 'o' }, outcome: 'rejected', hasGrounds: true }],
      ['ending of case urn:test:crm\0o', { type: 'ObjectionDecided' }],
    ],
  ],
  ['ProcessingRestricted', { scope: 'all' }, [['restriction of person anna', { scope: ['all'] }]]],
  ['RestrictionLifted', {}, [['lifting of person anna', {}]]],
  ['PersonalDataErased', { scope: ['name'], systems: ['crm'] }, [['erasure of person anna', { scope: ['name'], systems: ['crm'] }]]],
  ['PersonalDataCollected', { categories: ['name'] }, [['collection of person anna', { categories: ['name'] }]]],
  [
    'PersonalDataCollected',
    { categories: ['name'], purpose: 'newsletter', noticeRef: '*' },
    [
      ['collection of person anna', { categories: ['name'] }],
      ['notice of person anna', { purpose: 'newsletter' }],
    ],
  ],
  ['InformationProvided', { purpose: 'newsletter' }, [['notice of person anna', { purpose: 'newsletter' }]]],
  ['InformationProvided', { right: 'access' }, []],
  ['PersonalDataUsed', { purpose: 'newsletter' }, [['contact of person anna', {}]]],
  ['PersonalDataUsed', { purpose: 'security' }, []],
  [
    'PersonalDataDisclosed',
    { purpose: 'payment', categories: ['name'], recipient: { id: 'bank', role: 'independent-controller' } },
    [
      ['disclosure of person anna', {}],
      ['delivery of person anna', { recipient: 'bank', role: 'independent-controller', purpose: 'payment', categories: ['name'] }],
    ],
  ],
  [
    'PersonalDataDisclosed',
    { recipient: { id: 'police', role: 'authority' } },
    [['delivery of person anna', { recipient: 'police', role: 'authority', categories: [] }]],
  ],
  ['PersonalDataDisclosed', { recipient: { role: 'data-subject' } }, [['contact of person anna', {}]]],
  [
    'RecipientNotified',
    { recipient: { id: 'bank', role: 'independent-controller' }, right: 'erasure', result: 'told' },
    [['notification of person anna', { recipient: 'bank', right: 'erasure', result: 'told' }]],
  ],
  [
    'AccessGranted',
    { grantee: NILS, purposes: ['payment'], validFrom: '2026-03-01', validUntil: '2026-03-31' },
    [
      [
        'grant of actor nils',
        { purposes: ['payment'], from: Date.parse('2026-03-01T00:00:00.000Z'), until: Date.parse('2026-03-31T23:59:59.999Z') },
      ],
    ],
  ],
  ['AccessGranted', {}, []],
  ['AccessRevoked', { grantee: NILS }, [['revocation of actor nils', {}]]],
  ['StaffInstructed', { staff: NILS }, [['instruction of actor nils', {}]]],
  ['StaffInstructed', {}, [['instruction of actor anna', {}]]],
  [
    'ProcessorEngaged',
    { recipient: { id: 'host', role: 'processor' }, agreementRef: 'digest', countries: ['SE'], validUntil: '2026-12-31' },
    [['agreement of recipient host', { countries: ['SE'], from: AT, until: Date.parse('2026-12-31T23:59:59.999Z'), ref: 'digest' }]],
  ],
  ['ProcessorTerminated', { recipient: { id: 'host', role: 'processor' } }, [['termination of recipient host', {}]]],
  ['PolicyReviewed', { subjects: [] }, [['review of policy ', {}]]],
  ['RecruitmentProcessClosed', { caseRef: 'digest' }, [['ending of case digest', { type: 'RecruitmentProcessClosed' }]]],
  ['PersonalDataAccessed', {}, []],
  ['LedgerQueried', {}, []],
])('%s of %j', (type, data, then) => {
  expect(said(type, data)).toEqual(then);
});

test('for which controller it was done stands in each; what a processor does for nobody knows whom says nothing', () => {
  expect(said('ConsentRefused', { controller: 'other', purposes: ['newsletter'] })).toEqual([
    ['consent of person anna', { controller: 'other', state: 'refused', purposes: ['newsletter'] }],
  ]);
  const processor = { actor: { reference: MARIA, kind: 'human', capacity: 'processor' }, purposes: ['newsletter'] };
  expect(said('ConsentRefused', processor)).toEqual([]);
  expect(said('ConsentRefused', { ...processor, controller: 'mailit' })).toHaveLength(1);
});

const keys = (type: string, data: object = {}) => keysOf(event(type, data)).map(({ kind, value }) => `${kind} ${value.replace('\0', ' ')}`);
const ALWAYS = ['source urn:test:crm', 'grants '];

test.each<[string, object, string[]]>([
  ['PersonalDataUsed', {}, ['person anna', 'actor maria']],
  ['PersonalDataUsed', { actor: { reference: MARIA, kind: 'service' } }, ['person anna']],
  ['PersonalDataDisclosed', { recipient: { id: 'host', role: 'processor' } }, ['person anna', 'actor maria', 'recipient host']],
  ['PersonalDataDisclosed', { recipient: { id: 'bank', role: 'independent-controller' } }, ['person anna', 'actor maria']],
  ['RecordRetracted', { approver: NILS, subjects: [] }, ['actor maria', 'actor nils']],
  ['RightsRequestReceived', { requestRef: 'digest' }, ['person anna', 'case digest']],
  ['ObjectionRaised', {}, ['person anna', 'case urn:test:crm 1']],
  ['PolicyReviewed', { subjects: [] }, ['policy ']],
])('%s of %j is judged by what is known of these', (type, data, then) => {
  expect(keys(type, data)).toEqual([...then, ...ALWAYS]);
});

test.each<[string, object, number]>([
  ['PersonalDataCollected', { origin: 'subject' }, MARKS.collected],
  ['PersonalDataCollected', { origin: 'employer' }, MARKS.elsewhere],
  ['PersonalDataCollected', { origin: 'employer', noticeRef: '*' }, MARKS.noticed],
  ['PersonalDataUsed', { purpose: 'newsletter' }, MARKS.contact],
  ['PersonalDataDisclosed', { recipient: { id: 'bank', role: 'independent-controller' } }, MARKS.disclosed],
  ['PersonalDataTransferred', { recipient: { id: 'police', role: 'authority' } }, MARKS.delivered],
  ['PersonalDataErased', {}, MARKS.obliging],
  ['ProcessingRestricted', {}, MARKS.obliging],
  ['PersonalDataAccessed', {}, MARKS.plain],
])('%s of %j is to others', (type, data, then) => {
  expect(markOf(event(type, data))).toBe(then);
});
