/** Keys and generations: what is kept beside the tree against what the log itself recorded of them. */
import { createHash } from 'node:crypto';
import { type VerifierKey, vkeyOf } from '../integrity/signed-note.ts';
import type { Generation, RingKey } from '../transparency/tree.ts';
import { isSame, keysOf, type Turn } from './heads.ts';
import type { LogFile } from './log-file.ts';
import type { Finding } from './result.ts';
import type { Snapshot, TreeFile } from './tree-file.ts';

/** Of what the ledger says of its tree. */
const STREAM = 'ledger-tree';
/** Keys and generations that are looked at: each is a deed of somebody. */
const MAX_OWN_EVENTS = 100_000;

/** `SealerKeyCreated` as far as it matters here. */
interface Created {
  position: number;
  /** Milliseconds since 1970. */
  recordedAt: number;
  vkey: string;
  generation: number;
}

interface Started {
  position: number;
  generation: number;
  origin: string;
  previousSize?: number;
  previousRoot?: string;
  previousNoteDigest?: string;
}

export interface Recorded {
  keys: Created[];
  generations: Started[];
  /** When the last event of the log was recorded; absent in a backup, whose log was copied after its tree. */
  until?: number;
}

/**
 * A key is recorded, and put into the ring at once. Where the ledger was stopped by force between these two, the log goes on no longer than
 * that after it: the next start puts the key into the ring before anything is recorded.
 */
const AT_ONCE_MS = 5_000;

/** What the log says of keys and generations. */
export function recordedIn(log: LogFile, { isBackup }: { isBackup: boolean }): Recorded {
  const keys: Created[] = [];
  const generations: Started[] = [];
  for (const { position, recordedAt, type, entry } of log.ownEntries(STREAM, MAX_OWN_EVENTS)) {
    const data = entry.data as Record<string, unknown>;
    if (type === 'SealerKeyCreated')
      keys.push({ position, recordedAt, vkey: String(data['vkey']), generation: Number(data['generation']) });
    if (type === 'TreeGenerationStarted') generations.push({ position, ...data } as unknown as Started);
  }
  const until = isBackup ? undefined : log.lastRecordedAt;
  return { keys, generations, ...(until !== undefined && { until }) };
}

/** What generations and keys should be by the log. */
export function checkRing(tree: TreeFile, snapshot: Snapshot, recorded: Recorded): { findings: Finding[]; notes: string[] } {
  const check = new RingCheck(tree, snapshot, recorded);
  check.run();
  return check;
}

class RingCheck {
  readonly findings: Finding[] = [];
  readonly notes: string[] = [];
  readonly #tree: TreeFile;
  readonly #snapshot: Snapshot;
  readonly #recorded: Recorded;

  constructor(tree: TreeFile, snapshot: Snapshot, recorded: Recorded) {
    [this.#tree, this.#snapshot, this.#recorded] = [tree, snapshot, recorded];
  }

  run(): void {
    const { generations } = this.#snapshot;
    for (const generation of generations) {
      this.#keys(generation);
      this.#begun(generation);
    }
    const inForce = generations.at(-1)?.number ?? 0;
    for (const { generation, position } of this.#recorded.generations) {
      if (generation > inForce) this.#wrong('generation', { generation, position, what: 'the log tells of this tree, and it is not here' });
      else if (!generations.some(({ number }) => number === generation))
        this.notes.push(`The tree of generation ${generation} is not here.`);
    }
  }

  #keys({ number, origin }: Generation): void {
    const { keys, generations, lastHeads } = this.#snapshot;
    const ring = keys.filter(({ generation }) => generation === number);
    const known = this.#recorded.keys.filter(({ generation }) => generation === number);
    const say = (what: string) => this.#wrong('key', { generation: number, what });
    if (keysOf(ring).filter(({ name }) => name === origin).length < ring.length) say('the ring has a key that is none of this tree');
    const unrecorded = ring.filter(({ vkey }) => !known.some((key) => key.vkey === vkey)).length;
    const isInForce = number === generations.at(-1)?.number;
    const hasSigned = (lastHeads[generations.findIndex((each) => each.number === number)] as number) > 0;
    // A key is recorded before it signs. Of an earlier tree, that may stand in the part of the log that was lost.
    if (unrecorded > 0 && !isInForce) this.notes.push(`The log does not tell any more of ${unrecorded} keys of generation ${number}.`);
    else if (unrecorded > 0 && hasSigned) say('the ring has a key that the log does not tell of');
    const missing = known.filter(({ vkey }) => !ring.some((key) => key.vkey === vkey));
    // The last one may be about to be put into the ring.
    const isAbout = (key: Created) => key === known.at(-1) && !(isInForce && this.#isLongAgo(key));
    if (!missing.every(isAbout))
      say('the log tells of a key that the ring does not have: tree.db is older than the log, or the key was taken out');
  }

  #isLongAgo({ recordedAt }: Created): boolean {
    const { until } = this.#recorded;
    return until !== undefined && until - recordedAt > AT_ONCE_MS;
  }

