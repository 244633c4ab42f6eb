import fc from 'fast-check';
import { inForceAt, type PublishedVersion, publicationProblem } from '../../src/policy/in-force.ts';

const at = (text: string) => Date.parse(text);
const version = (name: string, effectiveFrom: string): PublishedVersion => ({ policy: 'shop', version: name, effectiveFrom, digest: name });

describe('the version in force at a time', () => {
  const one = version('1', '2018-05-25');
  const two = version('2', '2026-07-01T12:00:00Z');

  it('is none before the first began', () => {
    expect(inForceAt([], at('2026-01-01'))).toBeUndefined();
    expect(inForceAt([one, two], at('2018-05-24T23:59:59.999Z'))).toBeUndefined();
  });

  it('is the one that began last, from the very moment on', () => {
    expect(inForceAt([one, two], at('2018-05-25T00:00:00Z'))).toBe(one);
    expect(inForceAt([one, two], at('2026-07-01T11:59:59.999Z'))).toBe(one);
    expect(inForceAt([one, two], at('2026-07-01T12:00:00Z'))).toBe(two);
  });

  it('of two that begin together is the one that was published later: so a version to come can be replaced', () => {
    const instead = version('2b', '2026-07-01T12:00:00Z');
    expect(inForceAt([one, two, instead], at('2026-08-01'))).toBe(instead);
  });

  it('is that of the day it began, whatever was published earlier for a later day', () => {
    const sooner = version('3', '2026-06-01');
    expect(inForceAt([one, two, sooner], at('2026-06-15'))).toBe(sooner);
    expect(inForceAt([one, two, sooner], at('2026-08-01'))).toBe(two);
  });

  it('never began after the time, and no other began between', () => {
    const days = fc.date({ min: new Date('2018-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }).map((day) => day.toISOString());
    fc.assert(
      fc.property(fc.array(days, { maxLength: 8 }), days, (begins, time) => {
        const published = begins.map((begin, i) => version(String(i), begin));
        const found = inForceAt(published, at(time));
        const begun = published.filter(({ effectiveFrom }) => at(effectiveFrom) <= at(time));
        expect(found === undefined).toBe(begun.length === 0);
        for (const each of begun) expect(at(each.effectiveFrom)).toBeLessThanOrEqual(at((found as PublishedVersion).effectiveFrom));
      }),
    );
  });
});

describe('a version may be published', () => {
  const now = at('2026-11-01T10:00:00Z');
  const first = version('1', '2018-05-25');

  it('with an earlier day, where it is the first', () => {
    expect(publicationProblem([], first, now)).toBeUndefined();
  });

  it('from its publication on, where others were before', () => {
    expect(publicationProblem([first], version('2', '2026-11-01T10:00:00Z'), now)).toBeUndefined();
    expect(publicationProblem([first], version('2', '2027-01-01'), now)).toBeUndefined();
  });

  it.each([
    ['effective-before-publication', version('2', '2026-11-01')],
    ['version-published', { ...version('1', '2027-01-01'), digest: 'changed' }],
    ['nothing-changed', first],
    ['another-policy', { ...version('2', '2027-01-01'), policy: 'another' }],
  ])('unless %s', (rule, next) => {
    expect(publicationProblem([first], next, now)?.rule).toBe(rule);
  });
});
