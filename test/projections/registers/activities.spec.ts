/** Given a policy and what was observed, then what is declared beside it, and how both differ. */
import type { RecordedAgreement } from '../../../projections/registers/agreements.ts';
import { activitiesOf, type Difference, type Observation } from '../../../projections/registers/processing/activities.ts';
import { Promises } from '../../../src/policy/promises.ts';
import { MAILIT, read, SHOP, shopWith } from '../../policy/given.ts';

const AT = Date.parse('2026-03-02T12:00:00Z');
const shop = new Promises(read(SHOP));

/** A sale, as the policy has it. */
function sale(changes: Partial<Observation> = {}): Observation {
  return {
    ...{ type: 'PersonalDataUsed', capacity: 'controller', controller: 'shop', purpose: 'contract-fulfilment', legalBasis: '6(1)(b)' },
    ...{ system: 'till', country: 'SE', categories: ['name', 'phone'], subjectCategories: ['customer'] },
    ...{ events: 3, firstAt: AT - 2_000, lastAt: AT - 1_000 },
    ...changes,
  };
}
const to = (id: string, role = 'independent-controller', country = 'SE'): Partial<Observation> => ({
  type: 'PersonalDataDisclosed',
  recipient: { id, role, country },
});

function given(observations: Observation[], promises: Promises | undefined = shop, agreements: RecordedAgreement[] = []) {
  return activitiesOf({ ...(promises && { promises }), at: AT, observations, agreements });
}

/** `+` observed and not declared, `-` declared and never observed. */
function inShort(differences: readonly Difference[]): string[] {
  return differences.map(({ direction, of, value, subjectCategory }) =>
    [
      direction === 'observed-not-declared' ? '+' : '-',
      of,
      value,
      ...(subjectCategory === undefined ? [] : [`of ${subjectCategory}`]),
    ].join(' '),
  );
}

/** How contract-fulfilment differs where everything that is declared was seen, and this too. */
function differing(...observations: Observation[]): string[] {
  const declared = [sale(), sale({ legalBasis: '6(1)(f)' }), ...['imy', 'one', 'deux', 'host'].map((id) => sale(to(id)))];
  const activity = given([...declared, ...observations]).find(({ purpose }) => purpose === 'contract-fulfilment');
  return inShort(activity?.differences ?? []);
}

test('what is declared and was observed as declared differs in nothing', () => {
  expect(differing()).toEqual([]);
});

test.each<[string, Observation, string[]]>([
  ['another legal basis', sale({ legalBasis: '6(1)(e)' }), ['+ legalBasis 6(1)(e)']],
  ['a category outside its row', sale({ categories: ['tax'] }), ['+ dataCategory tax of customer']],
  ['people whom the purpose does not know', sale({ subjectCategories: ['employee'] }), ['+ subjectCategory employee']],
  ['a search that found nobody, for what is nobodys', sale({ subjectCategories: [], categories: ['tax', 'name'] }), ['+ dataCategory tax']],
  ['somebody of whom no category was said', sale({ subjectCategories: [null] }), []],
  ['a recipient who is not named', sale(to('broker')), ['+ recipient broker']],
  ['a recipient by another of its names', sale(to('two')), []],
  ['people who got their own data', sale(to('data-subject', 'data-subject', 'US')), []],
  ['an authority, where none may get any', sale(to('police', 'authority')), ['+ recipient police']],
  ['a country outside the territory', sale({ country: 'US' }), ['+ country US']],
  ['a recipient outside the territory', sale(to('one', 'independent-controller', 'GB')), ['+ country GB']],
])('observed: %s', (_name, observation, expected) => {
  expect(differing(observation)).toEqual(expected);
});

test('declared and never observed: bases, people, data, recipients', () => {
  const [activity] = given([sale({ categories: ['name'] })]);
  expect(inShort(activity?.differences ?? [])).toEqual([
    '- legalBasis 6(1)(f)',
    '- dataCategory phone of customer',
    ...['imy', 'one', 'two', 'host'].map((id) => `- recipient ${id}`),
  ]);
  const [never] = given([sale({ subjectCategories: ['employee'] })]);
  expect(inShort(never?.differences ?? [])).toContain('- subjectCategory customer');
});

