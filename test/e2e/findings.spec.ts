/** Findings over HTTP: judged, asked, counted, acknowledged and explained, told as they come; and who may do what. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLedger } from '../../src/start.ts';
import { TestReceiver } from '../support/receiver.ts';
import { disclosure } from '../support/write-side.ts';
import { BATCH, Client, type InProcess, ledgerInProcess } from './service.ts';

/** Sold to somebody whom nobody promised: critical by R7 and R8. */
const sold = (id: string, data: object = {}) =>
  disclosure(id, {
    data: { consideration: 'payment', recipient: { id: 'adtech-ab', role: 'independent-controller', country: 'SE' }, ...data },
  });

let ledger: InProcess;
const as: Record<string, Client> = {};
beforeAll(async () => {
  ledger = await ledgerInProcess();
  for (const scope of ['ask', 'case', 'investigate', 'audit']) as[scope] = ledger.with(await ledger.keyOf(scope));
  as['emit'] = ledger.with(await ledger.keyOf('emit'));
});
afterAll(() => ledger.close());

async function recorded(...events: unknown[]): Promise<number> {
  const { body, text } = await ledger.record(events);
  if (body.recorded !== events.length) throw new Error(text);
  return body.position;
}

const client = (scope: string) => as[scope] as Client;

describe('findings', () => {
  it('are found, and asked by what was found and by the event', async () => {
    const after = await recorded(sold('sold-1'), disclosure('fine-1'));
    const { status, body } = await client('investigate').ask('findings', { about: { rule: 'R8', severity: 'critical' }, after });
    expect(status).toBe(200);
    expect(body.items).toMatchObject([
      {
        ...{ rule: 'R8', verdict: 'violates', severity: 'critical', clause: 21, policyVersion: '1', state: 'open', recipient: 'adtech-ab' },
        clauseTitle: expect.stringMatching(/never sold/),
        event: { source: 'urn:mailit:billing', id: 'sold-1', type: 'PersonalDataDisclosed' },
        ...{ actor: { id: 'anna.berg' }, subjects: [{ value: '10027' }] },
      },
    ]);
    expect(body.position).toBeGreaterThanOrEqual(after);
    const about = { subject: { scheme: 'customer-number', value: '10027' }, rule: ['R7', 'R8'], recipient: 'adtech-ab' };
    const asked = await client('ask').ask('findings', { about });
    expect(asked.body.items.map(({ rule }: { rule: string }) => rule).sort()).toEqual(['R7', 'R8']);
    expect(asked.body.items[0].actor).toEqual(expect.objectContaining({ reference: expect.any(String) }));
  });

  it('are answered in three forms', async () => {
    const about = { rule: 'R8' };
    const lines = await client('ask').ask('findings', { about }, { accept: 'application/x-ndjson' });
    expect(JSON.parse(lines.text.split('\n')[0] as string)).toMatchObject({ rule: 'R8' });
    const csv = await client('ask').ask('findings', { about }, { accept: 'text/csv' });
    expect(csv.text.split('\r\n')[0]).toMatch(/^finding,detectedAt,dueAt,state,rule,/);
    expect(csv.text.split('\r\n')[1]).toContain('urn:mailit:billing,sold-1');
    expect(csv.headers.get('liggare-position')).toMatch(/^\d+$/);
  });

  it('are told to audit by references, which asks by nothing else', async () => {
    const { body } = await client('audit').ask('findings', { about: { rule: 'R8' } });
    const [{ actor, subjects }] = body.items;
    expect([actor.id, subjects[0].value]).toEqual([undefined, undefined]);
    const by = async (about: object) => {
      const answer = await client('audit').ask('findings', { about });
      return answer.status === 200 ? answer.body.items.length > 0 : answer.status;
    };
    expect(await by({ subject: { reference: subjects[0].reference } })).toBe(true);
    expect(await by({ actor: actor.reference })).toBe(true);
    expect(await by({ subject: { scheme: 'customer-number', value: '10027' } })).toBe(403);
    expect(await by({ actor: 'anna.berg' })).toBe(403);
    expect(await by({ caseRef: 'VAT-2026-02' })).toBe(403);
  });

  it.each([
    [{ rule: 'seven' }, '/about/rule'],
    [{ severity: 'worst' }, '/about/severity'],
    [{ clause: 'one' }, '/about/clause'],
    [{ clause: 0 }, '/about/clause'],
    [{ state: 'gone' }, '/about/state'],
    [{ finding: 'short' }, '/about/finding'],
    [{ detectedFrom: 'yesterday' }, '/about/detectedFrom'],
    [{ colour: 'red' }, '/about/colour'],
  ])('are not asked by %j', async (about, path) => {
    const { status, body } = await client('ask').ask('findings', { about });
    expect([status, body.errors.some((error: { path: string }) => error.path.startsWith(path))]).toEqual([400, true]);
  });

  it('are asked on the record: with those whom they are about, and counted with nobody', async () => {
    await client('ask').ask('findings', { about: { rule: 'R8' }, reason: { purpose: 'security' } });
    await client('ask').ask('findings-summary', { reason: { purpose: 'security' } });
    const after = await recorded(disclosure('after-questions'));
    const { body } = await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, limit: 2, after });
    const asked = body.items.map(({ question }: { question: string }) => question);
    expect(asked).toEqual(['findings-summary', 'findings']);
    expect(body.items).toMatchObject([{ subjectCount: 0 }, { subjectCount: 1, axes: ['rule'], purpose: 'security' }]);
  });

  it('are cleared by a retraction, and say so', async () => {
    const event = sold('sold-2');
    await recorded(event);
    const retraction = {
      ...disclosure('retract-2'),
      type: 'RecordRetracted',
      data: {
        actor: { id: 'anna.berg', kind: 'human', role: 'clerk', capacity: 'controller' },
        ...{ subjects: [], target: { source: 'urn:mailit:billing', id: 'sold-2' }, reason: 'Entered twice.', approver: 'bo.ek' },
      },
    };
    const after = await recorded(retraction);
    const { body } = await client('ask').ask('findings', { about: { rule: 'R8', state: 'cleared' }, after });
    expect(body.items).toMatchObject([{ state: 'cleared', cleared: { why: 'retracted' }, event: { id: 'sold-2' } }]);
    const [{ finding }] = body.items;
    const { status } = await client('case').send('POST', `/v1/findings/${finding}/explain`, { reason: 'Too late.' });
    expect(status).toBe(409);
  });

  it('are acknowledged and explained, by whoever may, once', async () => {
    const after = await recorded(sold('sold-3'));
    const { body } = await client('case').ask('findings', { about: { rule: 'R8', state: 'open' }, after, limit: 1 });
    const [{ finding }] = body.items;
    const say = (scope: string, what: string, more: object = {}) =>
      client(scope).send('POST', `/v1/findings/${finding}/${what}`, { reason: 'Billing is asked why.', ...more });
    expect([(await say('ask', 'explain')).status, (await say('audit', 'acknowledge')).status]).toEqual([403, 403]);
    expect((await say('case', 'acknowledge')).body).toMatchObject({ finding, state: 'acknowledged' });
    expect((await say('case', 'acknowledge')).status).toBe(409);
    const { body: said } = await say('case', 'explain', { reason: 'The contract was not yet known.' });
    expect(said).toMatchObject({ finding, state: 'explained', position: expect.any(Number) });
    expect((await say('case', 'explain')).status).toBe(409);
    const { body: again } = await say('case', 'explain', { reason: 'It is now.', again: true });
    const asked = await client('investigate').ask('findings', { about: { finding }, after: again.position });
    expect(asked.body.items).toMatchObject([
      {
        state: 'explained',
        remarks: [
          { kind: 'acknowledged', by: { id: 'Holder of case' } },
          { reason: 'The contract was not yet known.' },
          { reason: 'It is now.' },
        ],
      },
    ]);
    expect((await client('case').send('POST', `/v1/findings/${'A'.repeat(22)}/explain`, { reason: 'x' })).status).toBe(404);
    expect((await client('case').send('POST', '/v1/findings/nobodys/explain', { reason: 'x' })).status).toBe(404);
    expect((await client('case').send('POST', `/v1/findings/${finding}/acknowledge`, {})).status).toBe(400);
  });

  it('are counted by rule and week, and by clause', async () => {
    const { body } = await client('audit').ask('findings-summary', { about: { rule: 'R8' } });
    expect(body.items).toMatchObject([{ rule: 'R8', week: '2026-W10', violates: 2, explained: 1, cleared: 1, critical: 2, open: 1 }]);
    expect(body.items[0].conforms).toBeGreaterThan(0);
    const clauses = await client('audit').ask('findings-summary', { by: 'clause', about: { clause: 21 } });
    expect(clauses.body.items).toMatchObject([{ clause: 21, clauseTitle: expect.stringMatching(/never sold/), week: '2026-W10' }]);
  });

  it('tell of sources as a whole, of now', async () => {
    await recorded(disclosure('gap-1', { sequence: '1' }), disclosure('gap-3', { sequence: '3' }));
    const after = await recorded(disclosure('gap-4', { sequence: '4' }));
    const { body } = await client('ask').ask('findings', { about: { rule: 'R28', verdict: 'violates' }, after });
    expect(body.sources).toMatchObject([{ source: 'urn:mailit:billing', what: 'sequence-gap', severity: 'low' }]);
    expect((await client('ask').ask('findings', { about: { severity: 'critical' } })).body.sources).toEqual([]);
    expect((await client('ask').ask('findings', { asOf: '2026-03-02' })).body.sources).toBeUndefined();
  });
});

