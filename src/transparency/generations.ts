/**
 * What comes before the sealer: which tree is in force and under which keys, made where it is missing and agreed upon by `tree.db`, the
 * vault and the log where it is not. Every step can be cut off and is completed by the next start.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { EventStore } from '../eventstore/event-store.ts';
import { recordKey } from '../eventstore/record-key.ts';
import { ED25519, parseNote, parseVkey, verifierKey, vkeyOf } from '../integrity/signed-note.ts';
import { parseTreeHead } from '../integrity/tree-head.ts';
import { actorOf, LEDGER } from '../ledger/author.ts';
import type { Entry, StoredActor } from '../ledger/entry.ts';
import { appendOwn, ownEvent } from '../ledger/own-event.ts';
import type { KeyVault } from '../privacy/key-vault.ts';
import { isSignedBy, type SealerKey } from './sealer.ts';
import { OtherTree } from './sqlite-tree-store.ts';
import type { Generation, RingKey, TreeReader, TreeStore } from './tree.ts';

/** What the ledger says of its tree. */
export const TREE = { stream: 'ledger-tree', source: 'urn:liggare:tree' } as const;

/** The prefix of every sealer key in the vault. */
export const SEALER_KEYS = 'sealer/';

/** Of a raw Ed25519 key in PKCS #8 (RFC 8410, 7), up to the 32 bytes themselves. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What a tree is agreed upon by. */
export interface TreeParts {
  log: EventStore;
  vault: KeyVault;
  tree: TreeStore;
}

/** The name that the ledger's heads were published under is another one: whoever follows them would find nothing any more. */
export class LogNameChanged extends Error {
  override name = 'LogNameChanged';
}

/** A key of the ring that signs tree heads is not in the key store: that is older than the tree. */
export class SealerKeyMissing extends Error {
  override name = 'SealerKeyMissing';
}

/** The name of the ledger's log where none was chosen. @param ledger its identity, in hex */
export const defaultLogName = (ledger: string): string => `liggare/${ledger}`;

/** What else can be done. */
const ORELSE = ', or go on with a new tree by liggare restore --new-generation';

/** Drawn once: what is recorded again is known by it. */
const startedId = (generation: number): string => `generation-${generation}`;
const keyId = (generation: number, number: number): string => `key-${generation}-${number}`;

/** The name without the generation. */
const nameOf = ({ origin, number }: Pick<Generation, 'origin' | 'number'>): string => origin.slice(0, -`/${number}`.length);

/**
 * Makes the first generation where there is none, completes what was cut off, and looks whether tree and keys belong together.
 * @param logName as the settings give it
 * @returns the keys to sign with: the one in force last, and before it those since the newest head
 * @throws LogNameChanged, OtherTree, SealerKeyMissing
 */
export async function prepareTree(parts: TreeParts, logName: string | undefined, now: number): Promise<SealerKey[]> {
  const generation = (await completeGeneration(parts)) ?? (await beginFirst(parts, logName, now));
  if (logName !== undefined && logName !== nameOf(generation)) {
    throw new LogNameChanged(
      `LIGGARE_LOG_NAME is another name than this ledger's heads are published under: leave it unset, or set ${nameOf(generation)}`,
    );
  }
  await completeRotation(parts, generation, now);
  return sealerKeys(parts, generation, now);
}

async function beginFirst({ log, vault, tree }: TreeParts, logName: string | undefined, now: number): Promise<Generation> {
  if ((await log.readStream(TREE.stream, 0, 1)).length > 0) {
    throw new OtherTree(`tree.db holds no tree, and the log says that one was begun: put tree.db back from its backup${ORELSE}`);
  }
  const name = logName ?? defaultLogName(await tree.ledger());
  return begin(tree, vault, { number: 1, origin: `${name}/1`, startedAt: time(now) });
}

/** The tree of a generation and its first key; in the store last, so that what is in the store has a key in the vault. */
async function begin(tree: TreeStore, vault: KeyVault, generation: Generation): Promise<Generation> {
  const { vkey } = await keyOf(vault, generation.origin, 1, { create: true });
  await tree.begin(generation, { generation: generation.number, vkey, createdAt: generation.startedAt });
  return generation;
}

/** What is given up by beginning another tree. */
export interface GivenUp {
  /** The last generation of which anything is known; the store may know less. */
  number: number;
  origin: string;
  /** Its newest head that is known. */
  head?: { size: number; root: Buffer; note: string };
}

/**
 * Begins another tree under another origin and another key, from the first event on: for a ledger that goes on from an older state than it has
 * published. What is given up is recorded (`TreeGenerationStarted`), the old tree is kept. Cut off, the next start completes it.
 * Nothing may seal meanwhile.
 * @param how `reason` is a code of a-z, 0-9 and -; what the store knows is given up unless it is told
 * @throws OtherTree where no tree was begun before and none is told
 */
