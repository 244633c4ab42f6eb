import { type Asked, type DirectMarketing, purposesOf, type Statement } from '../../../projections/consents/standing.ts';
import type { Published } from '../../../projections/findings/judge.ts';
import { PROMISES } from '../findings/judging.ts';

const version: Published = { policy: 'mailit', version: '1', effectiveFrom: '2018-05-25', digest: '', promises: PROMISES };
const day = (of: number) => Date.UTC(2026, 0, of);
let positions = 0;
beforeEach(() => {
  positions = 0;
});

/** Said on a day of January. */
const said = (kind: Statement['kind'], on: number, what: Statement['said'], more: Partial<Statement> = {}): Statement => {
  const position = ++positions;
  return {
    kind,
    source: 'urn:test:a',
    id: String(position),
    position,
    time: day(on),
    recordedAt: day(on) + 1_000,
    said: what,
    stands: true,
    ...more,
  };
};
const consent = (state: NonNullable<Statement['said']['state']>, on: number, more: Partial<Statement> = {}, purposes = ['newsletter']) =>
  said('consent', on, { state, purposes }, { textVersion: 'newsletter-4', method: 'web', ...more });
const objection = (kind: string, on: number, purposes: string[], more: Partial<Statement> = {}) =>
  said('objection', on, { kind, purposes }, more);
const decision = (outcome: string, on: number, of: Statement, more: Partial<Statement> = {}) =>
  said('decision', on, { outcome, target: { source: of.source, id: of.id } }, more);

const on = (at: number, all: readonly Statement[], more: Partial<Asked> = {}) =>
  purposesOf(all, { at: day(at), version, isComplete: false, ...more });
const one = (at: number, all: readonly Statement[], purpose = 'newsletter') => {
  const [found] = on(at, all, { purposes: [purpose], isComplete: true });
  if (!found) throw new Error('nothing is said of the purpose');
  return found;
};

describe('A consent', () => {
  it('is the last statement that was made by then, whatever came first', () => {
    const all = [consent('withdrawn', 9), consent('given', 3), consent('refused', 1)];
    expect([0, 2, 5, 10].map((at) => one(at, all).consent?.state)).toEqual([undefined, 'refused', 'given', 'withdrawn']);
    expect(one(10, all).history.map(({ state }) => state)).toEqual(['refused', 'given', 'withdrawn']);
    expect(one(5, all).history.map(({ state }) => state)).toEqual(['refused', 'given']);
  });

  it('is told with the version of its text, how it was said, and what proves it', () => {
    expect(one(5, [consent('given', 3)]).consent).toEqual({
      ...{
        state: 'given',
        time: '2026-01-03T00:00:00.000Z',
        recordedAt: '2026-01-03T00:00:01.000Z',
        textVersion: 'newsletter-4',
        method: 'web',
      },
      event: { source: 'urn:test:a', id: '1', position: 1, time: '2026-01-03T00:00:00.000Z' },
    });
  });

  it('that was retracted says nothing any more, and is shown as what it is', () => {
    const retracted = { retracted: { by: { source: 'urn:test:a', id: 'r', position: 9, recordedAt: '2026-01-10T00:00:00.000Z' } } };
    const { consent: state, history } = one(10, [consent('given', 3), consent('withdrawn', 4, { stands: false, revised: retracted })]);
    expect([state?.state, history.map((each) => 'retracted' in each)]).toEqual(['given', [false, true]]);
  });

  it('of another purpose, or for another controller, is another', () => {
    const all = [
      consent('given', 3, {}, ['recruitment']),
      said('consent', 4, { state: 'given', purposes: ['newsletter'], controller: 'customer-ab' }),
    ];
    expect(one(10, all).consent).toBeNull();
    expect(on(10, all).map(({ purpose }) => purpose)).toEqual(['recruitment']);
  });

  it('is shown for each purpose of which something was said; about somebody, for direct marketing too', () => {
    expect(on(10, [consent('given', 3, {}, ['recruitment', 'newsletter'])]).map(({ purpose }) => purpose)).toEqual([
      'newsletter',
      'recruitment',
    ]);
    expect(on(10, [], { isComplete: true }).map(({ purpose }) => purpose)).toEqual(['direct-marketing', 'newsletter']);
    expect(on(10, [], { isComplete: true, purposes: ['recruitment'] })).toEqual([
      { purpose: 'recruitment', consent: null, history: [], objections: [] },
    ]);
    expect(on(10, [])).toEqual([]);
  });
});

