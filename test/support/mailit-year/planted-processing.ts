/** What an event itself tells: the policy in force, purpose, basis, categories, origin, recipient, price, agreement, decision, country (R1–R5, R7–R11). */
import { type Data, forAnother, HANDED_OVER, human, IN_SWEDEN, service, TO, WHY } from './company.ts';
import { type Cited, desk, type Lacking, later, type Planting } from './planting.ts';

/** Midnight at which the second version of the policy begins. */
const SECOND = '2025-09-01T00:00:00.000Z';

export function plantProcessing(p: Planting): void {
  plantPolicy(p);
  plantPurpose(p);
  plantBasis(p);
  plantCategories(p);
  plantOrigin(p);
  plantRecipient(p);
  plantPrice(p);
  plantAgreement(p);
  plantAuthority(p);
  plantTerritory(p);
}

function plantPolicy(p: Planting): void {
  p.plant('processed before the first version of the policy', () => {
    const old = p.person('customer', '2018-05-01T08:00:00.000Z');
    p.used(old, '2018-05-24T23:59:59.999Z').lacks('R1', ['policy'], [null, '24(2)']);
    p.used(old, '2018-05-25T00:00:00.000Z');
    p.erased(old, '2019-01-15T08:00:00.000Z', {});
    // The collection, too, was before.
    p.findings.push({
      ...{ planted: 'collected before the first version of the policy', record: `urn:mailit:crm ${collectedId(p, old.value)}` },
      ...{ rule: 'R1', verdict: 'undeterminable', missing: ['policy'], clause: null, article: '24(2)', policyVersion: null, state: 'open' },
    });
  });
  p.plant('done under the control of another company of the group', () => {
    const someone = p.person();
    p.used(someone, '2025-04-01T08:00:00.000Z', { controller: 'dotterbolaget' }).lacks('R1', ['policy of the controller'], [1, '24(2)']);
    const joint = { ...service('crm'), capacity: 'joint-controller' };
    p.used(someone, '2025-10-02T08:00:00.000Z', { actor: joint, controller: 'partner-ab' }).lacks(
      'R1',
      ['policy of the controller'],
      [1, '24(2)'],
    );
    p.used(someone, '2025-04-02T08:00:00.000Z', { controller: 'mailit' });
    p.used(someone, '2025-04-03T08:00:00.000Z', { actor: joint });
    // As a processor everything may be otherwise: another's policy has to allow it.
    p.used(someone, '2025-04-04T08:00:00.000Z', {
      ...{ actor: forAnother('olle.press'), controller: 'kund-7', purpose: 'permit-handling', country: 'US', categories: ['tax'] },
    });
  });
}

const collectedId = (p: Planting, person: string): string =>
  p.happenings.find(({ type, data }) => type === 'PersonalDataCollected' && (data['subjects'] as { value: string }[])[0]?.value === person)
    ?.id as string;

function plantPurpose(p: Planting): void {
  const never: Cited = ['high', 15, '5(1)(b)'];
  p.plant('used for what was never fixed as a purpose', () => {
    // Nor does anything say how long it is kept for that.
    const ruleless: Lacking = [26, '5(1)(e)'];
    const [one, other] = [p.person(), p.person('user')];
    p.used(one, '2025-03-20T09:00:00.000Z', { purpose: 'permit-handling' })
      .violates('R2', 'purpose-not-fixed', never)
      .lacks('R17', ['retention rule'], ruleless, { whom: [one] });
    const offer = { ...WHY.customers, purpose: 'permit-handling' };
    p.stored(other, '2025-12-11T09:00:00.000Z', offer, { source: 'web' })
      .violates('R2', 'purpose-not-fixed', never)
      .lacks('R17', ['retention rule'], ruleless, { whom: [other] });
  });
}

