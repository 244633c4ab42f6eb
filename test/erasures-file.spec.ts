import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErasuresFile } from '../src/erasures-file.ts';

const AT = '2026-03-02T12:00:00.000Z';
const ANNA = 'A'.repeat(22);
const BO = 'B'.repeat(22);
const line = (reference: string) => `${reference} ${AT}\n`;

let folder: string;
let copy: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-erasures-'));
  mkdirSync(join(folder, 'elsewhere'));
  copy = join(folder, 'elsewhere', 'erasures.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const text = (file = join(folder, 'erasures.log')) => readFileSync(file, 'utf8');

it('keeps a line a reference, once, for its owner alone', async () => {
  const file = ErasuresFile.open(folder, undefined);
  await file.add([{ reference: ANNA, at: AT }]);
  await file.add([
    { reference: ANNA, at: AT },
    { reference: BO, at: AT },
  ]);
  expect(text()).toBe(line(ANNA) + line(BO));
  expect(statSync(join(folder, 'erasures.log')).mode & 0o777).toBe(0o600);
  expect([...ErasuresFile.open(folder, undefined).lines()]).toEqual([
    [ANNA, AT],
    [BO, AT],
  ]);
});

it('begins a line of its own where a crash cut the last one off, and takes that for none', async () => {
  writeFileSync(join(folder, 'erasures.log'), line(ANNA) + BO.slice(0, 7));
  const file = ErasuresFile.open(folder, undefined);
  expect([...file.lines().keys()]).toEqual([ANNA]);
  await file.add([{ reference: BO, at: AT }]);
  expect([...ErasuresFile.open(folder, undefined).lines().keys()]).toEqual([ANNA, BO]);
});

it('gives the file and its copy what only the other has, and writes to both', async () => {
  writeFileSync(join(folder, 'erasures.log'), line(ANNA));
  writeFileSync(copy, line(BO));
  const file = ErasuresFile.open(folder, copy);
  expect(text()).toBe(line(ANNA) + line(BO));
  expect(text(copy)).toBe(line(BO) + line(ANNA));
  const another = 'C'.repeat(22);
  await file.add([{ reference: another, at: AT }]);
  expect([text().includes(another), text(copy).includes(another)]).toEqual([true, true]);
});

it('says which setting is in the way when it cannot write', async () => {
  const file = ErasuresFile.open(folder, join(folder, 'missing', 'erasures.log'));
  await expect(file.check()).rejects.toMatchObject({
    name: 'ErasureCopyUnavailable',
    message: expect.stringContaining('LIGGARE_ERASURE_COPY'),
  });
  await expect(file.add([{ reference: ANNA, at: AT }])).rejects.toMatchObject({ name: 'ErasureCopyUnavailable' });
  writeFileSync(join(folder, 'erasures.log'), line(BO));
  expect(() => ErasuresFile.open(folder, join(folder, 'missing', 'erasures.log'))).toThrow(/LIGGARE_ERASURE_COPY/);
  expect(existsSync(join(folder, 'missing'))).toBe(false);
});
