import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ErasuresFile } from '../src/erasures-file.ts';

const AT = '2026-03-02T12:00:00.000Z';
const ANNA = 'A'.repeat(22);
const BO = 'Q'.repeat(22);
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

it.each([7, 22, 23, 45])('leaves nothing of a line that was cut off after %d characters', async (length) => {
  writeFileSync(join(folder, 'erasures.log'), line(ANNA) + line(BO).slice(0, length));
  await ErasuresFile.open(folder, undefined).add([{ reference: 'g'.repeat(22), at: AT }]);
  expect(text()).toBe(line(ANNA) + line('g'.repeat(22)));
});

it('takes a last line that lacks nothing but its end for one', async () => {
  writeFileSync(join(folder, 'erasures.log'), line(ANNA).trimEnd());
  const file = ErasuresFile.open(folder, undefined);
  expect([...file.lines().keys()]).toEqual([ANNA]);
  await file.add([{ reference: BO, at: AT }]);
  expect(text()).toBe(line(ANNA) + line(BO));
});

it('reads lines that end as another system ends them', async () => {
  writeFileSync(join(folder, 'erasures.log'), (line(ANNA) + line(BO)).replaceAll('\n', '\r\n'));
  expect([...ErasuresFile.open(folder, undefined).lines()]).toEqual([
    [ANNA, AT],
    [BO, AT],
  ]);
});

it.each([
  ['another file', '{"format":1}\n', 1],
  ['another file of one line', 'not a line of erasures', 1],
  ['a file in another encoding', Buffer.from(`\uFEFF${line(ANNA)}`, 'utf16le').toString('latin1'), 1],
  ['a line that is none', `${line(ANNA)}\n${line(BO)}`, 2],
  ['a line that was cut off inside the file', `${line(ANNA)}${BO}\n${line(BO)}`, 2],
  ['a reference that is not written as references are', line(ANNA) + line(`${'B'.repeat(22)}`), 2],
])('refuses %s, names the line and changes nothing', (_, written, number) => {
  writeFileSync(join(folder, 'erasures.log'), written, 'latin1');
  expect(() => ErasuresFile.open(folder, copy)).toThrow(
    expect.objectContaining({ name: 'ErasuresUnreadable', message: expect.stringMatching(`erasures\\.log .*line ${number} `) }),
  );
  expect(readFileSync(join(folder, 'erasures.log'), 'latin1')).toBe(written);
  expect(existsSync(copy)).toBe(false);
});

it('gives the file and its copy what only the other has, and writes to both', async () => {
  writeFileSync(join(folder, 'erasures.log'), line(ANNA));
  writeFileSync(copy, line(BO));
  const file = ErasuresFile.open(folder, copy);
  expect(text()).toBe(line(ANNA) + line(BO));
  expect(text(copy)).toBe(line(BO) + line(ANNA));
  const another = 'g'.repeat(22);
  await file.add([{ reference: another, at: AT }]);
  expect([text().includes(another), text(copy).includes(another)]).toEqual([true, true]);
});

it('reads no folder and no device, which may have no end', () => {
  for (const other of [folder, '/dev/zero']) expect(() => ErasuresFile.open(folder, other)).toThrow(/is no file of erasures/);
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
