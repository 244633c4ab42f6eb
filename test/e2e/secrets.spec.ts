import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disclosure } from '../support/write-side.ts';
import { type Client, ServiceProcess } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'liggare-secrets-'));
const service = new ServiceProcess(folder, { LIGGARE_LOG_LEVEL: 'trace' });
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Planted wherever the API takes something personal or secret. */
const PLANTED = {
  identifier: 'kund-77345-planted',
  email: 'planted.person@example.se',
  pin: '191212121212',
  actor: 'planted-officer',
  behalf: 'planted-principal',
  credential: 'planted-credential',
  session: 'planted-session',
  approver: 'planted-approver',
  note: 'Planted Note About Somebody',
  terms: 'planted search terms',
  address: '192.0.2.245',
  street: 'Planterade vägen 7',
  caseRef: 'PLANTED-CASE-9',
  recordRef: 'planted-row-5',
  keyPerson: 'Planted Keyholder',
  questionCase: 'PLANTED-DSAR-3',
  unknown: 'planted-never-seen',
  quarantined: 'planted-in-quarantine',
  reason: 'planted reason for release',
};

async function use(client: Client, secrets: string[]): Promise<void> {
  const actor = {
    id: PLANTED.actor,
    kind: 'human',
    role: 'clerk',
    capacity: 'controller',
    onBehalfOf: PLANTED.behalf,
    credentialRef: PLANTED.credential,
    sessionRef: PLANTED.session,
  };
  const person = {
    scheme: 'customer-number',
    value: PLANTED.identifier,
    also: [
      { scheme: 'email', value: PLANTED.email },
      { scheme: 'personal-identity-number', value: PLANTED.pin },
    ],
    recordRefs: [PLANTED.recordRef],
  };
  const rectified = disclosure('r-1', {
    type: 'PersonalDataRectified',
    data: {
      actor,
      subjects: [{ ...person, before: { street: PLANTED.street }, after: { street: `${PLANTED.street}B` } }],
      fields: ['street'],
      note: PLANTED.note,
      caseRef: PLANTED.caseRef,
      clientAddress: PLANTED.address,
    },
  });
  for (const field of ['recipient', 'method', 'consideration']) delete (rectified['data'] as Record<string, unknown>)[field];
  const search = structuredClone(rectified) as Record<string, never>;
  Object.assign(search, {
    id: 's-1',
    type: 'PersonalDataAccessed',
    data: {
      ...(rectified['data'] as object),
      subjects: [],
      fields: undefined,
      mode: 'search',
      outcome: 'ok',
      resultCount: 0,
      searchTerms: PLANTED.terms,
    },
  });
  const retraction = disclosure('x-1', {
    type: 'RecordRetracted',
    data: {
      actor,
      subjects: [person],
      target: { source: 'urn:mailit:billing', id: 'r-1' },
      reason: PLANTED.note,
      approver: PLANTED.approver,
      recipient: undefined,
      method: undefined,
      consideration: undefined,
    },
  });
  const spoiled = disclosure('q-1', {
    data: { note: PLANTED.quarantined, purpose: PLANTED.quarantined, subjects: [{ scheme: 'email', value: PLANTED.email }] },
  });
  const inClear = [
    disclosure(PLANTED.email),
    disclosure('c-1', { data: { system: PLANTED.email } }),
    disclosure('c-2', { data: { correlationId: PLANTED.pin } }),
    { ...disclosure('c-3'), [PLANTED.identifier]: PLANTED.note },
  ];

  const { body } = await client.record(
    [rectified, search, retraction, spoiled, ...inClear, disclosure('r-1', { data: { note: PLANTED.note } })],
    '?items=all',
  );
  expect(body).toMatchObject({ recorded: 3, quarantined: 5, conflicts: 1 });
  const { body: list } = await client.send(
    'GET',
    `/v1/quarantine?after=${Math.max(...body.items.map((one: { position?: number }) => one.position ?? 0))}&limit=100`,
  );
  const item = list.items.find((one: Record<string, unknown>) => Object.values(one).includes('q-1'));
  const itemId = item.quarantineId ?? item.id;
  await client.send('POST', `/v1/quarantine/${itemId}/open`, { reason: { purpose: 'security', caseRef: PLANTED.questionCase } });
  await client.send('POST', `/v1/quarantine/${itemId}/release`, {
    event: disclosure('q-1', { data: { note: PLANTED.note } }),
    reason: PLANTED.reason,
  });
  for (const about of [
    { subject: { scheme: 'customer-number', value: PLANTED.identifier } },
    { subject: { scheme: 'email', value: PLANTED.unknown } },
    { actor: PLANTED.actor },
    { caseRef: PLANTED.caseRef },
    { nonsense: PLANTED.identifier },
  ]) {
    await client.ask('timeline', { about, reason: { purpose: 'security', caseRef: PLANTED.questionCase } });
    await client.ask('actor-activity', { about, reason: { purpose: 'security' } });
  }
  // What nobody may record, and what nobody can: neither its type nor its source is anybody's to read.
  await client.record([disclosure('f-1', { type: PLANTED.note, source: `urn:liggare:${PLANTED.pin}` })]);
  await client.record([disclosure('f-2', { source: `urn:mailit:${PLANTED.pin}` })]);
  secrets.push(await client.keyOf('ask', { person: PLANTED.keyPerson }));
  await client.send('POST', '/v1/keys', { name: PLANTED.email, scope: 'ask', person: PLANTED.keyPerson });
  await client.with(`wrong-${PLANTED.identifier}`).ask('timeline');
  await client.send('GET', `/v1/${PLANTED.identifier}?subject=${encodeURIComponent(PLANTED.email)}`);
  await client.send('POST', '/v1/events', `{"data": "${PLANTED.note}`, { 'content-type': 'application/cloudevents+json' });
}

it('leaves no identifier and no secret in any file of the data folder, nor in the logs', async () => {
  const secrets = [service.key, ...Object.values(PLANTED)];
  const client = await service.start();
  await use(client, secrets);
  const metrics = (await client.send('GET', '/metrics')).text;
  const alive = scan(secrets);
  await service.end('SIGTERM');

  expect(alive).toEqual([]);
  expect(scan(secrets)).toEqual([]);
  for (const secret of secrets) {
    expect(service.output).not.toContain(secret);
    expect(metrics).not.toContain(secret);
  }
}, 60_000);

/** Which secret stands in which file; the bytes of each are looked for as UTF-8, UTF-16 and base64. */
function scan(secrets: readonly string[]): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    if (name === 'master.key') continue;
    const bytes = readFileSync(join(folder, name));
    for (const secret of secrets) {
      const forms = [
        Buffer.from(secret),
        Buffer.from(secret, 'utf16le'),
        Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1)),
      ];
      if (forms.some((form) => bytes.includes(form)))
        found.push(`${Object.entries(PLANTED).find(([, value]) => value === secret)?.[0] ?? 'key'} in ${name}`);
    }
  }
  return found;
}
