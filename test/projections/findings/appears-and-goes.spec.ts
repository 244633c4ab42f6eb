/** Given what was recorded, when more is, then which findings appear, go, and why. Events are numbered from 1 in the order of their arrival. */
import { type Given, history, judging, NOW, published, recorded, reference } from './engine.ts';

const [anna, bo] = [reference('anna'), reference('bo')];
const [maria, nils] = [reference('maria'), reference('nils')];
const SOURCE = 'urn:test:crm';
const PEOPLE = 'urn:liggare:people';
const actor = { reference: maria, kind: 'human', role: 'clerk', capacity: 'controller' };

const policy = published('1');
const event = (id: string, type: string, at: number, data: object = {}, source = SOURCE): Given => ({
  ...{ type, source, id, at },
  data: { actor, controller: 'mailit', subjects: [{ reference: anna, category: 'subscriber' }], ...data },
});
const letter = (id: string, at: number, data: object = {}) =>
  event(id, 'PersonalDataUsed', at, {
    ...{ categories: ['name', 'work-email'], purpose: 'newsletter', legalBasis: '6(1)(a)', system: 'mailer', country: 'SE' },
    ...data,
  });
const given = (id: string, at: number, data: object = {}) => event(id, 'ConsentGiven', at, { purposes: ['newsletter'], ...data });
const withdrawn = (id: string, at: number) => event(id, 'ConsentWithdrawn', at, { purposes: ['newsletter'] });
const collected = (id: string, at: number, data: object = {}) =>
  event(id, 'PersonalDataCollected', at, {
    ...{ categories: ['name'], purpose: 'customer-communication', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
    ...{ origin: 'public-register', channel: 'public-register', ...data },
  });
const told = (id: string, at: number) => event(id, 'InformationProvided', at, { right: 'information', purpose: 'customer-communication' });
const lookedUp = (id: string, at: number) =>
  event(id, 'PersonalDataAccessed', at, {
    ...{ categories: ['name'], purpose: 'customer-communication', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
    ...{ mode: 'view', outcome: 'ok', caseRef: reference('case'), subjects: [{ reference: anna, category: 'customer' }] },
  });
const granted = (id: string, at: number, to = maria) => event(id, 'AccessGranted', at, { grantee: to, subjects: [] });
const retracted = (id: string, target: string, source = SOURCE) =>
  event(id, 'RecordRetracted', 0, { target: { source, id: target }, approver: nils, subjects: [] }, source);
const corrected = (id: string, target: string, replacement: string) =>
  event(id, 'RecordCorrected', 0, {
    ...{ target: { source: SOURCE, id: target }, replacement: { source: SOURCE, id: replacement } },
    ...{ approver: nils, subjects: [] },
  });
const erased = {
  ...{ categories: ['name'], purpose: 'invoice-distribution', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
  ...{ ground: '17(1)(a)', scope: 'all', systems: ['crm'] },
};
const fakturabud = { id: 'fakturabud', role: 'independent-controller', country: 'SE' };
const handed = (id: string, at: number) =>
  event(id, 'PersonalDataDisclosed', at, {
    ...{ categories: ['name'], purpose: 'invoice-distribution', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
    ...{ recipient: fakturabud, method: 'api', consideration: 'none' },
  });
const notified = { recipient: fakturabud, right: 'erasure', result: 'told' };
const linked = event('link', 'SubjectsMerged', 0, { subjects: [{ reference: anna }, { reference: bo }] }, PEOPLE);

const table = (rules: string[], rows: [given: string, log: Given[], then: string[]][]) =>
  test.each(rows)('%s', async (_given, log, then) => {
    const events = recorded(log);
    for (const pageEvents of [1, 100]) expect(await judging(events, (db) => history(db, ...rules), { pageEvents })).toEqual(then);
  });

describe('what is learnt late', () => {
  table(
    ['R15'],
    [
      ['a consent that was given before', [policy, given('yes', -9), letter('l', 0)], []],
      ['none that was ever heard of', [policy, letter('l', 0)], ['l R15 ? consent v1 2–']],
      ['given before, told later', [policy, letter('l', 0), given('yes', -9)], ['l R15 ? consent v1 2–3 judged-again']],
      ['given afterwards', [policy, letter('l', 0), given('yes', 9)], ['l R15 ? consent v1 2–']],
      ['withdrawn before', [policy, given('yes', -9), withdrawn('no', -5), letter('l', 0)], ['l R15 consent-withdrawn v1 4–']],
      [
        'withdrawn before, told later: detected then',
        [policy, given('yes', -9), letter('l', 0), withdrawn('no', -5)],
        ['l R15 consent-withdrawn v1 4–'],
      ],
      [
        'and given again in between, told later still',
        [policy, letter('l', 0), withdrawn('no', -5), given('yes', -2)],
        ['l R15 ? consent v1 2–3 judged-again', 'l R15 consent-withdrawn v1 3–4 judged-again'],
      ],
    ],
  );
});

describe('what was said is taken back', () => {
  table(
    ['R15'],
    [
      ['the event itself: what was found on it goes', [policy, letter('l', 0), retracted('r', 'l')], ['l R15 ? consent v1 2–3 retracted']],
      ['before it came: nothing is found on it', [policy, retracted('r', 'l'), letter('l', 0)], []],
      [
        'and that is taken back, too: it is found again',
        [policy, letter('l', 0), retracted('r', 'l'), retracted('rr', 'r')],
        ['l R15 ? consent v1 2–3 retracted', 'l R15 ? consent v1 4–'],
      ],
      ['in the reverse order of arrival', [policy, retracted('rr', 'r'), retracted('r', 'l'), letter('l', 0)], ['l R15 ? consent v1 4–']],
      ['a consent that others are judged by', [policy, given('yes', -9), letter('l', 0), retracted('r', 'yes')], ['l R15 ? consent v1 4–']],
      [
        'an event, by one that takes its place: once that is there',
        [policy, letter('l', 0), corrected('c', 'l', 'l2'), letter('l2', 1)],
        ['l R15 ? consent v1 2–4 corrected', 'l2 R15 ? consent v1 4–'],
      ],
      [
        'a withdrawal, by a consent',
        [policy, letter('l', 0), withdrawn('no', -5), corrected('c', 'no', 'yes'), given('yes', -5)],
        ['l R15 ? consent v1 2–3 judged-again', 'l R15 consent-withdrawn v1 3–5 judged-again'],
      ],
    ],
  );
});

describe('what has a day', () => {
  table(
    ['R5'],
    [
      ['nobody was informed yet: due in a month', [policy, collected('c', 0)], ['c R5 notice-missing v1 2– due 2026-04-03']],
      [
        'or at the first contact',
        [policy, collected('c', 0), letter('l', 48)],
        ['c R5 notice-missing v1 2–3 due 2026-04-03 judged-again', 'c R5 notice-missing v1 3– due 2026-03-05 detected at 2'],
      ],
      ['informed in time', [policy, collected('c', 0), told('t', 24)], ['c R5 notice-missing v1 2–3 due 2026-04-03 judged-again']],
      ['informed before', [policy, told('t', -24), collected('c', 0)], []],
      ['with the collection', [policy, collected('c', 0, { noticeRef: 'notice-1' })], []],
    ],
  );
  table(
    ['R19'],
    [
      ['nobody had got anything', [policy, event('e', 'PersonalDataErased', 0, erased)], []],
      [
        'whoever had got it has to be told',
        [policy, handed('h', -5), event('e', 'PersonalDataErased', 0, erased)],
        ['e R19 recipient-not-told v1 3– due 2026-04-03'],
      ],
      [
        'and was told',
        [policy, event('e', 'PersonalDataErased', 0, erased), handed('h', -5), event('n', 'RecipientNotified', 5, notified)],
        ['e R19 recipient-not-told v1 3–4 due 2026-04-03 judged-again'],
      ],
    ],
  );
});

describe('whom the ledger never heard of', () => {
  table(
    ['R6'],
    [
      ['any grant', [policy, lookedUp('a', 0)], ['a R6 ? grants v1 2–']],
      [
        'any grant, until somebody else gets one',
        [policy, lookedUp('a', 0), granted('g', 5, nils)],
        ['a R6 ? grants v1 2–3 judged-again', 'a R6 no-grant v1 3–'],
      ],
      ['until then', [policy, lookedUp('a', 0), granted('g', -5)], ['a R6 ? grants v1 2–3 judged-again']],
      [
        'until that is taken back',
        [policy, lookedUp('a', 0), granted('g', -5), retracted('r', 'g')],
        ['a R6 ? grants v1 2–3 judged-again', 'a R6 ? grants v1 4–'],
      ],
    ],
  );
});

describe('people who are linked', () => {
  const ofBo = { subjects: [{ reference: bo, category: 'subscriber' }] };
  const separated = retracted('separation', 'link', PEOPLE);
  table(
    ['R15'],
    [
      ['are one', [policy, linked, given('yes', -9, ofBo), letter('l', 0)], []],
      [
        'are one also of what was before',
        [policy, given('yes', -9, ofBo), letter('l', 0), linked],
        ['l R15 ? consent v1 3–4 judged-again'],
      ],
      [
        'are two again',
        [policy, given('yes', -9, ofBo), letter('l', 0), linked, separated],
        ['l R15 ? consent v1 3–4 judged-again', 'l R15 ? consent v1 5–'],
      ],
    ],
  );
});

describe('versions', () => {
  const instructed = event('i', 'StaffInstructed', -60, { staff: maria, subjects: [] });
  const second = published('2', {
    ...{ at: 0, effectiveFrom: '2026-03-02T18:00:00Z' },
    change: (text) => text.replace('instruction:\n  every: P12M', 'instruction:\n  every: P1D'),
  });
  table(
    ['R1', 'R27'],
    [
      ['none was in force', [instructed, letter('l', 0)], ['i R1 ? policy vnull 1–', 'l R1 ? policy vnull 2–']],
      [
        'the first is published afterwards',
        [letter('l', 0), policy],
        ['l R1 ? policy vnull 1–2 judged-again', 'l R27 ? StaffInstructed v1 2–'],
      ],
      [
        'what happens under the second is judged by it',
        [policy, instructed, letter('l', 1), second, letter('m', 10)],
        ['m R27 instruction-too-old v2 5–'],
      ],
      [
        'also what was recorded before it, ahead of time',
        [policy, instructed, letter('m', 10), second],
        ['m R27 instruction-too-old v2 4–'],
      ],
      ['and what was before is not, however late', [policy, instructed, second, letter('l', 1)], []],
    ],
  );
});

describe('the next contact, by which somebody has to be told', () => {
  const contact = (id: string, at: number, controller = 'mailit') =>
    event(id, 'PersonalDataUsed', at, {
      ...{ categories: ['name', 'work-email'], purpose: 'customer-communication', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
      controller,
    });
  const dueOf = async (...log: Given[]) => {
    const events = recorded([policy, collected('c', -900), ...log]);
    return judging(events, async (db) => {
      const rows = await db
        .selectFrom('findings_rows')
        .select('due_at')
        .where('due_at', 'is not', null)
        .where('until', 'is', null)
        .orderBy('due_at')
        .execute();
      return rows.map(({ due_at }) => due_at);
    });
  };

  test('is the controller’s own, whatever lies between', async () => {
    const inOrder = await dueOf(contact('theirs', -800, 'another'), contact('ours', -700));
    expect(await dueOf(contact('ours', -700), contact('theirs', -800, 'another'))).toEqual(inOrder);
    expect(inOrder).toEqual(await dueOf(contact('ours', -700)));
    expect(inOrder).not.toEqual(await dueOf());
  });

  test('also where the policy came in between', async () => {
    const [theirs, ours] = [contact('theirs', -800, 'another'), contact('ours', -700)];
    const due = async (...log: Given[]) =>
      judging(recorded(log), async (db) => {
        const rows = await db.selectFrom('findings_rows').select('due_at').where('until', 'is', null).where('due_at', '<', NOW).execute();
        return rows.map(({ due_at }) => due_at);
      });
    expect(await due(collected('c', -900), theirs, policy, ours)).toEqual(await due(policy, collected('c', -900), ours));
  });

  test('is none that was retracted before it came', async () => {
    const log = [retracted('r', 'first'), contact('first', -800), contact('ours', -700)];
    expect(await dueOf(...log)).toEqual(await dueOf(contact('ours', -700)));
  });
});
