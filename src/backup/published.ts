/**
 * What a ledger has published of its log, against the log that is there now. A tree head that went out cannot be taken back: whoever
 * holds it asks of the next one that it goes on from it. A log that was put back from an earlier day does not.
 */
import type { EventStore } from '../eventstore/event-store.ts';
import { leafHash, rootOf } from '../integrity/merkle.ts';
import { NoteRefused, parseNote, parseVkey, type VerifierKey, verifyNote } from '../integrity/signed-note.ts';
import { hashesFrom } from '../integrity/tiles.ts';
import { parseTreeHead } from '../integrity/tree-head.ts';
import { leafBytes } from '../ledger/leaf.ts';
import { Edge } from '../transparency/edge.ts';
import { Sealer } from '../transparency/sealer.ts';
import type { RefusalReason, RingKey, StoredHead, TreeStore } from '../transparency/tree.ts';
import { BackupRefused } from './parts.ts';

/** A tree head of which it is known that it was signed. */
export interface KnownHead {
  origin: string;
  generation: number;
  size: number;
  root: Buffer;
  /** C2SP signed-note. */
  note: string;
  /** Whether a key of the ring has signed it: that of a saved head may be newer than the ring. */
  isVerified: boolean;
  /** The ledger's own, or one that somebody saved. */
  from: 'tree' | 'note';
}

/** Why the ledger cannot go on under the origin under which it has published. */
export interface Disagreement {
  reason: RefusalReason | 'tree-missing' | 'tree-older' | 'keys-differ';
  /** In words: what was expected and what was found. */
  detail: string;
  position?: number;
  index?: number;
  /** The note that the log does not agree with. */
  head?: string;
}

export interface Standing {
  /** What origin lines begin with. */
  name: string;
  /** The last generation of which anything is known; 0 where nothing was ever sealed. */
  generation: number;
  /** Leaves of the tree that is there. */
  sealed: number;
  /** The newest head that is known. */
  head?: KnownHead;
  /** Absent: all that is known to have been published agrees with the log. */
  disagreement?: Disagreement;
}

export interface Evidence {
  store: EventStore;
  /** Absent where there is no `tree.db`, or nothing in it yet. */
  tree?: TreeStore;
  /** What the origin lines of this ledger begin with, where neither a tree nor `origins` say it. */
  name: string;
  /** Origin lines under which keys were made or trees begun, as keys and log tell. */
  origins: readonly string[];
  /** A head that somebody saved: a signed note. */
  note?: string;
  /** The head that the ledger kept beside its tree: a signed note. */
  kept?: string;
  /** Why the key store cannot sign for the tree, where it cannot. */
  keysDiffer?: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** Events read at a time. */
const PAGE_EVENTS = 1_000;

/** `<name>/<generation>` */
const ORIGIN = /^(.+)\/([1-9]\d{0,8})$/;
const nameOf = (origin: string): string => ORIGIN.exec(origin)?.[1] ?? origin;
/** 0 for what is no origin line of a ledger. */
const generationOf = (origin: string): number => Number(ORIGIN.exec(origin)?.[2] ?? 0);

/**
 * Makes every leaf of the log again, once, and compares with what was published of it. What does not agree is kept in the tree.
 * @param onPosition how far the log was read
 * @throws BackupRefused where the saved head is none, or another log's
 */
export async function standingOf(evidence: Evidence, onPosition: (position: number) => void = () => undefined): Promise<Standing> {
  const { store, tree, note, origins } = evidence;
  const begun = await tree?.generation();
  const [first] = begun ? [begun.origin] : origins;
  const name = first === undefined ? evidence.name : nameOf(first);
  const ring = (await tree?.keys()) ?? [];
  const saved = newest(note === undefined ? undefined : savedHead(note, name, ring), keptHead(evidence.kept, name, ring));
  const own = await lastHead(tree, ring);
  const inForce = begun?.number ?? 0;
  const known = origins.filter((origin) => nameOf(origin) === name).map(generationOf);
  const generation = Math.max(inForce, saved?.generation ?? 0, ...known);
  const head = newest(own, saved);
  const log = { readAll: told(store, onPosition), head: () => store.head() };
  const disagreement =
    olderThan(generation, inForce, saved) ??
    (evidence.keysDiffer === undefined ? undefined : ({ reason: 'keys-differ', detail: evidence.keysDiffer } satisfies Disagreement)) ??
    (begun && tree && (await ofTree(log, tree, evidence.now))) ??
    (saved?.generation === inForce ? await ofSaved(log, saved, tree) : undefined);
  const { size: sealed } = (await tree?.sealed()) ?? { size: 0 };
  return { name, generation, sealed, ...(head && { head }), ...(disagreement && { disagreement }) };
}

type Log = Pick<EventStore, 'readAll' | 'head'>;

function told(store: EventStore, onPosition: (position: number) => void): EventStore['readAll'] {
  return async (position, limit, maxBytes) => {
    onPosition(position);
    return store.readAll(position, limit, maxBytes);
  };
}

/** @throws BackupRefused */
function savedHead(text: string, name: string, ring: readonly RingKey[]): KnownHead {
  try {
    const note = parseNote(text);
    const head = parseTreeHead(note.text);
    if (nameOf(head.origin) !== name || generationOf(head.origin) === 0) {
      throw new BackupRefused(`the tree head that was given is one of ${head.origin}, and this ledger is ${name}`);
    }
    const known = ring.map(({ vkey }) => parseVkey(vkey)).filter((key) => key.name === head.origin);
    const isVerified = note.signatures.some((one) => known.some((key) => key.name === one.name && key.id.equals(one.id)));
    if (isVerified) verifyNote(note, known);
    return { ...head, generation: generationOf(head.origin), note: text, isVerified, from: 'note' };
  } catch (error) {
    throw error instanceof NoteRefused ? new BackupRefused(`what was given is no tree head of this ledger: ${error.message}`) : error;
  }
}

/** What another ledger left in the folder says nothing of this one. */
function keptHead(text: string | undefined, name: string, ring: readonly RingKey[]): KnownHead | undefined {
  try {
    return text === undefined ? undefined : savedHead(text, name, ring);
  } catch (error) {
    if (error instanceof BackupRefused) return undefined;
    throw error;
  }
}

/** The first of two that are as new. */
function newest(one: KnownHead | undefined, other: KnownHead | undefined): KnownHead | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.generation > one.generation || (other.generation === one.generation && other.size > one.size) ? other : one;
}

