import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { parse } from 'yaml';
import { POLICY } from '../../src/policy/document.ts';
import { digestOf, normalForm } from '../../src/policy/normal-form.ts';
import { parsePolicy, policySchema } from '../../src/policy/parse.ts';
import { loadDeclaredCodes } from '../../src/vocabulary/declared-codes.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { MAILIT, mistakesOf, NAMES, POLICIES, placeOf, read, SHOP, shopWith } from './given.ts';

describe('a policy', () => {
  it('is read from YAML', () => {
    const policy = read(SHOP);
    expect(policy.controller).toMatchObject({ id: 'shop', country: 'SE' });
    expect(policy.purposes['contract-fulfilment']?.data).toEqual({ customer: ['name', 'phone'] });
    expect(policy.clauses['2']).toEqual({ title: 'A definition', nothingFollows: 'It only defines.' });
  });

  it('may use codes that it declares', () => {
    const text = shopWith(
      'controller:',
      'codes: { dataCategories: { shoe-size: { label: Size of shoes, broader: "pd:PhysicalTrait" } } }\ncontroller:',
    )
      .replace('phone: { clauses: [1] }', 'shoe-size: { clauses: [1] }')
      .replace('customer: [name, phone]', 'customer: [name, shoe-size]');
    expect(read(text).codes).toEqual({
      dataCategories: { 'shoe-size': { label: 'Size of shoes', exact: false, iri: 'https://w3id.org/dpv/pd#PhysicalTrait' } },
    });
  });

  it('is read as well where the vocabulary has its codes already, from the same folder', () => {
    const vocabulary = Vocabulary.builtIn().with(loadDeclaredCodes(POLICIES));
    expect(digestOf(parsePolicy(MAILIT, { ...NAMES, vocabulary }))).toBe(digestOf(read(MAILIT)));
  });
});

