import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMasterKey, writeMasterKey } from '../../src/privacy/master-key.ts';
import { MasterKeyFiles } from '../../src/privacy/master-key-files.ts';
import { randomKey } from '../../src/privacy/seal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-master-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (key = randomKey()): string => key.export().toString('base64');
/** The key as the next start would find it. */
const started = (next: { value?: string; file?: string } = {}, present: { value?: string; file?: string } = {}) => {
  const current = loadMasterKey({ dataFolder: folder, ...present });
  return { current, files: new MasterKeyFiles(current, { dataFolder: folder, ...next }) };
};

describe("a ledger's own master key", () => {
  it('given no next one, when it is replaced, then one is made beside it, durable and private, and takes its place', () => {
    const { current, files } = started();
    expect([files.isBegun, files.next]).toEqual([false, undefined]);
    const next = files.prepare();
    const beside = join(folder, 'master.key.next');
    expect(next.equals(current.key)).toBe(false);
    expect(statSync(beside).mode & 0o777).toBe(0o600);
    expect(readFileSync(beside, 'utf8').trim()).toBe(textOf(next));
    expect(started().current.key.equals(current.key)).toBe(true);
    files.complete();
    expect(existsSync(beside)).toBe(false);
    expect(started().current.key.equals(next)).toBe(true);
    expect(files.advice).toContain('Keep a copy');
  });

  it('given a change that was begun, when it is started again, then the same next key is there', () => {
    const next = started().files.prepare();
    const { files } = started();
    expect(files.isBegun).toBe(true);
    expect(files.next?.equals(next)).toBe(true);
    expect(files.prepare().equals(next)).toBe(true);
  });

  it('given a next one from outside, when it is replaced, then the file holds that one', () => {
    const value = textOf();
    const { files } = started({ value });
    expect(textOf(files.prepare())).toBe(value);
    files.complete();
    const again = started({ value });
    expect(textOf(again.current.key)).toBe(value);
    expect(() => again.files.prepare()).toThrow('the one in force');
  });

  it('given a change that was begun, when another next key comes from outside, then the start stops', () => {
    started().files.prepare();
    expect(() => started({ value: textOf() })).toThrow('is replacing the old one already');
  });

  it('given one change, when there is another, then it is to another key', () => {
    const { files } = started();
    const first = files.prepare();
    files.complete();
    expect(files.prepare().equals(first)).toBe(false);
  });

  it('given a next key that is none, then the start stops', () => {
    started();
    writeFileSync(join(folder, 'master.key.next'), 'no key');
    expect(() => started()).toThrow('expected exactly 32 bytes');
  });
});

describe('a master key from outside', () => {
  it('given no next one, when it is replaced, then that is refused, and nothing is written', () => {
    const { files } = started({}, { value: textOf() });
    expect(() => files.prepare()).toThrow('LIGGARE_MASTER_KEY_NEXT');
    expect(existsSync(join(folder, 'master.key.next'))).toBe(false);
  });

  it('given a next one, when it is replaced, then no file is touched, and whoever set them is told', () => {
    const value = textOf();
    const { files } = started({ value }, { value: textOf() });
    expect(textOf(files.prepare())).toBe(value);
    files.complete();
    expect(existsSync(join(folder, 'master.key'))).toBe(false);
    expect(files.advice).toContain('Before the next start set LIGGARE_MASTER_KEY');
    expect(() => files.prepare()).toThrow('the one in force');
  });

  it('in a file that was named is replaced there, or left to whoever gave the next one in a file too', () => {
    const [file, nextFile] = [join(folder, 'old'), join(folder, 'new')] as const;
    writeMasterKey(file, randomKey());
    const own = started({}, { file }).files;
    const next = own.prepare();
    own.complete();
    expect(readFileSync(file, 'utf8').trim()).toBe(textOf(next));
    writeMasterKey(nextFile, randomKey());
    const { files } = started({ file: nextFile }, { file });
    files.prepare();
    files.complete();
    expect(readFileSync(file, 'utf8').trim()).toBe(textOf(next));
    expect(files.advice).toContain('LIGGARE_MASTER_KEY_FILE');
  });

  it('in a place that cannot be written is refused', () => {
    const file = join(folder, 'old');
    writeMasterKey(file, randomKey());
    mkdirSync(`${file}.next.new`);
    expect(() => started({}, { file }).files.prepare()).toThrow('cannot be written (EISDIR)');
  });
});
