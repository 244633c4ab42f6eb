import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

const NUMBER = { scheme: 'customer-number', value: '10027' };
const OTHER = { scheme: 'customer-number', value: '20054' };
const EMAIL = { scheme: 'email', value: 'kim.lind@example.com' };

let client: InProcess;
beforeEach(async () => {
  client = await ledgerInProcess();
  await client.record([disclosure('one'), disclosure('two', { data: { subjects: [OTHER] } })]);
});
afterEach(() => client.close());

const link = (...subjects: object[]) => client.send('POST', '/v1/subjects/link', { subjects, reason: 'Both are hers.' });
const separate = (target: object, approver = 'maria.ek') =>
  client.send('POST', '/v1/subjects/separate', { target, approver, reason: 'Two people of one name.' });
const recordsOf = async (subject: object, after: number) => {
  const { body } = await client.ask('timeline', { about: { subject, type: 'PersonalDataDisclosed' }, after, order: 'asc' });
  return body.items.map(({ id }: { id: string }) => id);
};

it('people who are linked are one in questions, and two again when they are separated', async () => {
  const linked = await link(NUMBER, OTHER, EMAIL);
  expect(linked).toMatchObject({ status: 200, body: { identifiersAdded: 1, links: [{ source: 'urn:liggare:people' }] } });
  for (const one of [NUMBER, OTHER, EMAIL]) expect(await recordsOf(one, linked.body.position)).toEqual(['one', 'two']);
  await client.restart();
  expect(await recordsOf(EMAIL, linked.body.position)).toEqual(['one', 'two']);
  const separated = await separate({ source: linked.body.links[0].source, id: linked.body.links[0].id });
  expect(separated).toMatchObject({ status: 200, body: { groups: [[expect.any(String)], [expect.any(String)]] } });
  expect(await recordsOf(OTHER, separated.body.position)).toEqual(['two']);
  expect(await recordsOf(EMAIL, separated.body.position)).toEqual(['one']);
});

it('erasing one of those who are linked erases all', async () => {
  await link(NUMBER, OTHER);
  const erased = await client.send('POST', '/v1/subjects/erase', { subject: OTHER, ground: '17(1)(b)', reason: 'Asked for by letter.' });
  expect(erased).toMatchObject({ status: 201, body: { references: [expect.any(String), expect.any(String)], destroyed: { keys: 2 } } });
  for (const one of [NUMBER, OTHER]) expect(await recordsOf(one, 0)).toEqual([]);
  const [reference] = erased.body.references;
  expect(await link({ reference }, EMAIL)).toMatchObject({
    status: 409,
    body: { errors: [{ path: '/subjects/0/reference', rule: 'erased' }] },
  });
});

it('a reference is written in one way: another one of the same bytes is refused, wherever somebody is named by it', async () => {
  const linked = await link(NUMBER, EMAIL);
  const reference = linked.body.references[0] as string;
  const same = reference.slice(0, 21) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[reference.at(-1) as 'A'];
  expect(Buffer.from(same, 'base64url')).toEqual(Buffer.from(reference, 'base64url'));
  const order = { subject: { reference: same }, ground: '17(1)(b)', reason: 'Asked for by letter.' };
  expect(await client.send('POST', '/v1/subjects/erase', order)).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/subject/reference' }] },
  });
  expect(await link({ reference: same }, OTHER)).toMatchObject({ status: 400, body: { errors: [{ path: '/subjects/0/reference' }] } });
  expect(await client.ask('timeline', { about: { subject: { reference: same } } })).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/about/subject/0/reference' }] },
  });
  expect(await link({ reference }, OTHER)).toMatchObject({ status: 200 });
});

it('an erasure beside a program that reads the keys says that bytes are left, and readiness does until they are not', async () => {
  const keys = new Database(join(client.folder, 'keys.db'), { readonly: true });
  keys.exec('BEGIN');
  const secrets = keys.prepare('SELECT wrapped FROM people p JOIN identities i ON i.owner = p.person').pluck().all() as Buffer[];
  const left = () => {
    const files = readdirSync(client.folder).map((name) => readFileSync(join(client.folder, name)));
    return secrets.filter((secret) => files.some((bytes) => bytes.includes(secret))).length;
  };
  const residue = async () => (await client.send('GET', '/health/ready')).body.details['key-store'].residue;
  const before = left();
  const erased = await client.send('POST', '/v1/subjects/erase', { subject: NUMBER, ground: '17(1)(b)', reason: 'Asked for by letter.' });
  expect(erased).toMatchObject({ status: 201, body: { state: 'completed', destroyed: { keys: 1, overwritten: false } } });
  // Destroyed it is, for everybody who asks.
  expect(await recordsOf(NUMBER, 0)).toEqual([]);
  expect([await residue(), left()]).toEqual([true, before]);
  keys.close();
  while (await residue()) await setTimeout(50);
  expect(left()).toBeLessThan(before);
});

it('what cannot be is told: nobody known, an approval of one’s own, a link that never was', async () => {
  expect(await link(EMAIL, { scheme: 'email', value: 'other@example.com' })).toMatchObject({
    status: 404,
    body: { type: 'urn:liggare:problem:unknown-subject' },
  });
  const { body } = await link(NUMBER, OTHER);
  const { source, id } = body.links[0];
  expect(await separate({ source, id }, 'administrator')).toMatchObject({ status: 400, body: { errors: [{ path: '/approver' }] } });
  expect(await separate({ source: 'urn:mailit:billing', id: 'one' })).toMatchObject({ status: 404 });
  expect(await link(NUMBER)).toMatchObject({ status: 400, body: { errors: [{ path: '/subjects', rule: 'too-few' }] } });
});
