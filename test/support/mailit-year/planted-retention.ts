/** What is kept too long, what must be kept, and what nobody can tell a day of (R17). */
import { type Data, IN_SWEDEN, type Subject, service, WHY } from './company.ts';
import type { ExpectedFinding } from './expectations.ts';
import type { Cited, Planting, Told } from './planting.ts';

const endOf = (day: string): number => Date.parse(`${day}T23:59:59.999Z`);
/** Art. 5(1)(e). */
const KEPT = (clause: number): Cited => ['high', clause, '5(1)(e)'];

export function plantRetention(p: Planting): void {
  plantRecruitment(p);
  plantNewsletter(p);
  plantSilence(p);
  plantHolds(p);
  plantVouchers(p);
}

/** The finding is one of the event from which the period ran, about one person. */
const keeps = (told: Told, whom: Subject, clause: number, day: string, more: Partial<ExpectedFinding> = {}) =>
  told.violates('R17', 'kept-too-long', KEPT(clause), { dueAt: endOf(day) + 1, whom: [whom], ...more });

function plantRecruitment(p: Planting): void {
  const process = (caseRef: string, opened: string, closed?: string): Told => {
    const about = (type: string, time: string) => p.tell(type, time, { actor: service('recruitment'), caseRef }, { source: 'recruitment' });
    const opening = about('RecruitmentProcessOpened', opened);
    return closed === undefined ? opening : about('RecruitmentProcessClosed', closed);
  };
  const applies = (caseRef: string, time: string): Subject => {
    const applicant = p.stranger('job-applicant');
    const applied = { ...WHY.recruitment, caseRef, origin: 'subject', channel: 'job-application', ...IN_SWEDEN('recruitment') };
    p.collected(applicant, time, applied, { source: 'recruitment' });
    return applicant;
  };
  const erases = (applicant: Subject, time: number) =>
    p.erased(applicant, time, { ...WHY.recruitment, systems: ['recruitment'], ...IN_SWEDEN('recruitment') }, { source: 'recruitment' });
  p.plant('applicants whose data is kept for more than a year after the process ended', () => {
    const closed = process('REC-2024-1', '2024-10-01T08:00:00.000Z', '2025-01-31T16:00:00.000Z');
    const [kept, inTime, late] = [1, 2, 3].map((day) => applies('REC-2024-1', `2024-11-0${day}T08:00:00.000Z`)) as [
      Subject,
      Subject,
      Subject,
    ];
    keeps(closed, kept, 27, '2026-01-31');
    erases(inTime, endOf('2026-01-31'));
    erases(late, endOf('2026-01-31') + 3_600_000);
    keeps(closed, late, 27, '2026-01-31', { state: 'cleared', why: 'erased' });
  });
  p.plant('a process that ended on the last of February', () => {
    keeps(
      process('REC-2024-2', '2024-12-01T08:00:00.000Z', '2025-02-28T23:59:59.999Z'),
      applies('REC-2024-2', '2024-12-10T08:00:00.000Z'),
      27,
      '2026-02-28',
    );
    process('REC-2024-3', '2024-12-01T08:00:00.000Z', '2025-03-01T00:00:00.000Z');
    applies('REC-2024-3', '2024-12-10T08:00:00.000Z');
  });
  p.plant('a process that never ended', () => {
    const opened = process('REC-2025-endless', '2025-02-20T08:00:00.000Z');
    const applicant = applies('REC-2025-endless', '2025-02-24T08:00:00.000Z');
    const dueAt = endOf('2026-02-20') + 1;
    opened
      .violates('R28', 'case-not-ended', ['low', 27, '5(2)'], { dueAt })
      .lacks('R17', ['trigger'], [27, '5(1)(e)'], { dueAt, whom: [applicant] });
  });
}

