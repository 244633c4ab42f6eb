/** How the house is run: grants, instruction, clocks, quarantine, corrections, and what is learnt late (R6, R27, R29, R30, R32). */
import { human, IN_SWEDEN, service, WHY } from './company.ts';
import { type ExpectedOfSource, recordOf } from './expectations.ts';
import { type Cited, DESK, desk, later, type Planting } from './planting.ts';

/** What has to be found of sources: one lost a letter, one went silent, one says nothing of when it comes, one does not even count. */
export const OF_SOURCES: readonly ExpectedOfSource[] = [
  { source: 'urn:mailit:archive', missing: ['SourceHeartbeat.nextBy'] },
  { source: 'urn:mailit:fax', missing: ['sequence', 'SourceHeartbeat.nextBy'] },
  { source: 'urn:mailit:letter-scanner', what: 'sequence-gap' },
  { source: 'urn:mailit:web', what: 'source-silent' },
];

function plantSources(p: Planting): void {
  p.plant('sources that are not complete', () => {
    const person = p.person();
    const beats = (source: 'web' | 'scanner', time: string, nextBy: string) =>
      p.tell('SourceHeartbeat', time, { actor: service(source), nextBy }, { source });
    p.stored(person, '2025-04-08T08:00:00.000Z', {}, { source: 'scanner' });
    p.stored(person, '2025-04-09T08:00:00.000Z', {}, { source: 'scanner', lost: 1 });
    beats('scanner', '2026-01-05T08:00:00.000Z', '2026-12-31');
    beats('web', '2026-01-05T08:00:00.000Z', '2026-02-01T08:00:00.000Z');
    p.stored(person, '2025-04-10T08:00:00.000Z', {}, { source: 'fax' });
  });
}

const NO_GRANT: Cited = ['high', 20, '32(4)'];

export function plantHouse(p: Planting): void {
  plantSources(p);
  plantGrants(p);
  plantInstruction(p);
  plantClocks(p);
  plantQuarantine(p);
  plantApprovals(p);
  plantCorrections(p);
  plantLateFacts(p);
}

function plantGrants(p: Planting): void {
  const by = (id: string, data = {}) => ({ actor: human(id), ...data });
  p.plant('looked up without a grant', () => {
    const person = p.person();
    p.instructs('tove.nyfiken', '2025-02-03T07:00:00.000Z');
    p.accessed(person, '2025-10-20T08:00:00.000Z', by('tove.nyfiken')).violates('R6', 'no-grant', NO_GRANT);
    p.accessed(person, '2025-10-20T21:00:00.000Z', by('tove.nyfiken', { caseRef: undefined, mode: 'search' }))
      .violates('R6', 'no-grant', NO_GRANT)
      .violates('R6', 'no-case', ['medium', 20, '32(4)']);
    p.accessed(person, '2025-10-21T08:00:00.000Z', { caseRef: undefined }).violates('R6', 'no-case', ['medium', 20, '32(4)']);
    // Nobody got at anything, and a program is nobody who could be curious.
    p.accessed(person, '2025-10-22T08:00:00.000Z', by('tove.nyfiken', { outcome: 'denied', caseRef: undefined }));
    p.accessed(person, '2025-10-22T09:00:00.000Z', { actor: service('export'), caseRef: undefined });
  });
  p.plant('beyond what a grant covers', () => {
    const person = p.person();
    const scope = { purposes: ['customer-communication'], categories: ['name', 'phone'], systems: ['crm'] };
    p.instructs('nils.vik', '2025-02-03T07:00:00.000Z');
    p.grants('nils.vik', '2025-10-01T08:00:00.000Z', { ...scope, validFrom: '2025-10-23', validUntil: '2025-10-31' });
    p.accessed(person, '2025-10-22T23:59:59.999Z', by('nils.vik')).violates('R6', 'no-grant', NO_GRANT);
    p.accessed(person, '2025-10-23T00:00:00.000Z', by('nils.vik'));
    p.accessed(person, '2025-10-24T08:00:00.000Z', by('nils.vik', { ...WHY.contract })).violates('R6', 'no-grant', NO_GRANT);
    p.accessed(person, '2025-10-24T09:00:00.000Z', by('nils.vik', { categories: ['name', 'work-email'] })).violates(
      'R6',
      'no-grant',
      NO_GRANT,
    );
    p.accessed(person, '2025-10-24T10:00:00.000Z', by('nils.vik', { ...IN_SWEDEN('support') })).violates('R6', 'no-grant', NO_GRANT);
    p.accessed(person, '2025-10-31T23:59:59.999Z', by('nils.vik'));
    p.accessed(person, '2025-11-01T00:00:00.000Z', by('nils.vik')).violates('R6', 'no-grant', NO_GRANT);
  });
  p.plant('after a grant was revoked', () => {
    const person = p.person();
    p.instructs('eva.gick', '2025-02-03T07:00:00.000Z');
    p.grants('eva.gick', '2025-03-03T08:00:00.000Z');
    p.tell('AccessRevoked', '2025-11-03T16:00:00.000Z', { actor: service('hr'), grantee: 'eva.gick' }, { source: 'hr' });
    p.accessed(person, '2025-11-03T15:59:59.999Z', by('eva.gick'));
    p.accessed(person, '2025-11-03T16:00:00.001Z', by('eva.gick')).violates('R6', 'no-grant', NO_GRANT);
    p.accessed(person, '2025-03-03T07:59:59.999Z', by('eva.gick')).violates('R6', 'no-grant', NO_GRANT);
  });
}

