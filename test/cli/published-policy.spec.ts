import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InProcess, ledgerInProcess } from '../e2e/service.ts';
import { MAILIT, POLICIES } from '../policy/given.ts';
import { liggare } from './fake-ledger.ts';

const TOMORROW = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const SHIPPED = join(POLICIES, 'mailit.yaml');

let folder: string;
let ledger: InProcess;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-policy-'));
  ledger = await ledgerInProcess();
  env = { LIGGARE_URL: ledger.url, LIGGARE_KEY: await ledger.keyOf('admin') };
});
afterAll(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const run = (...argv: string[]) => liggare(['policy', ...argv], { env });

function second(...changes: [from: string, to: string][]): string {
  const path = join(folder, 'second.yaml');
  const all: [string, string][] = [
    ["version: '1'", "version: '2'"],
    ['effectiveFrom: 2018-05-25', `effectiveFrom: ${TOMORROW}`],
    ...changes,
  ];
  writeFileSync(
    path,
    all.reduce((text, [from, to]) => text.replace(from, () => to), MAILIT),
  );
  return path;
}

const SHORTER: [string, string] = ['period: P12M', 'period: P6M'];

test('the one that was published at the first start is listed, and nothing was published that can be published again', async () => {
  const listed = await run('list');
  expect(listed.stdout).toMatch(/^1 +2018-05-25 +in-force +\S+Z +2 +0 +\d{4}-\d\d-\d\d +[0-9a-f]{12}$/m);
  const again = await run('publish', SHIPPED);
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Nothing was recorded, it was published before, at position 2: mailit, version 1/),
  });
});

test('with one file, diff tells what changes from the published one', async () => {
  const ran = await run('diff', second(SHORTER));
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain('From mailit, version 1 to mailit, version 2');
  expect(ran.stdout).toMatch(
    /^retention\n {2}Data for recruitment is kept for 6 months instead of 12 months \(shorter\) \[job-applicant\]$/m,
  );
  expect((await run('diff', SHIPPED)).stdout).toContain('Nothing else changed.');
});

test('a dry run tells the same, and warns, and records nothing', async () => {
  const ran = await run('publish', second(SHORTER, ['contact: info@mailit.se', 'contact: anna.berg@mailit.se']), '--dry-run');
  expect(ran.code).toBe(0);
  expect(ran.stdout).toMatch(/^Would be published: mailit, version 2.*\nIt takes the place of version 1\.$/m);
  expect(ran.stdout).toContain('6 months instead of 12 months');
  expect(ran.stderr).toContain('Warning: controller.contact does not look like the address of a function');
  expect(JSON.parse((await run('list', '--json')).stdout).items).toHaveLength(1);
});

test('what is wrong is told by line and column, and what is not allowed by its rule', async () => {
  const wrong = await run('publish', second(['period: P12M', 'period: a year']));
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toMatch(/line \d+, column \d+: retention\.\S+\.period is a period of ISO 8601/);
  const early = await run('publish', second([`effectiveFrom: ${TOMORROW}`, 'effectiveFrom: 2020-01-01']));
  expect(early.code).toBe(2);
  expect(early.stderr).toContain('effective-before-publication: only the first version may begin before its publication');
  expect((await run('publish', join(folder, 'absent.yaml'))).stderr).toContain('cannot be read: ENOENT');
});

test('a version is published, with its reason', async () => {
  const ran = await run('publish', second(SHORTER), '--reason', 'Half a year is enough.');
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Published at position \d+: mailit, version 2/) });
  expect((await run('list')).stdout).toMatch(/^2 +\d{4}-\d\d-\d\d +to-come/m);
});

test('the version in force is reviewed, and the text that was found compared', async () => {
  const found = join(folder, 'found.html');
  writeFileSync(found, 'something else');
  const ran = await run('review', '--text', found, '--note', 'The list of distributors is complete.');
  expect(ran.code).toBe(0);
  expect(ran.stdout).toMatch(
    /^Reviewed version 1 at position \d+; the next review is due by \d{4}-\d\d-\d\d\.\nThe text that was found is NOT the published one\.$/m,
  );
  expect((await run('review', '2')).stderr).toContain('version 1 is in force: review that one');
});
