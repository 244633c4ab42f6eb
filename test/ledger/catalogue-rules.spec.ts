import { EventValidator, PROBLEM_LIMIT, type Problem } from '../../src/ledger/record/validate.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { GOLDEN_NOW, golden } from './golden.ts';

const validator = new EventValidator(Vocabulary.builtIn());

const brief = (problems: Problem[]) => problems.map(({ path, rule }) => `${path} ${rule}`);
const problemsOf = (event: unknown) => brief(validator.validate(event, GOLDEN_NOW));

/** The problems of a golden sample with some attributes of the envelope set; undefined takes one away. */
const withAttributes = (type: string, attributes: object) => problemsOf(JSON.parse(JSON.stringify({ ...golden(type), ...attributes })));

/** The same for fields of `data`. */
const withData = (type: string, fields: object) => {
  const event = golden(type);
  return problemsOf(JSON.parse(JSON.stringify({ ...event, data: { ...event.data, ...fields } })));
};

const DISCLOSED = 'PersonalDataDisclosed';
const hours = (n: number) => new Date(GOLDEN_NOW + n * 3_600_000).toISOString();
const subject = { scheme: 'customer-number', value: '10027' };

describe('the envelope', () => {
  it.each<[string, object, string[]]>([
    ['a time 24 hours ahead', { time: hours(24) }, []],
    ['a time further ahead', { time: hours(24.01) }, ['/time time-in-future']],
    ['a time long ago', { time: '1971-05-05T05:05:05+05:30' }, []],
    ['a time before 1900', { time: '1899-01-01T00:00:00Z' }, ['/time malformed']],
    ['a time without an offset', { time: '2026-03-02T09:14:07' }, ['/time malformed']],
    ['a day that does not exist', { time: '2026-02-29T09:14:07Z' }, ['/time malformed']],
    ['no time', { time: undefined }, ['/time required']],
    ['null as time', { time: null }, ['/time wrong-type']],
    ['another version of CloudEvents', { specversion: '0.3' }, ['/specversion unknown-code']],
    ['another media type', { datacontenttype: 'text/xml' }, ['/datacontenttype unknown-code']],
    ['no media type', { datacontenttype: undefined }, []],
    ['no schema', { dataschema: undefined }, []],
    ['a schema by its path', { dataschema: '/schemas/PersonalDataDisclosed/1' }, []],
    ['a version to come', { dataschema: '/schemas/PersonalDataDisclosed/2' }, ['/dataschema unknown-version']],
    ['the schema of another type', { dataschema: '/schemas/PersonalDataUsed/1' }, ['/dataschema unknown-version']],
    ['a schema that is no text', { dataschema: 1 }, ['/dataschema wrong-type']],
    ['a source in capitals', { source: 'urn:Mailit' }, ['/source malformed']],
    ['a source that is too long', { source: `urn:${'a'.repeat(201)}` }, ['/source malformed']],
    ['a sequence of fifteen digits', { sequence: '999999999999999' }, []],
    ['a sequence of sixteen', { sequence: '9999999999999999' }, ['/sequence malformed']],
    ['a sequence with a leading zero', { sequence: '0412' }, ['/sequence malformed']],
    ['a sequence that is a number', { sequence: 412 }, ['/sequence wrong-type']],
    ['a sequence that looks like a person', { sequence: '9001019802' }, []],
    ['an empty id', { id: '' }, ['/id too-short']],
    ['a long id', { id: 'x'.repeat(1_024) }, []],
    ['a longer one', { id: 'x'.repeat(1_025) }, ['/id too-long']],
    ['an id that is an e-mail address', { id: 'to-kim@example.com-1' }, ['/id email-in-clear']],
    ['an id that holds a person', { id: 'case/900101-9802' }, ['/id personal-identity-number-in-clear']],
    ['trace attributes', { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1' }, []],
    ['an extension', { partition: '7' }, ['/partition unknown-property']],
    ['binary data', { data_base64: 'AA==' }, ['/data_base64 unknown-property']],
    ['no data', { data: undefined }, ['/data required']],
    ['data that is a list', { data: [] }, ['/data wrong-type']],
    ['an unknown type', { type: 'PersonalDataSold', dataschema: undefined }, ['/type unknown-type']],
    ['a type that is an object', { type: {} }, ['/type wrong-type']],
  ])('with %s', (_, attributes, expected) => {
    expect(withAttributes(DISCLOSED, attributes)).toEqual(expected);
  });

  it('has no subject, and says where one belongs', () => {
    const [problem] = validator.validate({ ...golden(DISCLOSED), subject: 'kim' }, GOLDEN_NOW);
    expect(problem).toMatchObject({ path: '/subject', rule: 'subject-in-clear' });
    expect(problem?.message).toContain('data.subjects');
  });

  it.each([[undefined], [null], [7], ['event'], [[]], [[{}]]])('is an object and not %j', (event) => {
    expect(problemsOf(event)).toEqual([' wrong-type']);
  });
});

describe('who, what, whom, why and where', () => {
  it.each<[string, object, string[]]>([
    ['no actor', { actor: undefined }, ['/data/actor required']],
    [
      'an actor without role and capacity',
      { actor: { id: 'a', kind: 'human' } },
      ['/data/actor/role required', '/data/actor/capacity required'],
    ],
    ['an unknown kind', { actor: { id: 'a', kind: 'robot', role: 'r', capacity: 'controller' } }, ['/data/actor/kind unknown-code']],
    ['an actor that is blank', { actor: { id: '  ', kind: 'human', role: 'r', capacity: 'controller' } }, ['/data/actor/id too-short']],
    ['an actor known by e-mail', { actor: { id: 'a@b.se', kind: 'human', role: 'r', capacity: 'controller' } }, []],
    [
      'a processor without its controller',
      { actor: { id: 'a', kind: 'human', role: 'r', capacity: 'processor' } },
      ['/data/controller required'],
    ],
    ['no purpose', { purpose: undefined }, ['/data/purpose required']],
    ['an unknown purpose', { purpose: 'fun' }, ['/data/purpose unknown-code']],
    ['a basis that is none', { legalBasis: '6(1)(g)' }, ['/data/legalBasis unknown-code']],
    ['a country in small letters', { country: 'se' }, ['/data/country malformed']],
    ['a system with a space', { system: 'the crm' }, ['/data/system malformed']],
    ['a system named as a person', { system: '900101-9802' }, ['/data/system personal-identity-number-in-clear']],
    ['categories that are one text', { categories: 'name' }, ['/data/categories wrong-type']],
    ['an unknown category', { categories: ['name', 'shoe-size', 1] }, ['/data/categories/1 unknown-code', '/data/categories/2 wrong-type']],
    ['no subjects', { subjects: [] }, ['/data/subjects too-few']],
    ['subjects missing', { subjects: undefined }, ['/data/subjects required']],
    ['no categories', { categories: [] }, ['/data/categories too-few']],
    ['a thousand subjects', { subjects: Array(1_000).fill(subject) }, []],
    ['one more', { subjects: Array(1_001).fill(subject) }, ['/data/subjects too-many']],
    ['a subject that is a text', { subjects: [subject, '10027'] }, ['/data/subjects/1 wrong-type']],
    ['a subject without a value', { subjects: [{ scheme: 'email' }] }, ['/data/subjects/0/value required']],
    ['an unknown subject category', { subjects: [{ ...subject, category: 'friend' }] }, ['/data/subjects/0/category unknown-code']],
    [
      'a second identifier without scheme',
      { subjects: [{ ...subject, also: [{ value: 'x' }] }] },
      ['/data/subjects/0/also/0/scheme required'],
    ],
    ['any values before and after', { subjects: [{ ...subject, before: null, after: [{ a: ['é\n'] }, '', 0] }] }, []],
    ['broken text in a value', { subjects: [{ ...subject, after: { a: ['\ud800'] } }] }, ['/data/subjects/0/after broken-unicode']],
    [
      'a control character in a name',
      { subjects: [{ ...subject, after: { 'a\u0007': 1 } }] },
      ['/data/subjects/0/after control-character'],
    ],
    ['a note in lines', { note: 'One.\n\tTwo: kim@example.com, 900101-9802.' }, []],
    ['a note with a carriage return', { note: 'One.\r\nTwo.' }, ['/data/note control-character']],
    ['a note that is too long', { note: 'x'.repeat(1_025) }, ['/data/note too-long']],
    ['a note of 1,024 characters outside the basic plane', { note: '😀'.repeat(1_024) }, []],
    ['a case known by a person', { caseRef: '900101-9802' }, []],
    ['a case in two lines', { caseRef: 'a\nb' }, ['/data/caseRef control-character']],
    ['a statute with an address', { statuteRef: 'ask kim@example.com' }, ['/data/statuteRef email-in-clear']],
    ['a correlation that holds a person', { correlationId: 'x 199001019802' }, ['/data/correlationId personal-identity-number-in-clear']],
    ['one search term', { searchTerms: 'lind' }, []],
    ['an address that is none', { clientAddress: '192.0.2.256' }, ['/data/clientAddress malformed']],
    ['automated as a text', { automated: 'no' }, ['/data/automated wrong-type']],
    ['an unknown property', { reasonCode: 1 }, ['/data/reasonCode unknown-property']],
    ['a property named after somebody', { 'Kim Lind': 1 }, ['/data unknown-property']],
  ])('with %s', (_, fields, expected) => {
    expect(withData(DISCLOSED, fields)).toEqual(expected);
  });

  it('may be without a hit, or denied', () => {
    const access = (fields: object) => withData('PersonalDataAccessed', fields);
    expect(access({ subjects: [], categories: [], mode: 'search', resultCount: 0 })).toEqual([]);
    expect(access({ subjects: [], categories: [], mode: 'search', resultCount: undefined })).toEqual([]);
    expect(access({ subjects: [], categories: ['name'], mode: 'search', resultCount: 3 })).toEqual(['/data/subjects too-few']);
    expect(access({ subjects: [], categories: [], mode: 'view', resultCount: 0 })).toEqual([
      '/data/subjects too-few',
      '/data/categories too-few',
    ]);
    expect(access({ categories: [], mode: 'view', outcome: 'denied' })).toEqual([]);
    expect(access({ resultCount: 1.5 })).toEqual(['/data/resultCount wrong-type']);
    expect(access({ resultCount: -1 })).toEqual(['/data/resultCount too-small']);
  });

  it('lets a processor report for its controller', () => {
    const actor = { id: 'a', kind: 'service', role: 'r', capacity: 'sub-processor' };
    expect(withData('PersonalDataUsed', { actor, controller: 'nordkund' })).toEqual([]);
  });
});

describe('to whom', () => {
  it.each<[string, object, string[]]>([
    ['an organisation', { id: 'imy', role: 'supervisory-authority' }, []],
    ['nobody', {}, ['/data/recipient/role required']],
    ['an organisation without id', { role: 'processor' }, ['/data/recipient/id required']],
    ['the data subject', { role: 'data-subject' }, []],
    ['the data subject by an id', { role: 'data-subject', id: 'kim' }, ['/data/recipient/id not-allowed']],
    ['a person by e-mail', { id: 'kim@example.com', role: 'processor' }, ['/data/recipient/id email-in-clear']],
    ['an unknown role', { id: 'x', role: 'friend' }, ['/data/recipient/role unknown-code']],
  ])('%s', (_, recipient, expected) => {
    expect(withData(DISCLOSED, { recipient })).toEqual(expected);
  });

  it('is needed on a disclosure, and its country on a transfer', () => {
    expect(withData(DISCLOSED, { recipient: undefined })).toEqual(['/data/recipient required']);
    expect(withData('PersonalDataTransferred', { recipient: { id: 'x', role: 'processor' } })).toEqual([
      '/data/recipient/country required',
    ]);
  });

  it('is nothing that a mere use can say', () => {
    expect(withData('PersonalDataUsed', { recipient: { id: 'x', role: 'processor' } })).toEqual(['/data/recipient unknown-property']);
  });
});

describe('what each type needs', () => {
  it.each([
    ['PersonalDataCollected', 'origin'],
    ['PersonalDataCollected', 'channel'],
    ['PersonalDataAccessed', 'mode'],
    ['PersonalDataAccessed', 'outcome'],
    ['PersonalDataDisclosed', 'method'],
    ['PersonalDataDisclosed', 'consideration'],
    ['PersonalDataTransferred', 'transferTool'],
    ['PersonalDataTransferred', 'country'],
    ['PersonalDataRectified', 'fields'],
    ['PersonalDataErased', 'ground'],
    ['PersonalDataErased', 'scope'],
    ['PersonalDataErased', 'systems'],
    ['PersonalDataErasureFailed', 'reason'],
    ['ProcessingRestricted', 'ground'],
    ['ProcessingRestricted', 'scope'],
    ['RestrictionLifted', 'noticeRef'],
    ['LegalHoldPlaced', 'ground'],
    ['LegalHoldPlaced', 'reviewBy'],
    ['LegalHoldReleased', 'target'],
    ['ConsentGiven', 'purposes'],
    ['ConsentRefused', 'textVersion'],
    ['ConsentWithdrawn', 'method'],
    ['ObjectionRaised', 'kind'],
    ['ObjectionRaised', 'purposes'],
    ['ObjectionDecided', 'target'],
    ['ObjectionDecided', 'outcome'],
    ['RightsRequestReceived', 'right'],
    ['BreachSuspected', 'awareAt'],
    ['BreachConfirmed', 'awareAt'],
    ['ProcessorReportedBreach', 'awareAt'],
    ['RecordCorrected', 'target'],
    ['RecordCorrected', 'replacement'],
    ['RecordCorrected', 'approver'],
    ['RecordRetracted', 'reason'],
    ['SourceHeartbeat', 'actor'],
  ])('%s needs %s', (type, field) => {
    expect(withData(type, { [field]: undefined })).toEqual([`/data/${field} required`]);
  });

  it.each(['ProcessingRestricted', 'LegalHoldPlaced', 'ConsentExpired', 'ObjectionDecided', 'RecipientNotified', 'SubjectDeceased'])(
    '%s is about somebody',
    (type) => {
      expect(withData(type, { subjects: undefined })).toEqual(['/data/subjects required']);
      expect(withData(type, { subjects: [] })).toEqual(['/data/subjects required']);
    },
  );

  it.each(['ComplaintReceived', 'DamagesClaimReceived', 'BreachConfirmed', 'ProcessorEngaged', 'RecordRetracted'])(
    '%s may be about nobody in particular',
    (type) => expect(withData(type, { subjects: undefined })).toEqual([]),
  );

  it('takes a scope as one text or several', () => {
    expect(withData('ProcessingRestricted', { scope: ['newsletter', 'direct-marketing'] })).toEqual([]);
    expect(withData('ProcessingRestricted', { scope: [] })).toEqual(['/data/scope too-few']);
    expect(withData('ProcessingRestricted', { scope: Array(101).fill('a') })).toEqual(['/data/scope too-many']);
    expect(withData('ProcessingRestricted', { scope: ['kim@example.com'] })).toEqual(['/data/scope email-in-clear']);
  });

  it('takes proof as a text or an object', () => {
    expect(withData('ConsentGiven', { proof: 'Signed.' })).toEqual([]);
    expect(withData('ConsentGiven', { proof: [] })).toEqual(['/data/proof wrong-type']);
    expect(withData('ConsentGiven', { proof: { a: 'x\u0000' } })).toEqual(['/data/proof control-character']);
  });

  it('refuses grounds against an objection to direct marketing', () => {
    expect(withData('ObjectionDecided', { kind: '21(2)' })).toEqual(['/data/grounds not-allowed']);
  });

  it('never takes unknown for a number', () => {
    const assessed = (affectedSubjects: object) => withData('BreachAssessed', { affectedSubjects });
    expect(assessed({ accuracy: 'unknown' })).toEqual([]);
    expect(assessed({ accuracy: 'unknown', value: 0 })).toEqual(['/data/affectedSubjects/value not-allowed']);
    expect(assessed({ accuracy: 'approximate' })).toEqual(['/data/affectedSubjects/value required']);
    expect(assessed({ value: 3 })).toEqual(['/data/affectedSubjects/accuracy required']);
  });

  it('refuses a record that points at itself', () => {
    const event = golden('RecordCorrected');
    const self = { source: event['source'], id: event['id'] };
    expect(withData('RecordCorrected', { target: self })).toEqual(['/data/target points-at-itself']);
    expect(withData('RecordCorrected', { replacement: self })).toEqual(['/data/replacement points-at-itself']);
  });
});

describe('depth', () => {
  const nest = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;

  it('is sixteen levels for the whole event', () => {
    // The event, data, subjects and the subject are four; what is before the change may have twelve.
    expect(withData('PersonalDataRectified', { subjects: [{ ...subject, before: nest(12) }] })).toEqual([]);
    expect(withData('PersonalDataRectified', { subjects: [{ ...subject, before: nest(13) }] })).toEqual([
      '/data/subjects/0/before too-deep',
    ]);
  });
});

describe('problems', () => {
  it('are all told at once, in the order of the fields, fifty at most', () => {
    const subjects = Array.from({ length: 40 }, () => ({ scheme: 'Email', value: '' }));
    const problems = validator.validate({ ...golden(DISCLOSED), data: { subjects, purpose: 'fun', extra: 1 } }, GOLDEN_NOW);
    expect(problems).toHaveLength(PROBLEM_LIMIT);
    expect(brief(problems).slice(0, 2)).toEqual(['/data/subjects/0/scheme malformed', '/data/subjects/0/value too-short']);
  });

  it('say what is expected and what to do', () => {
    const event = golden(DISCLOSED);
    const problems = validator.validate(
      { ...event, data: { ...event.data, purpose: 'fun', country: 7, note: '\u0000', system: undefined } },
      GOLDEN_NOW,
    );
    expect(Object.fromEntries(problems.map(({ path, message }) => [path, message]))).toEqual({
      '/data/purpose': expect.stringMatching(/^must be one of contract-fulfilment, .*legal-claims$/),
      '/data/system': 'is required: The system in which it was done.',
      '/data/country': 'must be a country in two capital letters (ISO 3166-1 alpha-2)',
      '/data/note': 'must hold no control characters; line breaks and tabs are allowed only in text that is sealed',
    });
  });
});

describe("a controller's own codes", () => {
  it('are accepted once they are declared', () => {
    const meaning = { label: 'Handling permits', exact: false };
    const own = new EventValidator(Vocabulary.builtIn().with({ purposes: { 'permit-handling': meaning } }));
    const event = golden(DISCLOSED);
    const permit = { ...event, data: { ...event.data, purpose: 'permit-handling' } };
    expect(own.validate(permit, GOLDEN_NOW)).toEqual([]);
    expect(problemsOf(permit)).toEqual(['/data/purpose unknown-code']);
  });
});