function plantBasis(p: Planting): void {
  p.plant('the purpose may not rest on that basis', () => {
    p.used(p.person(), '2025-03-21T09:00:00.000Z', { ...WHY.contract, legalBasis: '6(1)(b)' }).violates('R3', 'basis-not-allowed', [
      'high',
      16,
      '6(1)(b)',
    ]);
    const reader = p.person('subscriber');
    p.used(reader, '2025-10-21T09:00:00.000Z', { purpose: 'newsletter', legalBasis: '6(1)(f)', categories: ['work-email'] }).violates(
      'R3',
      'basis-not-allowed',
      ['high', 11, '6(1)(f)'],
    );
  });
  p.plant('a consent that was refused', () => {
    const reader = p.person('subscriber');
    p.consent('Refused', reader, '2025-03-24T09:00:00.000Z');
    p.used(reader, '2025-03-25T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] }, { source: 'newsletter' }).violates(
      'R3',
      'consent-refused',
      ['high', 11, '6(1)(a)'],
      { whom: [reader] },
    );
    const [one, other] = [p.person('subscriber'), p.person('subscriber')];
    p.consent('Given', one, '2025-03-24T10:00:00.000Z');
    p.consent('Given', other, '2025-03-24T10:00:00.000Z');
    p.consent('Refused', other, '2025-06-02T10:00:00.000Z');
    p.used([one, other], '2025-06-03T09:00:00.000Z', { ...WHY.newsletter, categories: ['work-email'] }, { source: 'newsletter' }).violates(
      'R3',
      'consent-refused',
      ['high', 11, '6(1)(a)'],
      { whom: [other] },
    );
    p.used([one, other], '2025-06-02T09:59:59.999Z', { ...WHY.newsletter, categories: ['work-email'] }, { source: 'newsletter' });
  });
  p.plant('a basis for applicants, and somebody who is none', () => {
    const prospect = p.person('prospect');
    p.used(prospect, '2025-04-07T09:00:00.000Z', { ...WHY.recruitment })
      .violates('R3', 'basis-not-for-subject', ['high', 19, '6(1)(b)'], { whom: [prospect] })
      .violates('R4', 'outside-matrix', MATRIX, { whom: [prospect] });
    const applicant = p.person('job-applicant');
    p.used([applicant, prospect], '2025-11-07T09:00:00.000Z', { ...WHY.recruitment })
      .violates('R3', 'basis-not-for-subject', ['high', 19, '6(1)(b)'], { whom: [prospect] })
      .violates('R4', 'outside-matrix', MATRIX, { whom: [prospect] });
    const nameless = p.stranger();
    p.collected(nameless, '2025-04-06T09:00:00.000Z', { ...WHY.recruitment, origin: 'subject', channel: 'job-application' })
      .lacks('R3', ['subjects.category'], [19, '6(1)(b)'])
      .lacks('R4', ['subjects.category'], [9, '5(1)(c)']);
  });
  p.plant('a statute that the policy does not name', () => {
    const person = p.person();
    const report = { ...WHY.tax, categories: ['name', 'tax'] };
    const cited: Cited = ['high', 25, '6(1)(c)'];
    p.stored(person, '2025-05-05T09:00:00.000Z', { ...report, statuteRef: 'SFS 2008:355' }).violates(
      'R3',
      'statute-not-named-by-policy',
      cited,
    );
    // It begins alike, and is another one.
    p.stored(person, '2025-05-06T09:00:00.000Z', { ...report, statuteRef: 'SFS 2011:12445' }).violates(
      'R3',
      'statute-not-named-by-policy',
      cited,
    );
    p.stored(person, '2025-05-07T09:00:00.000Z', { ...report, statuteRef: 'SFS 2011:1244 26 kap.' });
    p.stored(person, '2025-05-08T09:00:00.000Z', { ...report, statuteRef: undefined });
    p.stored(person, '2025-05-09T09:00:00.000Z', { ...WHY.rights, statuteRef: undefined }).lacks('R3', ['statuteRef'], [28, '6(1)(c)']);
  });
  p.plant('an assessment of legitimate interests', () => {
    const person = p.person();
    const prospect = p.person('prospect');
    const cited: Cited = ['high', 18, '6(1)(f)'];
    const market = (assessmentRef?: string) => ({ purpose: 'direct-marketing', legalBasis: '6(1)(f)', assessmentRef });
    p.used(person, '2025-05-12T09:00:00.000Z', { assessmentRef: 'LIA-03' }).violates('R3', 'assessment-not-for-purpose', [
      'high',
      17,
      '6(1)(f)',
    ]);
    p.used(person, '2025-05-13T09:00:00.000Z', { assessmentRef: 'LIA-unheard-of' }).violates('R3', 'assessment-not-for-purpose', [
      'high',
      17,
      '6(1)(f)',
    ]);
    // LIA-04 ends with the old year, LIA-06 begins on 15 December.
    p.used(prospect, '2025-12-31T23:59:59.999Z', market('LIA-04'));
    p.used(prospect, '2026-01-01T00:00:00.000Z', market('LIA-04')).violates('R3', 'assessment-expired', cited);
    p.used(prospect, '2025-12-14T23:59:59.999Z', market('LIA-06')).violates('R3', 'assessment-not-yet-made', cited);
    p.used(prospect, '2025-12-15T00:00:00.000Z', market('LIA-06'));
    // The first version has one, which is meant; the second has two.
    p.used(prospect, '2025-08-31T23:59:59.999Z', market());
    p.used(prospect, '2025-09-01T00:00:00.000Z', market()).lacks('R3', ['assessmentRef'], [18, '6(1)(f)']);
    p.stored(person, '2025-05-14T09:00:00.000Z', { ...WHY.payment, assessmentRef: undefined }).lacks(
      'R3',
      ['assessmentRef'],
      [25, '6(1)(f)'],
    );
    p.stored(person, '2025-05-15T09:00:00.000Z', { assessmentRef: undefined });
  });
}

