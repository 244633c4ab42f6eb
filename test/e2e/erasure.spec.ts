import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { disclosure } from '../support/write-side.ts';
import { type Client, ServiceProcess } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'liggare-erased-'));
const copies = mkdtempSync(join(tmpdir(), 'liggare-copies-'));
const copyOfErasures = join(copies, 'erasures.log');
const service = new ServiceProcess(folder, { LIGGARE_LOG_LEVEL: 'trace', LIGGARE_ERASURE_COPY: copyOfErasures });
afterAll(async () => {
  await service.end('SIGKILL');
  for (const one of [folder, copies]) rmSync(one, { recursive: true, force: true });
});

const ANNA = { scheme: 'customer-number', value: 'kund-48211-planted' };
const EMAIL = { scheme: 'email', value: 'planted.anna@example.se' };
const BO = { scheme: 'customer-number', value: 'kund-90017' };
/** Everything that says who Anna is or was, and what was said of her. */
const SECRETS = [ANNA.value, EMAIL.value, 'Planted remark', 'Planterade vägen 7', 'planted-badge', 'planted-request', 'planted letter'];
const WHY = { ground: '17(1)(b)', reason: 'A planted letter.', requestRef: 'planted-request-31' };

let client: Client;
let reference: string;
let certificate: Record<string, never>;
let quarantineId: string;
/** Bytes of the key store that must be gone. */
let wrapped: Buffer[];

const about = (id: string, subjects: object[], data: object = {}) => disclosure(id, { data: { subjects, ...data } });
const timeline = async (subject: object, after = 0) =>
  (await client.ask('timeline', { about: { subject }, after, limit: 1000 })).body.items as Record<string, unknown>[];
const ofBilling = (items: Record<string, unknown>[]) => items.filter(({ source }) => source === 'urn:mailit:billing');

/** What the key store holds of somebody: the wrapped key, the digests of the identifiers, and these sealed. */
function rowsOf(person: string): Buffer[] {
  const db = new Database(join(folder, 'keys.db'), { readonly: true });
  try {
    const id = Buffer.from(person, 'base64url');
    const key = db.prepare('SELECT wrapped FROM people WHERE reference = ?').pluck().all(id) as Buffer[];
    const identities = db
      .prepare('SELECT i.digest, i.sealed FROM identities i JOIN people p ON p.person = i.owner WHERE p.reference = ?')
      .raw()
      .all(id) as Buffer[][];
    return [...key, ...identities.flat()];
  } finally {
    db.close();
  }
}

function scan(): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    if (name === 'master.key') continue;
    const bytes = readFileSync(join(folder, name));
    for (const [i, row] of wrapped.entries()) if (bytes.includes(row)) found.push(`row ${i} in ${name}`);
    for (const secret of SECRETS) {
      const forms = [
        Buffer.from(secret),
        Buffer.from(secret, 'utf16le'),
        Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1)),
      ];
      if (forms.some((form) => bytes.includes(form))) found.push(`${secret} in ${name}`);
    }
  }
  return found;
}

async function restart(change: () => void = () => undefined): Promise<void> {
  await service.end('SIGTERM');
  change();
  client = await service.start();
}

beforeAll(async () => {
  client = await service.start();
  const actor = { id: 'officer', kind: 'human', role: 'clerk', capacity: 'controller' };
  const { body } = await client.record([
    about('1', [{ ...ANNA, also: [EMAIL], before: { street: 'Planterade vägen 7' } }], { actor, note: 'Planted remark' }),
    about(
      '2',
      [
        { ...BO, before: { street: 'Bos gata 1' } },
        { ...ANNA, before: { street: 'Planterade vägen 7' } },
      ],
      { actor, note: 'Planted remark' },
    ),
    about('3', [BO], { actor }),
    about('4', [ANNA], { actor: { ...actor, id: ANNA.value, kind: 'subject', credentialRef: 'planted-badge' } }),
    disclosure('q', { data: { purpose: 'no-such-purpose', note: `Write to ${EMAIL.value}` } }),
  ]);
  expect(body).toMatchObject({ recorded: 4, quarantined: 1 });
  const list = await client.send('GET', `/v1/quarantine?after=${body.position}`);
  quarantineId = list.body.items[0].id;
  await timeline(ANNA, body.position);
  // Kept by somebody from before the erasure.
  await restart(() => copyFileSync(join(folder, 'keys.db'), join(copies, 'keys.db')));
  const log = new Database(join(folder, 'ledger.db'), { readonly: true });
  const first = log.prepare("SELECT data FROM log WHERE type = 'PersonalDataDisclosed' ORDER BY position LIMIT 1").pluck().get();
  log.close();
  reference = JSON.parse(String(first)).data.subjects[0].reference;
  wrapped = rowsOf(reference);
  expect(wrapped).toHaveLength(7);
}, 60_000);

