/**
 * Erasing somebody whom few events name against somebody whom very many do, over HTTP with every sync; and what sealing and
 * opening a part costs against bare AES-256-GCM with the same bytes.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { open, seal } from '../src/privacy/seal.ts';
import { median, type Options, type Report, thousands } from './measure.ts';
import { disclosure, inParallel, post, type Service, startService } from './service.ts';

const SOURCE = 'urn:bench:erasure';
const BATCH = 1_000;
const FEW = 10;

export async function run(report: Report, { quick }: Options): Promise<void> {
  sealing(report, quick ? 20_000 : 100_000, quick ? 2 : 7);
  await erasing(report, quick ? 2_000 : 100_000, quick ? 2 : 5);
}

async function erasing(report: Report, many: number, runs: number): Promise<void> {
  const service = await startService();
  try {
    let number = 0;
    const record = async (person: number, events: number) => {
      const batches: number[] = [];
      for (let from = 0; from < events; from += BATCH) batches.push(Math.min(BATCH, events - from));
      await inParallel(batches, 4, async (size) => {
        const batch = Array.from({ length: size }, () => disclosure(SOURCE, ++number, person));
        await post(service, '/v1/events', 'application/cloudevents-batch+json', Buffer.from(JSON.stringify(batch)));
      });
    };
    // The first ones warm up: persons of an odd number are named by many events.
    const warmUp = 2;
    for (let i = 0; i < warmUp + runs; i++) {
      await record(2 * i, FEW);
      await record(2 * i + 1, i < warmUp ? FEW : many);
    }
    await caughtUp(service);
    const pairs: { few: number; many: number }[] = [];
    for (let i = 0; i < warmUp + runs; i++) {
      // By turns, which of the two goes first too.
      const order = i % 2 === 0 ? [2 * i, 2 * i + 1] : [2 * i + 1, 2 * i];
      const took = new Map<number, number>();
      for (const person of order) took.set(person, await erase(service, person));
      if (i >= warmUp) pairs.push({ few: took.get(2 * i) as number, many: took.get(2 * i + 1) as number });
    }
    report({
      workload: `erasing somebody with ${thousands(many)} events / with ${FEW}`,
      ratio: median(pairs.map((pair) => pair.many / pair.few)),
      target: '≤1.5',
      runs,
      detail: `${median(pairs.map((pair) => pair.many)).toFixed(1)} ms against ${median(pairs.map((pair) => pair.few)).toFixed(1)} ms, the whole request with its syncs; ${thousands(number)} events in the log`,
    });
  } finally {
    await service.stop();
  }
}

/** Milliseconds of the request; the read side has everything before it, as in a ledger at rest. */
async function erase(service: Service, person: number): Promise<number> {
  await caughtUp(service);
  const subject = { scheme: 'customer-number', value: String(100_000 + person) };
  const body = Buffer.from(JSON.stringify({ subject, ground: '17(1)(b)', reason: 'Asked for by letter.' }));
  const start = performance.now();
  await post(service, '/v1/subjects/erase', 'application/json', body, 201);
  return performance.now() - start;
}

/** Waits until the read side knows everything that is recorded: a question may ask for it for so long and no longer. */
async function caughtUp(service: Service): Promise<void> {
  const last = Buffer.from(JSON.stringify(disclosure('urn:bench:last', Math.floor(Math.random() * 1e12), 999_999)));
  const { position } = JSON.parse((await post(service, '/v1/events', 'application/cloudevents+json', last)).toString());
  const body = Buffer.from(
    JSON.stringify({ about: { source: 'urn:bench:last' }, reason: { purpose: 'security' }, limit: 1, after: position }),
  );
  for (let attempt = 1; ; attempt++) {
    try {
      await post(service, '/v1/queries/timeline', 'application/json', body);
      break;
    } catch (error) {
      if (attempt === 120) throw error;
    }
  }
  // The question itself is recorded, and the read side takes it in.
  await new Promise((resolve) => setTimeout(resolve, 300));
}

/** One part as an event about one person has it. */
function sealing(report: Report, count: number, runs: number): void {
  const key = createSecretKey(randomBytes(32));
  const text = JSON.stringify({
    subject: { scheme: 'customer-number', value: '10027' },
    event: { digest: randomBytes(32).toString('base64'), values: { caseRef: 'VAT-2026-02', note: 'Asked for by phone.' } },
  });
  const place = {
    source: 'urn:mailit:billing',
    id: '2026-03-02-000412',
    reference: randomBytes(16).toString('base64url'),
    part: 'subject',
  };
  const part = seal(key, text, place);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  const drawn = randomBytes(12);
  const bareSeal = () => {
    drawn.writeUInt32LE((drawn.readUInt32LE(0) + 1) >>> 0, 0);
    const bare = createCipheriv('aes-256-gcm', key, drawn);
    return Buffer.concat([bare.update(text), bare.final(), bare.getAuthTag()]);
  };
  const bareOpen = () => {
    const bare = createDecipheriv('aes-256-gcm', key, nonce);
    bare.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([bare.update(sealed.subarray(0, -16)), bare.final()]);
  };
  const sides: [string, () => unknown, () => unknown][] = [
    ['sealing a part', () => seal(key, text, place), bareSeal],
    ['opening a part', () => open(key, part, place), bareOpen],
  ];
  for (const [what, ours, bare] of sides) {
    for (const side of [ours, bare]) microseconds(side, Math.ceil(count / 10));
    const pairs = Array.from({ length: runs }, () => ({ ours: microseconds(ours, count), bare: microseconds(bare, count) }));
    report({
      workload: `${what} of ${text.length} bytes / bare AES-256-GCM`,
      ratio: median(pairs.map((pair) => pair.ours / pair.bare)),
      runs,
      detail: `${median(pairs.map((pair) => pair.ours)).toFixed(2)} µs against ${median(pairs.map((pair) => pair.bare)).toFixed(2)} µs, of which our part is bound to its place and written as base64`,
    });
  }
}

function microseconds(work: () => unknown, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) work();
  return ((performance.now() - start) * 1000) / count;
}
