/** New critical findings told to a webhook: signed, in order, at least once, whatever the receiver and this process do. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKPOINT } from '../../src/notify/checkpoint.ts';
import { CriticalFindings } from '../../src/notify/critical-findings.ts';
import { cursorOf, cursorText } from '../../src/notify/cursor.ts';
import { isWebhookSecret, readWebhookSecret } from '../../src/notify/secret.ts';
import { Webhook } from '../../src/notify/webhook.ts';
import { type GivenFindings, openFindings } from '../projections/findings/given-findings.ts';
import { type Behaviour, TestReceiver } from '../support/receiver.ts';
import { disclosure } from '../support/write-side.ts';

let ledger: GivenFindings;
let receiver: TestReceiver;
let count = 0;
const said: (string | undefined)[] = [];
let begunAnew = 0;
const running = new Set<Webhook>();

/** As a process that starts. */
function started(timeoutMs = 10_000): Webhook {
  const webhook = new Webhook({
    ...{ url: receiver.url, secret: receiver.secret, store: ledger.store, dataFolder: ledger.folder },
    findings: new CriticalFindings(ledger.views, ledger.store, { tickMs: 10 }),
    ...{ timeoutMs, firstWaitMs: 5, longestWaitMs: 20 },
    onFailing: (cause) => said.push(cause),
    onBegunAnew: () => begunAnew++,
    onAttempt: () => undefined,
  });
  running.add(webhook);
  webhook.start();
  return webhook;
}

const begun = async () => {
  while (!existsSync(join(ledger.folder, CHECKPOINT))) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** So many events, each with a critical finding. */
async function found(many = 1, over: object = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < many; i++) {
    ids.push(await ledger.givenFound(disclosure(`event ${++count}`), over));
  }
  return ids;
}