function plantInstruction(p: Planting): void {
  p.plant('instructed too long ago, or never', () => {
    const person = p.person();
    const old: Cited = ['low', 39, '29'];
    p.instructs('gunnar.gammal', '2024-11-04T08:00:00.000Z');
    p.used(person, '2025-11-04T23:59:59.999Z', { actor: human('gunnar.gammal') });
    p.used(person, '2025-11-05T00:00:00.000Z', { actor: human('gunnar.gammal') }).violates('R27', 'instruction-too-old', old);
    p.instructs('gunnar.gammal', '2025-11-07T08:00:00.000Z');
    p.used(person, '2025-11-07T07:59:59.999Z', { actor: human('gunnar.gammal') }).violates('R27', 'instruction-too-old', old);
    p.used(person, '2025-11-07T08:00:00.001Z', { actor: human('gunnar.gammal') });
    p.used(person, '2025-11-10T08:00:00.000Z', { actor: human('ny.vikarie') }).lacks('R27', ['StaffInstructed'], [39, '29']);
  });
}

/** The ledger's clock at the end of a day, when it hears of what happened. */
export const LEDGER_CLOCK = '23:59:00.000Z';

function plantClocks(p: Planting): void {
  p.plant('a clock that is ahead', () => {
    const person = p.person('user');
    const heard = (minute: string) => ({ source: 'platform', heard: `2025-11-11T12:${minute}:00.000Z` }) as const;
    p.used(person, '2025-11-11T12:05:00.000Z', {}, heard('00'));
    p.used(person, '2025-11-11T12:06:00.001Z', {}, heard('01')).violates('R29', 'clock-ahead', ['low', null, '5(2)']);
    p.used(person, '2025-11-12T11:30:00.000Z', {}, heard('30')).violates('R29', 'clock-ahead', ['low', null, '5(2)']);
  });
}

/** Labels of what stands in quarantine: the event that was sent. */
export const quarantined = (source: string, id: string): string => `quarantined ${recordOf(source, id)}`;

function plantQuarantine(p: Planting): void {
  const found = (id: string, source: string) =>
    p.findings.push({
      ...{ planted: 'an identifier where it would stay for ever', record: quarantined(source, id), rule: 'R30', verdict: 'violates' },
      ...{ what: 'identifier-in-clear', severity: 'high', clause: null, article: '25(1)', policyVersion: '4', state: 'open' },
    });
  p.plant('an identifier where it would stay for ever', () => {
    const person = p.person();
    const send = (id: string, data = {}) => p.used(person, '2025-11-18T09:00:00.000Z', data, { id, source: 'web' });
    send('form-1', { correlationId: 'kim.lind@example.com' });
    found('form-1', 'urn:mailit:web');
    // A number that the tax agency keeps for tests.
    send('form-2', { noticeRef: 'letter to 19121212-1212' });
    found('form-2', 'urn:mailit:web');
    // Wrong in another way.
    send('form-3', { purpose: 'no-such-purpose' });
    send('form-4', { country: 'Sweden' });
  });
}

