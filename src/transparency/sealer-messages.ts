/** What the main thread and the sealer's thread say to each other. */
import type { KeyObject } from 'node:crypto';
import type { SealingOptions, SealingStatus } from './sealing.ts';
import type { WitnessStatus } from './transparency-log.ts';
import type { Refusal, RingKey } from './tree.ts';
import type { WitnessAddress } from './witnesses.ts';

/** A key to sign with, as it travels. */
export interface SigningKey {
  vkey: string;
  privateKey: KeyObject;
  recordedAt: number;
}

/** What the sealer's thread is started with. */
export interface SealerData extends SealingOptions {
  /** The embedded log. */
  log: string;
  /** The file of the tree, and whose it is. */
  tree: string;
  ledger: string;
  keys: SigningKey[];
  witnesses: WitnessAddress[];
}

export type Asked =
  /** A head that covers the position. */
  | { kind: 'cover'; position: number }
  /** A head of all that the log holds. */
  | { kind: 'sign' }
  | { kind: 'addKey'; key: RingKey; signer: SigningKey }
  | { kind: 'signText'; text: string };

export type ToSealer = 'wake' | 'close' | ({ call: number } & Asked);

export type FromSealer =
  | { kind: 'ready' }
  | { kind: 'status'; status: SealingStatus }
  | { kind: 'witnesses'; witnesses: WitnessStatus[] }
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'cleared' }
  | { kind: 'answer'; call: number; answer?: string }
  | { kind: 'failed'; call: number; error: { name: string; message: string } };