const MATRIX: Cited = ['medium', 9, '5(1)(c)'];
const GAP: Cited = ['gap', 9, '5(1)(c)'];

function plantCategories(p: Planting): void {
  p.plant('of whom, or what, the policy never speaks', () => {
    p.stored(p.stranger('employee'), '2025-05-19T09:00:00.000Z', {}).violates('R4', 'not-named-by-policy', GAP);
    const person = p.person();
    p.used(person, '2025-05-20T09:00:00.000Z', { categories: ['name', 'permit-document'] }).violates('R4', 'not-named-by-policy', GAP);
    p.used(person, '2025-11-20T09:00:00.000Z', { categories: ['permit-document', 'bank-account'] })
      .violates('R4', 'not-named-by-policy', GAP)
      .violates('R4', 'outside-matrix', MATRIX, { whom: [person] });
  });
  p.plant('more than the purpose needs', () => {
    const [customer, user] = [p.person(), p.person('user')];
    p.used(customer, '2025-05-21T09:00:00.000Z', { categories: ['name', 'tax'] }).violates('R4', 'outside-matrix', MATRIX, {
      whom: [customer],
    });
    // Of a user it may be used, of a customer not.
    p.used([customer, user], '2025-05-22T09:00:00.000Z', { categories: ['usage'] }).violates('R4', 'outside-matrix', MATRIX, {
      whom: [customer],
    });
    const empty = { mode: 'search', resultCount: 0, categories: ['name', 'bank-account'] };
    p.accessed([], '2025-05-23T09:00:00.000Z', empty).violates('R4', 'outside-matrix', MATRIX);
    p.accessed([], '2025-05-23T10:00:00.000Z', { ...empty, categories: [] });
    const unsaid = p.stranger();
    p.collected(unsaid, '2025-05-26T08:00:00.000Z', { origin: 'subject', channel: 'phone' }).lacks(
      'R4',
      ['subjects.category'],
      [9, '5(1)(c)'],
    );
    p.used(unsaid, '2025-05-26T09:00:00.000Z').lacks('R4', ['subjects.category'], [9, '5(1)(c)']);
  });
}