test('a purpose that was never observed, or never declared, is one difference, with its clause', () => {
  const activities = given([sale({ purpose: 'recruitment' })]);
  expect(
    activities.map(({ purpose, declared, observed, differences }) => [purpose, declared !== null, observed !== null, differences]),
  ).toEqual([
    [
      'contract-fulfilment',
      true,
      false,
      [{ direction: 'declared-not-observed', of: 'purpose', value: 'contract-fulfilment', clauses: [1] }],
    ],
    ['newsletter', true, false, [{ direction: 'declared-not-observed', of: 'purpose', value: 'newsletter', clauses: [1] }]],
    [
      'recruitment',
      false,
      true,
      [
        {
          direction: 'observed-not-declared',
          of: 'purpose',
          value: 'recruitment',
          events: 3,
          lastAt: '2026-03-02T11:59:59.000Z',
          clauses: [1],
        },
      ],
    ],
  ]);
});

test('what is declared of a purpose: bases, data, recipients by name, processors with current agreements, retention', () => {
  const [activity] = given([]);
  expect(activity?.declared).toEqual({
    about: 'Selling.',
    legalBases: [
      { basis: '6(1)(b)', subjects: ['customer'] },
      { basis: '6(1)(f)', assessments: ['LIA-1'] },
    ],
    data: [{ subjectCategory: 'customer', categories: ['name', 'phone'] }],
    recipients: [
      { id: 'imy', name: 'IMY', role: 'supervisory-authority', country: 'SE', clauses: [1] },
      { id: 'one', name: 'One', role: 'independent-controller', country: 'SE', group: 'Banks', clauses: [1] },
      { id: 'two', name: 'Two', role: 'independent-controller', country: 'FI', group: 'Banks', clauses: [1] },
    ],
    processors: [
      {
        ...{ id: 'host', name: 'Host', role: 'processor', service: 'Servers.', clauses: [1] },
        agreements: [{ reference: 'A-1', from: '2024-01-01', purposes: ['contract-fulfilment'], categories: ['name'], countries: ['SE'] }],
      },
    ],
    thirdCountries: [],
    retention: [{ rule: 'orders', trigger: 'last-processing', period: 'P24M', clauses: [1] }],
    withoutRetention: [],
    clauses: [1],
  });
  expect(given([])[1]?.declared).toMatchObject({ withoutRetention: ['subscriber'] });
});

test('a processor is declared by an agreement that was recorded, and by none that has ended', () => {
  const until = new Promises(read(shopWith('from: 2024-01-01, countries', 'from: 2024-01-01, until: 2025-12-31, countries')));
  const recorded = (processor: string, more: Partial<RecordedAgreement> = {}): RecordedAgreement => ({
    ...{ processor, controller: 'shop', from: AT - 1_000, engaged: { source: 'urn:shop:legal', id: processor, position: 1 } },
    ...more,
  });
  const named = (agreements: RecordedAgreement[]) => {
    const { declared } = given([], until, agreements)[0] as { declared: { processors: { id: string }[] } };
    return declared.processors.map(({ id }) => id);
  };
  expect(named([])).toEqual([]);
  expect(named([recorded('host'), recorded('mailer')])).toEqual(['host', 'mailer']);
  expect(named([recorded('host', { until: AT - 1 }), recorded('mailer', { purposes: ['newsletter'] })])).toEqual([]);
  expect(named([recorded('mailer', { controller: 'another-shop' })])).toEqual([]);
});

test('third countries are told with the tools and recipients that were seen', () => {
  const [activity] = given([
    sale({ ...to('cloud', 'processor', 'US'), type: 'PersonalDataTransferred', transferTool: 'standard-clauses' }),
    sale({ country: 'US', events: 1 }),
  ]);
  expect(activity?.observed?.thirdCountries).toEqual([
    {
      ...{ country: 'US', transferTools: ['standard-clauses'], recipients: ['cloud'] },
      ...{ events: 4, firstAt: '2026-03-02T11:59:58.000Z', lastAt: '2026-03-02T11:59:59.000Z' },
    },
  ]);
});

test('what was observed is counted once for each code', () => {
  const [activity] = given([sale(), sale({ type: 'PersonalDataAccessed', subjectCategories: ['customer', 'subscriber'], events: 2 })]);
  const seen = { firstAt: '2026-03-02T11:59:58.000Z', lastAt: '2026-03-02T11:59:59.000Z' };
  expect(activity?.observed).toMatchObject({
    events: 5,
    operations: [
      { code: 'PersonalDataAccessed', events: 2 },
      { code: 'PersonalDataUsed', events: 3 },
    ],
    subjectCategories: [
      { code: 'customer', events: 5, ...seen },
      { code: 'subscriber', events: 2, ...seen },
    ],
    data: [
      { subjectCategory: 'customer', category: 'name', events: 5 },
      { subjectCategory: 'customer', category: 'phone', events: 5 },
      { subjectCategory: 'subscriber', category: 'name', events: 2 },
      { subjectCategory: 'subscriber', category: 'phone', events: 2 },
    ],
  });
});

