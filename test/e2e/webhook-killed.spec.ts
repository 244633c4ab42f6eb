/** The built service, killed while it tells a webhook: nothing is left out, also where its read models are gone. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestReceiver } from '../support/receiver.ts';
import { disclosure } from '../support/write-side.ts';
import { ServiceProcess } from './service.ts';

const recipient = { id: 'adtech-ab', role: 'independent-controller', country: 'SE' };
const sold = (id: string) => disclosure(id, { data: { consideration: 'payment', recipient } });

it('tells everything, whenever it is killed', async () => {
  const receiver = await TestReceiver.start();
  const folder = mkdtempSync(join(tmpdir(), 'liggare-killed-'));
  const service = new ServiceProcess(folder, { LIGGARE_WEBHOOK_URL: receiver.url, LIGGARE_WEBHOOK_SECRET: receiver.secret });
  const sent: string[] = [];
  const told = () => new Set(receiver.seen.filter(({ taken }) => taken).map(({ body }) => (body.data['event'] as { id: string }).id));
  for (let round = 0; round < 4; round++) {
    const client = await service.start();
    while (!existsSync(join(folder, 'webhook.json'))) await new Promise((resolve) => setTimeout(resolve, 20));
    const ids = Array.from({ length: 20 }, (_, i) => `sold-${round}-${i}`);
    const { body } = await client.record(ids.map(sold));
    expect(body.recorded).toBe(20);
    sent.push(...ids);
    // Somewhere in the middle of what is told; before anything was in the third round.
    if (round === 2) receiver.behaviour = 'cuts';
    const before = receiver.seen.length;
    await receiver.until(() => receiver.seen.length >= before + 1 + round);
    await service.end('SIGKILL');
    receiver.behaviour = 'takes';
    if (round === 1) for (const file of readdirSync(folder)) if (file.startsWith('views.db')) rmSync(join(folder, file));
  }
  await service.start();
  await receiver.until(() => told().size === sent.length);
  expect(told()).toEqual(new Set(sent));
  expect(receiver.seen.every(({ isSigned }) => isSigned)).toBe(true);
  // Two findings an event, and not much more than once each.
  expect(receiver.taken.length).toBeLessThan(2 * sent.length + 40);
  expect(service.output).not.toMatch(/adtech|127\.0\.0\.1:\d+\/hook/);
  expect(await service.end('SIGTERM')).toBe(0);
  await receiver.close();
  rmSync(folder, { recursive: true });
}, 180_000);
