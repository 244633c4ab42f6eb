/** What stands recorded about a person → until when data may be kept. Given events, the items are these. */
import { jest } from '@jest/globals';
import { ViewsDatabase } from '../../../projections/database.ts';
import {
  applied,
  corrected,
  destroyed,
  erased,
  findingsIn,
  hold,
  itemsIn,
  linked,
  logOf,
  NOW,
  POLICY,
  people,
  published,
  RULES,
  released,
  removeFiles,
  retracted,
  rowsIn,
  separated,
  type Told,
  told,
  used,
} from './given.ts';

afterAll(removeFiles);

const itemsAfter = (...events: Told[]) => applied(logOf(events), itemsIn);
const findingsAfter = (...events: Told[]) => applied(logOf(events), findingsIn);
/** `purpose dueOn`, or what is said instead of a day. */
const daysAfter = async (...events: Told[]) =>
  (await itemsAfter(...events)).map(
    ({ purpose, dueOn, is, hold: held }) => `${purpose} ${is === 'dated' ? dueOn : is}${held ? ' held' : ''}`,
  );
const openAfter = async (...events: Told[]) =>
  (await findingsAfter(...events))
    .filter(({ until }) => until === null)
    .map(({ what, dueAt }) => `${what} ${dueAt === null ? 'now' : day(dueAt - 1)}`);
const day = (time: number) => new Date(time).toISOString().slice(0, 10);

describe('from the last processing', () => {
  test('an item says by which rule of which version, from which event', async () => {
    expect(await itemsAfter(POLICY, used('2025-01-10'), used('2025-03-31T08:00:00Z'), used('2025-03-31T07:00:00Z'))).toEqual([
      {
        ...{ whom: 'anna', purpose: 'contract-fulfilment', rule: 'orders', inCase: null, is: 'dated', version: '1', missing: null },
        // Of the last day the first event stands for the day, whichever arrived first.
        ...{ since: '2025-03-31', position: 4, dueOn: '2027-03-31', hold: null, review: null },
      },
    ]);
  });

  test.each([
    ['2024-02-29', 'P12M', '2025-02-28'],
    ['2024-02-29', 'P4Y', '2028-02-29'],
    ['2023-12-31', 'P2M', '2024-02-29'],
    ['2025-01-31', 'P1M', '2025-02-28'],
    ['2025-05-31', 'P30D', '2025-06-30'],
    ['2025-05-31', 'P2W', '2025-06-14'],
    ['2025-05-31T23:30:00Z', 'PT48H', '2025-06-02'],
  ])('%s and %s: until %s', async (time, period, due) => {
    const policy = published({ orders: { ...RULES.orders, period } });
    expect(await daysAfter(policy, used(time))).toEqual([`contract-fulfilment ${due}`]);
  });

  test.each([
    ['12-31', '2026-03-02', '2033-12-31'],
    ['06-30', '2026-06-30', '2033-12-31'],
    ['06-30', '2026-07-01', '2034-12-31'],
    ['02-29', '2025-02-28', '2032-12-31'],
    ['02-29', '2025-03-01', '2033-12-31'],
  ])('accounts of a financial year that ends %s, last used %s: to the end of %s', async (ends, time, due) => {
    expect(await daysAfter(published(RULES, { ends }), used(time, { purpose: 'payment' }))).toEqual([`payment ${due}`]);
  });

  test('each purpose, and each person of an event, has a day of its own', async () => {
    const both = { subjects: people('anna', 'bo') };
    const items = await itemsAfter(POLICY, used('2025-01-01', both), used('2025-02-01', { purpose: 'payment' }), used('2025-03-01', both));
    expect(items.map(({ whom, purpose, dueOn }) => [whom, purpose, dueOn])).toEqual([
      ['anna', 'contract-fulfilment', '2027-03-01'],
      ['anna', 'payment', '2032-12-31'],
      ['bo', 'contract-fulfilment', '2027-03-01'],
    ]);
  });

  test('what arrives late moves nothing back', async () => {
    expect(await daysAfter(POLICY, used('2025-03-01'), used('2024-03-01'))).toEqual(['contract-fulfilment 2027-03-01']);
  });

  test.each([
    ['a denied access', { outcome: 'denied' }],
    ['what was done on behalf of another', { actor: { reference: 'actor', kind: 'service', capacity: 'processor' } }],
    ['what was done for another controller', { controller: 'another' }],
  ])('%s is no processing of ours', async (_, data) => {
    expect(await daysAfter(POLICY, used('2025-03-01', data))).toEqual([]);
  });

  test('from the first, where the rule says so; also when that arrives last', async () => {
    const policy = published({ orders: { ...RULES.orders, trigger: 'first-processing' } });
    expect(await daysAfter(policy, used('2025-03-01'), used('2025-04-01'), used('2024-03-01'))).toEqual(['contract-fulfilment 2026-03-01']);
  });
});

