import { R28 } from '../../../projections/findings/rules/r28-complete.ts';
import { AT, disclosure, event, KIM, LEE, mailitWith, NOT_OURS, NOTHING, PROMISES, REF, table } from './judging.ts';

const looked = (data: Record<string, unknown> = {}) => event('PersonalDataAccessed', { mode: 'view', outcome: 'ok', ...data });
const collected = { collections: () => [{ at: AT - 1, categories: ['name'] }] };
const reporting = { reportsCollections: () => true };
const BROKEN = 'no-earlier-collection @null 5(2) low';

const opened = (data: Record<string, unknown> = {}) => event('RecruitmentProcessOpened', data);
const asked = (data: Record<string, unknown> = {}) => event('RightsRequestReceived', { right: 'access', requestRef: REF, ...data });
const objected = (kind: string, ...purposes: string[]) => event('ObjectionRaised', { kind, purposes });
const ended = { caseEndedAt: () => AT + 1 };
const withoutLimit = mailitWith('    openAtMost: P12M\n', '');

table(R28, [
  // Where data came from
  ['what was collected is looked up', looked(), ['conforms'], PROMISES, { ...collected, ...reporting }],
  ['what was never collected is looked up, by a source that would say so', looked(), [BROKEN], PROMISES, reporting],
  ['what was never collected is handed over', disclosure(), [BROKEN], PROMISES, reporting],
  ['a source that never reports collections', looked(), ['? PersonalDataCollected']],
  ['a search that found nothing', looked({ resultCount: 0 }), [], PROMISES, reporting],
  ['it was denied', looked({ outcome: 'denied' }), [], PROMISES, reporting],
  ['a use, before which it was looked up', event('PersonalDataUsed'), [], PROMISES, reporting],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
  // Cases
  ['a recruitment that closed', opened(), ['conforms'], PROMISES, ended],
  ['a recruitment that did not: a year is left', opened(), ['case-not-ended @27 5(2) low from 2027-03-03']],
  ['a recruitment without a case: nobody knows whether it closed', opened({ caseRef: undefined }), ['? caseRef']],
  ['a policy that sets no limit to it', opened(), [], withoutLimit],
  ['a request that was answered', asked(), ['conforms'], PROMISES, ended],
  ['a request that never was, when every extension has passed', asked(), ['case-not-ended @28 5(2) low from 2026-06-03']],
  ['a request without a reference', asked({ requestRef: undefined }), ['? requestRef']],
  ['an objection that was decided', objected('21(1)', 'customer-communication'), ['conforms'], PROMISES, ended],
  ['an objection that never was', objected('21(1)', 'customer-communication'), ['case-not-ended @34 5(2) low from 2026-06-03']],
  ['an objection to marketing, of which nothing is decided', objected('21(2)', 'direct-marketing'), []],
  ['whatever the source calls it', objected('21(1)', 'direct-marketing'), []],
  ['a request to another controller', asked({ controller: 'customer-ab' }), []],
]);

it('names those who were never collected', () => {
  const two = looked({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const collections = (person: string) => (person === KIM ? collected.collections() : []);
  expect(R28.judge(two, PROMISES, { ...NOTHING, ...reporting, collections })).toMatchObject([{ whom: [LEE] }]);
});
