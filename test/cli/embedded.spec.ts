import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InProcess, ledgerInProcess } from '../e2e/service.ts';
import { disclosure } from '../support/write-side.ts';
import { liggare } from './fake-ledger.ts';

const ndjson = (events: readonly unknown[]) => events.map((each) => `${JSON.stringify(each)}\n`).join('');

describe('given a running ledger and a key that may write for one source', () => {
  let ledger: InProcess;
  beforeAll(async () => {
    ledger = await ledgerInProcess();
  });
  afterAll(() => ledger.close());

  test('a line that the key may not write is refused with its number; every other line is recorded', async () => {
    const key = await ledger.keyOf('emit', { sources: ['urn:mailit:billing'] });
    const events = Array.from({ length: 6 }, (_, n) => disclosure(`line-${n}`, n === 2 ? { source: 'urn:mailit:payroll' } : {}));
    const argv = ['import', '-'];
    const input = { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: key }, stdin: ndjson(events) };
    const dry = await liggare([...argv, '--dry-run'], input);
    expect(dry.stdout).toMatch(/^ {2}recorded +5$/m);
    const ran = await liggare(argv, input);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^ {2}recorded +5$/m);
    expect(ran.stdout).toMatch(/^ {2}refused +1$/m);
    expect(ran.stderr).toMatch(/^line 3: refused · \/source /m);
    const again = await liggare(argv, input);
    expect(again.stdout).toMatch(/^ {2}duplicates +5$/m);
  });
});

describe('liggare rebuild, on a data folder', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'liggare-rebuild-'));
    env = { LIGGARE_DATA: join(folder, 'data') };
    const file = join(folder, 'events.ndjson');
    await writeFile(file, ndjson(Array.from({ length: 12 }, (_, n) => disclosure(`rebuild-${n}`))));
    expect((await liggare(['import', file], { env })).code).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('without a name all of them are made anew, and it says so', async () => {
    const ran = await liggare(['rebuild'], { env });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^Rebuilding all read models\.\nall read models: rebuilt in \d+\.\d s\.$/m);
  });

  test('with a name it is that one', async () => {
    const ran = await liggare(['rebuild', 'completeness'], { env });
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^completeness: rebuilt in /m);
    expect((await liggare(['sources', '--json'], { env })).stdout).toContain('"events": 12');
  });

  test('a name that there is not is wrong usage, told with the names that there are', async () => {
    const ran = await liggare(['rebuild', 'nope'], { env });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/^liggare: .*entries, completeness, quarantine, holds, .*retention\.\n$/m);
    expect(ran.stderr).not.toContain('should not happen');
  });
});
