import { decisionOf, type Intention, isDirectMarketing, type Why } from '../../../projections/decisions/decision.ts';
import { type JudgedEvent, NOBODY, type State } from '../../../projections/findings/rules/rule.ts';
import type { Promises } from '../../../src/policy/promises.ts';
import { ANNA, disclosure, event, KIM, LEE, mailitWith, NOTHING, PROMISES } from '../findings/judging.ts';

const version = (promises: Promises, effectiveFrom = '2018-05-25', name = '1') => ({
  ...{ policy: 'mailit', version: name, effectiveFrom, digest: name, promises },
});
const MAILIT = version(PROMISES);

/** The request named Kim first and Lee then, unless it says otherwise. */
const asked = (judged: JudgedEvent, more: Partial<Intention> = {}): Intention => ({
  event: judged,
  subjects: judged.data.subjects.map(({ reference }) => reference),
  ...more,
});

interface Given {
  state?: Partial<State>;
  published?: ReturnType<typeof version>[];
  suppressed?: number[];
}

const decide = (intention: Intention, { state = {}, published = [MAILIT], suppressed = [] }: Given = {}) =>
  decisionOf(intention, {
    published,
    state: { ...NOTHING, grants: () => [{}], instructedAt: () => intention.event.time, ...state },
    suppressed,
  });

/** A reason in short. */
const short = ({ rule, what, missing, subjects, dueAt }: Why): string =>
  [rule, what ?? `? ${missing?.join(', ')}`, ...(subjects ? [`of ${subjects.join(', ')}`] : []), ...(dueAt ? [`from ${dueAt}`] : [])].join(
    ' ',
  );

const two = [
  { reference: KIM, category: 'customer' },
  { reference: LEE, category: 'customer' },
];
const marketing = (data: object = {}) =>
  event('PersonalDataUsed', { purpose: 'direct-marketing', categories: ['name'], assessmentRef: 'LIA-04', ...data });
const newsletter = (data: object = {}) =>
  event('PersonalDataUsed', {
    ...{ purpose: 'newsletter', legalBasis: '6(1)(a)', categories: ['name'], subjects: [{ reference: KIM, category: 'subscriber' }] },
    ...data,
  });
const objector = (person: string): Partial<State> => ({
  objections: (one) => (one === person ? [{ source: 'urn:mailit:crm', id: '1', kind: '21(2)', purposes: ['direct-marketing'] }] : []),
});