export async function beginGeneration(
  { log, vault, tree }: TreeParts,
  how: { reason: string; actor: StoredActor; now: number; givenUp?: GivenUp },
): Promise<Generation> {
  const givenUp = how.givenUp ?? (await lastOf(tree));
  if (givenUp === undefined) throw new OtherTree('there is no tree before which another one could come');
  const number = givenUp.number + 1;
  const next = { number, origin: `${nameOf(givenUp)}/${number}`, startedAt: time(how.now) };
  const event = ownEvent({
    ...{ source: TREE.source, id: startedId(number), type: 'TreeGenerationStarted', now: how.now, actor: how.actor },
    data: { generation: number, origin: next.origin, previousOrigin: givenUp.origin, ...previousHead(givenUp), reason: how.reason },
  });
  await appendOwn(log, TREE.stream, [event]);
  return begin(tree, vault, next);
}

async function lastOf(tree: TreeReader): Promise<GivenUp | undefined> {
  const generation = await tree.generation();
  const head = await tree.lastHead();
  return generation && { ...generation, ...(head && { head: { size: head.size, note: head.note, ...rootIn(head.note) } }) };
}

const rootIn = (note: string): { root: Buffer } => ({ root: parseTreeHead(parseNote(note).text).root });

function previousHead({ head }: GivenUp): { previousSize?: number; previousRoot?: string; previousNoteDigest?: string } {
  if (head === undefined) return {};
  const previousNoteDigest = createHash('sha256').update(head.note).digest('base64');
  return { previousSize: head.size, previousRoot: head.root.toString('base64'), previousNoteDigest };
}

/**
 * A generation that the log tells of and the store does not yet.
 * @returns the one in force then; undefined where none was ever begun
 * @throws OtherTree where its key was recorded: heads may have been signed, and the store that knew them is gone
 */
export async function completeGeneration({ log, vault, tree }: TreeParts): Promise<Generation | undefined> {
  const inForce = await tree.generation();
  const started = await lastStarted(log);
  if (started === undefined || started.number <= (inForce?.number ?? 0)) return inForce;
  if (await hasSigned(log, started)) {
    throw new OtherTree(
      `tree.db knows nothing of ${started.origin}, and heads may have been signed under it: put the newer tree.db back${ORELSE}`,
    );
  }
  return begin(tree, vault, started);
}

/** The generation that was begun last, where it has signed nothing yet: a store that does not know it was cut off before it did. */
export async function startedUnsigned(log: EventStore): Promise<Generation | undefined> {
  const started = await lastStarted(log);
  return started && !(await hasSigned(log, started)) ? started : undefined;
}

/** Nothing is signed by a key that is not recorded. */
async function hasSigned(log: EventStore, { number }: Generation): Promise<boolean> {
  const [recorded] = await log.find([recordKey(TREE.source, keyId(number, 1))]);
  return recorded !== undefined;
}

async function lastStarted(log: EventStore): Promise<Generation | undefined> {
  for await (const { type, entry } of backwards(log)) {
    const { generation: number, origin } = entry.data;
    if (type === 'TreeGenerationStarted') return { number: number as number, origin: origin as string, startedAt: entry.time };
  }
  return undefined;
}

/** Origin lines under which keys were made or trees begun, as vault and log tell: the store may be older than both. */
export async function knownOrigins({ log, vault }: Omit<TreeParts, 'tree'>): Promise<string[]> {
  const made = await vault.ownKeyNames(SEALER_KEYS);
  const origins = new Set(made.map((name) => name.slice(SEALER_KEYS.length, name.lastIndexOf('/'))));
  for await (const { entry } of backwards(log)) origins.add(entry.data['origin'] as string);
  return [...origins];
}

async function* backwards(log: EventStore): AsyncGenerator<{ type: string; entry: Entry }> {
  for (let revision = Number.MAX_SAFE_INTEGER; revision >= 0; ) {
    const page = await log.readStream(TREE.stream, revision, 100, 'backwards');
    for (const { type, data } of page) yield { type, entry: JSON.parse(data) as Entry };
    revision = (page.at(-1)?.revision ?? 0) - 1;
  }
}

/**
 * Looks whether the ring and the vault have the same keys; the vault may have one more, which the ring is about to get.
 * @returns how many more
 * @throws OtherTree, SealerKeyMissing
 */