it('refuses what is not clear, by field and rule, and never repeats it', async () => {
  const wrong = [
    {},
    { subject: ANNA, reason: 'x' },
    { subject: ANNA, ground: '17(1)', reason: 'x' },
    { subject: ANNA, ground: '17(1)(a)' },
    { subject: ANNA, ground: '17(1)(a)', reason: '' },
    { subject: ANNA, ground: '17(1)(a)', reason: 'a\u0000b' },
    { subject: { ...ANNA, reference }, ground: '17(1)(a)', reason: 'x' },
    { subject: { scheme: 'customer-number' }, ground: '17(1)(a)', reason: 'x' },
    { subject: [ANNA], ground: '17(1)(a)', reason: 'x' },
    { subject: ANNA, ground: '17(1)(a)', reason: 'x', suppress: 'yes' },
    { subject: ANNA, ground: '17(1)(a)', reason: 'x', more: 1 },
  ];
  for (const body of wrong) {
    const { status, text } = await client.send('POST', '/v1/subjects/erase', body);
    expect([body, status]).toEqual([body, 400]);
    expect(text).not.toContain(ANNA.value);
  }
  const nobody = await client.send('POST', '/v1/subjects/erase', {
    ...WHY,
    subject: { scheme: 'email', value: 'nobody.planted@example.se' },
  });
  expect([nobody.status, nobody.body.type]).toEqual([404, 'urn:liggare:problem:unknown-subject']);
  expect((await client.send('GET', '/v1/erasures/0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10')).status).toBe(404);
});

it('refuses while a legal hold covers the person, names the exception, and goes on when it is released', async () => {
  const held = (id: string, type: string, data: object) => ({
    ...disclosure(id),
    type,
    data: { actor: { id: 'officer', kind: 'human' }, subjects: [BO], ...data },
  });
  await client.record([held('h', 'LegalHoldPlaced', { ground: 'legal-claims', reviewBy: '2027-01-31' })]);
  const refused = await client.send('POST', '/v1/subjects/erase', { ...WHY, subject: BO });
  expect([refused.status, refused.body.type]).toEqual([409, 'urn:liggare:problem:legal-hold']);
  expect(refused.body.detail).toMatch(/17\(3\)\(e\).*2027-01-31/);
  const { body } = await client.record([held('hr', 'LegalHoldReleased', { target: { source: 'urn:mailit:billing', id: 'h' } })]);
  const recorded = (await timeline(BO, body.position)).map(({ type }) => type);
  expect(recorded).toContain('PersonalDataErasureFailed');
});

it('erases: by identifier nobody is found any more, by reference the skeleton, and the others keep their own', async () => {
  const erased = await client.send('POST', '/v1/subjects/erase', { ...WHY, subject: ANNA, suppress: true });
  expect(erased.status).toBe(201);
  certificate = erased.body;
  expect(erased.headers.get('location')).toBe(`/v1/erasures/${certificate['id']}`);
  expect(certificate).toMatchObject({
    state: 'completed',
    references: [reference],
    destroyed: { keys: 1, identifiers: 2, sessions: 1, quarantined: 1 },
    suppressed: true,
  });
  expect(await timeline(ANNA)).toEqual([]);
  expect(await timeline(EMAIL)).toEqual([]);
  const mine = ofBilling(await timeline({ reference }));
  expect(mine.map(({ id }) => id).sort()).toEqual(['1', '2', '4']);
  expect(JSON.stringify(mine)).not.toMatch(/lanted/);
  for (const { subjects } of mine) expect(subjects).toContainEqual(expect.objectContaining({ reference, erased: true }));
  const bos = ofBilling(await timeline(BO)).find(({ id }) => id === '2');
  expect(bos?.['subjects']).toContainEqual(expect.objectContaining({ ...BO, before: { street: 'Bos gata 1' } }));
  expect(bos).not.toHaveProperty('note');
  expect((await client.send('POST', `/v1/quarantine/${quarantineId}/open`, { reason: { purpose: 'security' } })).status).toBe(404);
});