describe('An objection', () => {
  it('is told with the last decision that was made on it by then', () => {
    const raised = objection('21(1)', 3, ['customer-communication']);
    const all = [decision('upheld', 9, raised), decision('rejected', 6, raised), raised];
    const outcome = (at: number) => one(at, all, 'customer-communication').objections[0]?.decision?.outcome ?? null;
    expect([4, 7, 10].map(outcome)).toEqual([null, 'rejected', 'upheld']);
    expect(one(2, all, 'customer-communication').objections).toEqual([]);
  });

  it('to direct marketing concerns all of it', () => {
    const all = [objection('21(2)', 3, ['direct-marketing'])];
    expect(on(10, all).map(({ purpose, objections }) => [purpose, objections.length])).toEqual([
      ['direct-marketing', 1],
      ['newsletter', 1],
    ]);
    expect(one(10, all, 'recruitment').objections).toEqual([]);
  });
});

describe('Direct marketing', () => {
  const marketing = (all: readonly Statement[], purpose = 'direct-marketing'): string => {
    const { allowed, because, event, article } = one(20, all, purpose).directMarketing as DirectMarketing;
    return [String(allowed), because, article, ...(event ? [event.id] : [])].join(' ');
  };

  it.each<[given: string, all: () => Statement[], then: string, purpose?: string]>([
    ['nobody said anything', () => [], 'true no-objection 6(1)(f)'],
    ['somebody objected to it', () => [objection('21(2)', 3, ['direct-marketing'])], 'false objection 21(3) 1'],
    ['a source calls the objection another kind', () => [objection('21(1)', 3, ['newsletter'])], 'false objection 21(3) 1'],
    [
      'a decision says otherwise: nothing overrides it',
      () => {
        const raised = objection('21(2)', 3, ['direct-marketing']);
        return [raised, decision('rejected', 4, raised)];
      },
      'false objection 21(3) 1',
    ],
    ['the objection was retracted', () => [objection('21(2)', 3, ['direct-marketing'], { stands: false })], 'true no-objection 6(1)(f)'],
    [
      'a consent was withdrawn',
      () => [consent('given', 3, {}, ['direct-marketing']), consent('withdrawn', 4, {}, ['direct-marketing'])],
      'false withdrawn 7(3) 2',
    ],
    ['by consent: nobody said anything', () => [], 'null no-consent-known 6(1)(a)', 'newsletter'],
    ['by consent: it was given', () => [consent('given', 3)], 'true given 6(1)(a) 1', 'newsletter'],
    [
      'a consent was refused, or has expired, and the purpose rests on something else: it is not changed to that',
      () => [consent('given', 3, {}, ['direct-marketing']), consent('expired', 4, {}, ['direct-marketing'])],
      'false expired 7(3) 2',
    ],
    ['by consent: it was refused', () => [consent('refused', 3)], 'false refused 7(3) 1', 'newsletter'],
    ['by consent: it has expired', () => [consent('given', 3), consent('expired', 9)], 'false expired 7(3) 2', 'newsletter'],
    [
      'by consent: it was given, and all marketing objected to',
      () => [consent('given', 5), objection('21(2)', 3, ['direct-marketing'])],
      'false objection 21(3) 2',
      'newsletter',
    ],
  ])('where %s', (...[, all, then, purpose]) => {
    expect(marketing(all(), purpose)).toBe(then);
  });

  it('names clause and version, and is told of direct marketing alone', () => {
    expect(one(10, []).directMarketing).toMatchObject({ clause: 35, policyVersion: '1' });
    expect(one(10, [], 'recruitment').directMarketing).toBeUndefined();
  });

  it('cannot be told where no policy is in force, unless somebody objected', () => {
    const of = (all: Statement[]) => on(10, all, { version: undefined, isComplete: true }).map(({ directMarketing }) => directMarketing);
    expect(of([])).toMatchObject([{ allowed: null, because: 'purpose-not-in-policy', policyVersion: null }]);
    expect(of([objection('21(2)', 3, ['direct-marketing'])])).toMatchObject([{ allowed: false, because: 'objection' }]);
  });
});