function plantApprovals(p: Planting): void {
  const own: Cited = ['high', null, '5(1)(f)'];
  p.plant('somebody approved their own correction', () => {
    const person = p.person();
    const wrong = p.used(person, '2025-11-24T08:00:00.000Z');
    const right = p.used(person, '2025-11-24T09:00:00.000Z', { categories: ['name', 'company'] });
    const why = { reason: 'Typed too fast.' };
    p.tell('RecordCorrected', '2025-11-24T10:00:00.000Z', {
      ...{ actor: desk, approver: DESK, target: wrong.target, replacement: right.target, ...why },
    }).violates('R32', 'approved-by-actor', own);
    const gone = p.used(person, '2025-11-25T08:00:00.000Z');
    const onBehalf = { ...human('vik.arie'), onBehalfOf: 'chef.en' };
    p.tell('RecordRetracted', '2025-11-25T10:00:00.000Z', { actor: onBehalf, approver: 'chef.en', target: gone.target, ...why }).violates(
      'R32',
      'approved-by-actor',
      own,
    );
    const fine = p.used(person, '2025-11-26T08:00:00.000Z');
    p.retracts(fine, '2025-11-26T09:00:00.000Z');
  });
}

const OUTSIDE: Cited = ['medium', 9, '5(1)(c)'];

