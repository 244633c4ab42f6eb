/** The thread of the sealer: it alone writes `tree.db`, and it alone holds the keys that sign. */
import { getPriority, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SqliteLogReader } from '../eventstore/sqlite-reader.ts';
import { proveConsistency } from '../integrity/merkle.ts';
import { hashesFrom } from '../integrity/tiles.ts';
import { keepHead, readKeptHead } from './kept-head.ts';
import { Sealer } from './sealer.ts';
import type { Asked, FromSealer, SealerData, ToSealer } from './sealer-messages.ts';
import { Sealing } from './sealing.ts';
import { SqliteTreeStore } from './sqlite-tree-store.ts';
import { Witnesses } from './witnesses.ts';

/** Steps of niceness below the threads that record. */
const NICER = 3;

yieldToRecording();

const port = parentPort as MessagePort;
const tell = (message: FromSealer): void => port.postMessage(message);

const { log: logFile, tree, ledger, keys, witnesses: addresses, ...options } = workerData as SealerData;
const store = SqliteTreeStore.open(tree, ledger);
const log = new SqliteLogReader(logFile);
const now = (): number => Date.now();
const folder = dirname(tree);
const kept = readKeptHead(folder);
const sealer = await Sealer.open({ log, store, keys, now, ...(kept !== undefined && { kept }) });
const hashes = hashesFrom(store);

const sealing = new Sealing(
  {
    ...{ sealer, log, now },
    onStatus: (status) => tell({ kind: 'status', status }),
    onHead: (head) => {
      keepHead(folder, head.note);
      witnesses.submit(head);
    },
    onRefusal: (refusal) => tell({ kind: 'refused', refusal }),
    onCleared: () => tell({ kind: 'cleared' }),
  },
  options,
);

const witnesses = new Witnesses({
  ...{ witnesses: addresses, store, now },
  proofs: { consistency: (first, size) => proveConsistency(first, size, hashes) },
  onStatus: (status) => tell({ kind: 'witnesses', witnesses: status }),
  // A sealer that is closed or was replaced writes nothing: its successor is told the same.
  onAhead: (refusal) => void sealing.refuseAhead(refusal).catch(() => undefined),
  onCleared: () => void sealing.clearAhead().catch(() => undefined),
});

port.on('message', (message: ToSealer) => {
  if (message === 'wake') sealing.wake();
  else if (message === 'close') void close();
  else void answer(message);
});

sealing.start();
// Where a witness is ahead, it says so at every start; where there is none any more, nobody does.
if (addresses.length === 0) void sealing.clearAhead().catch(() => undefined);
else if (sealer.head !== undefined) witnesses.submit(sealer.head);
tell({ kind: 'ready' });

async function answer({ call, ...asked }: { call: number } & Asked): Promise<void> {
  try {
    const text = await done(asked);
    tell({ kind: 'answer', call, ...(text !== undefined && { answer: text }) });
  } catch (error) {
    const { name, message } = error as Error;
    tell({ kind: 'failed', call, error: { name, message } });
  }
}

async function done(asked: Asked): Promise<string | undefined> {
  if (asked.kind === 'cover') await sealing.covering(asked.position);
  else if (asked.kind === 'sign') await sealing.signNow();
  else if (asked.kind === 'addKey') await sealing.addKey(asked.key, asked.signer);
  else return sealer.signText(asked.text);
  return undefined;
}

async function close(): Promise<void> {
  await sealing.close();
  await witnesses.close();
  log.close();
  await store.close();
  port.close();
}

/**
 * The log first, its leaves follow. On Linux niceness is each thread's own; elsewhere it would slow the whole process, and is left
 * alone.
 */
function yieldToRecording(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, Math.min(19, getPriority(0) + NICER));
  } catch {
    // Not permitted: the sealer works as well, only less politely.
  }
}