describe('a question about findings', () => {
  it('names rules that there are, and any moment', async () => {
    const unknown = await client('ask').ask('findings', { about: { rule: 'R99' } });
    expect([unknown.status, unknown.body.errors]).toMatchObject([400, [{ path: '/about/rule' }]]);
    expect((await client('ask').ask('findings-summary', { about: { rule: ['R7', 'R99'] } })).status).toBe(400);
    for (const asOf of ['2026-03-31', '2026-03-31T10:00:00+02:00']) {
      expect((await client('ask').ask('findings-summary', { asOf })).status).toBe(200);
    }
    expect((await client('ask').ask('findings-summary', { asOf: 'yesterday' })).status).toBe(400);
  });
});

describe('a stream of findings', () => {
  /** Reads until so many were told. */
  async function read(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    many: number,
  ): Promise<{ text: string; found: { event: { id: string } }[] }> {
    let text = '';
    const found = () => [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(String(data)));
    while (found().length < many) {
      const { value, done } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    return { text, found: found() };
  }
  const open = async (key: string | undefined, lastEventId?: string) => {
    const headers = { authorization: `Bearer ${key}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
    const answer = await fetch(`${ledger.url}/v1/findings/stream`, { headers });
    return { answer, reader: answer.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> };
  };

  it('tells of new critical ones, goes on after a break, and names nobody', async () => {
    const { answer, reader } = await open(client('audit').key);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    await recorded(sold('told-1'), disclosure('told-2'));
    const { text, found } = await read(reader, 2);
    expect(found.map(({ event }) => event.id)).toEqual(['told-1', 'told-1']);
    expect(text).not.toMatch(/10027|anna|adtech/);
    await reader.cancel();
    await recorded(sold('told-3'));
    const last = [...text.matchAll(/^id: (\S+)\nevent/gm)].at(-1)?.[1] as string;
    const next = await open(client('audit').key, last);
    expect((await read(next.reader, 2)).found.map(({ event }) => event.id)).toEqual(['told-3', 'told-3']);
    await next.reader.cancel();
  });

  it('is recorded as a question before the first byte, and not where it does not open', async () => {
    const opened = async () => {
      const { body } = await client('investigate').ask('timeline', { about: { type: 'LedgerQueried' }, limit: 1000, after: await head() });
      return body.items.filter(({ question }: { question?: string }) => question === 'findings-stream');
    };
    const head = async () => (await recorded(disclosure(`head-${Math.random()}`))) as number;
    const before = await opened();
    const refused = await client('audit').send('GET', '/v1/findings/stream', undefined, { 'last-event-id': '1.99999999.1.1' });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: '/last-event-id', rule: 'unknown-place' }] } });
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    expect(await opened()).toHaveLength(before.length);
    const { reader } = await open(client('audit').key);
    await reader.read();
    await reader.cancel();
    const [last, ...rest] = await opened();
    expect(rest).toHaveLength(before.length);
    expect(last).toMatchObject({ question: 'findings-stream', purpose: 'security', subjectCount: 0, actor: { role: 'audit' } });
  });

  it('ends when its key is revoked, and is for whoever may ask', async () => {
    const { body } = await ledger.send('POST', '/v1/keys', { name: 'short', scope: 'audit', person: 'Somebody' });
    const { reader } = await open(body.key);
    await reader.read();
    await ledger.send('DELETE', `/v1/keys/${body.id}`);
    for (let done = false; !done; ) ({ done } = await reader.read());
    expect((await open(body.key)).answer.status).toBe(401);
    expect((await open(client('emit').key)).answer.status).toBe(403);
  });

  it('ends with the service, which waits for nobody', async () => {
    const { reader } = await open(client('audit').key);
    await reader.read();
    await ledger.restart();
    for (let done = false; !done; ) ({ done } = await reader.read());
  });
});

describe('the webhook of a service', () => {
  it('is told of new critical findings, again where it failed, also by the process after', async () => {
    const receiver = await TestReceiver.start();
    const folder = mkdtempSync(join(tmpdir(), 'liggare-webhook-'));
    const key = 'admin-key-of-the-webhook';
    const settings = {
      ...{ LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: key },
      ...{ LIGGARE_WEBHOOK_URL: receiver.url, LIGGARE_WEBHOOK_SECRET: receiver.secret },
    };
    let service = await startLedger(settings, { port: 0, quiet: true, housekeeping: true });
    const admin = new Client(service.url, key);
    while (!existsSync(join(folder, 'webhook.json'))) await new Promise((resolve) => setTimeout(resolve, 20));
    receiver.behaviour = 'error';
    await admin.send('POST', '/v1/events', [sold('hook-1')], { 'content-type': BATCH });
    await receiver.until(() => receiver.seen.length > 0);
    const metrics = (await admin.send('GET', '/metrics')).text;
    expect(metrics).toMatch(/liggare_webhook_failing 1/);
    expect(metrics).toMatch(/liggare_webhook_attempts_total\{outcome="failed"\} \d/);
    const ready = await admin.send('GET', '/health/ready');
    expect(ready.body.details.webhook).toMatchObject({ status: 'up', state: 'failing' });
    await service.close();
    receiver.behaviour = 'takes';
    service = await startLedger(settings, { port: 0, quiet: true, housekeeping: true });
    await receiver.until(() => receiver.taken.length >= 2);
    expect(receiver.seen.every(({ isSigned }) => isSigned)).toBe(true);
    expect(new Set(receiver.seen.map(({ body }) => (body.data['event'] as { id: string }).id))).toEqual(new Set(['hook-1']));
    expect(readFileSync(join(folder, 'webhook.json'), 'utf8')).not.toMatch(/hook-1|10027/);
    await service.close();
    await receiver.close();
    rmSync(folder, { recursive: true });
  });
});
