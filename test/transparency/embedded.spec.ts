import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { checkConsistency, checkInclusion, leafHash } from '../../src/integrity/merkle.ts';
import { COSIGNATURE, parseNote, parseVkey, verifierKey, verifyNote, vkeyOf } from '../../src/integrity/signed-note.ts';
import { LEDGER as BY_ITSELF } from '../../src/ledger/author.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import { type EmbeddedOptions, EmbeddedTransparency, SealerEnded } from '../../src/transparency/embedded.ts';
import { beginGeneration, LogNameChanged, nextKey, SEALER_KEYS, SealerKeyMissing, TREE } from '../../src/transparency/generations.ts';
import { OtherTree, SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import { NotSealedYet, SealingRefused, type WitnessStatus } from '../../src/transparency/transparency-log.ts';
import type { Refusal } from '../../src/transparency/tree.ts';
import { TestWitness } from '../support/witness.ts';
import { openWriteSide } from '../support/write-side.ts';
import { anEvent, aSigningKey } from './given.ts';

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;

let side: WriteSide;
let log: EmbeddedTransparency | undefined;
let refusals: Refusal[];
beforeEach(async () => {
  side = await openWriteSide();
  refusals = [];
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  await side.store.close();
  await side.vault.close();
  rmSync(side.folder, { recursive: true, force: true });
});

const fileOf = (name: string) => join(side.folder, name);
const options = (change: Partial<EmbeddedOptions> = {}): EmbeddedOptions => ({
  ...{ logFile: fileOf('ledger.db'), treeFile: fileOf('tree.db'), store: side.store, vault: side.vault },
  ...{ headMs: 3_600_000, now: Date.now, onRefusal: (refusal: Refusal) => void refusals.push(refusal) },
  ...change,
});

async function open(change: Partial<EmbeddedOptions> = {}): Promise<EmbeddedTransparency> {
  log = await EmbeddedTransparency.open(options(change));
  side.store.onAppended((position) => log?.wake(position));
  return log;
}
async function close(): Promise<void> {
  await log?.close();
  log = undefined;
}

/** Records events, as small as they may be. @returns position of the last */
async function record(count: number): Promise<number> {
  const events = Array.from({ length: count }, () => {
    const { data, type, metadata } = anEvent(1, { id: `record ${Math.random()}` });
    return { id: crypto.randomUUID().replace(/^(.{14})./, '$17'), data, type, metadata };
  });
  const [written] = await side.store.append([{ stream: 'processing-urn:test:source', expectedRevision: 'any', events }]);
  const last = written?.at(-1);
  return last?.outcome === 'appended' ? last.position : 0;
}
const treeEvents = async () =>
  (await side.store.readStream(TREE.stream, 0, 100)).map(({ type, data }) => ({ type, ...(JSON.parse(data) as Entry).data }));
const onTree = async <T>(work: (tree: SqliteTreeStore) => Promise<T>): Promise<T> => {
  const db = new Database(fileOf('tree.db'), { readonly: true });
  const ledger = db.prepare("SELECT value FROM meta WHERE name = 'ledger'").pluck().get() as string;
  db.close();
  const tree = SqliteTreeStore.open(fileOf('tree.db'), ledger);
  try {
    return await work(tree);
  } finally {
    await tree.close();
  }
};

describe('the transparency log of an embedded ledger', () => {
  it('begins a tree under the ledger’s own name and a key of its own, and says so in the log before it signs', async () => {
    const before = await record(3);
    const opened = await open();
    const head = await opened.covering(before, 10_000);
    const [key] = await opened.keys();
    expect(head.origin).toMatch(/^liggare\/[0-9a-f]{32}\/1$/);
    expect(await treeEvents()).toMatchObject([
      { type: 'SealerKeyCreated', origin: head.origin, vkey: key?.vkey, generation: 1, subjects: [] },
    ]);
    expect(await side.vault.ownKeyNames(SEALER_KEYS)).toEqual([`${SEALER_KEYS}${head.origin}/1`]);
    // The key's own event is under the first head that it signs.
    expect(head.size).toBe(4);
    expect(verifyNote(parseNote(head.note), [parseVkey(key?.vkey ?? '')])).toHaveLength(1);
    expect(opened.status()).toMatchObject({
      state: 'sealing',
      generation: 1,
      origin: head.origin,
      size: 4,
      lagEvents: 0,
      lagSeconds: 0,
      witnesses: [],
    });
  });

  it('answers whoever waits for a head that covers an event, and proves it', async () => {
    const opened = await open();
    const positions: number[] = [];
    for (let i = 0; i < 5; i++) positions.push(await record(100));
    const heads = await Promise.all(positions.map((position) => opened.covering(position, 10_000)));
    const [index] = await opened.indexesOf([positions[2] as number]);
    const [event] = await side.store.readAll((positions[2] as number) - 1, 1);
    for (const { size, root } of heads.slice(2)) {
      const proof = await opened.inclusion(index as number, size);
      expect(checkInclusion(leafHash(leafBytes(event as never)), index as number, size, proof, root)).toBe(true);
      expect(await opened.root(size)).toEqual(root);
    }
    // One that covers it already is answered at once, and is the newest.
    expect((await opened.covering(positions[0] as number, 0)).number).toBe((await opened.head())?.number);
    const [first, last] = [heads[0], await opened.head()];
    if (first === undefined || last === undefined || first.size === last.size) return;
    expect(checkConsistency(first.size, last.size, first.root, last.root, await opened.consistency(first.size, last.size))).toBe(true);
  });

  it('signs the tree as it is when asked, and nothing new where nothing is new', async () => {
    const opened = await open();
    const end = await record(1_000);
    const head = await opened.signNow();
    expect(head.position).toBe(end);
    expect(await opened.signNow()).toEqual(head);
  });

  it('signs on its schedule without being asked', async () => {
    const opened = await open({ headMs: 100 });
    const end = await record(10);
    while (((await opened.head())?.position ?? 0) < end) await new Promise((resolve) => setTimeout(resolve, 20));
    while (opened.status().head === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(opened.status().head?.size).toBeGreaterThan(0);
  });

  it('says when an event is no leaf in time, and refuses sizes that the tree has not', async () => {
    const opened = await open();
    await opened.signNow();
    const { size } = opened.status();
    await expect(opened.covering(1_000_000, 20)).rejects.toThrow(NotSealedYet);
    for (const ask of [
      () => opened.root(size + 1),
      () => opened.inclusion(0, size + 1),
      () => opened.inclusion(size, size),
      () => opened.consistency(0, size),
    ]) {
      await expect(ask()).rejects.toThrow(RangeError);
    }
  });

  it('goes on after a restart, under the same key', async () => {
    const first = await (await open()).signNow();
    await close();
    const end = await record(300);
    const opened = await open();
    const head = await opened.covering(end, 10_000);
    expect([head.number, head.origin]).toEqual([first.number + 1, first.origin]);
    expect(checkConsistency(first.size, head.size, first.root, head.root, await opened.consistency(first.size, head.size))).toBe(true);
    expect(await treeEvents()).toHaveLength(1);
  });

  it('leaves behind a head over all that was recorded', async () => {
    await open();
    const end = await record(5);
    await close();
    const reader = SqliteTreeStore.openForReading(fileOf('tree.db'));
    expect((await reader.lastHead())?.position).toBe(end);
    await reader.close();
  });

  it('replaces its key: recorded, signed by both once, and whoever asks twice at once gets two', async () => {
    const opened = await open();
    await opened.signNow();
    const [second, third] = await Promise.all([opened.rotateKey(BY_ITSELF, Date.now()), opened.rotateKey(BY_ITSELF, Date.now())]);
    const [first, ...others] = await opened.keys();
    expect(others.map(({ vkey }) => vkey)).toEqual([second.vkey, third.vkey]);
    expect((await treeEvents()).slice(1)).toMatchObject([
      { vkey: second.vkey, retires: first?.vkey },
      { vkey: third.vkey, retires: second.vkey },
    ]);
    const head = await opened.signNow();
    expect(signersOf(head.note)).toEqual([third.vkey, first?.vkey].map(idIn));
    await close();
    await record(1);
    expect(signersOf((await (await open()).signNow()).note)).toEqual([idIn(third.vkey)]);
  });

  it('completes a change of keys that was cut off after the key was made', async () => {
    await (await open()).signNow();
    await close();
    const made = await onTree((tree) =>
      nextKey({ log: side.store, vault: side.vault, tree }, { reference: 'EBESExQVFhcYGRobHB0eHw', kind: 'human' }, Date.now()),
    );
    const opened = await open();
    expect((await opened.keys()).at(-1)?.vkey).toBe(made.key.vkey);
    expect(signersOf((await opened.signNow()).note)).toHaveLength(2);
    expect(await treeEvents()).toHaveLength(2);
  });

  it('hands over to the newest key although the one between them signed nothing, after a restart too', async () => {
    const opened = await open();
    const [first] = await opened.keys();
    await opened.signNow();
    await close();
    const actor = { reference: 'EBESExQVFhcYGRobHB0eHw', kind: 'human' };
    const change = () =>
      onTree(async (tree) => {
        const { key } = await nextKey({ log: side.store, vault: side.vault, tree }, actor, Date.now());
        await tree.addKey(key);
        return key;
      });
    await change();
    const third = await change();
    expect(signersOf((await (await open()).signNow()).note)).toEqual([third.vkey, first?.vkey].map(idIn));
  });

  it('says that it fails, and why, where another sealer has taken over; nobody waits for it', async () => {
    const causes: string[] = [];
    const opened = await open({ onFailing: (cause) => void causes.push(cause) });
    await opened.signNow();
    await onTree(async () => undefined);
    const end = await record(1);
    await expect(opened.covering(end, 10_000)).rejects.toThrow('another sealer has taken over');
    await expect(opened.rotateKey(BY_ITSELF, Date.now())).rejects.toThrow('another sealer has taken over');
    expect(opened.status()).toMatchObject({ state: 'failing', failing: 'SealerReplaced' });
    expect(causes).toEqual(['SealerReplaced']);
  });

  it('is of no use any more once it is closed', async () => {
    const opened = await open();
    await close();
    await expect(opened.sign('a manifest\n')).rejects.toThrow(SealerEnded);
    await expect(opened.close()).resolves.toBeUndefined();
  });

  it('signs other texts under the key in force', async () => {
    const opened = await open();
    const key = await opened.rotateKey(BY_ITSELF, Date.now());
    expect(verifyNote(parseNote(await opened.sign('a manifest\n')), [parseVkey(key.vkey)])).toHaveLength(1);
    await expect(opened.sign(`${opened.status().origin}\n1\n`)).rejects.toThrow(/does not begin like a tree head/);
  });

  it('publishes a head with what witnesses said of it', async () => {
    const head = await (await open()).signNow();
    await close();
    await onTree((tree) => tree.addCosignatures([{ witness: 'w.example/a', size: head.size, at: 1, line: '— w.example/a AAAA' }]));
    const published = await (await open()).head();
    expect(published).toMatchObject({ witnesses: ['w.example/a'], published: `${head.note}— w.example/a AAAA\n`, note: head.note });
  });

  it('is begun under the name of the settings, which may not change later', async () => {
    expect((await (await open({ logName: 'log.example/ledger' })).signNow()).origin).toBe('log.example/ledger/1');
    await close();
    await expect(open({ logName: 'log.example/another' })).rejects.toThrow(LogNameChanged);
    // Unset, it stays what it was.
    expect((await open()).status().origin).toBe('log.example/ledger/1');
  });

  it('goes on under another origin and key where a new generation was begun, and keeps the old tree', async () => {
    const old = await (await open()).signNow();
    await close();
    const actor = { reference: 'EBESExQVFhcYGRobHB0eHw', kind: 'human' };
    const now = Date.now();
    await onTree((tree) => beginGeneration({ log: side.store, vault: side.vault, tree }, { reason: 'restored', actor, now }));
    const opened = await open();
    const head = await opened.signNow();
    expect(head.origin).toBe(old.origin.replace(/1$/, '2'));
    expect([head.generation, head.number, head.size]).toEqual([2, 1, 3]);
    expect(await treeEvents()).toMatchObject([
      { type: 'SealerKeyCreated', generation: 1 },
      {
        type: 'TreeGenerationStarted',
        generation: 2,
        previousOrigin: old.origin,
        previousSize: old.size,
        previousRoot: old.root.toString('base64'),
      },
      { type: 'SealerKeyCreated', generation: 2, origin: head.origin },
    ]);
    expect(await opened.published((await opened.reader.headsAfter(0, 1, 1))[0] as never)).toMatchObject({
      origin: old.origin,
      size: old.size,
    });
  });
});

describe('it is not begun', () => {
  const [ledger] = ['f'.repeat(32)];

  it('on a tree of another ledger', async () => {
    await SqliteTreeStore.open(fileOf('tree.db'), ledger as string).close();
    await expect(open()).rejects.toThrow(OtherTree);
  });

  it('on a tree that is empty although the log says that one was begun', async () => {
    await (await open()).signNow();
    const { origin } = (log as EmbeddedTransparency).status();
    await close();
    const id = /[0-9a-f]{32}/.exec(origin)?.[0] as string;
    for (const end of ['', '-wal', '-shm']) rmSync(fileOf(`tree.db${end}`), { force: true });
    await SqliteTreeStore.open(fileOf('tree.db'), id).close();
    await expect(open()).rejects.toThrow(OtherTree);
  });

  it('where the key store has not the key that signs', async () => {
    await side.vault.close();
    copyFileSync(fileOf('keys.db'), fileOf('keys.old'));
    await side.store.close();
    side = await openWriteSide(side.folder);
    await (await open()).signNow();
    await close();
    await side.vault.close();
    await side.store.close();
    for (const end of ['-wal', '-shm']) rmSync(fileOf(`keys.db${end}`), { force: true });
    copyFileSync(fileOf('keys.old'), fileOf('keys.db'));
    side = await openWriteSide(side.folder);
    await expect(open()).rejects.toThrow(SealerKeyMissing);
  });

  it('where the ring is not the one of the key store, or older by more than a change of keys', async () => {
    await (await open()).signNow();
    await close();
    copyFileSync(fileOf('tree.db'), fileOf('tree.old'));
    const opened = await open();
    for (let i = 0; i < 2; i++) await opened.rotateKey(BY_ITSELF, Date.now());
    await close();
    copyFileSync(fileOf('tree.db'), fileOf('tree.new'));
    copyFileSync(fileOf('tree.old'), fileOf('tree.db'));
    await expect(open()).rejects.toThrow(OtherTree);
    copyFileSync(fileOf('tree.new'), fileOf('tree.db'));
    const db = new Database(fileOf('tree.db'));
    db.exec('DROP TRIGGER keys_retire_once');
    db.prepare('UPDATE keys SET vkey = ? WHERE number = 2').run(aSigningKey((await onTree((tree) => tree.generation()))?.origin).vkey);
    db.close();
    await expect(open()).rejects.toThrow(OtherTree);
  });
});

describe('where the log was changed', () => {
  /** As somebody would who has the file. */
  function change(data: string): void {
    const db = new Database(fileOf('ledger.db'));
    db.exec('DROP TRIGGER IF EXISTS events_never_updated');
    db.prepare('UPDATE events SET data = ? WHERE position = 2').run(data);
    db.close();
  }

  it('nothing is signed, whoever waits is told, and the evidence is kept; put right, it goes on', async () => {
    await record(5);
    const head = await (await open()).signNow();
    await close();
    const { data } = (await side.store.at(2)) as { data: string };
    change(data.replace('record', 'RECORD'));
    const opened = await open();
    const end = await record(1);
    await expect(opened.covering(end, 10_000)).rejects.toThrow(SealingRefused);
    await expect(opened.signNow()).rejects.toThrow(SealingRefused);
    expect(opened.status()).toMatchObject({ state: 'refusing', refusal: { reason: 'event-changed', position: 2, index: 1 } });
    expect(refusals).toMatchObject([{ reason: 'event-changed', head: head.note }]);
    expect((await opened.head())?.note).toBe(head.note);
    // What was published is still answered; of no event is it said that this covers it.
    expect((await opened.covering(0, 0)).note).toBe(head.note);
    await expect(opened.covering(head.position, 0)).rejects.toThrow(SealingRefused);
    await close();

    change(data);
    const cleared = new Promise<void>((resolve) => {
      void open({ onCleared: resolve });
    });
    await cleared;
    expect((await (log as EmbeddedTransparency).covering(end, 10_000)).position).toBe(end);
    expect(await log?.reader.refusals()).toMatchObject([{ reason: 'event-changed', clearedAt: expect.any(String) }]);
  });
});

it('takes witnesses from the settings; one that is away delays no head', async () => {
  const { vkey } = aSigningKey('w.example/a');
  const witness = vkeyOf(verifierKey('w.example/a', COSIGNATURE, parseVkey(vkey).publicKey));
  const opened = await open({ witnesses: [{ vkey: witness, url: 'http://127.0.0.1:9' }] });
  await opened.signNow();
  while (opened.status().witnesses[0]?.failing === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(opened.status().witnesses).toMatchObject([{ name: 'w.example/a', size: 0 }]);
});

it('tells once when a witness begins to fail, again for another cause, and when it cosigns again', async () => {
  const witness = await TestWitness.start('w.example/a');
  try {
    const heard: (string | undefined)[] = [];
    const onWitness = ({ name, failing }: WitnessStatus) => void heard.push(`${name}: ${failing ?? 'cosigns'}`);
    const until = async (count: number): Promise<void> => {
      while (heard.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    const opened = await open({ witnesses: [{ vkey: witness.vkey, url: witness.url }], onWitness });
    await opened.signNow();
    await until(1);
    while (witness.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    witness.behaviour = 'error';
    await until(2);
    witness.behaviour = 'well';
    witness.trust(...(await opened.keys()).map(({ vkey }) => vkey));
    await until(3);
    await record(1);
    const { size } = await opened.signNow();
    while (opened.status().witnesses[0]?.size !== size) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(heard).toEqual(['w.example/a: does not know this log (404)', 'w.example/a: answers 500', 'w.example/a: cosigns']);
  } finally {
    await close();
    await witness.stop();
  }
}, 60_000);

const idIn = (vkey: string | undefined): string => parseVkey(vkey ?? '').id.toString('hex');
const signersOf = (note: string): string[] => parseNote(note).signatures.map(({ id }) => id.toString('hex'));
