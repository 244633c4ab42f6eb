import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HashReader, leafHash, nodeHash, proveConsistency, rootOf } from '../../src/integrity/merkle.ts';
import { ED25519, formatNote, signNote, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { formatTreeHead } from '../../src/integrity/tree-head.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import type { WitnessStatus } from '../../src/transparency/transparency-log.ts';
import type { Refusal, StoredCosignature, StoredHead } from '../../src/transparency/tree.ts';
import { Witnesses, type WitnessOptions } from '../../src/transparency/witnesses.ts';
import { readCheckpoint, readKey } from '../support/tlog-client.ts';
import { type Behaviour, TestWitness } from '../support/witness.ts';

const ORIGIN = 'ledger.example/mailit/1';
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const logKey = verifierKey(ORIGIN, ED25519, publicKey);
const SIGNED_AT = new Date().toISOString();

/** A log whose leaves are its words. */
function treeOf(word: string): HashReader {
  const hash = (level: number, index: number): Buffer =>
    level === 0 ? leafHash(Buffer.from(`${word} ${index}`)) : nodeHash(hash(level - 1, 2 * index), hash(level - 1, 2 * index + 1));
  return { read: async (subtrees) => subtrees.map(({ level, index }) => hash(level, index)) };
}

/** The first `common` leaves of one log, then those of another one. */
function forkOf(one: string, common: number, other: string): HashReader {
  const leaf = (index: number): Buffer => leafHash(Buffer.from(`${index < common ? one : other} ${index}`));
  const hash = (level: number, index: number): Buffer =>
    level === 0 ? leaf(index) : nodeHash(hash(level - 1, 2 * index), hash(level - 1, 2 * index + 1));
  return { read: async (subtrees) => subtrees.map(({ level, index }) => hash(level, index)) };
}

let heads = 0;
async function headOf(size: number, tree: HashReader): Promise<StoredHead> {
  const text = formatTreeHead({ origin: ORIGIN, size, root: await rootOf(size, tree) });
  const note = formatNote({ text, signatures: [signNote(text, logKey, privateKey)] });
  return { generation: 1, number: ++heads, size, position: size, signedAt: SIGNED_AT, note };
}

let folder: string;
let store: SqliteTreeStore;
let witness: TestWitness;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-witnesses-'));
  store = SqliteTreeStore.open(join(folder, 'tree.db'), '00');
  await store.begin({ number: 1, origin: ORIGIN, startedAt: SIGNED_AT }, { generation: 1, vkey: vkeyOf(logKey), createdAt: SIGNED_AT });
  witness = await TestWitness.start('witness.example/w1', [vkeyOf(logKey)]);
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await witness.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Watched {
  witnesses: Witnesses;
  statuses: WitnessStatus[][];
  ahead: Refusal[];
  cleared: () => number;
}

function watch(tree: HashReader, options: Partial<WitnessOptions> = {}): Watched {
  const [statuses, ahead]: [WitnessStatus[][], Refusal[]] = [[], []];
  let cleared = 0;
  const witnesses = new Witnesses({
    witnesses: [{ vkey: witness.vkey, url: witness.url }],
    store,
    proofs: { consistency: (first, size) => proveConsistency(first, size, tree) },
    now: Date.now,
    onStatus: (status) => void statuses.push(status),
    onAhead: (refusal) => void ahead.push(refusal),
    onCleared: () => cleared++,
    timeoutMs: 300,
    firstWaitMs: 10,
    longestWaitMs: 50,
    ...options,
  });
  closing.push(() => witnesses.close());
  return { witnesses, statuses, ahead, cleared: () => cleared };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await sleep(10);
  }
  throw new Error('it did not happen');
}
const cosignedAt = async (size: number) => (await store.cosignatures(size)).length > 0;
const sentSizes = () => witness.seen.map(({ old, size, status }) => [old, size, status]);

