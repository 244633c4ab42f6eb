import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { POLICIES, SHOP, shopWith } from '../policy/given.ts';
import { liggare } from './fake-ledger.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('liggare policy check', () => {
  test('says what the policy holds, where it is right', async () => {
    const ran = await liggare(['policy', 'check', join(POLICIES, 'mailit.yaml')]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('mailit, version 1, in force from 2018-05-25');
    expect(ran.stdout).toContain('43 clauses');
    expect(ran.stdout).toMatch(/digest [0-9a-f]{64}\n$/);
  });

  test('explains every error with line and column, and ends with 2', async () => {
    const path = file('bad.yaml', shopWith('P24M', 'two years').replace('country: FI', 'country: Finland'));
    const ran = await liggare(['policy', 'check', path]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    const lines = ran.stderr.trim().split('\n');
    expect(lines[0]).toBe(`liggare: ${path} is not a policy that can be used.`);
    expect(lines[1]).toMatch(/^ {2}line \d+, column \d+: recipients\.banks\.organisations\.two\.country is a country/);
    expect(lines[2]).toMatch(/^ {2}line \d+, column \d+: retention\.orders\.period is a period of ISO 8601/);
  });

  test('shows nothing that a terminal would obey', async () => {
    const ran = await liggare(['policy', 'check', file('bad.yaml', `${SHOP}"\\e[31mred": 1\n`)]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).not.toContain('\u001b');
  });

  test.each([
    ['is not there', () => join(folder, 'absent.yaml'), 'cannot be read: ENOENT'],
    ['is a folder', () => folder, 'cannot be read: it is a folder'],
    ['is no text', () => file('binary.yaml', Buffer.from([0xff, 0xfe, 0xff])), 'it is no text in UTF-8'],
    ['is too large', () => file('large.yaml', 'x'.repeat(3 * 1024 * 1024)), 'it has more than'],
  ])('a file that %s', async (_, path, message) => {
    const ran = await liggare(['policy', 'check', path()]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(message);
  });
});

describe('liggare policy diff', () => {
  const changed = () =>
    file(
      'after.yaml',
      shopWith('P24M', 'P12M').replace("version: '1'", "version: '2'").replace('subscriber: [name]', 'subscriber: [name, phone]'),
    );

  test('says in words what changed, and for whom', async () => {
    const ran = await liggare(['policy', 'diff', file('before.yaml', SHOP), changed()]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(
      `From shop, version 1 to shop, version 2, in force from 2024-01-01

purposes
  For newsletter, more data of subscriber: phone [subscriber]

retention
  Data for contract-fulfilment is kept for 12 months instead of 24 months (shorter) [customer]
`,
    );
  });

  test('says so where nothing did', async () => {
    const before = file('before.yaml', SHOP);
    const ran = await liggare(['policy', 'diff', before, before]);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing else changed.') });
  });

  test('as JSON, one difference a line', async () => {
    const ran = await liggare(['policy', 'diff', file('before.yaml', SHOP), changed(), '--json']);
    const lines = ran.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ section }) => section)).toEqual(['version', 'purposes', 'retention']);
    expect(lines[1]).toEqual({
      section: 'purposes',
      kind: 'changed',
      whom: ['subscriber'],
      words: 'For newsletter, more data of subscriber: phone',
    });
  });

  test('of a policy that is wrong ends with 2', async () => {
    const ran = await liggare(['policy', 'diff', file('before.yaml', SHOP), file('after.yaml', 'format: 1')]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('after.yaml is not a policy');
  });
});

test('liggare policy schema prints the schema that editors use', async () => {
  const ran = await liggare(['policy', 'schema']);
  expect(JSON.parse(ran.stdout)).toEqual(JSON.parse(readFileSync(join(POLICIES, 'policy.schema.json'), 'utf8')));
});
