/** Verifies the files of a data folder: everything that is derived is made anew from the events, and compared with what is there. */
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import { KEPT_HEAD, readKeptHead } from '../transparency/kept-head.ts';
import { arbitrate, type Settled, upperMismatches } from './arbitrate.ts';
import { beginningOf } from './beginning.ts';
import type { Context, Gathered, VerifyOptions } from './context.ts';
import { Counter, type Counts } from './counts.ts';
import type { Tail } from './derive.ts';
import { Findings, LISTED } from './findings.ts';
import { HashLevels } from './hash-levels.ts';
import { keysOf, readOf, rootAt } from './heads.ts';
import { type BrokenRevision, LogFile } from './log-file.ts';
import { checkOwnHead, type OwnHead, ownHeadOf } from './own-head.ts';
import { checkKept, checkPublished } from './published.ts';
import { compareReadModels, notCompared, type ReadModels, readModelsOf } from './read-models.ts';
import { CannotTell, type Verification } from './result.ts';
import { recordedIn } from './ring.ts';
import { type KeptHead, readSince } from './since.ts';
import { StateFile } from './state.ts';
import { Threads } from './threads.ts';
import { TreeFile } from './tree-file.ts';
import type { Trusted } from './vouched.ts';
import { Walk } from './walk.ts';

/** Left in a data folder by a restore that was cut off. */
const RESTORE_MARKER = 'restore-unfinished.json';
/** Beside the files of a backup's part. */
const BACKUP_MANIFEST = 'manifest.json';
/** Heads gone back through for one that was signed. */
const MAX_HEADS_BACK = 1_000;
/** Streams that are told of. */
const MAX_REVISIONS = 10 * LISTED;

/**
 * Verifies a data folder, or the part of a backup that holds the log, without keys and without writing to it.
 * @throws NotUsable where what was given to verify against does not serve; the system's error where the state file cannot be written
 */
export async function verifyFolder(folder: string, options: VerifyOptions = {}): Promise<Verification> {
  const startedAt = performance.now();
  for (let again = false; ; again = true) {
    const run = new Run(resolve(folder), options);
    const verification = await run.run();
    // Somebody began to write files that were read as ones at rest: now they are read as what they are.
    if (verification.verdict !== 'intact' && run.wasWritten && !again && !options.signal?.aborted) continue;
    return { ...verification, milliseconds: Math.round(performance.now() - startedAt) };
  }
}

class Run {
  readonly #folder: string;
  readonly #options: VerifyOptions;
  readonly #findings = new Findings();
  readonly #gathered: Gathered = { witnesses: [], projections: [], notes: [] };
  readonly #opened: (LogFile | TreeFile)[] = [];
  #threads: Threads | undefined;
  /** Whether the files were written while they were read as ones that nobody writes. */
  wasWritten = false;