describe('from an event', () => {
  const letter = (time: string) => used(time, { purpose: 'newsletter', system: 'mailer' });
  const consent = (type: string, time: string, purposes = ['newsletter'], id?: string) =>
    told(type, time, { subjects: people('anna'), purposes }, id);

  test('before it comes, there is no day and nothing to be found', async () => {
    expect(await daysAfter(POLICY, letter('2025-03-01'), consent('ConsentGiven', '2025-02-01'))).toEqual(['newsletter no-trigger']);
    expect(await openAfter(POLICY, letter('2025-03-01'))).toEqual([]);
  });

  test('when it comes, whichever comes first', async () => {
    const withdrawn = consent('ConsentWithdrawn', '2026-02-10');
    expect(await daysAfter(POLICY, letter('2025-03-01'), withdrawn)).toEqual(['newsletter 2026-03-12']);
    expect(await daysAfter(POLICY, withdrawn, letter('2025-03-01'))).toEqual(['newsletter 2026-03-12']);
  });

  test('of another purpose it sets off nothing', async () => {
    expect(await daysAfter(POLICY, letter('2025-03-01'), consent('ConsentWithdrawn', '2026-02-10', ['direct-marketing']))).toEqual([
      'newsletter no-trigger',
    ]);
  });

  test('it is undone by what undoes it, and set off again', async () => {
    const events = [letter('2025-03-01'), consent('ConsentWithdrawn', '2026-01-10'), consent('ConsentGiven', '2026-01-20')];
    expect(await daysAfter(POLICY, ...events)).toEqual(['newsletter no-trigger']);
    expect(await daysAfter(POLICY, ...events, consent('ConsentWithdrawn', '2026-02-10'))).toEqual(['newsletter 2026-03-12']);
  });

  test('a type of processing may be it', async () => {
    const policy = published({ orders: { ...RULES.orders, trigger: 'PersonalDataDisclosed' } });
    const disclosed = { ...used('2025-06-01'), type: 'PersonalDataDisclosed' };
    expect(await daysAfter(policy, used('2025-03-01'), disclosed, used('2025-07-01'))).toEqual(['contract-fulfilment 2027-06-01']);
  });
});