function plantOrigin(p: Planting): void {
  p.plant('from where the policy says nothing of', () => {
    const applicant = p.person('job-applicant');
    const reference = { ...WHY.recruitment, caseRef: 'REC-planted', categories: ['reference'], noticeRef: 'notice-applicants-2' };
    p.collected(applicant, '2025-05-27T09:00:00.000Z', { ...reference, origin: 'third-party', channel: 'phone' }).violates(
      'R5',
      'origin-not-named',
      ['medium', 14, '5(1)(a)'],
      { whom: [applicant] },
    );
    const person = p.person();
    const ordered = { ...WHY.authority, origin: 'subject', channel: 'letter' };
    p.collected(person, '2025-05-28T09:00:00.000Z', ordered).violates('R5', 'origin-not-named', ['medium', 9, '5(1)(a)'], {
      whom: [person],
    });
  });
  p.plant('by a way that the policy does not name', () => {
    const reader = p.stranger('subscriber');
    p.consent('Given', reader, '2025-05-29T08:00:00.000Z');
    const asked = { ...WHY.newsletter, categories: ['work-email'], origin: 'subject' };
    p.collected(reader, '2025-05-29T09:00:00.000Z', { ...asked, channel: 'in-person' }).violates(
      'R5',
      'channel-not-named',
      ['medium', 11, '5(1)(a)'],
      {
        whom: [reader],
      },
    );
    p.collected(reader, '2025-05-29T10:00:00.000Z', { ...asked, channel: 'web-form' });
    // Each would do alone; together no way has both.
    const person = p.person();
    const mixed = { ...WHY.customers, origin: 'public-register', channel: 'email', noticeRef: 'notice-customers-5' };
    p.collected(person, '2025-12-01T09:00:00.000Z', mixed).violates('R5', 'channel-not-named', ['medium', 13, '5(1)(a)'], {
      whom: [person],
    });
  });
  p.plant('observed, of somebody of whom is not said what they are, or of whom nothing is to be observed', () => {
    const unsaid = p.stranger();
    const seen = {
      ...WHY.security,
      categories: ['ip-address'],
      origin: 'observed',
      channel: 'product-usage',
      noticeRef: 'notice-platform-3',
    };
    p.collected(unsaid, '2025-06-02T09:00:00.000Z', seen)
      .lacks('R5', ['subjects.category'], [8, '5(1)(a)'])
      .lacks('R4', ['subjects.category'], [9, '5(1)(c)']);
    const prospect = p.person('prospect');
    p.collected(prospect, '2025-06-02T10:00:00.000Z', seen)
      .violates('R5', 'not-of-these-people', ['medium', 8, '5(1)(a)'], { whom: [prospect] })
      .violates('R4', 'outside-matrix', MATRIX, { whom: [prospect] });
  });
}

function plantRecipient(p: Planting): void {
  const sold: Cited = ['critical', 21, '5(1)(b)'];
  const list = (id: string) => ({ id, role: 'independent-controller', country: 'SE' });
  p.plant('handed to somebody who is on no list', () => {
    p.disclosed(p.person(), '2025-06-03T09:00:00.000Z', { recipient: list('adressmaklarna') }, { source: 'billing' }).violates(
      'R7',
      'recipient-not-registered',
      sold,
    );
    const sent = { ...WHY.customers, actor: desk, categories: ['name', 'work-email'], recipient: list('vanforetaget'), method: 'email' };
    p.disclosed([p.person(), p.person('prospect')], '2025-12-18T19:00:00.000Z', sent).violates('R7', 'recipient-not-registered', sold);
    // The name of a group is no recipient: who was it?
    p.disclosed(p.person(), '2025-06-04T09:00:00.000Z', { ...WHY.payment, recipient: list('banks') }).violates(
      'R7',
      'recipient-not-registered',
      sold,
    );
    // Until the second version it was one of the distributors.
    const person = p.person();
    p.disclosed(person, later(SECOND, { ms: -1 }), { recipient: TO.fakturabud }, { source: 'billing' });
    p.disclosed(person, SECOND, { recipient: TO.fakturabud }, { source: 'billing' }).violates('R7', 'recipient-not-registered', sold);
  });
  p.plant('a recipient who is not that to us, gets it for another purpose, or gets too much', () => {
    const person = p.person();
    const tax = { ...WHY.tax, categories: ['name', 'tax'] };
    p.disclosed(person, '2025-06-05T09:00:00.000Z', { ...tax, recipient: { ...TO.skatteverket, role: 'joint-controller' } }).violates(
      'R7',
      'recipient-in-another-role',
      ['medium', 25, '5(1)(b)'],
    );
    p.disclosed(person, '2025-06-06T09:00:00.000Z', { ...WHY.customers, recipient: TO.skatteverket }).violates(
      'R7',
      'recipient-not-bound-to-purpose',
      ['high', 25, '5(1)(b)'],
    );
    p.disclosed(person, '2025-06-09T09:00:00.000Z', { ...WHY.customers, categories: ['name', 'phone'] }).violates(
      'R7',
      'more-than-recipient-may-get',
      ['high', 25, '5(1)(b)'],
    );
    p.disclosed(person, '2025-06-10T09:00:00.000Z', { ...tax, recipient: TO.skatteverket });
    // A processor that is given data as if it were its own.
    p.disclosed(person, '2025-06-10T10:00:00.000Z', { recipient: { ...TO.norrdrift, role: 'independent-controller' } }).violates(
      'R7',
      'recipient-in-another-role',
      ['high', 22, '5(1)(b)'],
    );
    // By the name that it had until 2021, as the policy still says.
    const imy = { id: 'datainspektionen', role: 'supervisory-authority', country: 'SE' };
    p.disclosed(person, '2025-06-11T09:00:00.000Z', { ...WHY.rights, recipient: imy });
    p.disclosed(person, '2025-06-11T10:00:00.000Z', { ...WHY.invoices, recipient: { ...imy, id: 'imy' } }).violates(
      'R7',
      'recipient-not-bound-to-purpose',
      ['high', 36, '5(1)(b)'],
    );
  });
}