describe('a head that is submitted', () => {
  it('is cosigned, and what the witness signed is kept with it', async () => {
    const tree = treeOf('leaf');
    const { witnesses, statuses } = watch(tree);
    const head = await headOf(7, tree);
    witnesses.submit(head);
    await until(() => cosignedAt(7));
    const [{ line, at }] = (await store.cosignatures(7)) as [StoredCosignature];
    expect(readCheckpoint(`${head.note}${line}\n`, [readKey(witness.vkey)]).signedBy).toMatchObject([{ name: 'witness.example/w1' }]);
    expect(statuses.at(-1)).toEqual([{ name: 'witness.example/w1', size: 7, at: new Date(at * 1000).toISOString() }]);
  });

  it('is sent with a proof from the one before', async () => {
    const tree = treeOf('leaf');
    const { witnesses } = watch(tree);
    for (const size of [3, 8, 300]) {
      witnesses.submit(await headOf(size, tree));
      await until(() => cosignedAt(size));
    }
    expect(sentSizes()).toEqual([
      [0, 3, 200],
      [3, 8, 200],
      [8, 300, 200],
    ]);
  });

  it('is sent from where the witness stands, when that is not where it was thought to stand', async () => {
    const tree = treeOf('leaf');
    witness.logs.set(ORIGIN, { size: 5, root: await rootOf(5, tree) });
    const { witnesses, ahead } = watch(tree);
    witnesses.submit(await headOf(9, tree));
    await until(() => cosignedAt(9));
    expect(sentSizes()).toEqual([
      [0, 9, 409],
      [5, 9, 200],
    ]);
    expect(ahead).toEqual([]);
  });

  it('goes to a witness that has forgotten everything', async () => {
    const tree = treeOf('leaf');
    const { witnesses, ahead } = watch(tree);
    witnesses.submit(await headOf(3, tree));
    await until(() => cosignedAt(3));
    witness.logs.clear();
    witnesses.submit(await headOf(4, tree));
    await until(() => cosignedAt(4));
    expect(ahead).toEqual([]);
  });

  it('goes on after a restart from what was cosigned, and the last head is shown once more', async () => {
    const tree = treeOf('leaf');
    const before = watch(tree);
    before.witnesses.submit(await headOf(3, tree));
    await until(() => cosignedAt(3));
    await before.witnesses.close();
    const { witnesses, statuses } = watch(tree);
    await until(() => statuses.length > 0);
    expect(statuses[0]).toMatchObject([{ size: 3, at: expect.any(String) }]);
    witnesses.submit(await headOf(3, tree));
    await until(() => witness.seen.length === 2);
    expect(sentSizes()).toEqual([
      [0, 3, 200],
      [3, 3, 200],
    ]);
  });

  it('is the newest alone, one request at a time', async () => {
    const tree = treeOf('leaf');
    const { witnesses } = watch(tree);
    for (let size = 1; size <= 40; size++) witnesses.submit(await headOf(size, tree));
    await until(() => cosignedAt(40));
    expect(witness.seen.length).toBeLessThan(40);
    expect(witness.mostAtOnce).toBe(1);
  });

  it('goes to each witness by itself: one that does not answer holds up no other', async () => {
    const tree = treeOf('leaf');
    const dead = await TestWitness.start('witness.example/dead');
    dead.behaviour = 'slow';
    closing.push(() => dead.stop());
    const addresses = [dead, witness].map(({ vkey, url }) => ({ vkey, url }));
    const { witnesses, statuses } = watch(tree, { witnesses: addresses, timeoutMs: 60_000 });
    witnesses.submit(await headOf(2, tree));
    await until(() => cosignedAt(2));
    expect(statuses.at(-1)).toMatchObject([{ size: 0 }, { size: 2 }]);
  });
});

describe('a witness that misbehaves', () => {
  it.each<[Behaviour, string]>([
    ['down', 'could not be reached'],
    ['slow', 'did not answer in time'],
    ['trickle', 'did not answer in time'],
    ['garbage', 'answered with what is no signature'],
    ['forged', 'answered with a signature that does not hold'],
    ['other-key', 'answered without a signature of the key'],
    ['old-time', 'signed with a time that is far from the one here'],
    ['redirect', 'answers with a redirect, which is not followed'],
    ['huge', 'answered with more than 64 KiB'],
    ['fickle', 'names one size after another'],
    ['speechless', 'answered 409 without a size'],
    ['error', 'answers 500'],
  ])('(%s) is told about, kept away from what is published, and asked again until it is well', async (behaviour, failing) => {
    const tree = treeOf('leaf');
    witness.behaviour = behaviour;
    const { witnesses, statuses, ahead } = watch(tree);
    witnesses.submit(await headOf(4, tree));
    await until(() => statuses.at(-1)?.[0]?.failing !== undefined);
    const [status] = statuses.at(-1) as [WitnessStatus];
    expect(status.failing).toContain(failing);
    // What a witness says is nobody's text here, nor is its address.
    expect(status.failing).not.toMatch(/127\.0\.0\.1|disk|html/);
    expect(await store.cosignatures(4)).toEqual([]);
    witness.behaviour = 'well';
    await until(() => cosignedAt(4));
    expect(statuses.at(-1)?.[0]).not.toHaveProperty('failing');
    expect(ahead).toEqual([]);
  });

  it('is left alone until it is its turn again, however many heads come meanwhile', async () => {
    const tree = treeOf('leaf');
    witness.behaviour = 'error';
    const { witnesses, statuses } = watch(tree, { firstWaitMs: 60_000, longestWaitMs: 60_000 });
    witnesses.submit(await headOf(4, tree));
    await until(() => statuses.at(-1)?.[0]?.failing !== undefined);
    witness.behaviour = 'well';
    witnesses.submit(await headOf(5, tree));
    await sleep(50);
    expect(witness.seen).toEqual([]);
  });

  it('does not know this log, or not its key', async () => {
    const tree = treeOf('leaf');
    const stranger = await TestWitness.start('witness.example/w2');
    closing.push(() => stranger.stop());
    const { witnesses, statuses } = watch(tree, { witnesses: [{ vkey: stranger.vkey, url: stranger.url }] });
    witnesses.submit(await headOf(4, tree));
    await until(() => statuses.at(-1)?.[0]?.failing === 'does not know this log (404)');
    stranger.trust(vkeyOf(verifierKey(ORIGIN, ED25519, generateKeyPairSync('ed25519').publicKey)));
    await until(() => statuses.at(-1)?.[0]?.failing === 'does not trust the key of this log (403)');
  });

  it('holds up no end of the process', async () => {
    const tree = treeOf('leaf');
    witness.behaviour = 'slow';
    const { witnesses } = watch(tree, { timeoutMs: 60_000 });
    witnesses.submit(await headOf(4, tree));
    await sleep(50);
    await witnesses.close();
    witnesses.submit(await headOf(5, tree));
    await sleep(50);
    expect(witness.seen).toEqual([]);
  });
});