describe('recruitment: at most twelve months after the process closed', () => {
  const sent = (time: string, caseRef = 'case-1', person = 'anna') =>
    used(time, { purpose: 'recruitment', system: 'recruiting', subjects: people(person), ...(caseRef !== '' && { caseRef }) });
  const process = (type: 'Opened' | 'Closed', time: string, caseRef = 'case-1', id?: string) =>
    told(`RecruitmentProcess${type}`, time, { caseRef, purpose: 'recruitment' }, id);

  test('each case by itself, for everybody in it', async () => {
    const items = await itemsAfter(
      ...[POLICY, sent('2025-01-01'), sent('2025-01-02', 'case-1', 'bo'), sent('2025-01-03', 'case-2')],
      ...[process('Closed', '2025-03-31'), process('Closed', '2025-05-01', 'case-2')],
    );
    expect(items.map(({ whom, inCase, dueOn }) => [whom, inCase, dueOn])).toEqual([
      ['anna', 'case-1', '2026-03-31'],
      ['anna', 'case-2', '2026-05-01'],
      ['bo', 'case-1', '2026-03-31'],
    ]);
  });

  test('an application that arrives after the close is in it, too', async () => {
    expect(await daysAfter(POLICY, process('Closed', '2025-03-31'), sent('2025-01-01'))).toEqual(['recruitment 2026-03-31']);
  });

  test('one that never closes is told of: a year after it opened, or else after the first that is known of it', async () => {
    const opened = process('Opened', '2024-12-01');
    expect(await openAfter(POLICY, sent('2025-01-01'), sent('2025-06-01'))).toEqual(['trigger 2026-01-01']);
    expect(await openAfter(POLICY, sent('2025-01-01'), opened)).toEqual(['trigger 2025-12-01']);
    expect(await openAfter(POLICY, sent('2025-01-01'), opened, process('Closed', '2025-11-01'))).toEqual([]);
  });

  test('one that was opened again is open', async () => {
    const events = [sent('2025-01-01'), process('Closed', '2025-02-01'), process('Opened', '2025-03-01')];
    expect(await daysAfter(POLICY, ...events)).toEqual(['recruitment no-trigger']);
    expect(await openAfter(POLICY, ...events)).toEqual(['trigger 2026-03-01']);
  });

  test('without a case nobody can tell which close would be its own', async () => {
    const [item] = await itemsAfter(POLICY, sent('2025-01-01', ''), process('Closed', '2025-03-31'));
    expect(item).toMatchObject({ is: 'no-trigger', missing: 'caseRef' });
    expect(await openAfter(POLICY, sent('2025-01-01', ''))).toEqual(['caseRef 2026-01-01']);
  });

  test('a close that is taken back never was', async () => {
    const events = [sent('2025-01-01'), process('Closed', '2025-03-31', 'case-1', 'close')];
    expect(await daysAfter(POLICY, ...events, retracted('close'))).toEqual(['recruitment no-trigger']);
    expect(await daysAfter(POLICY, retracted('close'), ...events)).toEqual(['recruitment no-trigger']);
  });
});

describe('no rule', () => {
  test('of a purpose that has none', async () => {
    expect(await daysAfter(POLICY, used('2025-03-01', { purpose: 'security' }))).toEqual(['security no-rule']);
    expect(await openAfter(POLICY, used('2025-03-01', { purpose: 'security' }))).toEqual(['retention rule now']);
  });

  test('of other people; and of people of whom it was not said who they are', async () => {
    const policy = published({ orders: { ...RULES.orders, subjects: ['customer'] } });
    const of = (category?: string) => used('2025-03-01', { subjects: [{ reference: 'anna', ...(category && { category }) }] });
    expect(await daysAfter(policy, of('customer'))).toEqual(['contract-fulfilment 2027-03-01']);
    expect(await openAfter(policy, of('subscriber'))).toEqual(['retention rule now']);
    expect(await openAfter(policy, of())).toEqual(['subjects.category now']);
  });

  test('before there was a policy; rule R1 says so of every event, and nothing more is found here', async () => {
    expect(await itemsAfter(used('2025-03-01'))).toMatchObject([{ is: 'no-rule', missing: 'policy', version: '' }]);
    expect(await openAfter(used('2025-03-01'))).toEqual([]);
  });
});

