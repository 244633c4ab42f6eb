import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SETTINGS } from '../../src/config.ts';
import { eventTypes } from '../../src/ledger/events.ts';
import { ServiceProcess } from './service.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(PROJECT, 'README.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'liggare-readme-'));
/** Where the README's other storage is mounted. */
const mnt = mkdtempSync(join(tmpdir(), 'liggare-mnt-'));
for (const name of ['copy', 'audit']) mkdirSync(join(mnt, name));
/** What its first start told. */
let client = { url: '', key: '' };
const service = new ServiceProcess(folder, { LIGGARE_ADMIN_KEY: '', LIGGARE_ERASURE_COPY: join(mnt, 'copy', 'erasures.log') });
afterAll(async () => {
  await service.end('SIGKILL');
  for (const made of [folder, mnt]) rmSync(made, { recursive: true, force: true });
});

/** The commands of the README under a mark, made to speak to the service under test. */
function snippet(mark: string, url: string): string {
  const found = new RegExp(`<!-- tested: ${mark} -->\\s*\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(README)?.[1];
  if (!found) throw new Error(`the README has no snippet ${mark}`);
  return found.replaceAll('http://127.0.0.1:3000', url);
}

/** The README's folders are those of the test. */
const here = (script: string) =>
  script.replaceAll('/mnt/', `${mnt}/`).replaceAll('./restored', join(mnt, 'restored')).replaceAll('./data', folder);

async function shell(script: string, key: string): Promise<string> {
  const env = { ...process.env, KEY: key };
  const { stdout } = await promisify(execFile)('sh', ['-ec', script], { cwd: PROJECT, env });
  return stdout;
}

it('does what the README shows: a first start, a first event, a first question, first keys', async () => {
  const { url } = await service.start();
  const key = /Admin key \(shown once\): (\S+)/.exec(service.output)?.[1] as string;
  expect(key).toMatch(/^lig_/);
  client = { url, key };

  const recorded = JSON.parse(await shell(snippet('first-event', url), key));
  const shown = /```json\n([\s\S]*?)```/.exec(README)?.[1] as string;
  expect(recorded).toEqual(JSON.parse(shown));

  const answer = JSON.parse(await shell(snippet('first-question', url), key));
  expect(answer.items).toEqual([
    expect.objectContaining({ type: 'PersonalDataDisclosed', recipient: expect.objectContaining({ id: 'skatteverket' }) }),
  ]);

  const [made, ...timeline] = (await shell(snippet('first-keys', url), key)).trim().split('\n');
  expect(made).toMatch(/^lig_\S+$/);
  expect(timeline.join('\n')).toContain('PersonalDataDisclosed');

  expect(JSON.parse(await shell(snippet('first-decision', url), key))).toMatchObject({
    decision: 'allowed',
    policyVersion: '1',
    reasons: [],
  });

  const linked = await shell(`export LIGGARE_URL=${url} LIGGARE_KEY=$KEY\n${snippet('first-link', url).trim()} --json`, key);
  expect(JSON.parse(linked)).toMatchObject({ identifiersAdded: 1, references: [expect.any(String)] });
}, 60_000);

it('tells what it found', async () => {
  const { url, key } = client;
  expect(await shell(snippet('findings', url), key)).toMatch(/^rule +title +week +conforms +violates/m);
}, 60_000);

it('proves what it recorded, to whoever has a key and a tree head', async () => {
  const { url, key } = client;
  await shell(here(snippet('proof-follow', url)), key);
  const [origin, size, root] = readFileSync(join(mnt, 'audit', 'checkpoint.txt'), 'utf8').split('\n');
  expect([Number(size), root]).toEqual([expect.any(Number), expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/)]);
  expect(readFileSync(join(mnt, 'audit', 'ledger.vkey'), 'utf8')).toContain(`${origin}+`);
  const [whole, since] = (await shell(here(snippet('proof-verify', url)), '')).split(/^(?=Intact)/m);
  expect([whole, since]).toEqual([expect.stringMatching(/^Intact/), expect.stringContaining('the ledger goes on from there')]);
  const evidence = await shell(here(snippet('proof-evidence', url)), key);
  expect(evidence).toMatch(/^Intact: \d+ events, each proven$/m);
  expect(await shell(here(snippet('proof-receipts', url)), key)).toMatch(/^Intact: 1 of 1 receipt holds$/m);
}, 120_000);

it('erases', async () => {
  const { url, key } = client;
  const certificate = JSON.parse(await shell(snippet('first-erasure', url), key));
  expect(certificate).toMatchObject({ state: 'completed', ground: '17(1)(b)', destroyed: { keys: 1, identifiers: 2 }, suppressed: true });
  expect(JSON.parse(await shell(snippet('first-question', url), key)).items).toEqual([]);
}, 60_000);

it('shows the admin key once', async () => {
  await service.end('SIGTERM');
  const before = service.output.length;
  await service.start();
  expect(service.output.slice(before)).not.toMatch(/Admin key/);
}, 30_000);

it('backs up beside the service, and restores without the erased', async () => {
  await shell(here(snippet('backup', '')), '');
  await shell(here(snippet('restore', '')), '');
  expect(readdirSync(join(mnt, 'restored'))).toEqual(expect.arrayContaining(['ledger.db', 'keys.db', 'erasures.log']));
  const erased = readFileSync(join(mnt, 'restored', 'erasures.log'), 'utf8').split('\n').length - 1;
  expect(erased).toBe(1);
}, 60_000);

it('lists every setting with its default', () => {
  const rows = SETTINGS.map(
    ({ name, default: value, unit, meaning }) =>
      `| \`${name}\` | ${value ?? ''}${value !== undefined && unit ? ` ${unit}` : ''} | ${meaning} |`,
  );
  for (const row of rows) expect(README).toContain(row);
});

it('counts the types right', () => {
  expect(README).toContain(`each of the ${eventTypes().filter(({ group }) => group !== 'ledger').length} types`);
});