describe('May I?', () => {
  it.each<[given: string, intention: Intention, then: string, reasons: string[], Given?]>([
    ['nothing stands against it', asked(event('PersonalDataUsed')), 'allowed', []],
    [
      'it would violate something',
      asked(disclosure({ recipient: { id: 'list-trader', role: 'independent-controller', country: 'SE' } })),
      'denied',
      ['R7 recipient-not-registered'],
    ],
    ['something cannot be told', asked(event('PersonalDataUsed', { legalBasis: undefined })), 'undeterminable', ['R3 ? legalBasis']],
    [
      'one thing would be violated and another cannot be told: the violation comes first, and decides',
      asked(event('PersonalDataUsed', { legalBasis: undefined, country: 'US' })),
      'denied',
      ['R11 outside-territory', 'R11 no-transfer-tool', 'R3 ? legalBasis'],
    ],
    [
      'nothing but a gap of the policy: told, and no reason against',
      asked(event('PersonalDataUsed', { categories: ['name', 'pet'] })),
      'allowed',
      ['R4 not-named-by-policy'],
    ],
    [
      'a gap, and something that cannot be told',
      asked(event('PersonalDataUsed', { categories: ['name', 'pet'], legalBasis: undefined })),
      'undeterminable',
      ['R3 ? legalBasis', 'R4 not-named-by-policy'],
    ],
    [
      'nobody says who would do it, or with which data',
      asked(event('PersonalDataUsed', { actor: NOBODY, categories: undefined })),
      'undeterminable',
      ['R4 ? categories', 'R27 ? actor'],
    ],
    [
      'it is the work of another controller: silent rules are no permission',
      asked(event('PersonalDataUsed', { actor: { reference: ANNA, kind: 'human', capacity: 'processor' }, controller: 'customer-ab' })),
      'undeterminable',
      ['R1 ? policy of the controller'],
    ],
    ['no version had begun', asked(event('PersonalDataUsed')), 'undeterminable', ['R1 ? policy'], { published: [] }],
    [
      'one of two people objected: that one is named by place',
      asked(marketing({ subjects: two })),
      'denied',
      ['R13 after-objection of 1'],
      { state: objector(LEE) },
    ],
    [
      'somebody who objected is named twice',
      asked(marketing({ subjects: two }), { subjects: [LEE, KIM, LEE] }),
      'denied',
      ['R13 after-objection of 0, 2'],
      { state: objector(LEE) },
    ],
    [
      'somebody is on the suppression list, whatever else is known',
      asked(marketing({ subjects: two })),
      'denied',
      ['R13 suppressed of 0'],
      { suppressed: [0] },
    ],
    [
      'an objection and the list say the same of one person: it is said once',
      asked(marketing({ subjects: two })),
      'denied',
      ['R13 after-objection of 1', 'R13 suppressed of 0'],
      { state: objector(LEE), suppressed: [0, 1] },
    ],
    ['nothing is known of a consent that it would rest on', asked(newsletter()), 'undeterminable', ['R3 ? consent'], { state: {} }],
    [
      'a consent was given',
      asked(newsletter()),
      'allowed',
      [],
      { state: { consent: (_, purpose) => (purpose === 'newsletter' ? { state: 'given', at: 0 } : undefined) } },
    ],
  ])('%s', (...[, intention, then, reasons, given]) => {
    const { decision, reasons: found } = decide(intention, given);
    const without = found.filter(({ rule, missing }) => !(rule === 'R15' && missing) && rule !== 'R28');
    expect([decision, without.map(short)]).toEqual([then, reasons]);
  });

  it('is judged by the version that is in force when it would happen, and says which that is', () => {
    const second = version(mailitWith("version: '1'", "version: '2'"), '2026-03-02T12:00:00Z', '2');
    const at = (time: string) => decide(asked({ ...event('PersonalDataUsed'), time: Date.parse(time) }), { published: [MAILIT, second] });
    expect([at('2026-03-02T11:59:59Z').policyVersion, at('2026-03-02T12:00:00Z').policyVersion]).toEqual(['1', '2']);
    const denied = decide(asked(event('PersonalDataUsed', { country: 'US' })));
    expect(denied.reasons.map(({ policyVersion }) => policyVersion)).toEqual(['1', '1']);
  });

  it('tells of a duty that would follow, with its day, and denies nothing for it', () => {
    const collected = event('PersonalDataCollected', {
      ...{ purpose: 'customer-communication', origin: 'employer', channel: 'contract', recordedAt: undefined },
    });
    const { decision, reasons } = decide(asked(collected));
    const duties = reasons.filter(({ dueAt }) => dueAt !== undefined);
    expect(duties.every(({ verdict, dueAt }) => verdict === 'violates' && Date.parse(dueAt as string) > collected.time)).toBe(true);
    expect(decision).not.toBe('denied');
  });

  it('names a violation by clause, article and severity', () => {
    const [reason] = decide(asked(marketing()), { state: objector(KIM) }).reasons;
    expect(reason).toEqual({
      ...{ rule: 'R13', verdict: 'violates', what: 'after-objection', clause: 35, article: '21(3)', severity: 'critical' },
      ...{ policyVersion: '1', subjects: [0] },
    });
    expect(decide(asked(marketing()), { suppressed: [0] }).reasons).toContainEqual({ ...reason, what: 'suppressed' });
  });
});

describe('Direct marketing', () => {
  it.each([
    ['its own purpose', marketing(), [MAILIT], true],
    ['what the policy calls so', newsletter(), [MAILIT], true],
    ['its own purpose, where no policy is in force', marketing(), [], true],
    ['anything else', event('PersonalDataUsed'), [MAILIT], false],
    [
      'what is done for another controller',
      marketing({ actor: { reference: ANNA, kind: 'human', capacity: 'processor' }, controller: 'customer-ab' }),
      [MAILIT],
      false,
    ],
  ] as const)('is %s', (_, judged, published, then) => {
    expect(isDirectMarketing(asked(judged), published)).toBe(then);
  });
});