describe('versions', () => {
  const shorter = (effectiveFrom: string) =>
    published({ ...RULES, orders: { ...RULES.orders, period: 'P6M' } }, { version: '2', effectiveFrom });

  test('what was set off under one stays under it; the next processing falls under the next', async () => {
    const second = shorter('2025-06-01');
    expect(await daysAfter(POLICY, used('2025-05-31'), second)).toEqual(['contract-fulfilment 2027-05-31']);
    expect(await itemsAfter(POLICY, used('2025-05-31'), second, used('2025-06-01'))).toMatchObject([{ version: '2', dueOn: '2025-12-01' }]);
  });

  test('one that is published after what it speaks of speaks of it', async () => {
    expect(await daysAfter(used('2025-05-31'), POLICY)).toEqual(['contract-fulfilment 2027-05-31']);
    expect(await daysAfter(POLICY, used('2025-06-02'), shorter('2025-06-01'))).toEqual(['contract-fulfilment 2025-12-02']);
  });

  test('one that is published into a log that has much is applied in several transactions, and may be stopped between them', async () => {
    const everybody = Array.from({ length: 30 }, (_, i) => used('2025-05-31', { subjects: people(`person ${i}`) }));
    const log = logOf([...everybody, linked('l', 'person 3', 'person 20'), POLICY, used('2025-06-02')]);
    const transactions = jest.spyOn(ViewsDatabase.prototype, 'transaction');
    const inSteps = await applied(log, rowsIn, { step: 10 });
    expect(transactions.mock.calls.length).toBeGreaterThan(5);
    transactions.mockRestore();
    expect(inSteps).toEqual(await applied(log, rowsIn));
    expect(inSteps).toEqual(await applied(log, rowsIn, { step: 10, rounds: 2 }));
    expect(inSteps['retention_again']).toEqual([]);
  });

  test('a trigger that came under the old rule is judged by it; what still waits is by the new', async () => {
    const second = published(
      { ...RULES, orders: { purposes: ['contract-fulfilment'], trigger: 'ConsentWithdrawn', period: 'P1M' } },
      { version: '2', effectiveFrom: '2025-06-01' },
    );
    const withdrawn = told('ConsentWithdrawn', '2025-08-01', { subjects: people('anna'), purposes: ['contract-fulfilment'] });
    expect(await itemsAfter(POLICY, second, used('2025-05-01'))).toMatchObject([{ version: '1', dueOn: '2027-05-01' }]);
    expect(await itemsAfter(POLICY, second, used('2025-07-01'))).toMatchObject([{ version: '2', is: 'no-trigger' }]);
    expect(await itemsAfter(POLICY, second, used('2025-05-01'), withdrawn)).toMatchObject([{ version: '2', dueOn: '2025-09-01' }]);
  });
});

describe('erased', () => {
  test.each([
    ['everything', 'all'],
    ['the purpose', ['contract-fulfilment']],
    ['every category', ['name', 'phone']],
  ])('%s in its system: there is nothing left to keep', async (_, scope) => {
    const data = used('2025-01-01', { categories: ['name', 'phone'] });
    expect(await daysAfter(POLICY, data, erased('2026-01-01', scope))).toEqual([]);
    expect(await daysAfter(POLICY, erased('2026-01-01', scope), data)).toEqual([]);
  });

  test.each([
    ['another purpose', ['newsletter'], ['crm']],
    ['some categories', ['phone'], ['crm']],
    ['another system', 'all', ['mailer']],
  ])('%s: it stays', async (_, scope, systems) => {
    const data = used('2025-01-01', { categories: ['name', 'phone'] });
    expect(await daysAfter(POLICY, data, erased('2026-01-01', scope, systems))).toEqual(['contract-fulfilment 2027-01-01']);
  });

  test('in one system after the other', async () => {
    const data = [used('2025-01-01'), used('2025-02-01', { system: 'mailer' })];
    expect(await daysAfter(POLICY, ...data, erased('2026-01-01', 'all', ['mailer']))).toEqual(['contract-fulfilment 2027-01-01']);
    expect(await daysAfter(POLICY, ...data, erased('2026-01-01', 'all', ['mailer']), erased('2026-01-02', 'all'))).toEqual([]);
  });

  test('one category after the other', async () => {
    const data = used('2025-01-01', { categories: ['name', 'phone'] });
    expect(await daysAfter(POLICY, data, erased('2026-01-01', ['phone']), erased('2026-01-02', ['name']))).toEqual([]);
  });

  test('what is collected afterwards is kept anew', async () => {
    expect(await daysAfter(POLICY, used('2025-01-01'), erased('2025-06-01', 'all'), used('2025-07-01'))).toEqual([
      'contract-fulfilment 2027-07-01',
    ]);
  });

  test('an erasure that is taken back never was', async () => {
    const gone = erased('2026-01-01', 'all', ['crm'], {}, 'gone');
    expect(await daysAfter(POLICY, used('2025-01-01'), gone, retracted('gone'))).toEqual(['contract-fulfilment 2027-01-01']);
  });

  test('in words that are no code nobody can tell what was', async () => {
    const data = [used('2023-01-01'), erased('2026-01-01', ['old invoices'])];
    expect(await itemsAfter(POLICY, ...data)).toMatchObject([{ dueOn: '2025-01-01', missing: 'scope' }]);
    expect(await openAfter(POLICY, ...data)).toEqual(['scope 2025-01-01']);
    expect(await openAfter(POLICY, used('2023-01-01'), erased('2026-01-01', ['old invoices'], ['mailer']))).toEqual([
      'kept-too-long 2025-01-01',
    ]);
  });

  test('in the ledger: nobody can tell any more whose it was', async () => {
    expect(await daysAfter(POLICY, used('2023-01-01', { subjects: people('anna', 'bo') }), destroyed('anna'))).toHaveLength(1);
    const [gone, stays] = await findingsAfter(POLICY, used('2023-01-01', { subjects: people('anna', 'bo') }), destroyed('anna'));
    expect([gone?.why, stays?.until]).toEqual(['erased', null]);
  });
});