describe('a witness that has seen another tree', () => {
  const tree = treeOf('leaf');
  const rootAt = (size: number, of = tree) => rootOf(size, of);

  it('has cosigned more than there is: the ledger was rolled back', async () => {
    witness.logs.set(ORIGIN, { size: 12, root: await rootAt(12) });
    const { witnesses, ahead, statuses } = watch(tree);
    const head = await headOf(9, tree);
    witnesses.submit(head);
    await until(() => ahead.length > 0);
    expect(ahead).toEqual([
      {
        reason: 'witness-ahead',
        noticedAt: expect.any(String),
        detail: 'witness.example/w1 has cosigned a tree of 12 leaves, and the last head of this ledger has 9',
        head: head.note,
      },
    ]);
    expect(statuses.at(-1)?.[0]?.failing).toContain('has cosigned a tree of 12 leaves');
    // Told once, however often it is asked again.
    await sleep(150);
    expect(ahead).toHaveLength(1);
  });

  it('has cosigned another tree of the same size', async () => {
    witness.logs.set(ORIGIN, { size: 9, root: await rootAt(9, treeOf('other')) });
    const { witnesses, ahead } = watch(tree);
    witnesses.submit(await headOf(9, tree));
    await until(() => ahead.length > 0);
    expect(ahead[0]?.detail).toContain('has cosigned another tree of 9 leaves');
  });

  it('has cosigned a tree that this one grew past after it was rolled back', async () => {
    const before = watch(tree);
    before.witnesses.submit(await headOf(5, tree));
    await until(() => cosignedAt(5));
    await before.witnesses.close();
    witness.logs.set(ORIGIN, { size: 9, root: await rootAt(9) });
    const grown = forkOf('leaf', 5, 'other');
    const { witnesses, ahead } = watch(grown);
    witnesses.submit(await headOf(20, grown));
    await until(() => ahead.length > 0);
    expect(ahead[0]?.detail).toContain("has cosigned a tree of 9 leaves that this ledger's 20 do not go on from");
  });

  it('is not believed where it has cosigned what it refuses to go on from', async () => {
    const { witnesses, ahead, statuses } = watch(tree);
    witnesses.submit(await headOf(5, tree));
    await until(() => cosignedAt(5));
    witness.logs.set(ORIGIN, { size: 5, root: await rootAt(5, treeOf('other')) });
    witnesses.submit(await headOf(6, tree));
    await until(() => statuses.at(-1)?.[0]?.failing === 'does not accept the proof (422)');
    expect(ahead).toEqual([]);
  });

  it('agrees again when the files are put right, and that is told when every witness does', async () => {
    const second = await TestWitness.start('witness.example/w2', [vkeyOf(logKey)]);
    closing.push(() => second.stop());
    witness.logs.set(ORIGIN, { size: 12, root: await rootAt(12) });
    second.behaviour = 'down';
    const addresses = [witness, second].map(({ vkey, url }) => ({ vkey, url }));
    const { witnesses, ahead, cleared } = watch(tree, { witnesses: addresses });
    witnesses.submit(await headOf(9, tree));
    await until(() => ahead.length > 0);
    witnesses.submit(await headOf(13, tree));
    await until(async () => (await store.cosignatures(13)).length === 1);
    expect(cleared()).toBe(0);
    second.behaviour = 'well';
    await until(() => cleared() === 1);
    witnesses.submit(await headOf(14, tree));
    await until(async () => (await store.cosignatures(14)).length === 2);
    expect(cleared()).toBe(1);
  });
});