function plantNewsletter(p: Planting): void {
  const send: Data = { ...WHY.newsletter, categories: ['work-email'], ...IN_SWEDEN('newsletter') };
  const erases = (reader: Subject, time: number) =>
    p.erased(reader, time, { ...send, ground: '17(1)(b)', scope: ['newsletter'], systems: ['newsletter'] }, { source: 'newsletter' });
  p.plant('addresses that stay though the consent is gone', () => {
    const [kept, inTime, late, again] = [p.person('subscriber'), p.person('subscriber'), p.person('subscriber'), p.person('subscriber')];
    for (const each of [kept, inTime, late, again]) p.consent('Given', each, '2025-03-10T08:00:00.000Z');
    keeps(p.consent('Withdrawn', kept, '2025-10-01T08:00:00.000Z'), kept, 26, '2025-10-31');
    p.consent('Withdrawn', inTime, '2025-10-01T08:00:00.000Z');
    erases(inTime, endOf('2025-10-31'));
    keeps(p.consent('Withdrawn', late, '2025-10-01T08:00:00.000Z'), late, 26, '2025-10-31', { state: 'cleared', why: 'erased' });
    erases(late, endOf('2025-11-03'));
    p.consent('Withdrawn', again, '2025-10-01T08:00:00.000Z');
    p.consent('Given', again, '2025-10-20T08:00:00.000Z');
  });
}

function plantSilence(p: Planting): void {
  const market = { purpose: 'direct-marketing', legalBasis: '6(1)(f)', assessmentRef: 'LIA-04', ...IN_SWEDEN('marketing') };
  p.plant('prospects who heard nothing for a year', () => {
    const [silent, heard] = [p.stranger('prospect'), p.stranger('prospect')];
    const found = { ...market, origin: 'public-register', channel: 'public-register', noticeRef: 'notice-marketing-2' };
    keeps(p.collected(silent, '2025-02-10T08:00:00.000Z', found, { source: 'marketing' }), silent, 26, '2026-02-10');
    p.collected(heard, '2025-02-10T08:00:00.000Z', found, { source: 'marketing' });
    p.used(heard, '2025-03-04T08:00:00.000Z', market, { source: 'marketing' });
  });
}

/** To the end of the seventh year after the one in which the financial year ended. */
function plantVouchers(p: Planting): void {
  p.plant('vouchers that the law on accounting no longer asks for', () => {
    const [old, next] = [p.stranger('customer'), p.stranger('customer')];
    const booked = { ...WHY.accounting, ...IN_SWEDEN('billing') };
    const named = { ...booked, origin: 'employer', channel: 'contract', noticeRef: 'notice-customers-1' };
    keeps(p.collected(old, '2018-12-31T23:59:59.999Z', named, { source: 'billing' }), old, 26, '2025-12-31');
    p.collected(next, '2019-01-01T00:00:00.000Z', named, { source: 'billing' });
  });
}

function plantHolds(p: Planting): void {
  const seen = { ...WHY.security, categories: ['ip-address'], origin: 'observed', channel: 'product-usage', ...IN_SWEDEN('platform') };
  const user = (): Subject => {
    const someone = p.stranger('user');
    p.collected(someone, '2025-02-03T08:00:00.000Z', seen, { source: 'platform' });
    return someone;
  };
  const holds = (whom: Subject, time: string, reviewBy: string) =>
    p.fact('LegalHoldPlaced', whom, time, { ground: 'legal-claims', reviewBy, scope: 'security', reason: 'A break-in.' });
  p.plant('held, and reviewed or not', () => {
    const [held, unreviewed, released] = [user(), user(), user()];
    holds(held, '2025-12-01T08:00:00.000Z', '2026-12-31');
    holds(unreviewed, '2025-12-01T08:00:00.000Z', '2026-01-31').violates('R17', 'hold-not-reviewed', ['medium', 26, '5(1)(e)'], {
      ...{ dueAt: endOf('2026-01-31') + 1, whom: [unreviewed] },
    });
    const hold = holds(released, '2025-12-01T08:00:00.000Z', '2026-01-31');
    p.fact('LegalHoldReleased', released, '2026-01-20T08:00:00.000Z', { target: hold.target, reason: 'Settled.' });
    p.erased(
      released,
      '2026-01-21T08:00:00.000Z',
      { ...WHY.security, systems: ['platform'], ...IN_SWEDEN('platform') },
      { source: 'platform' },
    );
  });
}