it('gives the rest of the certificate later, the same for who asks again', async () => {
  const whole = await client.send('GET', `/v1/erasures/${certificate['id']}`);
  expect(whole.body).toMatchObject({
    id: certificate['id'],
    state: 'completed',
    destroyed: certificate['destroyed'],
    stays: { complete: true },
  });
  expect(whole.body.stays.byType).toContainEqual(expect.objectContaining({ type: 'PersonalDataDisclosed', events: 3 }));
  const again = await client.send('POST', '/v1/subjects/erase', { ...WHY, subject: { reference } });
  expect([again.status, again.body.id]).toEqual([200, certificate['id']]);
});

it('leaves no identifier and no wrapped key in any file, nor in what was logged', async () => {
  expect(scan()).toEqual([]);
  await restart();
  expect(scan()).toEqual([]);
  for (const secret of SECRETS) expect(service.output).not.toContain(secret);
});

it('is not undone by an older copy of the keys: the next start erases again, before anything is served', async () => {
  const before = await timeline({ reference });
  await restart(() => {
    for (const end of ['-wal', '-shm']) rmSync(join(folder, `keys.db${end}`), { force: true });
    copyFileSync(join(copies, 'keys.db'), join(folder, 'keys.db'));
    expect(scan().length).toBeGreaterThan(0);
  });
  expect(scan()).toEqual([]);
  expect(await timeline(ANNA)).toEqual([]);
  expect(ofBilling(await timeline({ reference }))).toEqual(ofBilling(before));
  expect((await client.send('POST', `/v1/quarantine/${quarantineId}/open`, { reason: { purpose: 'security' } })).status).toBe(404);
  expect((await client.send('POST', '/v1/suppression/check', { identifiers: [ANNA, BO] })).body.items).toMatchObject([
    { suppressed: true },
    { suppressed: false },
  ]);
  const { destroyed, completedAt } = (await client.send('GET', `/v1/erasures/${certificate['id']}`)).body;
  expect({ destroyed, completedAt }).toEqual({ destroyed: certificate['destroyed'], completedAt: certificate['completedAt'] });
});

it('answers the same from read models that were made anew', async () => {
  const before = ofBilling(await timeline({ reference }));
  const head = (await client.record([about('9', [BO])])).body.position;
  await restart(() => {
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `views.db${end}`), { force: true });
  });
  expect(ofBilling(await timeline({ reference }, head))).toEqual(before);
  expect(await timeline(ANNA)).toEqual([]);
});

it('takes who comes again as somebody new, and keeps the copy of the file of erasures', async () => {
  const { body } = await client.record([about('10', [ANNA])]);
  expect(body.recorded).toBe(1);
  const mine = ofBilling(await timeline(ANNA, body.position));
  expect(mine.map(({ id }) => id)).toEqual(['10']);
  expect(readFileSync(copyOfErasures, 'utf8')).toBe(readFileSync(join(folder, 'erasures.log'), 'utf8'));
  expect(readFileSync(copyOfErasures, 'utf8').match(new RegExp(`^${reference} `, 'gm'))).toHaveLength(1);
});

it('who holds an API key is erased by an admin alone, and nobody by themselves', async () => {
  const desk = client.with(await client.keyOf('case', { person: 'Karin Lind' }));
  const admin = await client.keyOf('admin', { person: 'Eva Ek' });
  const refusals = [
    await desk.send('POST', '/v1/subjects/erase', { ...WHY, subject: { scheme: 'actor', value: 'Eva Ek' } }),
    await client.with(admin).send('POST', '/v1/subjects/erase', { ...WHY, subject: { scheme: 'actor', value: 'Eva Ek' } }),
    await desk.send('POST', '/v1/subjects/erase', { ...WHY, subject: { scheme: 'actor', value: 'Karin Lind' } }),
  ];
  expect(refusals.map(({ status, body }) => [status, body.type])).toEqual(Array(3).fill([403, 'urn:liggare:problem:forbidden']));
  expect(refusals.map(({ body }) => body.detail)).toEqual([
    expect.stringContaining('scope admin'),
    ...Array(2).fill(expect.stringContaining('Nobody erases themselves')),
  ]);
  const staff = { ...WHY, subject: { scheme: 'actor', value: 'Karin Lind' } };
  expect((await client.with(admin).send('POST', '/v1/subjects/erase', staff)).status).toBe(201);
});

it('tells whether anything waits to be completed or overwritten', async () => {
  const { details } = (await client.send('GET', '/health/ready')).body;
  expect([details['erasures'], details['key-store']]).toMatchObject([{ status: 'up', unfinished: 0 }, { residue: false }]);
});
