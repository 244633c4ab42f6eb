import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
const service = new ServiceProcess(folder, { LIGGARE_ADMIN_KEY: '' });
afterAll(async () => {
  await service.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The commands of the README under a mark, made to speak to the service under test. */
function snippet(mark: string, url: string): string {
  const found = new RegExp(`<!-- tested: ${mark} -->\\s*\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(README)?.[1];
  if (!found) throw new Error(`the README has no snippet ${mark}`);
  return found.replaceAll('http://127.0.0.1:3000', url);
}

async function shell(script: string, key: string): Promise<string> {
  const env = { ...process.env, KEY: key };
  const { stdout } = await promisify(execFile)('sh', ['-ec', script], { cwd: PROJECT, env });
  return stdout;
}

it('does what the README shows: a first start, a first event, a first question, first keys', async () => {
  const { url } = await service.start();
  const key = /Admin key \(shown once\): (\S+)/.exec(service.output)?.[1] as string;
  expect(key).toMatch(/^lig_/);

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

  const certificate = JSON.parse(await shell(snippet('first-erasure', url), key));
  expect(certificate).toMatchObject({ state: 'completed', ground: '17(1)(b)', destroyed: { keys: 1, identifiers: 1 }, suppressed: true });
  expect(JSON.parse(await shell(snippet('first-question', url), key)).items).toEqual([]);
}, 60_000);

it('shows the admin key once', async () => {
  await service.end('SIGTERM');
  const before = service.output.length;
  await service.start();
  expect(service.output.slice(before)).not.toMatch(/Admin key/);
}, 30_000);

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