/** What was found goes once the record that it was found of was never so. It stays to be seen, and says why it went. */
function plantCorrections(p: Planting): void {
  p.plant('found, and taken back by its source', () => {
    const person = p.person();
    const tooMuch = { categories: ['name', 'tax'] };
    const told = p.used(person, '2025-12-02T08:00:00.000Z', tooMuch);
    told.violates('R4', 'outside-matrix', OUTSIDE, { state: 'cleared', why: 'retracted', whom: [person] });
    p.retracts(told, '2025-12-04T08:00:00.000Z');
    const wrong = p.used(person, '2025-12-02T09:00:00.000Z', tooMuch);
    wrong.violates('R4', 'outside-matrix', OUTSIDE, { state: 'cleared', why: 'corrected', whom: [person] });
    const right = p.used(person, '2025-12-02T09:00:00.000Z', {}, { heard: `2025-12-04T${LEDGER_CLOCK}` });
    p.corrects(wrong, right.target, '2025-12-04T09:00:00.000Z');
    // Corrected by what was never recorded: it stands.
    const standing = p.used(person, '2025-12-02T10:00:00.000Z', tooMuch);
    standing.violates('R4', 'outside-matrix', OUTSIDE, { whom: [person] });
    p.corrects(standing, { source: 'urn:mailit:crm', id: 'never-recorded' }, '2025-12-04T10:00:00.000Z');
    // Taken back, and that taken back.
    const again = p.used(person, '2025-12-02T11:00:00.000Z', tooMuch);
    const back = p.retracts(again, '2025-12-04T11:00:00.000Z');
    p.retracts(back, '2025-12-08T11:00:00.000Z');
    again.violates('R4', 'outside-matrix', OUTSIDE, { state: 'cleared', why: 'retracted', whom: [person] });
    again.violates('R4', 'outside-matrix', OUTSIDE, { whom: [person], detectedBy: p.happenings.at(-1)?.id });
    // Corrected by something that is no better.
    const worse = p.used(person, '2025-12-02T12:00:00.000Z', tooMuch);
    worse.violates('R4', 'outside-matrix', OUTSIDE, { state: 'cleared', why: 'corrected', whom: [person] });
    const other = p.used(person, '2025-12-02T12:00:00.000Z', { country: 'US' }, { heard: `2025-12-03T${LEDGER_CLOCK}` });
    other.violates('R11', 'outside-territory', ['high', 24, '5(1)(a)']).violates('R11', 'no-transfer-tool', ['critical', 24, '44']);
    p.corrects(worse, other.target, '2025-12-04T12:00:00.000Z');
  });
  p.plant('a fact that was taken back', () => {
    const [one, other] = [p.person(), p.person()];
    const placed = p.restricts(one, '2025-12-05T08:00:00.000Z', 'all');
    p.used(one, '2025-12-05T09:00:00.000Z').violates('R12', 'under-restriction', ['high', 32, '18(2)'], {
      ...{ state: 'cleared', why: 'judged-again', whom: [one] },
    });
    p.retracts(placed, '2025-12-09T08:00:00.000Z');
    const consent = p.consent('Given', other, '2025-12-05T08:00:00.000Z', ['newsletter']);
    p.used(other, '2025-12-05T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] })
      .lacks('R3', ['consent'], [11, '6(1)(a)'], { detectedBy: 'retracts-consent' })
      .lacks('R15', ['consent'], [31, '7(3)'], { detectedBy: 'retracts-consent' })
      .violates('R4', 'outside-matrix', OUTSIDE, { whom: [other] });
    p.retracts(consent, '2025-12-09T09:00:00.000Z', { id: 'retracts-consent' });
  });
}

/** What is learnt late is placed where it happened; what was found keeps the day on which it was detected. */
function plantLateFacts(p: Planting): void {
  const heard = `2025-12-22T${LEDGER_CLOCK}`;
  p.plant('learnt late, and something was wrong', () => {
    const [restricted, objector, leaver, erased] = [p.person(), p.person('prospect'), p.person(), p.person()];
    p.used(restricted, '2025-12-10T09:00:00.000Z').violates('R12', 'under-restriction', ['high', 32, '18(2)'], {
      ...{ detectedBy: 'late-restriction', whom: [restricted] },
    });
    p.restricts(restricted, '2025-12-10T08:00:00.000Z', 'all', { heard, id: 'late-restriction' });
    const market = { purpose: 'direct-marketing', legalBasis: '6(1)(f)', assessmentRef: 'LIA-04' };
    p.used(objector, '2025-12-10T09:00:00.000Z', market).violates('R13', 'after-objection', ['critical', 35, '21(3)'], {
      ...{ detectedBy: 'late-objection', whom: [objector] },
    });
    p.used(objector, '2025-12-09T09:00:00.000Z', market);
    p.objects('21(2)', objector, '2025-12-10T08:00:00.000Z', ['direct-marketing'], { heard, id: 'late-objection' });
    p.instructs('sen.uppsagd', '2025-03-03T08:00:00.000Z');
    p.grants('sen.uppsagd', '2025-03-03T08:00:00.000Z');
    p.accessed(leaver, '2025-12-10T09:00:00.000Z', { actor: human('sen.uppsagd') }).violates('R6', 'no-grant', NO_GRANT, {
      ...{ detectedBy: 'late-revocation' },
    });
    const revoked = { actor: service('hr'), grantee: 'sen.uppsagd' };
    p.tell('AccessRevoked', '2025-12-10T08:00:00.000Z', revoked, { source: 'hr', heard, id: 'late-revocation' });
    p.used(erased, '2025-12-10T09:00:00.000Z').violates('R16', 'after-erasure', ['critical', 31, '17(1)'], {
      ...{ detectedBy: 'late-erasure', whom: [erased] },
    });
    p.erased(erased, '2025-12-10T08:00:00.000Z', {}, { heard, id: 'late-erasure' });
  });
  p.plant('learnt late, and nothing was wrong after all', () => {
    const [reader, looked, notice] = [p.person('subscriber'), p.stranger('customer'), p.stranger('customer')];
    const again = { state: 'cleared', why: 'judged-again' } as const;
    p.used(reader, '2025-12-11T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] })
      .lacks('R3', ['consent'], [11, '6(1)(a)'], again)
      .lacks('R15', ['consent'], [31, '7(3)'], again);
    p.consent('Given', reader, '2025-12-11T08:00:00.000Z', ['newsletter'], { heard });
    p.accessed(looked, '2025-12-11T09:00:00.000Z').violates('R28', 'no-earlier-collection', ['low', null, '5(2)'], again);
    p.collected(looked, '2025-12-11T08:00:00.000Z', { origin: 'subject', channel: 'email' }, { heard });
    p.instructs('ny.anstalld', '2025-12-01T08:00:00.000Z');
    p.accessed(looked, '2025-12-11T10:00:00.000Z', { actor: human('ny.anstalld') })
      .violates('R6', 'no-grant', NO_GRANT, again)
      .violates('R28', 'no-earlier-collection', ['low', null, '5(2)'], again);
    p.grants('ny.anstalld', '2025-12-11T08:00:00.000Z', {}, { heard });
    // Told in time, and that was heard of a month after it would have been due.
    const named = { ...WHY.contract, origin: 'employer', channel: 'contract' };
    p.collected(notice, '2025-10-10T08:00:00.000Z', named).violates('R5', 'notice-missing', ['medium', 28, '14(3)'], {
      ...{ ...again, dueAt: Date.parse('2025-11-11T00:00:00.000Z') },
    });
    p.informs(notice, '2025-10-20T08:00:00.000Z', { heard });
  });
  p.plant('a record that came late itself', () => {
    const person = p.person();
    p.used(person, '2025-12-12T09:00:00.000Z', { categories: ['name', 'tax'] }, { heard: '2026-02-20T23:59:00.000Z' }).violates(
      'R4',
      'outside-matrix',
      OUTSIDE,
      { whom: [person] },
    );
    p.used(person, later('2025-12-12T09:00:00.000Z', { days: 1 }), {}, { heard: '2026-02-20T23:59:00.000Z' });
  });
}
