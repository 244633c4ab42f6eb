/**
 * The thread that writes `keys.db`. Everything that arrived while it was busy goes into its next transaction, so a
 * sync is shared by all who wait and never blocks the thread that serves HTTP.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { codeOf, type FromWriter, KeyTables, type KeyWrite, type KeyWriterData, type ToWriter } from './sqlite-key-store.ts';

/** Rows a transaction, about: one caller's thousands must not hold up everybody else. */
const ROWS_A_COMMIT = 4_000;

const port = parentPort as MessagePort;
const tables = new KeyTables(workerData as KeyWriterData);
let waiting: { call: number; write: KeyWrite }[] = [];
let isClosing = false;

port.on('message', (message: ToWriter) => {
  if (waiting.length === 0 && !isClosing) setImmediate(work);
  if (message === 'close') isClosing = true;
  else waiting.push(message);
});

function work(): void {
  const group = takeGroup();
  if (group.length > 0) port.postMessage(commit(group));
  if (waiting.length > 0) setImmediate(work);
  else if (isClosing) close();
}

function takeGroup(): { call: number; write: KeyWrite }[] {
  let rows = 0;
  let end = 0;
  while (end < waiting.length && rows < ROWS_A_COMMIT) {
    rows += rowsOf((waiting[end] as { write: KeyWrite }).write);
    end += 1;
  }
  const group = waiting.slice(0, end);
  waiting = waiting.slice(end);
  return group;
}

function rowsOf(write: KeyWrite): number {
  if (write.do === 'claim') return write.claims.length;
  if (write.do === 'addPeriodItems') return write.rows.length;
  if (write.do === 'endPeriodItems') return write.items.length;
  return write.do === 'confirm' ? write.references.length : 1;
}

function commit(group: readonly { call: number; write: KeyWrite }[]): FromWriter {
  const calls = group.map(({ call }) => call);
  try {
    return { calls, answers: tables.commit(group.map(({ write }) => write)) };
  } catch (error) {
    return { calls, failed: codeOf(error) };
  }
}

function close(): void {
  tables.close();
  port.close();
}