  constructor(folder: string, options: VerifyOptions) {
    [this.#folder, this.#options] = [folder, options];
  }

  async run(): Promise<Omit<Verification, 'milliseconds'>> {
    try {
      await new Whole(this.#open()).verify();
    } catch (error) {
      if (!(error instanceof CannotTell)) throw error;
      this.#findings.hinder(error.hindrance);
    } finally {
      this.wasWritten = this.#opened.some(({ file }) => file.wasWritten);
      await this.#threads?.close();
      for (const each of this.#opened) each.close();
    }
    const findings = this.#findings.list();
    const [first] = findings;
    const { hindrances } = this.#findings;
    return {
      verdict: first ? 'tampered' : hindrances.length > 0 ? 'could-not-tell' : 'intact',
      ...(first && { first }),
      ...{ findings, found: this.#findings.counted(), hindrances, ...this.#gathered },
    };
  }

  #open(): Context {
    const { folder, ...paths } = locate(this.#folder);
    const options = this.#options;
    // In the order in which nothing is newer than what is read after it: a head is kept once it is in the tree, and a leaf is an event first.
    const keptNote = this.#keptNote(folder);
    const tree = new TreeFile(paths.tree);
    this.#opened.push(tree);
    tree.mustBeKnown();
    this.#findings.addAll(tree.schemaFindings());
    const snapshot = tree.snapshot(LISTED);
    const log = new LogFile(paths.log);
    this.#opened.push(log);
    log.mustBeKnown();
    this.#findings.addAll(log.schemaFindings());
    if (snapshot.ledger !== log.ledger)
      throw new CannotTell('other-ledger', `${paths.tree} is the tree of another ledger than ${paths.log}`);
    const generation = snapshot.generations.at(-1);
    if (generation === undefined)
      throw new CannotTell('nothing-sealed', 'no event was sealed yet: there is nothing to compare events with');
    this.#threads = new Threads(Math.max(1, options.workers ?? availableParallelism()), paths, options.signal);
    return {
      ...{ log, tree, paths, snapshot, generation, options },
      ...{ findings: this.#findings, gathered: this.#gathered, threads: this.#threads },
      ...{
        lastHead: snapshot.lastHeads.at(-1) as number,
        recorded: recordedIn(log, { isBackup: existsSync(join(folder, BACKUP_MANIFEST)) }),
        end: log.head,
        views: this.#readModels(folder),
        keptNote,
      },
      pause: async () => {
        await breathe();
        if (options.signal?.aborted) throw new CannotTell('interrupted', 'it was interrupted before it was done');
      },
    };
  }

  /** What the ledger keeps beside the tree; a file that cannot be read is no evidence. */
  #keptNote(folder: string): string | undefined {
    try {
      return readKeptHead(folder);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      this.#gathered.notes.push(`${KEPT_HEAD} was passed over: it cannot be read (${code}).`);
      return undefined;
    }
  }

  /** Read models are no evidence: where they cannot be read, that is said. */
  #readModels(folder: string): ReadModels | undefined {
    try {
      const views = readModelsOf(folder);
      if (views === undefined) this.#gathered.notes.push('There are no read models here: nothing was compared with them.');
      return views;
    } catch (error) {
      if (!(error instanceof CannotTell)) throw error;
      this.#gathered.notes.push(`The read models were not compared: ${error.message}.`);
      return undefined;
    }
  }
}

/** Where the files lie: in the folder itself or, of a backup, in its part with the log. */
function locate(given: string): { folder: string; log: string; tree: string } {
  if (!existsSync(given) || !statSync(given).isDirectory()) throw new CannotTell('missing', `there is no folder ${given}`);
  if (existsSync(join(given, RESTORE_MARKER))) {
    throw new CannotTell('restore-unfinished', `a restore into ${given} was not completed: run liggare restore again`);
  }
  const folder = [given, join(given, 'log')].find((each) => existsSync(join(each, 'ledger.db'))) ?? given;
  const [log, tree] = [join(folder, 'ledger.db'), join(folder, 'tree.db')];
  for (const file of [log, tree]) if (!existsSync(file)) throw new CannotTell('missing', `${file} is missing`);
  return { folder, log, tree };
}

/** A folder whose files can be read. */
class Whole {
  readonly #context: Context;
  readonly #state: StateFile | undefined;
  #broken: readonly BrokenRevision[] = [];

  constructor(context: Context) {
    this.#context = context;
    const { stateFile } = context.options;
    this.#state = stateFile === undefined ? undefined : new StateFile(stateFile);
  }

  async verify(): Promise<void> {
    const { generation, snapshot, gathered, findings, options } = this.#context;
    const { origin, number, size, position } = generation;
    Object.assign(gathered, { origin, generation: number, size, position });
    Object.assign(gathered, { generations: snapshot.generations.length, keys: snapshot.keys.length });
    // What was given must serve before anything is begun.
    const kept = options.since && readSince(options.since, snapshot, options.vkeys ?? [], options.witnesses ?? []);
    const checks = this.#startChecks();
    findings.addAll(snapshot.superfluous);
    const walk = await this.#leaves(kept);
    const own = ownHeadOf(this.#context);
    const tail = await this.#tail(own);
    const settled = await this.#agree(walk);
    await checkPublished(this.#context, settled, kept);
    checkOwnHead(this.#context, settled, own, tail);
    if (kept) checkKept(this.#context, settled, kept);
    await checks;
    this.#revisions();
    this.#projections(walk, tail?.counts);
    this.#state?.remove();
  }

  /** What takes no part of the leaves: given to the threads first, and waited for last. */
  #startChecks(): Promise<unknown> {
    const { threads, findings, paths } = this.#context;
    const check = async (file: 'log' | 'tree') => {
      for (const line of await threads.run('check', { file }))
        findings.hinder({ obstacle: 'damaged', what: `${paths[file]} is damaged: ${line}` });
    };
    const streams = async () => {
      this.#broken = await threads.run('streams', { limit: MAX_REVISIONS });
    };
    // What one part of a file does not give away keeps nobody from looking at the rest.
    const settled = Promise.all([check('log'), check('tree'), streams()].map((each) => each.catch((error) => this.#hindered(error))));
    settled.catch(() => undefined);
    return settled;
  }

  /** A gap in a stream where events are missing tells which ones those are. */
  #revisions(): void {
    const { findings } = this.#context;
    const told = new Set([...findings.listed('event-inserted'), ...findings.listed('event-changed')].map(({ position }) => position));
    for (const { stream, revision, position, expected, after } of this.#broken) {
      if (told.has(position)) continue;
      const gone = findings.listed('event-missing').filter(({ position: at = Number.NaN }) => at > after && at < position);
      if (gone.length > 0 && gone.length === revision - expected) {
        gone.forEach((finding, i) => {
          Object.assign(finding, { stream, revision: expected + i });
        });
      } else findings.add({ kind: 'revision', stream, revision, position, what: `revision ${expected} of its stream should come here` });
    }
  }

  #hindered(error: unknown): void {
    if (!(error instanceof CannotTell) || error.obstacle === 'interrupted') throw error;
    this.#context.findings.hinder(error.hindrance);
  }

  async #leaves(kept: KeptHead | undefined): Promise<Walk> {
    const { generation, views, gathered, threads, findings, options } = this.#context;
    const { size, number, origin } = generation;
    const beginning = beginningOf(this.#context, kept, this.#state);
    const from = (beginning.roots.length / HASH_BYTES) * TILE_WIDTH;
    Object.assign(gathered, { from, leaves: size - from });
    const walk = new Walk(threads, { generation: number, size, origin, limits: views?.limits ?? {} }, findings, beginning, this.#state);
    try {
      await walk.run((done) => options.onProgress?.(done, size - from));
    } finally {
      walk.save();
    }
    return walk;
  }

  /** What stands behind the last leaf. */
  async #tail(own: OwnHead | undefined): Promise<Tail | undefined> {
    const { generation, end, log, tree, views, findings, gathered, threads } = this.#context;
    const { size, number, position } = generation;
    const beyond = log.beyondNumbers;
    if (beyond > 0) findings.add({ kind: 'event-inserted', what: `${beyond} events stand at positions that the log never gives` });
    if (position !== (size > 0 ? tree.positionOf(number, size - 1) : 0)) {
      findings.add({ kind: 'position', index: Math.max(0, size - 1), what: 'the last leaf does not stand where the tree is said to end' });
    }
    gathered.unsealed = 0;
    if (end <= position) return undefined;
    const tail = await threads.run('tail', {
      limits: views?.limits ?? {},
      after: position,
      upTo: end,
      wanted: Math.max(0, (own?.size ?? 0) - size),
    });
    gathered.unsealed = tail.events;
    findings.addAll(tail.odd);
    for (const hindrance of tail.hindrances) findings.hinder(hindrance);
    return tail;
  }

  /** Tiles of all levels and the newest head that was signed: where they do not agree, what it is that was changed. */
  async #agree({ roots, differing }: Walk): Promise<Settled> {
    const { log, tree, generation, snapshot, findings, lastHead, pause } = this.#context;
    const { number, size, origin } = generation;
    const levels = HashLevels.of(roots);
    const upper = upperMismatches(tree, number, size, levels);
    const trusted = this.#trusted();
    const isVouched = trusted !== undefined && rootAt(tree, number, trusted.size, levels)?.equals(trusted.root) === true;
    if (differing.length + upper.length === 0) return { levels, doubtful: [], contents: () => undefined, isVouched, areEventsWrong: false };
    const keys = snapshot.keys.filter((key) => key.generation === number);
    const disputed = { log, tree, generation: number, origin, keys, size, lastHead, trusted, roots, differing, upper, findings, pause };
    return arbitrate(disputed);
  }

  /** The newest head that a key of the ring signed. */
  #trusted(): Trusted | undefined {
    const { tree, generation, snapshot, lastHead } = this.#context;
    const keys = keysOf(snapshot.keys.filter((key) => key.generation === generation.number));
    for (let at = lastHead; at > Math.max(0, lastHead - MAX_HEADS_BACK); at--) {
      const [row] = tree.heads(generation.number, at, at);
      const head = row && readOf(row, generation.origin, keys);
      if (typeof head === 'object' && head.size <= generation.size) return { size: head.size, root: head.root };
    }
    return undefined;
  }

  /** Counts begin with the first event: where it was not read, or not all could be, they say nothing. */
  #projections(walk: Walk, tail: Counts | undefined): void {
    const { views, gathered, findings } = this.#context;
    if (views === undefined) return;
    const why = walk.whyNotCounted ?? (findings.isEmpty ? undefined : 'the log is not as it was');
    if (why !== undefined) {
      gathered.projections = notCompared(views, why);
      return;
    }
    const counter = new Counter({});
    counter.addAll(walk.counts);
    if (tail) counter.addAll(tail);
    const { compared, findings: found } = compareReadModels(views, counter.counts);
    gathered.projections = compared;
    findings.addAll(found);
  }
}