function plantPrice(p: Planting): void {
  const sale: Cited = ['critical', 21, '5(1)(a)'];
  p.plant('something was given for it', () => {
    p.disclosed(p.person(), '2025-06-12T09:00:00.000Z', { consideration: 'payment' }, { source: 'billing' }).violates(
      'R8',
      'consideration',
      sale,
    );
    const swap = { ...WHY.customers, actor: human('sara.lund', 'salesperson'), consideration: 'exchange', method: 'email' };
    p.disclosed(p.person('prospect'), '2026-01-22T20:00:00.000Z', swap).violates('R8', 'consideration', sale);
    p.disclosed(p.person(), '2025-06-13T09:00:00.000Z', { ...WHY.payment, recipient: TO.landsbanken, consideration: 'other' }).violates(
      'R8',
      'consideration',
      sale,
    );
    const moved = { actor: service('platform'), recipient: { ...TO.norrdrift }, transferTool: 'standard-clauses', ...WHY.contract };
    p.processed('PersonalDataTransferred', p.person('user'), '2025-06-16T09:00:00.000Z', { ...moved, ...IN_SWEDEN('platform') }).lacks(
      'R8',
      ['consideration'],
      [21, '5(1)(a)'],
    );
  });
}

function plantAgreement(p: Planting): void {
  const cited = (clause: number): Cited => ['high', clause, '28(3)'];
  const processor = (id: string, country: string | undefined = 'SE', role = 'processor'): Data => ({
    ...{ id, role },
    ...(country !== undefined && { country }),
  });
  p.plant('a processor without an agreement that covers it', () => {
    const [customer, user] = [p.person(), p.person('user')];
    p.disclosed(user, '2025-06-17T09:00:00.000Z', { ...WHY.contract, recipient: processor('molnleverantoren') }).violates(
      'R9',
      'no-agreement',
      cited(22),
    );
    p.disclosed(user, '2025-11-17T09:00:00.000Z', {
      ...WHY.contract,
      recipient: processor('underbitradet', 'FI', 'sub-processor'),
    }).violates('R9', 'no-agreement', cited(22));
    // In the policy, from its second version on: until the last day of the year.
    const archive = { ...WHY.contract, recipient: processor('arkivbolaget') };
    p.disclosed(user, '2025-12-31T23:59:59.999Z', archive);
    p.disclosed(user, '2026-01-01T00:00:00.000Z', archive).violates('R9', 'agreement-not-current', cited(22));
    p.disclosed(customer, '2025-06-18T09:00:00.000Z', { ...WHY.security, recipient: TO.svarsbyran }).violates(
      'R9',
      'beyond-agreement',
      cited(22),
    );
    p.disclosed(customer, '2025-06-19T09:00:00.000Z', {
      ...WHY.customers,
      categories: ['name', 'postal-address'],
      recipient: TO.svarsbyran,
    }).violates('R9', 'beyond-agreement', cited(22));
    p.disclosed(customer, '2025-06-20T09:00:00.000Z', { ...WHY.customers, recipient: processor('svarsbyran', 'FI') }).violates(
      'R9',
      'country-beyond-agreement',
      cited(22),
    );
    p.disclosed(user, '2025-06-21T09:00:00.000Z', { ...WHY.contract, recipient: { id: 'norrdrift', role: 'processor' } })
      .lacks('R9', ['recipient.country'], [22, '28(3)'])
      .lacks('R11', ['recipient.country'], [24, '44']);
  });
  p.plant('an agreement that was recorded, and ended', () => {
    const user = p.person('user');
    const engaged = { actor: service('hr'), recipient: processor('tryckeriet'), agreementRef: 'PUB-planted-1', countries: ['SE', 'DK'] };
    const scope = { purposes: ['invoice-distribution'], categories: ['name', 'postal-address', 'company'], validFrom: '2025-06-01' };
    p.tell('ProcessorEngaged', '2025-05-20T09:00:00.000Z', { ...engaged, ...scope }, { source: 'hr' });
    p.tell('ProcessorTerminated', '2025-10-01T09:00:00.000Z', { ...engaged }, { source: 'hr' });
    const print = (country = 'SE') => ({ recipient: processor('tryckeriet', country) });
    const customer = p.person();
    p.disclosed(customer, '2025-05-31T23:59:59.999Z', print()).violates('R9', 'agreement-not-current', cited(22));
    p.disclosed(customer, '2025-06-01T00:00:00.000Z', print());
    p.disclosed(customer, '2025-07-01T09:00:00.000Z', print('DK'));
    p.disclosed(customer, '2025-07-02T09:00:00.000Z', print('NO')).violates('R9', 'country-beyond-agreement', cited(22));
    p.disclosed(customer, '2025-07-03T09:00:00.000Z', { ...print(), categories: ['name', 'work-email'] }).violates(
      'R9',
      'beyond-agreement',
      cited(22),
    );
    p.disclosed(user, '2025-07-04T09:00:00.000Z', { ...print(), ...WHY.contract }).violates('R9', 'beyond-agreement', cited(22));
    p.disclosed(customer, '2025-10-01T08:59:59.999Z', print());
    p.disclosed(customer, '2025-10-01T09:00:00.001Z', print()).violates('R9', 'agreement-not-current', cited(22));
  });
}

