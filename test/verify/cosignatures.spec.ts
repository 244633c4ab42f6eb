import { generateKeyPairSync } from 'node:crypto';
import type Database from 'better-sqlite3';
import { COSIGNATURE, cosignNote, parseNote, signatureLine, verifierKey } from '../../src/integrity/signed-note.ts';
import { liggare } from '../cli/fake-ledger.ts';
import { Folders, INTACT, ledgerOf, tamper, verified } from './given.ts';

const AT = 1_770_000_000;
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const witness = verifierKey('witness.example/one', COSIGNATURE, publicKey);

const folders = new Folders();
let cosigned: string;

beforeAll(async () => {
  cosigned = folders.new();
  await ledgerOf(cosigned, [20, 20]);
  tamper(cosigned, 'tree.db', (db) => {
    const heads = db.prepare('SELECT size, note FROM heads').all() as { size: number; note: string }[];
    const insert = db.prepare('INSERT INTO cosignatures VALUES (1, ?, ?, ?, ?)');
    for (const { size, note } of heads)
      insert.run(size, witness.name, AT, signatureLine(cosignNote(parseNote(note).text, witness, privateKey, AT)));
  });
});
afterAll(() => folders.remove());

async function tampered(change: (db: Database.Database) => void) {
  const folder = folders.copy(cosigned);
  tamper(folder, 'tree.db', change);
  return verified(folder, { workers: 1 });
}

test('given the key of their witness, cosignatures are checked', async () => {
  const found = await verified(cosigned, { witnesses: [witness] });
  expect(found).toMatchObject({ ...INTACT, cosignatures: { checked: found.heads, unchecked: 0 } });
  expect(found.witnesses).toEqual([{ name: witness.name, size: found.size, at: new Date(AT * 1000).toISOString() }]);
});

describe('given no key of their witness', () => {
  test('it is said that they were not checked, and how many there are', async () => {
    const found = await verified(cosigned);
    expect(found).toMatchObject({ ...INTACT, witnesses: [], cosignatures: { checked: 0, unchecked: found.heads } });
    const { stdout } = await liggare(['verify', cosigned], { env: {} });
    expect(stdout).toMatch(/^Cosignatures not checked, no --witness given \(\d+ of them/m);
  });

  test.each([
    ['the line is none', "UPDATE cosignatures SET line = 'none'"],
    ['the line is cut', 'UPDATE cosignatures SET line = substr(line, 1, length(line) - 8)'],
    ['there are two lines', 'UPDATE cosignatures SET line = line || char(10) || line'],
    ['the line is that of another witness', "UPDATE cosignatures SET witness = 'witness.example/two'"],
    ['the time is another one than the line says', 'UPDATE cosignatures SET at = at + 1'],
    ['there is no head of that size', 'UPDATE cosignatures SET size = size + 1'],
  ])('%s: that is found', async (_, sql) => {
    const found = await tampered((db) => void db.prepare(sql).run());
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'cosignature' } });
  });
});
