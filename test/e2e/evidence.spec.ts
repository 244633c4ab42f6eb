/** The built program on a machine that has nothing but itself: no data folder, no service, no environment. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { disclosure } from '../support/write-side.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-anywhere-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const liggare = (argv: string[], env: Record<string, string> = {}, input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...argv], { cwd: folder, env, input, encoding: 'utf8' });
  return { status, stdout, stderr };
};

it('exports from a data folder, and verifies where there is none', () => {
  const data = mkdtempSync(join(tmpdir(), 'liggare-source-'));
  const events = Array.from({ length: 20 }, (_, i) => `${JSON.stringify(disclosure(`e-${i}`))}\n`).join('');
  const env = { LIGGARE_DATA: data };
  expect(liggare(['import', '-'], env, events)).toMatchObject({ status: 0 });
  const asked = ['export', 'evidence', '--about', 'customer-number:10027', '--purpose', 'rights-fulfilment'];
  expect(liggare([...asked, 'bundle.zip'], env)).toMatchObject({ status: 0, stderr: expect.stringContaining('It verifies.') });
  rmSync(data, { recursive: true });

  expect(statSync(join(folder, 'bundle.zip')).mode & 0o777).toBe(0o600);
  const ran = liggare(['verify', 'bundle.zip']);
  expect(ran).toMatchObject({ status: 0, stdout: expect.stringContaining('Intact: 20 events, each proven') });
  const vkey = /^Signed by {2}(\S+)$/m.exec(ran.stdout)?.[1] as string;
  expect(liggare(['verify', 'bundle.zip', '--vkey', vkey])).toMatchObject({ status: 0, stderr: '' });

  const bytes = readFileSync(join(folder, 'bundle.zip'));
  writeFileSync(join(folder, 'half.zip'), bytes.subarray(0, bytes.length / 2));
  expect(liggare(['verify', 'half.zip'])).toMatchObject({ status: 5 });
  // Nothing was unpacked, and no data folder was made.
  expect(readdirSync(folder).sort()).toEqual(['bundle.zip', 'half.zip']);
}, 120_000);
