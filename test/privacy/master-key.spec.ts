import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMasterKey, MasterKeyRefused, unwrapKey, wrapKey } from '../../src/privacy/master-key.ts';
import { CannotOpen, randomKey } from '../../src/privacy/seal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function refusal(act: () => unknown): MasterKeyRefused {
  try {
    act();
  } catch (error) {
    if (error instanceof MasterKeyRefused) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('The master key from outside', () => {
  const bytes = randomBytes(32);
  const spellings = [bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64'), bytes.toString('base64url')];

  it.each(spellings)('may be written in hex, base64 or base64url', (value) => {
    const { key, origin } = loadMasterKey({ value });
    expect(key.export()).toEqual(bytes);
    expect(origin).toBe('environment');
  });

  it('may stand in a file, with white space around it', () => {
    const file = join(folder, 'key');
    writeFileSync(file, `  ${bytes.toString('base64')}\n`);
    expect(loadMasterKey({ file })).toMatchObject({ origin: 'file', file });
    expect(loadMasterKey({ file }).key.export()).toEqual(bytes);
  });

  it.each(['', 'short', randomBytes(31).toString('hex'), randomBytes(33).toString('base64'), `${'0'.repeat(63)}g`])(
    'is refused unless it is exactly 32 bytes, and the refusal does not repeat it',
    (value) => {
      const error = refusal(() => loadMasterKey({ value }));
      expect(error.reason).toBe('malformed');
      expect(error.message).toMatch(/LIGGARE_MASTER_KEY.*32 bytes/);
      if (value !== '') expect(error.message).not.toContain(value);
    },
  );

  it('is refused where its file is missing, too long, or named beside a value', () => {
    const file = join(folder, 'key');
    expect(refusal(() => loadMasterKey({ file })).reason).toBe('missing');
    writeFileSync(file, 'a'.repeat(5_000));
    expect(refusal(() => loadMasterKey({ file })).reason).toBe('malformed');
    expect(refusal(() => loadMasterKey({ file, value: bytes.toString('hex') })).message).toMatch(/both set/);
    expect(refusal(() => loadMasterKey({})).reason).toBe('missing');
  });
});

describe('The master key of an embedded ledger that was given none', () => {
  it('is made at the first start, readable by its owner alone, and found again', () => {
    const made = loadMasterKey({ dataFolder: folder });
    const file = join(folder, 'master.key');
    expect(made).toMatchObject({ origin: 'created', file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = loadMasterKey({ dataFolder: folder });
    expect(again).toMatchObject({ origin: 'file', file });
    expect(again.key.equals(made.key)).toBe(true);
    expect(readdirSync(folder)).toEqual(['master.key']);
  });

  it('is not made anew beside keys that another one wrapped', () => {
    writeFileSync(join(folder, 'keys.db'), 'there');
    const error = refusal(() => loadMasterKey({ dataFolder: folder }));
    expect(error.reason).toBe('missing');
    expect(error.message).toContain(join(folder, 'master.key'));
    expect(readdirSync(folder)).toEqual(['keys.db']);
    expect(readFileSync(join(folder, 'keys.db'), 'utf8')).toBe('there');
  });
});

describe('A wrapped key', () => {
  it('unwraps under the same master key, in its own row only', () => {
    const [master, key] = [randomKey(), randomKey()];
    const wrapped = wrapKey(master, 'person', 'a', key);
    expect(unwrapKey(master, 'person', 'a', wrapped).equals(key)).toBe(true);
    expect(() => unwrapKey(master, 'person', 'b', wrapped)).toThrow(CannotOpen);
    expect(() => unwrapKey(master, 'period', 'a', wrapped)).toThrow(CannotOpen);
    expect(() => unwrapKey(randomKey(), 'person', 'a', wrapped)).toThrow(CannotOpen);
  });
});