/** The newest that a key of the ring has signed: where a later one was changed, the tree does not agree with itself. */
async function lastHead(tree: TreeStore | undefined, ring: readonly RingKey[]): Promise<KnownHead | undefined> {
  const keys = ring.map(({ vkey }) => parseVkey(vkey));
  let stored = await tree?.lastHead();
  while (stored !== undefined) {
    const head = signedBy(keys, stored);
    if (head || stored.number === 1) return head;
    [stored] = (await tree?.headsAfter(stored.number - 2, 1)) ?? [];
  }
  return undefined;
}

function signedBy(keys: readonly VerifierKey[], { note: text, generation }: StoredHead): KnownHead | undefined {
  try {
    const note = parseNote(text);
    verifyNote(note, keys);
    return { ...parseTreeHead(note.text), generation, note: text, isVerified: true, from: 'tree' };
  } catch (error) {
    if (error instanceof NoteRefused) return undefined;
    throw error;
  }
}

/** A tree was begun of which this one knows nothing: heads may have been signed over it. */
function olderThan(generation: number, inForce: number, saved: KnownHead | undefined): Disagreement | undefined {
  if (generation <= inForce) return undefined;
  const there = inForce === 0 ? 'there is no tree.db of it' : `tree.db ends with generation ${inForce}`;
  if (saved?.generation === generation) {
    return {
      reason: 'witness-ahead',
      detail: `the tree head that was kept is of generation ${generation}, and ${there}`,
      head: saved.note,
    };
  }
  const reason = inForce === 0 ? 'tree-missing' : 'tree-older';
  return { reason, detail: `generation ${generation} was begun, as the keys or the log tell, and ${there}` };
}

/** As the sealer looks before it signs, but at every leaf. */
async function ofTree(log: Log, tree: TreeStore, now: number): Promise<Disagreement | undefined> {
  const sealer = await Sealer.open({ log, store: tree, keys: [], now: () => now }, { tailLeaves: Number.MAX_SAFE_INTEGER });
  await sealer.check();
  return sealer.refusal;
}

/** A head that somebody saved says as much as one of the ledger's own. It may be later than the tree. */
async function ofSaved(log: Log, { size, root, note }: KnownHead, tree: TreeStore | undefined): Promise<Disagreement | undefined> {
  const sealed = (await tree?.sealed()) ?? { size: 0, position: 0 };
  const differs = (detail: string): Disagreement => ({ reason: 'witness-ahead', detail, head: note });
  const made = size <= sealed.size && tree ? await rootOf(size, hashesFrom(tree)) : await rootAt(size, log, tree, sealed);
  if (typeof made === 'number') return differs(`the log has ${made} events, and the tree head that was kept covers ${size}`);
  return made.equals(root) ? undefined : differs(`the first ${size} events do not lead to the tree head that was kept`);
}

/** The root of the first `size` events, of which the tree has some already; or how many there are, where there are fewer. */
async function rootAt(size: number, log: Log, tree: TreeStore | undefined, sealed: { size: number; position: number }) {
  const edge = tree ? await Edge.load(sealed.size, tree) : new Edge();
  for (let after = sealed.position; edge.size < size; ) {
    const page = await log.readAll(after, Math.min(PAGE_EVENTS, size - edge.size));
    if (page.length === 0) return edge.size;
    for (const event of page) edge.append(leafHash(leafBytes(event)));
    // Tiles that became full would be held.
    edge.takeGrown();
    after = page.at(-1)?.position as number;
  }
  return edge.root();
}