describe('on hold', () => {
  const data = used('2023-01-01');

  test('a hold keeps it, and has to be reviewed', async () => {
    expect(await itemsAfter(POLICY, data, hold('2025-01-01', '2026-06-30'))).toMatchObject([
      { is: 'hold', review: '2026-06-30', since: '2025-01-01' },
      { is: 'dated', dueOn: '2025-01-01', hold: 3, review: '2026-06-30' },
    ]);
    expect(await openAfter(POLICY, data, hold('2025-01-01', '2026-03-01'))).toEqual(['hold-not-reviewed 2026-03-01']);
  });

  test('released, it is kept too long', async () => {
    expect(await openAfter(POLICY, data, hold('2025-01-01', '2026-03-01', {}, 'h'), released('2026-02-01', 'h'))).toEqual([
      'kept-too-long 2025-01-01',
    ]);
  });

  test.each([
    ['everything', undefined, true],
    ['the purpose', ['contract-fulfilment'], true],
    ['a category of it', ['name'], true],
    ['words: in doubt it holds', ['the dispute of 2024'], true],
    ['another purpose', ['payment'], false],
  ])('of %s', async (_, scope, isHeld) => {
    const [, item] = await itemsAfter(POLICY, data, hold('2025-01-01', '2026-06-30', scope ? { scope } : {}));
    expect(item?.hold !== null).toBe(isHeld);
  });

  test('of several the one that has to be reviewed first is told', async () => {
    const items = await itemsAfter(POLICY, data, hold('2025-01-01', '2027-01-01'), hold('2025-01-02', '2026-06-30T12:00:00Z'));
    expect(items.find(({ is }) => is === 'dated')).toMatchObject({ hold: 4, review: '2026-06-30' });
  });

  test('a hold that is corrected or retracted after it was recorded holds no more', async () => {
    const wrong = hold('2025-01-01', '2026-06-30', {}, 'wrong');
    expect(await daysAfter(POLICY, data, wrong, retracted('wrong'))).toEqual(['contract-fulfilment 2025-01-01']);
    const right = hold('2025-01-01', '2026-09-30', {}, 'right');
    expect(await itemsAfter(POLICY, data, wrong, corrected('wrong', 'right'))).toMatchObject([{ review: '2026-06-30' }, {}]);
    expect(await itemsAfter(POLICY, data, wrong, corrected('wrong', 'right'), right)).toMatchObject([{ review: '2026-09-30' }, {}]);
  });

  test('a release that is corrected ends nothing, also before its replacement is recorded; what takes its place does', async () => {
    const events = [data, hold('2025-01-01', '2026-06-30', {}, 'h'), released('2025-02-01', 'h', {}, 'wrong'), corrected('wrong', 'right')];
    expect(await daysAfter(POLICY, ...events)).toContain('contract-fulfilment 2025-01-01 held');
    expect(await daysAfter(POLICY, ...events, released('2025-03-01', 'h', {}, 'right'))).toEqual(['contract-fulfilment 2025-01-01']);
  });

  test('a release of a corrected hold says nothing of its replacement', async () => {
    const wrong = hold('2025-01-01', '2026-06-30', {}, 'wrong');
    const right = hold('2025-01-01', '2026-09-30', {}, 'right');
    const events = [data, wrong, corrected('wrong', 'right'), released('2025-03-01', 'wrong')];
    expect(await daysAfter(POLICY, ...events)).toEqual(['contract-fulfilment 2025-01-01']);
    expect(await daysAfter(POLICY, ...events, right)).toContain('contract-fulfilment 2025-01-01 held');
  });

  test('a word is a code where the policy of the time has it, whatever comes later', async () => {
    const later = published(RULES, { version: '2', effectiveFrom: '2025-06-01', words: ['disputes'] });
    const of = (time: string) => hold(time, '2026-06-30', { scope: ['disputes'] });
    expect(await daysAfter(POLICY, later, data, of('2025-05-31'))).toContain('contract-fulfilment 2025-01-01 held');
    expect(await daysAfter(POLICY, later, data, of('2025-06-01'))).toContain('contract-fulfilment 2025-01-01');
    const unclear = async (time: string) => (await itemsAfter(POLICY, later, data, erased(time, ['disputes'])))[0]?.missing;
    expect([await unclear('2025-05-31'), await unclear('2025-06-01')]).toEqual(['scope', null]);
  });

  test('what was said of it before anybody knew it counts for nothing', async () => {
    expect(await daysAfter(POLICY, data, retracted('early'), hold('2025-01-01', '2026-06-30', {}, 'early'))).toEqual([
      ' hold held',
      'contract-fulfilment 2025-01-01 held',
    ]);
  });
});

