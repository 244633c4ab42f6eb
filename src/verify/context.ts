/** What every part of a verification works with. */
import type { VerifierKey } from '../integrity/signed-note.ts';
import type { Findings } from './findings.ts';
import type { LogFile } from './log-file.ts';
import type { ReadModels } from './read-models.ts';
import type { Verification } from './result.ts';
import type { Recorded } from './ring.ts';
import type { Since } from './since.ts';
import type { Threads } from './threads.ts';
import type { Snapshot, StoredGeneration, TreeFile } from './tree-file.ts';

export interface VerifyOptions {
  /** Threads that make leaves anew; as many as there are processors when absent. */
  workers?: number;
  /** What came before is believed, if the ledger goes on from it. */
  since?: Since;
  /** Keys of the log, one of which must vouch for the newest head: else those in the files are believed. */
  vkeys?: readonly VerifierKey[];
  /** Keys of witnesses (C2SP, kind 0x04) whose cosignatures are checked. */
  witnesses?: readonly VerifierKey[];
  /** Keeps in this file how far it has come, and goes on where an interrupted run stopped. */
  stateFile?: string;
  /** Ends it early: `could-not-tell`, and what was done is kept where there is a `stateFile`. */
  signal?: AbortSignal;
  /** Leaves that were made anew, and how many there are to make. */
  onProgress?(done: number, total: number): void;
}

/** What is gathered on the way, to be told at the end. */
export type Gathered = Omit<Verification, 'verdict' | 'first' | 'findings' | 'found' | 'hindrances' | 'milliseconds'>;

export interface Context {
  log: LogFile;
  tree: TreeFile;
  paths: { log: string; tree: string };
  snapshot: Snapshot;
  /** In force. */
  generation: StoredGeneration;
  /** Number of its newest head; 0 where it has none. */
  lastHead: number;
  /** What the log says of keys and trees. */
  recorded: Recorded;
  /** The end of the log when it began. */
  end: number;
  views: ReadModels | undefined;
  /** The newest head as the ledger keeps it beside the tree, read before the tree was; absent where it does not. */
  keptNote: string | undefined;
  options: VerifyOptions;
  findings: Findings;
  gathered: Gathered;
  threads: Threads;
  /** Lets others have their turn. @throws CannotTell once it is interrupted */
  pause(): Promise<void>;
}