function plantAuthority(p: Planting): void {
  const cited: Cited = ['critical', 23, '6(1)(c)'];
  const lacking: Lacking = [23, '6(1)(c)'];
  const order = { requestRef: 'req-planted', decisionRef: 'dnr-planted', scope: ['name'], releasedBy: 'eva.strand' };
  const asked: Data = { ...WHY.authority, actor: desk, recipient: TO.police, method: 'letter', ...order };
  p.plant('an authority that had no decision', () => {
    const person = p.person();
    p.disclosed(person, '2025-07-07T09:00:00.000Z', asked);
    p.disclosed(person, '2025-07-07T10:00:00.000Z', { ...asked, decisionRef: undefined }).violates('R10', 'no-decision', cited);
    // Nothing but a call.
    p.disclosed(person, '2025-12-19T16:00:00.000Z', {
      ...asked,
      decisionRef: undefined,
      requestRef: undefined,
      scope: undefined,
      releasedBy: undefined,
    })
      .violates('R10', 'no-decision', cited)
      .lacks('R10', ['requestRef', 'scope', 'releasedBy'], lacking);
  });
  p.plant('an authority that got more than its decision, or for another purpose', () => {
    const person = p.person();
    p.disclosed(person, '2025-07-08T09:00:00.000Z', { ...asked, categories: ['name', 'phone'] }).violates('R10', 'beyond-scope', cited);
    p.disclosed(person, '2025-07-08T10:00:00.000Z', {
      ...asked,
      categories: ['name', 'phone'],
      scope: 'Contact data of the holder of the contract.',
    }).lacks('R10', ['categories of the scope'], lacking);
    p.disclosed(person, '2025-07-09T09:00:00.000Z', { ...asked, ...WHY.customers, statuteRef: undefined })
      .violates('R10', 'another-purpose', cited)
      .lacks('R10', ['statuteRef'], lacking);
  });
  p.plant('a disclosure to an authority that leaves something out', () => {
    const person = p.person();
    p.disclosed(person, '2025-07-10T09:00:00.000Z', { ...asked, requestRef: undefined }).lacks('R10', ['requestRef'], lacking);
    p.disclosed(person, '2025-07-11T09:00:00.000Z', { ...asked, scope: undefined }).lacks('R10', ['scope'], lacking);
    p.disclosed(person, '2025-07-14T09:00:00.000Z', { ...asked, releasedBy: undefined }).lacks('R10', ['releasedBy'], lacking);
    p.disclosed(person, '2025-07-15T09:00:00.000Z', { ...asked, statuteRef: undefined })
      .lacks('R10', ['statuteRef'], lacking)
      .lacks('R3', ['statuteRef'], [23, '6(1)(c)']);
  });
  p.plant('the same once more, by other ways', () => {
    const people = [p.person(), p.person()];
    const more = {
      ...asked,
      recipient: { id: 'kronofogden', role: 'authority', country: 'SE' },
      method: 'email',
      scope: ['name', 'company'],
    };
    p.disclosed(people, '2026-01-07T09:00:00.000Z', { ...more, categories: ['name', 'bank-account'] }).violates(
      'R10',
      'beyond-scope',
      cited,
    );
    p.disclosed(people, '2026-01-07T10:00:00.000Z', { ...more, ...WHY.tax, categories: ['name', 'company'] }).violates(
      'R10',
      'another-purpose',
      cited,
    );
  });
  p.plant('in the hour in which the policy named no authorities', () => {
    const person = p.person();
    p.disclosed(person, '2025-11-14T01:59:59.999Z', asked);
    p.disclosed(person, '2025-11-14T02:00:00.000Z', asked).violates('R10', 'no-authority-named', ['critical', 21, '6(1)(c)']);
    // A transfer cannot say how far the decision reaches, nor who released it.
    const seized = { ...WHY.authority, ...HANDED_OVER, actor: desk, recipient: { ...TO.police, country: 'NO' }, transferTool: 'adequacy' };
    const moved = p.processed('PersonalDataTransferred', person, '2025-11-14T02:59:59.999Z', seized);
    moved.violates('R10', 'no-authority-named', ['critical', 21, '6(1)(c)']);
    p.disclosed(person, '2025-11-14T03:00:00.000Z', asked);
  });
}