describe('corrections', () => {
  test('what is taken back never was; and was again, when that is taken back', async () => {
    const events = [used('2025-01-01'), used('2025-06-01', {}, 'wrong'), retracted('wrong', 'r')];
    expect(await daysAfter(POLICY, ...events)).toEqual(['contract-fulfilment 2027-01-01']);
    expect(await daysAfter(POLICY, ...events, retracted('r'))).toEqual(['contract-fulfilment 2027-06-01']);
    expect(await daysAfter(POLICY, retracted('r'), retracted('wrong', 'r'), used('2025-06-01', {}, 'wrong'))).toEqual([
      'contract-fulfilment 2027-06-01',
    ]);
  });

  test('what is corrected counts until its replacement is recorded', async () => {
    const [wrong, right] = [used('2025-06-01', {}, 'wrong'), used('2025-07-01', { subjects: people('bo') }, 'right')];
    expect(await itemsAfter(POLICY, wrong, corrected('wrong', 'right'))).toMatchObject([{ whom: 'anna' }]);
    expect(await itemsAfter(POLICY, wrong, corrected('wrong', 'right'), right)).toMatchObject([{ whom: 'bo', dueOn: '2027-07-01' }]);
    expect(await itemsAfter(POLICY, corrected('wrong', 'right'), right, wrong)).toMatchObject([{ whom: 'bo' }]);
  });
});

