/** What people were told, allowed, forbade and asked for: notices, restrictions, objections, consents, erasures, recipients who are told (R5, R12–R16, R19, R28). */
import { IN_SWEDEN, type Subject, service, TO, WHY } from './company.ts';
import { type Cited, desk, type Lacking, type Planting, PROCESS } from './planting.ts';

export function plantPeople(p: Planting): void {
  plantNotices(p);
  plantRestrictions(p);
  plantMarketing(p);
  plantObjections(p);
  plantConsents(p);
  plantErasures(p);
  plantTelling(p);
  plantBeginnings(p);
  plantEnds(p);
}

/** The last moment of a day: until then something is in time. */
const endOf = (day: string): number => Date.parse(`${day}T23:59:59.999Z`);
/** And from then on it is not. */
const after = (day: string): number => endOf(day) + 1;

function plantNotices(p: Planting): void {
  const missing: Cited = ['medium', 28, '14(3)'];
  const named = { ...WHY.contract, origin: 'employer', channel: 'contract' };
  const found = { ...WHY.customers, origin: 'public-register', channel: 'public-register' };
  p.plant('nobody told the person that their employer had named them', () => {
    p.collected(p.stranger('customer'), '2025-07-22T08:00:00.000Z', named).violates('R5', 'notice-missing', missing, {
      dueAt: after('2025-08-22'),
    });
    // Where the month has no such day, its last.
    p.collected(p.stranger('customer'), '2026-01-30T08:00:00.000Z', named).violates('R5', 'notice-missing', missing, {
      dueAt: after('2026-02-28'),
    });
    // Due in March: not yet.
    p.collected(p.stranger('customer'), '2026-02-01T00:00:00.000Z', named).violates('R5', 'notice-missing', missing, {
      ...{ dueAt: after('2026-03-01'), state: 'pending' },
    });
  });
  p.plant('told too late', () => {
    const [inTime, late, twice] = [p.stranger('customer'), p.stranger('customer'), p.stranger('user')];
    p.collected(inTime, '2025-07-23T08:00:00.000Z', named);
    p.informs(inTime, endOf('2025-08-23'));
    const collected = p
      .collected(late, '2025-07-23T08:30:00.000Z', named)
      .violates('R5', 'notice-late', missing, { dueAt: after('2025-08-23') });
    p.informs(late, endOf('2025-08-23') + 1);
    // Until the ledger heard of it, nothing had been heard.
    collected.violates('R5', 'notice-missing', missing, { dueAt: after('2025-08-23'), state: 'cleared', why: 'judged-again' });
    p.collected([inTime, twice], '2025-10-20T08:00:00.000Z', named)
      .violates('R5', 'notice-missing', missing, {
        ...{ dueAt: after('2025-11-20'), whom: [twice] },
      })
      .lacks('R5', ['purpose of the earlier notice'], [28, '14(3)']);
  });
  p.plant('written to before being told', () => {
    const [told, sameDay] = [p.stranger('prospect'), p.stranger('prospect')];
    const [untold, never] = [p.stranger('prospect'), p.stranger('prospect')];
    for (const each of [told, sameDay, untold, never]) p.collected(each, '2025-07-24T08:00:00.000Z', found);
    p.informs(told, '2025-07-29T08:00:00.000Z');
    p.used(told, '2025-07-29T08:00:00.001Z');
    // Told by the end of that day is told in time.
    p.used(sameDay, '2025-07-29T08:00:00.000Z');
    p.informs(sameDay, '2025-07-29T08:00:01.000Z');
    p.used(untold, '2025-07-29T08:00:00.000Z');
    p.informs(untold, endOf('2025-07-29') + 1);
    p.used(never, '2025-07-30T08:00:00.000Z');
    mustTell(p, untold, 'notice-late', after('2025-07-29'));
    mustTell(p, never, 'notice-missing', after('2025-07-30'));
  });
  p.plant('handed on before being told', () => {
    const [told, untold] = [p.stranger('customer'), p.stranger('customer')];
    for (const each of [told, untold]) p.collected(each, '2025-07-25T08:00:00.000Z', named);
    p.informs(told, '2025-07-28T08:00:00.000Z');
    p.disclosed(told, '2025-07-28T09:00:00.000Z');
    p.disclosed(untold, '2025-07-28T09:00:00.000Z');
    p.informs(untold, '2025-07-29T08:00:00.000Z');
    mustTell(p, untold, 'notice-late', after('2025-07-28'));
    // The person did it themselves, or was there when it was observed.
    p.collected(p.stranger('customer'), '2025-07-28T11:00:00.000Z', { ...named, origin: 'subject' });
  });
}