describe('what is wrong is told with line, column and what to do', () => {
  const cases: [what: string, from: string, to: string, at: string, message: string][] = [
    ['an unknown key', 'language: en', 'language: en\nlanguag: sv', 'languag: sv', 'the policy has no "languag" (did you mean language?)'],
    ['a missing key', 'review: { every: P12M, clauses: [1] }', 'review: { clauses: [1] }', '', 'review lacks every: How often'],
    ['a number where a text is expected', "version: '1'", 'version: 1', '1\neffective', "version is a text: put it in quotes, '1'"],
    ['no value', 'title: Privacy at the shop', 'title:', '', 'title is a text'],
    [
      'an unknown code',
      'data: { customer: [name, phone] }',
      'data: { customer: [name, fone] }',
      'fone',
      '"fone" is not known (did you mean phone?)',
    ],
    ['an unknown code without a likely one', '[web-form]', '[carrier-pigeon]', 'carrier-pigeon', 'declare it under codes.channels'],
    ['a code twice', 'customer: [name, phone] }', 'customer: [name, phone, name] }', 'name] }\n    clauses', 'holds name twice'],
    ['an unknown legal basis', '6(1)(b): {', '6(1)(g): {', '6(1)(g)', '"6(1)(g)" is not known'],
    ['an empty list', 'channels: [web-form]', 'channels: []', '[], clauses', 'collection.order.channels holds at least 1'],
    ['a text where a list is expected', 'channels: [web-form]', 'channels: web-form', 'web-form', 'is a list, written as [a, b]'],
    [
      'a day that the calendar has not',
      'effectiveFrom: 2024-01-01',
      'effectiveFrom: 2024-02-30',
      '2024-02-30',
      'effectiveFrom is a day, as in',
    ],
    ['no period', 'period: P24M', 'period: 24 months', '24 months', 'retention.orders.period is a period of ISO 8601'],
    [
      'no country',
      'role: independent-controller\n    country: SE',
      'role: independent-controller\n    country: Sweden',
      'Sweden',
      'is a country in two capital letters',
    ],
    ['no event type', 'trigger: last-processing', 'trigger: ConsentWithdrew', 'ConsentWithdrew', '(did you mean ConsentWithdrawn?)'],
    ['a role that no entry has', 'role: processor', 'role: authority', '', 'take one of processor, sub-processor'],
    ['a control character', 'title: Privacy at the shop', 'title: "Privacy \\e[31m"', '"Privacy', 'without control characters'],
    ['another format', 'format: 1', 'format: 2', '2\npolicy', 'format is a whole number from 1 to 1'],
    ['a code that is declared badly', 'controller:', 'codes: { purposes: { Fun: } }\ncontroller:', 'Fun', '1 to 40 of a-z, 0-9 and -'],
    ['what is no YAML', 'language: en', 'language: [en', 'clauses:\n  1', ''],
    ['an alias', 'language: en', 'language: &a en\nx: *a', '*a', 'aliases (*) are not read'],
    // References, once everything is where it belongs.
    [
      'a clause that is not there',
      'storage: { clauses: [1] }',
      'storage: { clauses: [1, 9] }',
      '9] }',
      'there is no clause 9 under clauses',
    ],
    [
      'a clause that nothing cites',
      '2: { title: A definition, nothingFollows: It only defines. }',
      '2: { title: A promise }',
      '2: { title',
      'clause 2 is cited by no entry',
    ],
    [
      'a clause cited though nothing follows',
      'storage: { clauses: [1] }',
      'storage: { clauses: [2] }',
      'nothingFollows: It',
      'leave nothingFollows out',
    ],
    [
      'a subject category that is not listed',
      'subscriber: { clauses: [1] } }',
      '  user: { clauses: [1] } }',
      'subscriber: [name]',
      'no "subscriber" under subjectCategories',
    ],
    ['a data category that is not listed', ', phone: { clauses: [1] } }', ' }', 'phone] }', 'there is no "phone" under dataCategories'],
    ['a basis that needs an assessment', '6(1)(f): { assessments: [LIA-1] }', '6(1)(f): {}', '6(1)(f)', '6(1)(f) needs assessments'],
    ['a basis that needs a statute', '6(1)(a): {}', '6(1)(c): {}', '6(1)(c)', '6(1)(c) needs statutes'],
    ['an assessment that is not there', '[LIA-1] } }', '[LIA-2] } }', 'LIA-2] }', 'no "LIA-2" under assessments (did you mean LIA-1?)'],
    [
      'a basis for people whom the purpose has not',
      'subjects: [customer] }',
      'subjects: [subscriber] }',
      'subscriber] }',
      'has no data of subscriber',
    ],
    [
      'a purpose that is not there',
      'banks:\n    name: Banks\n    role: independent-controller\n    country: SE\n    purposes: [contract-fulfilment]',
      'banks:\n    name: Banks\n    role: independent-controller\n    country: SE\n    purposes: [payment]',
      'payment',
      'no "payment" under purposes',
    ],
    ['two entries under one name', 'aliases: [deux]', 'aliases: [host]', 'host: \n', ''],
    [
      'no supervisory authority',
      'supervisoryAuthority: imy',
      'supervisoryAuthority: one',
      'supervisoryAuthority',
      'with the role supervisory-authority',
    ],
    ['a recipient outside the territory', 'country: FI', 'country: US', 'country: US', 'US is outside the territory'],
    ['a processor outside the territory', 'countries: [SE]', 'countries: [SE, US]', 'US]', 'US is outside the territory'],
    [
      'no territory',
      'territory: { area: EEA-30, clauses: [1] }',
      'territory: { clauses: [1] }',
      'territory',
      'names an area, countries, or both',
    ],
    ['an end before the beginning', 'until: 2025-12-31', 'until: 2023-12-31', 'until', 'until lies before from (2024-01-01)'],
    [
      'two rules that keep the same data',
      'retention:\n',
      'retention:\n  a: { purposes: [contract-fulfilment], trigger: last-processing, period: P1Y, clauses: [1] }\n',
      '',
      'is kept by a already',
    ],
    ['a statute that is not there', 'period: P24M,', 'period: P24M, statute: Lex,', 'statute', 'no "Lex" under statutes'],
  ];

  it.each(cases)('%s', (_, from, to, at, message) => {
    const text = shopWith(from, to);
    const told = mistakesOf(text);
    expect(told.join('\n')).toContain(message);
    if (at !== '' && text.includes(at)) expect(told.map((each) => each.split(' ')[0])).toContain(placeOf(text, at));
    expect(told).not.toEqual([]);
  });

  it('all at once, in the order of the text', () => {
    const told = mistakesOf(
      shopWith('country: FI', 'country: Finland').replace('P24M', 'two years').replace('language: en', 'language: 7'),
    );
    expect(told.map((each) => each.replace(/^\S+ (\S+) .*/, '$1'))).toEqual([
      'language',
      'recipients.banks.organisations.two.country',
      'retention.orders.period',
    ]);
  });

  it('where there is no mapping at all', () => {
    expect(mistakesOf('')).toEqual(['1:1 the policy is a mapping; it begins with format: 1']);
    expect(mistakesOf('- a')).toEqual(['1:1 the policy is a mapping; it begins with format: 1']);
  });

  it('and never ends in an error of its own, whatever stands there', () => {
    const lines = SHOP.split('\n');
    fc.assert(
      fc.property(
        fc.nat(lines.length - 1),
        fc.constantFrom('', 'x', '- 1', '{}', '[]', 'null: ~', ' constructor: 1', '  __proto__: { a: 1 }', '!!binary x', '? [a]'),
        (at, line) => {
          const text = lines.with(at, line).join('\n');
          for (const told of mistakesOf(text)) expect(told).toMatch(/^\d+:\d+ \S/);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the normal form', () => {
  it('is RFC 8785 of the document', () => {
    for (const text of [SHOP, MAILIT]) {
      const policy = read(text);
      expect(normalForm(policy)).toBe(canonicalize(JSON.parse(JSON.stringify(policy))));
    }
  });

  it('and its digest do not depend on the order of keys and lists, comments or quotes', () => {
    const [head, ...sections] = SHOP.trim().split(/\n(?=\S)/);
    const other = [...sections.reverse(), `# a comment\n${head}`].join('\n').replace('[name, phone]', '[\'phone\', "name"]');
    expect(digestOf(read(other))).toBe(digestOf(read(SHOP)));
    expect(digestOf(read(shopWith('P24M', 'P25M')))).not.toBe(digestOf(read(SHOP)));
  });
});

it('every key is explained to whoever writes one (src/policy/README.md)', () => {
  const readme = readFileSync(resolve(POLICIES, '../src/policy/README.md'), 'utf8');
  for (const key of Object.keys(POLICY.fields)) expect(readme).toContain(`\`${key}`);
});

describe('the JSON Schema for editors', () => {
  const schema = policySchema(NAMES);
  const accepts = new Ajv2020({ strict: false }).compile(schema);

  it('stands in policies/ as the definition makes it (liggare policy schema)', () => {
    expect(JSON.parse(readFileSync(resolve(POLICIES, 'policy.schema.json'), 'utf8'))).toEqual(schema);
  });

  it('takes what the ledger takes', () => {
    for (const text of [SHOP, MAILIT]) {
      accepts(parse(text, { version: '1.2' }));
      expect(accepts.errors).toBeNull();
    }
  });

  it.each([
    ['language: en', 'languages: en'],
    ['6(1)(b): {', '6(1)(g): {'],
    ['channels: [web-form]', 'channels: []'],
    ['P24M', 'two years'],
    ['country: FI', 'country: Finland'],
    ['role: processor', 'role: authority'],
    ['trigger: last-processing', 'trigger: Tomorrow'],
    ['area: EEA-30', 'area: EEA'],
    ['format: 1', 'format: 2'],
  ])('refuses what the ledger refuses: %s → %s', (from, to) => {
    const text = shopWith(from, to);
    expect(mistakesOf(text)).not.toEqual([]);
    expect(accepts(parse(text, { version: '1.2' }))).toBe(false);
  });

  it('is never stricter than the ledger', () => {
    const lines = SHOP.split('\n');
    fc.assert(
      fc.property(fc.nat(lines.length - 1), fc.constantFrom('1', 'x', '[name]', '{ clauses: [1] }', "'2'", '~'), (at, value) => {
        const text = lines.with(at, (lines[at] as string).replace(/: .*$/, `: ${value}`)).join('\n');
        if (mistakesOf(text).length === 0) expect(accepts(parse(text, { version: '1.2' }))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