describe('linked', () => {
  const bo = { subjects: people('bo') };

  test('everybody who is one person has one day', async () => {
    expect(await itemsAfter(POLICY, used('2025-01-01'), used('2025-06-01', bo), linked('l', 'bo', 'anna'))).toMatchObject([
      { whom: 'anna', dueOn: '2027-06-01' },
    ]);
    expect(await itemsAfter(POLICY, linked('l', 'bo', 'anna'), used('2025-01-01'), used('2025-06-01', bo))).toMatchObject([
      { whom: 'anna', dueOn: '2027-06-01' },
    ]);
  });

  test('separated, each their own', async () => {
    const items = await itemsAfter(POLICY, used('2025-01-01'), used('2025-06-01', bo), linked('l', 'bo', 'anna'), separated('l'));
    expect(items.map(({ whom, dueOn }) => [whom, dueOn])).toEqual([
      ['anna', '2027-01-01'],
      ['bo', '2027-06-01'],
    ]);
  });

  test('an erasure under one name is one of all', async () => {
    expect(await daysAfter(POLICY, linked('l', 'bo', 'anna'), used('2025-01-01'), erased('2025-06-01', 'all', ['crm'], bo))).toEqual([]);
  });
});

describe('findings', () => {
  test('kept too long: one for each person, of the event that the period runs from, from the end of the last day on', async () => {
    const [finding, other] = await findingsAfter(POLICY, used('2023-01-01', { subjects: people('anna', 'bo') }));
    expect(finding).toMatchObject({
      what: 'kept-too-long',
      whom: 'anna',
      position: 2,
      dueAt: Date.parse('2025-01-02T00:00:00.000Z'),
      since: 2,
    });
    expect(finding?.at).toBe(NOW + 1_000);
    expect(finding?.finding.slice(0, 12)).toBe('000000000002');
    expect(other).toMatchObject({ whom: 'bo' });
    expect(other?.finding).not.toBe(finding?.finding);
  });

  test('what is due within a month stands beforehand; what is due later does as time goes on', async () => {
    const soon = NOW + 20 * 86_400_000;
    const due = new Date(soon - 2 * 366 * 86_400_000).toISOString();
    expect((await findingsAfter(POLICY, used(due))).map(({ at, dueAt }) => at === dueAt)).toEqual([true]);
    const later = [POLICY, used('2025-01-01'), used('2025-01-01', { subjects: people('bo') })];
    const months = (i: number) => NOW + (i < 2 ? 0 : i * 150) * 86_400_000;
    const found = await applied(logOf(later, months), findingsIn);
    expect(found.map(({ whom, since }) => [whom, since])).toEqual([
      ['anna', 3],
      ['bo', 3],
    ]);
  });

  test('told anew under a version that is published late, it is the one that was detected then', async () => {
    const second = published({ ...RULES, orders: { ...RULES.orders, period: 'P6M' } }, { version: '2', effectiveFrom: '2022-12-01' });
    const [before, now] = await findingsAfter(POLICY, used('2023-01-01'), used('2023-01-01', { purpose: 'payment' }), second);
    expect(before).toMatchObject({ since: 2, until: 4, dueAt: Date.parse('2025-01-02T00:00:00.000Z') });
    expect(now).toMatchObject({ since: 4, until: null, dueAt: Date.parse('2023-07-02T00:00:00.000Z') });
    expect(now).toMatchObject({ finding: before?.finding, detectedAt: before?.detectedAt, at: before?.at });
  });

  test('a row that closes says why', async () => {
    const events = [POLICY, used('2023-01-01', {}, 'wrong')];
    const why = async (...more: Told[]) =>
      (await findingsAfter(...events, ...more)).filter(({ until }) => until !== null).map((row) => row.why);
    expect(await why(used('2023-02-01'))).toEqual(['processed']);
    expect(await why(erased('2026-01-01', 'all'))).toEqual(['erased']);
    expect(await why(hold('2026-01-01', '2027-01-01'))).toEqual(['held']);
    expect(await why(retracted('wrong'))).toEqual(['retracted']);
    expect(await why(corrected('wrong', 'right'), used('2024-01-01', {}, 'right'))).toEqual(['corrected']);
    expect(await why(used('2023-01-02', { subjects: people('Bo') }), linked('l', 'Bo', 'anna'))).toContain('linked');
  });
});