describe('on behalf of another controller', () => {
  const work = (changes: Partial<Observation> = {}) => sale({ capacity: 'processor', controller: 'alfa', ...changes });
  const engaged = (more: Partial<RecordedAgreement> = {}): RecordedAgreement => ({
    ...{ processor: 'shop', controller: 'alfa', from: AT - 1_000, engaged: { source: 'urn:shop:legal', id: 'e', position: 1 } },
    ...more,
  });
  const behalf = (observations: Observation[], agreements: RecordedAgreement[]) =>
    given(observations, shop, agreements)
      .filter(({ capacity }) => capacity === 'processor')
      .map(({ controller, purpose, differences }) => [controller, purpose, inShort(differences)]);

  test.each<[string, Observation[], RecordedAgreement[], unknown[]]>([
    ['no agreement', [work()], [], [['alfa', 'contract-fulfilment', ['+ agreement alfa']]]],
    ['an agreement that covers it', [work()], [engaged({ categories: ['name', 'phone'] })], [['alfa', 'contract-fulfilment', []]]],
    [
      'data and a country beyond the agreement',
      [work({ country: 'US' })],
      [engaged({ categories: ['name'], countries: ['SE'] })],
      [['alfa', 'contract-fulfilment', ['+ dataCategory phone', '+ country US']]],
    ],
    [
      'a purpose that none covers, and one that was never observed',
      [work()],
      [engaged({ purposes: ['newsletter'] })],
      [
        ['alfa', 'contract-fulfilment', ['+ purpose contract-fulfilment']],
        ['alfa', 'newsletter', ['- purpose newsletter']],
      ],
    ],
    ['an agreement under which nothing was done', [], [engaged()], [['alfa', undefined, ['- agreement alfa']]]],
    ['an agreement that has ended', [], [engaged({ until: AT - 1 })], []],
  ])('%s', (_name, observations, agreements, expected) => {
    expect(behalf(observations, agreements)).toEqual(expected);
  });

  test('a sub-processor works on behalf too, each controller apart, after all that is done as controller', () => {
    const activities = given([work({ capacity: 'sub-processor', controller: 'beta' }), work(), sale()]);
    expect(activities.map(({ capacity, controller, purpose }) => [capacity, controller, purpose])).toEqual([
      ['controller', undefined, 'contract-fulfilment'],
      ['controller', undefined, 'newsletter'],
      ['processor', 'alfa', 'contract-fulfilment'],
      ['processor', 'beta', 'contract-fulfilment'],
    ]);
  });
});

test('done as controller under another name: nobody here declared it', () => {
  const activity = given([sale({ controller: 'sister' })]).find(({ controller }) => controller === 'sister');
  expect(activity).toMatchObject({ capacity: 'controller', declared: null });
  expect(inShort(activity?.differences ?? [])).toEqual(['+ controller sister']);
});

test('without a policy everything is observed and nothing declared', () => {
  const [activity] = activitiesOf({ at: AT, observations: [sale({ controller: undefined as never })], agreements: [] });
  expect(activity).toMatchObject({ declared: null, differences: [{ of: 'purpose', direction: 'observed-not-declared' }] });
});

test('a policy with hundreds of differences lists some and counts the others', () => {
  const mailit = new Promises(read(MAILIT));
  const recipients = Array.from({ length: 700 }, (_, i) => sale({ controller: 'mailit', ...to(`org-${i}`) }));
  const rare = sale({ controller: 'mailit', ...to('norrdrift', 'processor'), events: 1 });
  const [activity] = given([rare, ...recipients], mailit).filter(({ purpose }) => purpose === 'contract-fulfilment');
  expect(activity?.observed?.recipients).toHaveLength(500);
  expect(activity?.observed?.leftOut).toEqual({ recipients: 201, systems: 0 });
  expect(activity?.differences).toHaveLength(500);
  expect(activity?.differencesLeftOut).toBeGreaterThan(200);
  // What is not listed was seen all the same.
  expect(inShort(activity?.differences ?? [])).not.toContain('- recipient norrdrift');
});