/** The finding of a notice is one of the collection. */
function mustTell(p: Planting, whom: Subject, what: string, dueAt: number): void {
  const collection = p.happenings.find(
    ({ type, data }) => type === 'PersonalDataCollected' && (data['subjects'] as Subject[])[0]?.value === whom.value,
  );
  const record = `urn:mailit:crm ${collection?.id}`;
  const cited = { rule: 'R5', verdict: 'violates', severity: 'medium', clause: 28, article: '14(3)', policyVersion: '1' } as const;
  const finding = { planted: 'told too late, or never', record, ...cited, dueAt };
  p.findings.push({ ...finding, what, state: 'open' });
  // Until the ledger heard of it, nothing had been heard.
  if (what === 'notice-late') p.findings.push({ ...finding, what: 'notice-missing', state: 'cleared', why: 'judged-again' });
}

function plantRestrictions(p: Planting): void {
  const cited: Cited = ['high', 32, '18(2)'];
  p.plant('used while it was restricted', () => {
    const [one, other] = [p.person(), p.person()];
    p.used(one, '2025-08-04T08:59:59.999Z');
    const placed = p.restricts(one, '2025-08-04T09:00:00.000Z', 'all');
    p.used(one, '2025-08-04T09:00:00.001Z').violates('R12', 'under-restriction', cited, { whom: [one] });
    p.used([one, other], '2025-08-05T09:00:00.000Z').violates('R12', 'under-restriction', cited, { whom: [one] });
    p.stored(one, '2025-08-06T09:00:00.000Z');
    p.used(one, '2025-08-07T09:00:00.000Z', { ...WHY.claims });
    // For the rights of others: no purpose of the policy rests on it, but it is no breach of the restriction.
    p.used(one, '2025-08-08T09:00:00.000Z', { legalBasis: '6(1)(d)' }).violates('R3', 'basis-not-allowed', ['high', 17, '6(1)(d)']);
    p.fact('RestrictionLifted', one, '2025-08-11T09:00:00.000Z', { target: placed.target, noticeRef: 'letter-18-3' });
    p.used(one, '2025-08-11T08:59:59.999Z').violates('R12', 'under-restriction', cited, { whom: [one] });
    p.used(one, '2025-08-11T09:00:00.001Z');
  });
  p.plant('a restriction of one purpose, of one category, in words', () => {
    const [purpose, category, words] = [p.person(), p.person(), p.person()];
    p.restricts(purpose, '2025-08-12T08:00:00.000Z', 'customer-communication');
    p.used(purpose, '2025-08-12T09:00:00.000Z').violates('R12', 'under-restriction', cited, { whom: [purpose] });
    p.used(purpose, '2025-08-12T10:00:00.000Z', { ...WHY.contract });
    p.restricts(category, '2025-08-13T08:00:00.000Z', ['work-email', 'phone']);
    p.used(category, '2025-08-13T09:00:00.000Z', { categories: ['name', 'phone'] }).violates('R12', 'under-restriction', cited, {
      whom: [category],
    });
    p.used(category, '2025-08-13T10:00:00.000Z');
    p.restricts(words, '2025-08-14T08:00:00.000Z', 'The address that is contested.');
    p.used(words, '2025-08-14T09:00:00.000Z').lacks('R12', ['scope of the restriction'], [32, '18(2)']);
  });
  p.plant('restricted, and used on a consent of which nobody heard', () => {
    const reader = p.person('subscriber');
    p.restricts(reader, '2025-08-15T08:00:00.000Z', ['newsletter']);
    p.used(reader, '2025-08-15T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] })
      .lacks('R12', ['consent'], [32, '18(2)'])
      .lacks('R3', ['consent'], [11, '6(1)(a)'])
      .lacks('R15', ['consent'], [31, '7(3)']);
  });
  p.plant('restricted, and used on a consent', () => {
    const reader = p.person('subscriber');
    p.consent('Given', reader, '2025-08-15T07:00:00.000Z');
    p.restricts(reader, '2025-08-15T08:00:00.000Z', 'all');
    p.used(reader, '2025-08-15T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] });
  });
}

function plantMarketing(p: Planting): void {
  const cited: Cited = ['critical', 35, '21(3)'];
  const market = { purpose: 'direct-marketing', legalBasis: '6(1)(f)', assessmentRef: 'LIA-04' };
  p.plant('marketing to somebody who had objected', () => {
    const [one, other] = [p.person('prospect'), p.person('prospect')];
    p.used(one, '2025-08-18T08:59:59.999Z', market);
    p.objects('21(2)', one, '2025-08-18T09:00:00.000Z', ['direct-marketing']);
    p.used([one, other], '2025-08-18T09:00:00.001Z', market).violates('R13', 'after-objection', cited, { whom: [one] });
    // An objection to any of it ends all of it.
    const reader = p.person('subscriber');
    p.consent('Given', reader, '2025-08-19T08:00:00.000Z');
    p.objects('21(2)', reader, '2025-08-19T09:00:00.000Z', ['direct-marketing']);
    p.used(reader, '2025-12-03T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] }, { source: 'newsletter' }).violates(
      'R13',
      'after-objection',
      cited,
      { whom: [reader] },
    );
    // Whatever its source calls it: against marketing every objection is absolute.
    const called = p.person('prospect');
    p.objects('21(1)', called, '2025-08-19T09:00:00.000Z', ['direct-marketing']);
    p.used(called, '2025-08-20T08:00:00.000Z', market).violates('R13', 'after-objection', cited, { whom: [called] });
    // It says nothing of other communication.
    p.used(one, '2025-08-20T09:00:00.000Z');
    p.accessed([], '2025-08-21T09:00:00.000Z', { ...market, mode: 'search', resultCount: 0 }).lacks('R13', ['subjects'], [35, '21(3)']);
  });
}

function plantObjections(p: Planting): void {
  const cited: Cited = ['high', 34, '21(1)'];
  p.plant('an objection that was not waited for', () => {
    const person = p.person();
    p.used(person, '2025-08-25T08:59:59.999Z');
    const raised = p.objects('21(1)', person, '2025-08-25T09:00:00.000Z', ['customer-communication']);
    p.used(person, '2025-08-25T09:00:00.001Z').violates('R14', 'objection-pending', cited, { whom: [person] });
    p.used(person, '2025-08-26T09:00:00.000Z', { ...WHY.contract });
    p.stored(person, '2025-08-26T10:00:00.000Z');
    const grounds = 'A claim is pending.';
    p.fact('ObjectionDecided', person, '2025-09-05T09:00:00.000Z', { target: raised.target, outcome: 'rejected', kind: '21(1)', grounds });
    p.used(person, '2025-09-05T08:59:59.999Z').violates('R14', 'objection-pending', cited, { whom: [person] });
    p.used(person, '2025-09-05T09:00:00.001Z');
  });
  p.plant('an objection that was upheld, and not kept to', () => {
    const person = p.person();
    const raised = p.objects('21(1)', person, '2025-08-25T09:00:00.000Z', ['customer-communication']);
    p.fact('ObjectionDecided', person, '2025-08-28T09:00:00.000Z', { target: raised.target, outcome: 'upheld', kind: '21(1)' });
    p.used(person, '2026-02-03T09:00:00.000Z').violates('R14', 'objection-upheld', cited, { whom: [person] });
    p.used(person, '2026-02-04T09:00:00.000Z', { ...WHY.contract });
  });
  p.plant('objections decided as they may not be', () => {
    const [one, other, third, fifth] = [p.person(), p.person('prospect'), p.person(), p.person('subscriber')];
    const raised = p.objects('21(1)', one, '2025-08-29T09:00:00.000Z', ['customer-communication']);
    p.fact('ObjectionDecided', one, '2025-09-02T09:00:00.000Z', { target: raised.target, outcome: 'rejected', kind: '21(1)' }).violates(
      'R14',
      'rejected-without-grounds',
      cited,
    );
    const absolute = p.objects('21(2)', other, '2025-08-29T10:00:00.000Z', ['direct-marketing']);
    p.fact('ObjectionDecided', other, '2025-09-03T09:00:00.000Z', { target: absolute.target, outcome: 'rejected', kind: '21(2)' }).violates(
      'R14',
      'decided-though-absolute',
      ['critical', 35, '21(3)'],
    );
    // Of marketing, whatever it was called.
    const called = p.objects('21(1)', fifth, '2025-08-29T12:00:00.000Z', ['newsletter']);
    const grounds = 'A claim is pending.';
    p.fact('ObjectionDecided', fifth, '2025-09-04T12:00:00.000Z', {
      target: called.target,
      outcome: 'rejected',
      kind: '21(1)',
      grounds,
    }).violates('R14', 'decided-though-absolute', ['critical', 35, '21(3)']);
    // What it was about is nowhere recorded, nor its kind.
    const lost = { source: 'urn:mailit:privacy-desk', id: 'objection-that-was-never-recorded' };
    p.fact('ObjectionDecided', third, '2025-09-04T09:00:00.000Z', {
      target: lost,
      outcome: 'rejected',
      grounds: 'A claim is pending.',
    }).lacks('R14', ['kind'], [34, '21(1)']);
    // Not said, and known from what it decides.
    const fourth = p.person();
    const known = p.objects('21(1)', fourth, '2025-08-29T11:00:00.000Z', ['customer-communication']);
    p.fact('ObjectionDecided', fourth, '2025-09-04T10:00:00.000Z', {
      target: known.target,
      outcome: 'rejected',
      grounds: 'A claim is pending.',
    });
  });
}

function plantConsents(p: Planting): void {
  const withdrawn: Cited = ['critical', 31, '7(3)'];
  const send = { ...WHY.newsletter, categories: ['work-email'] };
  const when = { source: 'newsletter' } as const;
  p.plant('newsletters after the consent had ended', () => {
    const [one, other] = [p.person('subscriber'), p.person('subscriber')];
    for (const each of [one, other]) p.consent('Given', each, '2025-09-08T08:00:00.000Z');
    p.consent('Withdrawn', one, '2025-09-10T08:00:00.000Z');
    p.used([one, other], '2025-09-10T07:59:59.999Z', send, when);
    p.used([one, other], '2025-09-10T08:00:00.001Z', send, when).violates('R15', 'consent-withdrawn', withdrawn, { whom: [one] });
    const to = { ...send, actor: service('newsletter-service'), recipient: TO.kuvert };
    p.disclosed(one, '2025-09-24T08:00:00.000Z', to, when).violates('R15', 'consent-withdrawn', withdrawn, { whom: [one] });
    // Given once more.
    p.consent('Given', one, '2025-09-25T08:00:00.000Z');
    p.used(one, '2026-01-16T08:00:00.000Z', send, when);
    const third = p.person('subscriber');
    p.consent('Given', third, '2025-09-08T08:00:00.000Z');
    p.consent('Expired', third, '2025-09-11T08:00:00.000Z');
    p.used(third, '2025-09-12T08:00:00.000Z', send, when).violates('R15', 'consent-expired', withdrawn, { whom: [third] });
  });
  p.plant('the basis was changed once the consent was gone', () => {
    const reader = p.person('subscriber');
    p.consent('Given', reader, '2025-09-15T08:00:00.000Z');
    p.consent('Withdrawn', reader, '2025-09-16T08:00:00.000Z');
    p.stored(reader, '2025-09-17T08:00:00.000Z', { purpose: 'newsletter', legalBasis: '6(1)(f)', categories: ['work-email'] }, when)
      .violates('R15', 'basis-swapped', ['high', 31, '7(3)'], { whom: [reader] })
      .violates('R3', 'basis-not-allowed', ['high', 11, '6(1)(f)']);
    // Erased in time, as it should be.
    p.erased(
      reader,
      '2025-09-20T08:00:00.000Z',
      { ...send, scope: 'newsletter', ground: '17(1)(b)', systems: ['newsletter', 'crm'] },
      when,
    );
  });
  p.plant('at the very moment at which the consent ended', () => {
    const [one, other] = [p.person('subscriber'), p.person('subscriber')];
    for (const each of [one, other]) p.consent('Given', each, '2025-09-08T08:00:00.000Z');
    const moment = '2025-09-19T08:00:00.000Z';
    // Of the same moment and the same source, the id tells which was first.
    p.consent('Withdrawn', one, moment, ['newsletter'], { ...when, id: 'at-once-1' });
    p.used(one, moment, send, { ...when, id: 'at-once-2' }).violates('R15', 'consent-withdrawn', withdrawn, { whom: [one] });
    p.used(other, moment, send, { ...when, id: 'at-once-3' });
    p.consent('Withdrawn', other, moment, ['newsletter'], { ...when, id: 'at-once-4' });
    const gone = { ...send, ground: '17(1)(b)', scope: 'newsletter', systems: ['newsletter', 'crm'] };
    p.erased([one, other], '2025-09-26T08:00:00.000Z', gone, when);
  });
  p.plant('refused, expired, and done all the same', () => {
    const [refused, expired, back] = [p.person('subscriber'), p.person('subscriber'), p.person('subscriber')];
    const otherwise = { purpose: 'newsletter', legalBasis: '6(1)(f)', categories: ['work-email'] };
    p.consent('Refused', refused, '2025-09-15T08:00:00.000Z');
    p.used(refused, '2025-09-17T09:00:00.000Z', otherwise, when)
      .violates('R15', 'basis-swapped', ['high', 31, '7(3)'], { whom: [refused] })
      .violates('R3', 'basis-not-allowed', ['high', 11, '6(1)(f)']);
    p.consent('Given', expired, '2025-09-15T08:00:00.000Z');
    p.consent('Expired', expired, '2025-12-15T08:00:00.000Z');
    p.disclosed(expired, '2025-12-16T08:00:00.000Z', { ...send, recipient: TO.kuvert }, when).violates(
      'R15',
      'consent-expired',
      withdrawn,
      { whom: [expired] },
    );
    // Whoever signs up again may have been reported before their consent.
    p.consent('Expired', back, '2025-09-15T08:00:00.000Z');
    p.collected(back, '2025-09-16T08:00:00.000Z', { ...send, origin: 'subject', channel: 'newsletter-form' }, when).lacks(
      'R15',
      ['consent'],
      [31, '7(3)'],
    );
  });
  p.plant('nobody ever heard of a consent', () => {
    const reader = p.person('subscriber');
    p.used(reader, '2025-09-18T08:00:00.000Z', send, when)
      .lacks('R3', ['consent'], [11, '6(1)(a)'])
      .lacks('R15', ['consent'], [31, '7(3)']);
  });
}

function plantErasures(p: Planting): void {
  const cited: Cited = ['critical', 31, '17(1)'];
  p.plant('processed after it had been erased', () => {
    const person = p.person();
    p.used(person, '2025-09-22T08:59:59.999Z');
    p.erased(person, '2025-09-22T09:00:00.000Z', { systems: ['crm', 'support'] });
    p.used(person, '2025-09-22T09:00:00.001Z').violates('R16', 'after-erasure', cited, { whom: [person] });
    p.accessed(person, '2026-02-05T09:00:00.000Z', { ...IN_SWEDEN('support') }, { source: 'support' }).violates(
      'R16',
      'after-erasure',
      cited,
      {
        whom: [person],
      },
    );
    // Elsewhere it had not been erased.
    p.stored(person, '2025-09-23T09:00:00.000Z', { ...IN_SWEDEN('billing') }, { source: 'billing' });
    const back = p.person();
    p.erased(back, '2025-09-24T09:00:00.000Z', {});
    p.collected(back, '2025-09-25T09:00:00.000Z', { origin: 'subject', channel: 'email' });
    p.used(back, '2025-09-25T09:00:00.001Z');
  });
  p.plant('an erasure of a purpose, of a category, in words', () => {
    const [purpose, category, words] = [p.person(), p.person(), p.person()];
    p.erased(purpose, '2025-09-26T08:00:00.000Z', { scope: ['customer-communication'] });
    p.used(purpose, '2025-09-26T09:00:00.000Z').violates('R16', 'after-erasure', cited, { whom: [purpose] });
    p.used(purpose, '2025-09-26T10:00:00.000Z', { ...WHY.contract });
    p.erased(category, '2025-09-26T08:00:00.000Z', { scope: ['phone'], categories: ['phone'] });
    p.used(category, '2025-09-26T09:00:00.000Z', { categories: ['name', 'phone'] }).violates('R16', 'after-erasure', cited, {
      whom: [category],
    });
    p.used(category, '2025-09-26T10:00:00.000Z', { categories: ['name'] });
    p.erased(words, '2025-09-26T08:00:00.000Z', { scope: 'What stood in the old archive.' });
    p.used(words, '2025-09-26T09:00:00.000Z').lacks('R16', ['scope of the erasure'], [31, '17(1)']);
  });
}

/** Whoever got it hears of it within the month (Art. 19). */
function plantTelling(p: Planting): void {
  const got = (...to: ('kuvert' | 'skatteverket' | 'police')[]): Subject => {
    const person = p.person();
    if (to.includes('kuvert')) p.disclosed(person, '2025-09-29T08:00:00.000Z', { categories: ['name', 'work-email'] });
    const tax = { ...WHY.tax, categories: ['name', 'tax'], recipient: TO.skatteverket };
    if (to.includes('skatteverket')) p.disclosed(person, '2025-09-29T09:00:00.000Z', tax);
    return person;
  };
  const rectified = (person: Subject, time: string, categories: string[]) =>
    p.processed('PersonalDataRectified', person, time, {
      ...{ actor: desk, ...WHY.rights, statuteRef: 'GDPR 16', categories, fields: ['name'] },
      ...{ subjects: [{ ...person, before: { name: 'Kim Lindh' }, after: { name: 'Kim Lind' } }] },
    });
  const untold = (clause: number): Cited => ['medium', clause, '19'];
  const owes = (recipient: string, day: string) => ({ recipient, dueAt: after(day) });
  p.plant('recipients that were not told of a rectification', () => {
    const both = () => got('kuvert', 'skatteverket');
    const [all, none, one, late, failed, otherwise] = [both(), both(), both(), both(), both(), both()];
    rectified(all, '2025-10-06T08:00:00.000Z', ['name']);
    p.notifies(all, TO.kuvert, '2025-10-07T08:00:00.000Z');
    p.notifies(all, TO.skatteverket, endOf('2025-11-06'), { result: 'disproportionate-effort' });
    rectified(none, '2025-10-06T09:00:00.000Z', ['name'])
      .violates('R19', 'recipient-not-told', untold(30), owes('kuvert-distribution', '2025-11-06'))
      .violates('R19', 'recipient-not-told', untold(30), owes('skatteverket', '2025-11-06'));
    rectified(one, '2025-10-06T10:00:00.000Z', ['name']).violates(
      'R19',
      'recipient-not-told',
      untold(30),
      owes('skatteverket', '2025-11-06'),
    );
    p.notifies(one, TO.kuvert, '2025-10-07T08:00:00.000Z');
    rectified(late, '2025-10-06T11:00:00.000Z', ['work-email'])
      .violates('R19', 'recipient-told-late', untold(30), owes('kuvert-distribution', '2025-11-06'))
      .violates('R19', 'recipient-not-told', untold(30), {
        ...owes('kuvert-distribution', '2025-11-06'),
        state: 'cleared',
        why: 'judged-again',
      });
    p.notifies(late, TO.kuvert, endOf('2025-11-06') + 1);
    rectified(failed, '2025-10-06T12:00:00.000Z', ['work-email']).violates(
      'R19',
      'recipient-not-told',
      untold(30),
      owes('kuvert-distribution', '2025-11-06'),
    );
    p.notifies(failed, TO.kuvert, '2025-10-08T08:00:00.000Z', { result: 'failed' });
    // Nobody ever got that, or it is not yet due.
    rectified(otherwise, '2025-10-06T13:00:00.000Z', ['phone']);
    rectified(otherwise, '2026-02-10T13:00:00.000Z', ['name'])
      .violates('R19', 'recipient-not-told', untold(30), { ...owes('kuvert-distribution', '2026-03-10'), state: 'pending' })
      .violates('R19', 'recipient-not-told', untold(30), { ...owes('skatteverket', '2026-03-10'), state: 'pending' });
  });
  p.plant('told, and nobody can say whom, or of what', () => {
    const [whom, how, words, partly] = [got('kuvert'), got('kuvert'), got('kuvert'), got('kuvert')];
    const open: Lacking = [30, '19'];
    rectified(whom, '2025-10-07T08:00:00.000Z', ['name']).lacks('R19', ['recipient.id of RecipientNotified'], open, {
      detectedBy: 'told-nobody',
    });
    p.fact('RecipientNotified', whom, '2025-10-08T08:00:00.000Z', { result: 'told' }, { id: 'told-nobody' });
    rectified(how, '2025-10-07T09:00:00.000Z', ['name']).lacks('R19', ['result of RecipientNotified'], open, { detectedBy: 'told-how' });
    p.notifies(how, TO.kuvert, '2025-10-08T09:00:00.000Z', { result: undefined }, { id: 'told-how' });
    p.restricts(words, '2025-10-07T10:00:00.000Z', 'What stands in the letter.').lacks('R19', ['scope'], [32, '19']);
    // Of another category than what they got.
    p.restricts(partly, '2025-10-07T11:00:00.000Z', ['phone']);
  });
  p.plant('recipients that were not told of an erasure, of a restriction', () => {
    const [erased, restricted] = [got('kuvert'), got('skatteverket')];
    p.erased(erased, '2025-10-08T08:00:00.000Z', { categories: ['name', 'work-email'] }).violates('R19', 'recipient-not-told', untold(31), {
      ...owes('kuvert-distribution', '2025-11-08'),
    });
    p.restricts(restricted, '2025-10-09T08:00:00.000Z', 'all').violates(
      'R19',
      'recipient-not-told',
      untold(32),
      owes('skatteverket', '2025-11-09'),
    );
  });
}

/** No access or disclosure without an earlier collection. */
function plantBeginnings(p: Planting): void {
  p.plant('looked up though nobody ever collected it', () => {
    const stranger = p.stranger('customer');
    const never: Cited = ['low', null, '5(2)'];
    p.accessed(stranger, '2025-10-13T08:00:00.000Z').violates('R28', 'no-earlier-collection', never, { whom: [stranger] });
    p.disclosed(p.stranger('customer'), '2025-12-08T08:00:00.000Z').violates('R28', 'no-earlier-collection', never);
    const after = p.stranger('customer');
    p.accessed(after, '2025-10-14T07:59:59.999Z').violates('R28', 'no-earlier-collection', never, { whom: [after] });
    p.collected(after, '2025-10-14T08:00:00.000Z', { origin: 'subject', channel: 'email' });
    p.accessed(after, '2025-10-14T08:00:00.001Z');
    // This system never reports a collection.
    p.accessed(p.stranger('customer'), '2025-10-15T08:00:00.000Z', {}, { source: 'archive' }).lacks(
      'R28',
      ['PersonalDataCollected'],
      [null, '5(2)'],
    );
  });
}

/** Cases that never ended. */
function plantEnds(p: Planting): void {
  // Open while people apply in what is planted, and for a year less two days.
  p.plant('a process that may still end in time', () => {
    const opened = { actor: service('recruitment'), caseRef: PROCESS };
    p.tell('RecruitmentProcessOpened', '2025-03-02T08:00:00.000Z', opened, { source: 'recruitment' }).violates(
      'R28',
      'case-not-ended',
      ['low', 27, '5(2)'],
      {
        ...{ dueAt: after('2026-03-02'), state: 'pending' },
      },
    );
  });
  p.plant('a request that nobody ever answered', () => {
    const [one, other, third] = [p.person(), p.person(), p.person()];
    const asks = (whom: Subject, time: string, requestRef?: string) =>
      p.fact('RightsRequestReceived', whom, time, { actor: desk, right: 'access', channel: 'email', ...(requestRef && { requestRef }) });
    asks(one, '2025-10-16T08:00:00.000Z', 'DSAR-unanswered').violates('R28', 'case-not-ended', ['low', 28, '5(2)'], {
      dueAt: after('2026-01-16'),
    });
    asks(other, '2025-10-16T09:00:00.000Z', 'DSAR-answered');
    p.fact('RightsRequestFulfilled', other, '2025-11-12T09:00:00.000Z', { actor: desk, right: 'access', requestRef: 'DSAR-answered' });
    asks(third, '2025-10-16T10:00:00.000Z').lacks('R28', ['requestRef'], [28, '5(2)']);
    asks(third, '2026-01-20T10:00:00.000Z', 'DSAR-new').violates('R28', 'case-not-ended', ['low', 28, '5(2)'], {
      ...{ dueAt: after('2026-04-20'), state: 'pending' },
    });
  });
  p.plant('an objection that nobody ever decided', () => {
    p.tell('RecruitmentProcessOpened', '2025-11-13T07:00:00.000Z', { actor: service('recruitment') }, { source: 'recruitment' }).lacks(
      'R28',
      ['caseRef'],
      [27, '5(2)'],
    );
    p.objects('21(1)', p.person(), '2025-11-13T08:00:00.000Z', ['customer-communication']).violates(
      'R28',
      'case-not-ended',
      ['low', 34, '5(2)'],
      {
        dueAt: after('2026-02-13'),
      },
    );
  });
}