  /** A tree after the first takes the place of another one, whose last head was recorded then. */
  #begun({ number, origin }: Generation): void {
    if (!origin.endsWith(`/${number}`)) this.#wrong('generation', { generation: number, what: 'its origin line is not its own' });
    if (number === 1) return;
    const started = this.#recorded.generations.find(({ generation }) => generation === number);
    if (started?.origin !== origin) this.#wrong('generation', { generation: number, what: 'the log does not tell that it was begun' });
    else this.#ended(number - 1, started);
  }

  #ended(number: number, { previousSize = 0, previousNoteDigest }: Started): void {
    const at = this.#snapshot.generations.findIndex((each) => each.number === number);
    if (at < 0) return;
    const last = this.#snapshot.lastHeads[at] as number;
    const [head] = this.#tree.heads(number, last, last);
    const size = head?.size ?? 0;
    if (size < previousSize) {
      this.notes.push(
        `Of generation ${number} a head of ${previousSize} leaves was known when the next one was begun; the newest here has ${size}.`,
      );
    } else if (head && (size > previousSize || createHash('sha256').update(head.note).digest('base64') !== previousNoteDigest)) {
      this.#wrong('generation', {
        generation: number,
        what: 'its last head is not the one that was recorded when the next tree was begun',
      });
    }
  }

  #wrong(kind: 'key' | 'generation', finding: Omit<Finding, 'kind'>): void {
    this.findings.push({ kind, ...finding });
  }
}

/**
 * A head from which on another key signs is signed by the one before it too: so whoever trusts that one learns the new one.
 * @param recorded what the log says of keys; absent where that does not stand where it stood
 */
export function checkTurns(
  generation: number,
  turns: readonly Turn[],
  ring: readonly RingKey[],
  recorded: Recorded | undefined,
): Finding[] {
  const keys = keysOf(ring);
  return turns.flatMap(({ number, position, signers }, i): Finding[] => {
    const say = (what: string): Finding[] => [{ kind: 'key', generation, head: number, what }];
    const newest = keys[signers.at(-1) as number] as VerifierKey;
    const of = recorded?.keys.find(({ vkey }) => vkey === vkeyOf(newest));
    if (of !== undefined && of.position > position) return say('it is signed by a key that the log tells of only after it');
    const before = turns[i - 1]?.signers.at(-1);
    return before === undefined || signers.includes(before) ? [] : say('another key signs from it on, and the key before did not sign it');
  });
}

/**
 * Whether one of the keys that somebody trusts vouches for the newest head, by itself or by way of the keys that took its place.
 * @param trusted none: whatever the ring has is believed
 * @returns why not; undefined where one does. It may be that none has signed yet.
 */
export function whyNotVouched(
  trusted: readonly VerifierKey[],
  { keys, generations }: Snapshot,
  turns: readonly Turn[],
): { what: string; isTooEarly?: true } | undefined {
  if (trusted.length === 0) return undefined;
  const inForce = generations.at(-1)?.number;
  const ring = keysOf(keys.filter(({ generation }) => generation === inForce));
  const places = new Set(ring.flatMap((key, place) => (trusted.some((other) => isSame(key, other)) ? [place] : [])));
  if (places.size === 0) {
    const isOld = keysOf(keys).some((key) => trusted.some((other) => isSame(key, other)));
    return {
      what: isOld
        ? 'the keys that were given signed an earlier tree of this ledger, not the one in force'
        : 'none of the keys that were given has signed for this ledger: either they are not its keys, or somebody put another key in their place',
    };
  }
  const least = Math.min(...places);
  // A head that a trusted key signs, too, vouches for the others that did.
  for (const { signers } of turns) if (signers.some((place) => places.has(place))) for (const place of signers) places.add(place);
  const newest = turns.at(-1)?.signers.at(-1) ?? -1;
  if (newest < least) return { what: 'the keys that were given have signed no head yet', isTooEarly: true };
  return places.has(newest) ? undefined : { what: 'the newest heads are signed by a key that those that were given do not vouch for' };
}