export async function refuseOtherKeys({ vault, tree }: Omit<TreeParts, 'log'>, { number, origin }: Generation): Promise<number> {
  const ring = (await tree.keys()).filter(({ generation }) => generation === number);
  const made = (await vault.ownKeyNames(`${SEALER_KEYS}${origin}/`)).length;
  if (made > ring.length + 1) {
    throw new OtherTree(
      `tree.db has ${ring.length} keys that sign tree heads, and keys.db has ${made}: put the newer tree.db back${ORELSE}`,
    );
  }
  if (made < ring.length) throw keyMissing(ring.length);
  for (const [i, { vkey }] of ring.entries()) {
    const known = await keyOf(vault, origin, i + 1, { create: false });
    if (known.vkey !== vkey)
      throw new OtherTree(`key ${i + 1} of the ring in tree.db is not the one in keys.db: put both back from one backup${ORELSE}`);
  }
  return made - ring.length;
}

/** A key that the vault has and the ring has not yet. */
async function completeRotation(parts: TreeParts, generation: Generation, now: number): Promise<void> {
  if ((await refuseOtherKeys(parts, generation)) === 0) return;
  const { key } = await nextKey(parts, await actorOf(LEDGER, parts.vault), now);
  await parts.tree.addKey(key);
}

/**
 * Makes the key that takes the place of the one in force, and records it. It is for the caller to put it into the ring: by then it is durable
 * in vault and log.
 */
export async function nextKey(
  { log, vault, tree }: { log: EventStore; vault: KeyVault; tree: TreeReader },
  actor: StoredActor,
  now: number,
): Promise<{ key: RingKey; signer: SealerKey }> {
  const { number: generation, origin } = (await tree.generation()) as Generation;
  const ring = (await tree.keys()).filter((key) => key.generation === generation);
  const { vkey, privateKey } = await keyOf(vault, origin, ring.length + 1, { create: true });
  const key = { generation, vkey, createdAt: time(now) };
  const recordedAt = await recordKeyOf(log, {
    number: ring.length + 1,
    origin,
    key,
    retires: ring.at(-1)?.vkey,
    actor: async () => actor,
    now,
  });
  return { key, signer: { vkey, privateKey, recordedAt } };
}

/**
 * Those of the ring that may sign the next head: the one in force, and, where another one has signed the newest head, all from that
 * one on. Each is recorded before it does.
 */
async function sealerKeys({ log, vault, tree }: TreeParts, { number, origin }: Generation, now: number): Promise<SealerKey[]> {
  const ring = (await tree.keys()).filter(({ generation }) => generation === number);
  const head = await tree.lastHead();
  const signed = head === undefined ? -1 : ring.findIndex(({ vkey }) => isSignedBy(head, parseVkey(vkey)));
  const keys: SealerKey[] = [];
  for (const [i, key] of ring.entries()) {
    if (i < (signed < 0 ? ring.length - 1 : signed)) continue;
    const { vkey, privateKey } = await keyOf(vault, origin, i + 1, { create: false });
    const actor = () => actorOf(LEDGER, vault);
    keys.push({
      vkey,
      privateKey,
      recordedAt: await recordKeyOf(log, { number: i + 1, origin, key, retires: ring[i - 1]?.vkey, actor, now }),
    });
  }
  return keys;
}

interface Recording {
  /** In its generation, from 1. */
  number: number;
  origin: string;
  key: RingKey;
  retires: string | undefined;
  actor(): Promise<StoredActor>;
  now: number;
}

/** Once a key, however often it is done. @returns the position of the event */
async function recordKeyOf(log: EventStore, { number, origin, key, retires, actor, now }: Recording): Promise<number> {
  const { generation, vkey } = key;
  const id = keyId(generation, number);
  const [known] = await log.find([recordKey(TREE.source, id)]);
  if (known !== undefined) return known;
  const data = { origin, vkey, generation, ...(retires !== undefined && { retires }) };
  const event = ownEvent({ source: TREE.source, id, type: 'SealerKeyCreated', now, actor: await actor(), data });
  return appendOwn(log, TREE.stream, [event]);
}

async function keyOf(
  vault: KeyVault,
  origin: string,
  number: number,
  { create }: { create: boolean },
): Promise<{ vkey: string; privateKey: KeyObject }> {
  const seed = await vault.ownKey(`${SEALER_KEYS}${origin}/${number}`, { create });
  if (seed === undefined) throw keyMissing(number);
  const bytes = Buffer.concat([PKCS8_ED25519, seed.export()]);
  const privateKey = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
  bytes.fill(0);
  return { vkey: vkeyOf(verifierKey(origin, ED25519, createPublicKey(privateKey))), privateKey };
}

const keyMissing = (number: number): SealerKeyMissing =>
  new SealerKeyMissing(
    `keys.db has no key ${number} for signing tree heads, and tree.db says that it did: put the newer keys.db back${ORELSE}`,
  );

const time = (now: number): string => new Date(now).toISOString();
