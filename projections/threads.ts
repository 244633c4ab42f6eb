/** What the main thread and the two threads of the read side say to each other. */

import type { Rows } from './database-file.ts';
import type { ProjectionStatus } from './projection.ts';

/** What the projector is started with. */
export interface ProjectorData {
  /** The embedded log. */
  log: string;
  /** The read models. */
  views: string;
  pollMs: number;
  pageEvents: number;
  pageBytes: number;
}

export type ToProjector =
  /** Something was appended, and perhaps somebody waits for it. */
  | { kind: 'wake'; isAwaited: boolean }
  /** The threads that read let go of the file: it can be replaced. */
  | { kind: 'released' }
  /** Make one projection anew, or all of them. */
  | { kind: 'rebuild'; name?: string }
  | { kind: 'close' };

export type FromProjector =
  /** There is a file to read. */
  | { kind: 'ready' }
  /** A new file is complete: let go of the old one, answer `released`, and wait for `ready`. */
  | { kind: 'release' }
  | { kind: 'progress'; status: ProjectionStatus[] }
  | { kind: 'rebuilding'; name: string; done: number; total: number }
  | { kind: 'rebuilt'; error?: { name: string; message: string } };

export interface ToReader {
  number: number;
  sql: string;
  parameters: readonly unknown[];
}

export type FromReader =
  /** The file is open: what was sent is being run from now on. */
  { isOpen: true } | { number: number; rows: Rows } | { number: number; error: { message: string; code?: string } };
