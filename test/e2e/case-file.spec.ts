import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

const KIM = { scheme: 'customer-number', value: '10027' };
let client: InProcess;
beforeAll(async () => {
  client = await ledgerInProcess();
});
afterAll(() => client.close());

it('the file of a request opens after its person was erased, for whoever may see it, and names nobody', async () => {
  const actor = { id: 'maria.ek', kind: 'human', role: 'privacy-officer' };
  const request = {
    ...disclosure('request'),
    type: 'RightsRequestReceived',
    data: { actor, subjects: [KIM], right: 'erasure', requestRef: 'request-31', note: 'Asked by letter.' },
  };
  await client.record([request, disclosure('record', { data: { subjects: [KIM], note: 'Told by phone.' } })]);
  const wanted = { subject: KIM, ground: '17(1)(b)', reason: 'Withdrawn.', requestRef: 'request-31' };
  const erased = await client.send('POST', '/v1/subjects/erase', wanted);
  const [reference] = erased.body.references;
  const seenBy = async (scope: string) => {
    const asker = client.with(await client.keyOf(scope));
    const about = { subject: { reference }, type: ['RightsRequestReceived', 'PersonalDataDisclosed', 'PersonalDataErased'] };
    const { body, text } = await asker.ask('timeline', { about, after: 6, order: 'asc' });
    expect(text).not.toContain('10027');
    return Object.fromEntries(
      body.items.map(({ type, note, reason, requestRef }: Record<string, string>) => [type, { note, reason, requestRef }]),
    );
  };
  const nothing = { note: undefined, reason: undefined, requestRef: undefined };
  expect(await seenBy('case')).toEqual({
    RightsRequestReceived: { note: 'Asked by letter.', reason: undefined, requestRef: 'request-31' },
    PersonalDataDisclosed: nothing,
    PersonalDataErased: { note: undefined, reason: 'Withdrawn.', requestRef: 'request-31' },
  });
  expect(await seenBy('ask')).toEqual({ RightsRequestReceived: nothing, PersonalDataDisclosed: nothing, PersonalDataErased: nothing });
});