function plantTerritory(p: Planting): void {
  const promise: Cited = ['high', 24, '5(1)(a)'];
  const chapter: Cited = ['critical', 24, '44'];
  p.plant('outside the EEA', () => {
    const person = p.person();
    p.used(person, '2025-07-16T09:00:00.000Z', { country: 'US' })
      .violates('R11', 'outside-territory', promise)
      .violates('R11', 'no-transfer-tool', chapter);
    p.disclosed(person, '2025-11-27T09:00:00.000Z', {
      ...WHY.payment,
      categories: ['name', 'bank-account'],
      recipient: { ...TO.landsbanken, country: 'CH' },
    })
      .violates('R11', 'outside-territory', promise)
      .violates('R11', 'no-transfer-tool', chapter);
    // With a tool the law is kept, and the promise broken all the same.
    const moved = {
      actor: service('billing'),
      ...WHY.payment,
      categories: ['name', 'bank-account'],
      ...HANDED_OVER,
      transferTool: 'adequacy',
    };
    p.processed('PersonalDataTransferred', person, '2025-07-17T09:00:00.000Z', {
      ...moved,
      recipient: { ...TO.malarbanken, country: 'GB' },
    }).violates('R11', 'outside-territory', promise);
    for (const country of ['NO', 'IS', 'LI'])
      p.used(person, later('2025-07-18T09:00:00.000Z', { hours: country.charCodeAt(0) - 73 }), { country });
    p.disclosed(person, '2025-07-21T09:00:00.000Z', { recipient: { id: 'kuvert-distribution', role: 'independent-controller' } }).lacks(
      'R11',
      ['recipient.country'],
      [24, '44'],
    );
    // Whoever it is about may live anywhere.
    p.disclosed(person, '2025-07-22T09:00:00.000Z', { ...WHY.rights, recipient: { role: 'data-subject', country: 'US' } });
  });
}
