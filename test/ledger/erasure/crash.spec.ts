import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SqliteLogReader } from '../../../src/eventstore/sqlite-reader.ts';
import { ApiKeys } from '../../../src/ledger/api-key/api-keys.ts';
import type { Entry } from '../../../src/ledger/entry.ts';
import { startLedger } from '../../../src/start.ts';
import { Client } from '../../e2e/service.ts';
import { disclosure, NOW, openWriteSide } from '../../support/write-side.ts';

const root = mkdtempSync(join(tmpdir(), 'liggare-erasure-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const ADMIN = 'admin-key-of-the-crash-tests';
const NUMBER = { scheme: 'customer-number', value: '10027' };

/** A member of staff who is a customer too, with a session, an API key, and something in quarantine. */
interface Given {
  folder: string;
  reference: string;
  apiKey: string;
  quarantineId: string;
}

async function given(): Promise<Given> {
  const folder = join(root, 'given');
  mkdirSync(folder);
  const ledger = await openWriteSide(folder);
  const keys = new ApiKeys(ledger.store, ledger.vault);
  const actor = { id: 'anna.berg', kind: 'human', role: 'clerk', capacity: 'controller', sessionRef: 's-1' };
  const [anna] = await ledger.vault.resolve([{ scheme: 'actor', value: 'anna.berg', also: [NUMBER] }], { create: true });
  await ledger.record([disclosure('1', { data: { actor, note: 'Anna called.' } })]);
  await ledger.record([disclosure('2', { data: { purpose: 'no-such-purpose' } })]);
  const reference = anna?.reference as string;
  const wanted = { name: 'desk', scope: 'case', sources: [], groups: [], person: 'anna.berg' } as const;
  const { key: apiKey } = await keys.create(wanted, { reference, kind: 'human' }, NOW);
  const item = (await ledger.entries()).find(({ type }) => type === 'RecordQuarantined');
  await ledger.store.close();
  await ledger.vault.close();
  return { folder, reference, apiKey, quarantineId: item?.entry.id as string };
}

/** Erases on a copy of the folder, killed before that step. @returns the steps that were taken, and whether it was killed. */
async function eraseAndKill(from: string, folder: string, step: number): Promise<{ steps: string[]; wasKilled: boolean }> {
  cpSync(from, folder, { recursive: true });
  const hooks = path('../../support/from-source.mjs');
  const child: ChildProcess = spawn(process.execPath, ['--import', hooks, path('erase-until-killed.ts'), folder, String(step)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await once(child, 'close');
  return { steps: printed.trim().split('\n'), wasKilled: child.signalCode === 'SIGKILL' };
}

function erasuresIn(folder: string): { type: string; entry: Entry }[] {
  const reader = new SqliteLogReader(join(folder, 'ledger.db'));
  try {
    return reader.readStream('ledger-erasures', 0, 100).map(({ type, data }) => ({ type, entry: JSON.parse(data) as Entry }));
  } finally {
    reader.close();
  }
}

/** What somebody finds who starts the service on the folder. */
async function started(folder: string, { reference, apiKey, quarantineId }: Given) {
  const running = await startLedger({ LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: ADMIN }, { port: 0, quiet: true });
  const client = new Client(running.url, ADMIN);
  try {
    const [intention] = erasuresIn(folder);
    const certificate = intention ? (await client.send('GET', `/v1/erasures/${intention.entry.id}`)).body : undefined;
    const after = Math.max(0, ...(certificate?.projections ?? []).map(({ position }: { position: number }) => position));
    const byReference = await client.ask('timeline', { about: { subject: { reference } }, after });
    const byNumber = await client.ask('timeline', { about: { subject: NUMBER } });
    return {
      certificate,
      byReference: byReference.body.items.filter(({ source }: { source: string }) => source === 'urn:mailit:billing'),
      byNumber: byNumber.body.items,
      apiKey: (await client.with(apiKey).send('GET', '/v1/sources')).status,
      quarantined: (await client.send('POST', `/v1/quarantine/${quarantineId}/open`, { reason: { purpose: 'security' } })).status,
      suppressed: (await client.send('POST', '/v1/suppression/check', { identifiers: [NUMBER] })).body.items,
      recordedAgain: (await client.record([disclosure('1')])).body,
    };
  } finally {
    await running.close();
  }
}

it('kill -9 at each step: the next start completes what was begun, and opens nothing', async () => {
  const before = await given();
  let steps: string[] = [];
  for (let step = 0, wasKilled = true; wasKilled; step++) {
    const folder = join(root, String(step));
    ({ steps, wasKilled } = await eraseAndKill(before.folder, folder, step));
    const events = erasuresIn(folder);
    const found = await started(folder, before);
    const label = `killed before step ${step}, after ${steps.at(-1)}`;
    if (events.length === 0) {
      // Nothing was promised yet, and nothing is gone.
      expect([label, found]).toMatchObject([
        label,
        { certificate: undefined, apiKey: 200, quarantined: 200, suppressed: [{ suppressed: false }] },
      ]);
      expect(found.byNumber.length).toBeGreaterThan(0);
    } else {
      expect([label, found]).toMatchObject([
        label,
        {
          certificate: {
            state: 'completed',
            references: [before.reference],
            destroyed: { keys: 1, identifiers: 2, sessions: 1, quarantined: 1 },
            suppressed: true,
          },
          byNumber: [],
          apiKey: 401,
          quarantined: 404,
          suppressed: [{ suppressed: true }],
          recordedAgain: { recorded: 0, duplicates: 1 },
        },
      ]);
      expect(found.byReference).toEqual([expect.objectContaining({ subjects: [expect.objectContaining({ erased: true })] })]);
      expect(JSON.stringify(found.byReference)).not.toMatch(/Anna|10027|anna\.berg/);
      const lines = readFileSync(join(folder, 'erasures.log'), 'utf8').trim().split('\n');
      expect(lines.filter((line) => line.startsWith(`${before.reference} `))).toHaveLength(1);
      // One intention, one confirmation, however often it was begun.
      expect(erasuresIn(folder).map(({ type }) => type)).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed']);
    }
    rmSync(folder, { recursive: true, force: true });
  }
  expect(steps).toEqual([
    'vault.periodKey',
    'store.append',
    'vault.endItems',
    'file.add',
    'fence.fence',
    'vault.suppress',
    'keys.revokeOf',
    'vault.erase',
    'keys.revokeOf',
    'store.append',
    'ended',
  ]);
}, 300_000);
