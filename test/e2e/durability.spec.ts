import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disclosure } from '../support/write-side.ts';
import { BATCH, type Client, ServiceProcess, SINGLE } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'liggare-kill-'));
const service = new ServiceProcess(folder);
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const WRITERS = 12;
const KILLS = 3;

/** Posts until the service is gone; keeps what was acknowledged, and what was sent and never answered. */
async function write(client: Client, round: number, writer: number, acknowledged: Set<string>): Promise<void> {
  for (let n = 0; ; n++) {
    const isBatch = writer % 3 === 0;
    const ids = Array.from({ length: isBatch ? 20 : 1 }, (_, i) => `${round}-${writer}-${n}-${i}`);
    const events = ids.map((id, i) =>
      disclosure(id, { data: { subjects: [{ scheme: 'customer-number', value: `${(n + i) % 50}-${round}` }] } }),
    );
    try {
      const answer = await client.send('POST', '/v1/events', isBatch ? events : events[0], { 'content-type': isBatch ? BATCH : SINGLE });
      if (answer.status !== 200 || answer.body.recorded !== ids.length) throw new Error(answer.text);
      for (const id of ids) acknowledged.add(id);
    } catch {
      return;
    }
  }
}

/** Every recorded id of a source, as often as it stands in the timeline. */
async function recordedIds(client: Client, after: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const question = { about: { source: 'urn:mailit:billing' }, limit: 1000, order: 'asc', after, ...(cursor && { cursor }) };
    const { body } = await client.ask('timeline', question);
    ids.push(...body.items.map((item: { id: string }) => item.id));
    cursor = body.next ?? undefined;
  } while (cursor);
  return ids;
}

it('loses nothing that was acknowledged and doubles nothing, killed while it records', async () => {
  const acknowledged = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    const client = await service.start();
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(client, round, writer, acknowledged));
    await new Promise((resolve) => setTimeout(resolve, 700 + 200 * round));
    await service.end('SIGKILL');
    await Promise.all(writers);
  }

  const client = await service.start();
  const { body } = await client.record([disclosure('last')]);
  const ids = await recordedIds(client, body.position);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...acknowledged].filter((id) => !ids.includes(id))).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(WRITERS);

  // What was sent again is recognised: recorded before, or recorded now, and in either case once.
  const again = [...acknowledged].slice(0, 500).map((id) => {
    const [round, , n, i] = id.split('-').map(Number) as [number, number, number, number];
    return disclosure(id, { data: { subjects: [{ scheme: 'customer-number', value: `${(n + i) % 50}-${round}` }] } });
  });
  expect((await client.record(again)).body).toMatchObject({ recorded: 0, duplicates: again.length });
  expect(await service.end('SIGTERM')).toBe(0);
}, 120_000);

it('stops in order: what is in flight is answered, and the next start has it', async () => {
  const client = await service.start();
  const posts = Array.from({ length: 50 }, (_, n) => client.record([disclosure(`orderly-${n}`)]).catch(() => undefined));
  await Promise.race(posts);
  expect(await service.end('SIGTERM')).toBe(0);
  const answers = (await Promise.all(posts)).filter((answer) => answer?.status === 200);

  const next = await service.start();
  const { body } = await next.record([disclosure('after-the-stop')]);
  const ids = await recordedIds(next, body.position);
  expect(ids.filter((id) => id.startsWith('orderly-')).length).toBeGreaterThanOrEqual(answers.length);
  await service.end('SIGTERM');
}, 60_000);
