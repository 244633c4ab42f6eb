/** What the threads are told to do, and what they answer. */
import type { DerivedRange, Deriving, Range, Tail } from './derive.ts';
import type { SharedLevels } from './hash-levels.ts';
import type { HeadsChecked, HeadsTask } from './heads.ts';
import type { BrokenRevision } from './log-file.ts';
import type { Hindrance } from './result.ts';

export interface Files {
  log: string;
  tree: string;
}

export interface Tasks {
  /** Whether SQLite finds the file sound: what it complains of. */
  check: { in: { file: keyof Files }; out: string[] };
  leaves: { in: { of: Deriving; range: Range }; out: DerivedRange };
  tail: { in: { limits: Deriving['limits']; after: number; upTo: number; wanted: number }; out: Tail };
  streams: { in: { limit: number }; out: BrokenRevision[] };
  heads: { in: { task: HeadsTask; levels: SharedLevels }; out: HeadsChecked };
}

export type TaskName = keyof Tasks;

export type ToThread = { [Name in TaskName]: { number: number; name: Name; input: Tasks[Name]['in'] } }[TaskName];

/** `hindrance`: why the task could not be done; `failed`: an error of this program, by name. */
export type FromThread = { number: number } & ({ output: unknown } | { hindrance: Hindrance } | { failed: string });