describe('the webhook', () => {
  beforeEach(async () => {
    ledger = await openFindings();
    receiver = await TestReceiver.start();
    count = 0;
    begunAnew = 0;
    said.length = 0;
    await ledger.given(disclosure('first'));
  });
  afterEach(async () => {
    for (const webhook of running) await webhook.close();
    running.clear();
    await receiver.close();
    await ledger.close();
  });

  it('tells of what is found from its first start on, in order, signed, and of nobody', async () => {
    await found(3);
    started();
    await begun();
    const ids = await found(3);
    await receiver.until(() => receiver.taken.length === 3);
    expect(receiver.taken).toEqual(ids);
    expect(receiver.seen.every(({ isSigned }) => isSigned)).toBe(true);
    expect(new Set(receiver.seen.map(({ id }) => id)).size).toBe(3);
    const [event] = (await ledger.recorded()).slice(-3);
    const { time } = JSON.parse(event?.data as string);
    expect(receiver.seen[0]?.body).toEqual({
      type: 'finding.critical',
      timestamp: event?.recordedAt,
      data: {
        ...{ finding: ids[0], rule: 'R7', what: 'recipient-not-registered', severity: 'critical', clause: 21, article: '5(1)(b)' },
        ...{ policyVersion: '1', detectedAt: event?.recordedAt },
        event: { source: 'urn:mailit:billing', id: 'event 4', type: 'PersonalDataDisclosed', time },
      },
    });
  });

  it('tells of nothing less than critical, and of nothing that was cleared before it could be told', async () => {
    receiver.behaviour = 'error';
    started();
    await begun();
    const [waits] = await found();
    await receiver.until(() => receiver.seen.length > 0);
    await found(1, { severity: 'high' });
    await ledger.given(disclosure('later'));
    await ledger.found({ on: 1, what: 'cleared', until: await ledger.store.head() });
    const [last] = await found();
    receiver.behaviour = 'takes';
    await receiver.until(() => receiver.taken.includes(last as string));
    expect(receiver.taken).toEqual([waits, last]);
  });

  it('tells of what becomes a finding by nothing but time passing', async () => {
    started();
    await begun();
    const due = new Date(Date.now() + 200).toISOString();
    const [late] = await found(1, { due });
    const [now] = await found();
    await receiver.until(() => receiver.taken.length === 2);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(due));
    expect(new Set(receiver.taken)).toEqual(new Set([now, late]));
    expect(receiver.seen.find(({ body }) => body.data.finding === late)?.body.data).toMatchObject({ detectedAt: due });
  });

  it.each<[Behaviour, RegExp]>([
    ['error', /^answers 500$/],
    ['hangs', /^did not answer in time$/],
    ['redirects', /redirect, which is not followed/],
    ['cuts', /^could not be reached/],
    ['trickles', /^answers 500$/],
  ])('sends again, in order, what a receiver that %s did not take', async (behaviour, cause) => {
    receiver.behaviour = behaviour;
    const webhook = started(behaviour === 'hangs' ? 200 : undefined);
    await begun();
    const ids = await found(3);
    await receiver.until(() => receiver.seen.length >= 3);
    expect(webhook.status()).toMatchObject({ state: 'failing', waitingSince: expect.any(Number) });
    expect(new Set(receiver.seen.map(({ body }) => body.data.finding))).toEqual(new Set([ids[0]]));
    expect(new Set(receiver.seen.map(({ id }) => id)).size).toBe(1);
    receiver.behaviour = 'takes';
    await receiver.until(() => new Set(receiver.taken).size === 3);
    expect([...new Set(receiver.taken)]).toEqual(ids);
    expect(said.slice(0, 2)).toEqual([expect.stringMatching(cause), undefined]);
    expect(receiver.paths).toEqual(new Set(['/hook']));
    await receiver.until(() => webhook.status().failures === 0);
  });

  it('does not wait for the rest of an answer that says enough', async () => {
    receiver.behaviour = 'chats';
    started();
    await begun();
    const ids = await found(3);
    await receiver.until(() => receiver.taken.length === 3);
    expect(receiver.taken).toEqual(ids);
    expect(said).toEqual([]);
  });

  it('goes on where the process before stopped, however that ended', async () => {
    const first = started();
    await begun();
    const ids = await found(2);
    await receiver.until(() => receiver.taken.length === 2);
    receiver.behaviour = 'error';
    ids.push(...(await found(2)));
    await receiver.until(() => receiver.seen.length > 3);
    // As it stands when a process is killed: what was taken last may not be in it yet.
    const kept = readFileSync(join(ledger.folder, CHECKPOINT), 'utf8');
    await first.close();
    ids.push(...(await found(2)));
    writeFileSync(join(ledger.folder, CHECKPOINT), kept);
    receiver.behaviour = 'takes';
    started();
    await receiver.until(() => new Set(receiver.taken).size === 6);
    expect([...new Set(receiver.taken)]).toEqual(ids);
    expect(begunAnew).toBe(0);
  });

  it('leaves nothing out where the read models were made anew meanwhile', async () => {
    const first = started();
    await begun();
    receiver.behaviour = 'error';
    const ids = await found(4);
    await receiver.until(() => receiver.seen.length > 0);
    receiver.behaviour = 'takes';
    await receiver.until(() => receiver.taken.length >= 1);
    await first.close();
    await ledger.db
      .updateTable('findings_rows')
      .set(({ eb }) => ({ row: eb('row', '+', 1000) }))
      .execute();
    started();
    await receiver.until(() => new Set(receiver.taken).size === 4);
    expect([...new Set(receiver.taken)]).toEqual(ids);
  });

  it('waits while the read models are behind what was told', async () => {
    const first = started();
    await begun();
    const [told] = await found(1);
    await receiver.until(() => receiver.taken.length === 1);
    await first.close();
    const { position } = ledger.status;
    ledger.status.position = 1;
    started();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(receiver.seen).toHaveLength(1);
    ledger.status.position = position;
    const [next] = await found(1);
    await receiver.until(() => receiver.taken.includes(next as string));
    expect(new Set(receiver.taken)).toEqual(new Set([told, next]));
  });

  it.each([
    ['another log', (text: string) => text.replace(/"event":"[^"]+"/, '"event":"another"')],
    ['a log that is longer', (text: string) => text.replace(/"1\.\d+/, '"1.99999')],
    ['nobody', () => '{"cursor":'],
  ])('begins anew where its checkpoint is of %s', async (_, change) => {
    const first = started();
    await begun();
    await first.close();
    await found(2);
    const file = join(ledger.folder, CHECKPOINT);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    const before = readFileSync(file, 'utf8');
    started();
    while (readFileSync(file, 'utf8') === before) await new Promise((resolve) => setTimeout(resolve, 5));
    const ids = await found(1);
    await receiver.until(() => receiver.taken.length === 1);
    expect([receiver.taken, begunAnew]).toEqual([ids, 1]);
  });

  it('stops at once, also while it waits', async () => {
    receiver.behaviour = 'hangs';
    const webhook = started();
    await begun();
    await found();
    await receiver.until(() => receiver.seen.length > 0);
    await webhook.close();
    expect(receiver.taken).toEqual([]);
  });
});

describe('the secret of a webhook', () => {
  const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;

  it.each([
    [of(24), true],
    [of(64), true],
    [of(23), false],
    [of(65), false],
    [of(32).slice(6), false],
    ['whsec_', false],
    ['whsec_!!!!', false],
  ])('%s: %s', (text, ok) => expect(isWebhookSecret(text)).toBe(ok));

  it('may stand in a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'liggare-secret-'));
    const file = join(folder, 'secret');
    writeFileSync(file, `${of(32)}\n`);
    expect(readWebhookSecret(file)).toBe(of(32));
    writeFileSync(file, 'a secret of ours');
    expect(() => readWebhookSecret(file)).toThrow(expect.objectContaining({ name: 'WebhookSecretRefused' }));
    expect(() => readWebhookSecret(file)).not.toThrow(/ours/);
    expect(() => readWebhookSecret(join(folder, 'none'))).toThrow(/ENOENT/);
    rmSync(folder, { recursive: true });
  });
});

describe('a cursor', () => {
  const from = { position: 412, moment: 1_772_442_847_120, recordedAt: 1_772_442_848_001 };
  it.each([
    [{ from }],
    [{ from, to: { position: 413, moment: 1_772_442_849_000 }, last: { place: [1, 0, 7] as const, finding: 'F'.repeat(22) } }],
  ])('is a line that leads back to it', (cursor) => {
    expect(cursorText(cursor)).toMatch(/^\S{1,200}$/);
    expect(cursorOf(cursorText(cursor))).toEqual(cursor);
  });

  it.each(['', '1', '2.1.1.1', '1.1.1', '1.1.1.x', '1.-1.1.1', '1.1.1.1.1.1.1.0.1.short', '1.1e3.1.1', `1.${'9'.repeat(16)}.1.1`])(
    '%j is none',
    (text) => expect(cursorOf(text)).toBeUndefined(),
  );
});
