import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let client: InProcess;
beforeAll(async () => {
  client = await ledgerInProcess();
});
afterAll(() => client.close());

/** Of somebody, and of somebody else, whom no other test knows. */
let [NUMBER, EMAIL, OTHER] = [1, 2, 3].map(() => ({ scheme: '', value: '' })) as [Identifier, Identifier, Identifier];
type Identifier = { scheme: string; value: string };
let tests = 0;
let events = 0;
beforeEach(() => {
  tests += 1;
  NUMBER = { scheme: 'customer-number', value: `${tests}-10027` };
  EMAIL = { scheme: 'email', value: `Kim.Lind.${tests}@example.com` };
  OTHER = { scheme: 'customer-number', value: `${tests}-20054` };
});

const about = (...subjects: object[]) => disclosure(`record ${++events}`, { data: { subjects } });
const objection = (kind: string, ...subjects: object[]) => ({
  ...disclosure(`objection ${++events}`),
  type: 'ObjectionRaised',
  data: { actor: { id: 'desk', kind: 'service' }, subjects, kind, purposes: ['direct-marketing'] },
});
const check = async (...identifiers: object[]) => {
  const { status, body } = await client.send('POST', '/v1/suppression/check', { identifiers });
  expect(status).toBe(200);
  return body.items.map(({ suppressed }: { suppressed: boolean }) => suppressed);
};

it('after an objection to direct marketing, every identifier of the objector is suppressed, however it is written', async () => {
  await client.record([about({ ...NUMBER, also: [EMAIL] })]);
  expect(await check(NUMBER, EMAIL)).toEqual([false, false]);
  await client.record([objection('21(2)', NUMBER)]);
  expect(await check(EMAIL, OTHER, { scheme: 'email', value: ` ${EMAIL.value.toUpperCase()}` }, NUMBER)).toEqual([true, false, true, true]);
});

it('somebody who is new objects as well as somebody who is known', async () => {
  await client.record([objection('21(2)', { ...NUMBER, also: [EMAIL] })]);
  expect(await check(NUMBER, EMAIL)).toEqual([true, true]);
});

it('another objection, a dry run and a quarantined one suppress nobody', async () => {
  await client.record([objection('21(1)', NUMBER)]);
  await client.record([objection('21(2)', NUMBER)], '?dryRun=true');
  const broken = objection('21(2)', NUMBER);
  await client.record([{ ...broken, data: { ...broken.data, purposes: ['no purpose of anybody'] } }]);
  expect(await check(NUMBER)).toEqual([false]);
});

it('who is one person with an objector objected too, whichever came first', async () => {
  await client.record([about(NUMBER), about(OTHER)]);
  const link = (...subjects: object[]) => client.send('POST', '/v1/subjects/link', { subjects, reason: 'Both are hers.' });
  await link(NUMBER, OTHER);
  await client.record([objection('21(2)', OTHER)]);
  expect(await check(NUMBER, OTHER)).toEqual([true, true]);
  await link(NUMBER, EMAIL);
  expect(await check(EMAIL)).toEqual([true]);
});

it('an identifier that comes later for an objector is suppressed too, also when they are erased', async () => {
  await client.record([objection('21(2)', NUMBER)]);
  await client.record([about({ ...NUMBER, also: [EMAIL] })]);
  expect(await check(EMAIL)).toEqual([true]);
  await client.record([about({ ...NUMBER, also: [OTHER] })]);
  await client.send('POST', '/v1/subjects/erase', { subject: NUMBER, ground: '17(1)(c)', reason: 'Asked for by letter.' });
  expect(await check(NUMBER, EMAIL, OTHER)).toEqual([true, true, true]);
});

it('an objector who is erased stays suppressed, and nobody else becomes so', async () => {
  await client.record([objection('21(2)', NUMBER), about(OTHER)]);
  for (const subject of [NUMBER, OTHER]) {
    await client.send('POST', '/v1/subjects/erase', { subject, ground: '17(1)(c)', reason: 'Asked for by letter.' });
  }
  expect(await check(NUMBER, OTHER)).toEqual([true, false]);
  await client.restart();
  expect(await check(NUMBER, OTHER)).toEqual([true, false]);
});

it('a check is one entry of the log, without the identifiers, and also for who only reports', async () => {
  const marketing = client.with(await client.keyOf('emit'));
  await marketing.send('POST', '/v1/suppression/check', { identifiers: [NUMBER, EMAIL] });
  const { position } = (await client.record([about(NUMBER)])).body;
  const { body, text } = await client.ask('timeline', { about: { type: 'LedgerQueried' }, limit: 1, after: position });
  expect(body.items).toMatchObject([{ question: 'suppression', purpose: 'direct-marketing', actor: { kind: 'service', role: 'emit' } }]);
  expect(text.toLowerCase()).not.toContain('kim.lind');
});

it.each([
  ['none', []],
  ['too many', Array.from({ length: 1001 }, () => ({ scheme: 'customer-number', value: '10027' }))],
  ['one that is no identifier', [{ scheme: 'e-mail address', value: 'x' }]],
  ['one with a control character', [{ scheme: 'email', value: 'a\u0000b' }]],
])('a check of %s is refused', async (_, identifiers) => {
  expect((await client.send('POST', '/v1/suppression/check', { identifiers })).status).toBe(400);
});
