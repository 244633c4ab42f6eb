import { Ajv2020 } from 'ajv/dist/2020.js';
import { eventTypes, upcast } from '../../src/ledger/events.ts';
import { ACTOR_FATES, fieldsOf, propertyNames, SUBJECT_FATES } from '../../src/ledger/record/catalogue.ts';
import { schemaOf } from '../../src/ledger/record/schema.ts';
import { parseMoment } from '../../src/ledger/record/text.ts';
import { EventValidator } from '../../src/ledger/record/validate.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { GOLDEN_NOW, goldenSamples as samples } from './golden.ts';

const vocabulary = Vocabulary.builtIn();
const validator = new EventValidator(vocabulary);

/** A checker that knows nothing of this ledger. */
const elsewhere = new Ajv2020({ strict: true, strictTypes: false });
elsewhere.addFormat('date-time', (text: string) => parseMoment(text) !== undefined);
elsewhere.addFormat('date', /^\d{4}-\d\d-\d\d$/);

describe('golden samples', () => {
  it('exist for every version of every type', () => {
    const expected = eventTypes().flatMap(({ type, version }) => Array.from({ length: version }, (_, i) => `${type}.v${i + 1}.json`));
    expect(samples.map(({ file }) => file)).toEqual(expected.sort());
  });

  it.each(samples)('$file is valid, now and for ever', ({ type, version, event }) => {
    expect(event.type).toBe(type);
    expect(validator.validate(event, GOLDEN_NOW)).toEqual([]);
    expect(validator.explain(event)).toEqual([]);
    expect(upcast(type, version, event.data)).toBeDefined();
  });

  it.each(samples)('$file fits the published schema', ({ type, version, event }) => {
    const check = elsewhere.compile(schemaOf(type, version, vocabulary));
    expect([check(event), check.errors]).toEqual([true, null]);
  });
});

describe('a published schema', () => {
  it.each(eventTypes())('of $type says what each field means', ({ type, version }) => {
    const schema = schemaOf(type, version, vocabulary) as unknown as {
      $schema: string;
      title: string;
      properties: Record<string, { description: string; properties: Record<string, object> }>;
    };
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.title).toContain(type);
    for (const field of Object.values({ ...schema.properties, ...schema.properties['data']?.properties })) {
      expect(field).toHaveProperty('description');
    }
    // It is served as JSON: nothing may be lost on the way.
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it("offers a controller's own codes", () => {
    const own = vocabulary.with({ channels: { desk: { label: 'At the desk', exact: false } } });
    expect(JSON.stringify(schemaOf('PersonalDataCollected', 1, own))).toContain('"desk"');
    expect(JSON.stringify(schemaOf('PersonalDataCollected', 1, vocabulary))).not.toContain('"desk"');
  });

  it('does not exist for other types and versions', () => {
    for (const [type, version] of [
      ['PersonalDataSold', 1],
      ['PersonalDataUsed', 2],
      ['__proto__', 1],
      ['PersonalDataUsed', 0],
    ] as const) {
      expect(() => schemaOf(type, version, vocabulary)).toThrow('no version');
    }
  });
});

describe('what becomes of a field', () => {
  it('is told for every property of the data of every type', () => {
    for (const { type, event, version } of samples) {
      const fates = fieldsOf(type, version);
      for (const name of Object.keys(event.data)) expect([type, name, fates.of.has(name)]).toEqual([type, name, true]);
      const sizes = fates.sealed.size + fates.digested.size + fates.people.size + fates.clear.size;
      expect(sizes + [...fates.of.values()].filter((fate) => fate === 'parts').length).toBe(fates.of.size);
    }
  });

  it('follows the domain: what people write is sealed, references are digested, people become references', () => {
    const disclosed = fieldsOf('PersonalDataDisclosed', 1);
    expect([...disclosed.sealed].sort()).toEqual(['clientAddress', 'note', 'searchTerms']);
    expect([...disclosed.digested].sort()).toEqual(['agreementRef', 'caseRef', 'consentRef', 'contractRef', 'decisionRef', 'requestRef']);
    expect([...disclosed.people]).toEqual(['releasedBy']);
    expect([...fieldsOf('RecordCorrected', 1).people]).toEqual(['approver']);
    expect([...fieldsOf('ObjectionRaised', 1).sealed]).toContain('reasons');
    expect([...fieldsOf('ConsentGiven', 1).sealed]).toContain('proof');
    expect([...ACTOR_FATES.people]).toEqual(['id', 'onBehalfOf', 'credentialRef', 'sessionRef']);
    expect([...SUBJECT_FATES.clear]).toEqual(['category']);
    expect(disclosed.of.get('subjects')).toBe('parts');
  });

  it('is not told for what does not exist', () => {
    expect(() => fieldsOf('PersonalDataUsed', 2)).toThrow('no version');
    expect(() => fieldsOf('constructor', 1)).toThrow('no version');
  });

  it('knows every name that may stand in clear in a path', () => {
    for (const name of ['specversion', 'data', 'subjects', 'scheme', 'recipient', 'transferTool', 'accuracy']) {
      expect(propertyNames().has(name)).toBe(true);
    }
    expect(propertyNames().has('anna')).toBe(false);
  });
});
