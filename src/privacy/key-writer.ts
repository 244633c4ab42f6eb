/**
 * The thread that writes `keys.db`. Everything that arrived while it was busy goes into its next transaction, so a
 * sync is shared by all who wait and never blocks the thread that serves HTTP.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { codeOf } from './sqlite-key-file.ts';
import { type FromWriter, isDestroying, KeyTables, type KeyWrite, type KeyWriterData, rowsOf, type ToWriter } from './sqlite-key-tables.ts';

/** Rows a transaction, about: one caller's thousands must not hold up everybody else. */
const ROWS_A_COMMIT = 4_000;
/** Between two attempts to overwrite what others still read, at first and at most. */
const RETRY_MS = { first: 5, most: 250 };

const port = parentPort as MessagePort;
const data = workerData as KeyWriterData;
const tables = new KeyTables(data);
let waiting: { call: number; write: KeyWrite }[] = [];
let isClosing = false;

/** Destroyed and committed, and answered once it is overwritten in the files too, or after too long. */
let unanswered: { call: number; answer: unknown; until: number }[] = [];
let hasResidue = false;
let retryMs = RETRY_MS.first;
let retry: NodeJS.Timeout | undefined;

port.on('message', (message: ToWriter) => {
  if (waiting.length === 0 && !isClosing) setImmediate(work);
  if (message === 'close') isClosing = true;
  else waiting.push(message);
});

function work(): void {
  const group = takeGroup();
  if (group.length > 0) commit(group);
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

function commit(group: readonly { call: number; write: KeyWrite }[]): void {
  try {
    const answers = tables.commit(group.map(({ write }) => write));
    const done = { calls: [] as number[], answers: [] as unknown[], overwritten: true };
    const until = Date.now() + data.overwriteWaitMs;
    group.forEach(({ call, write }, index) => {
      if (isDestroying(write)) unanswered.push({ call, answer: answers[index], until });
      else {
        done.calls.push(call);
        done.answers.push(answers[index]);
      }
    });
    if (done.calls.length > 0) tell(done);
  } catch (error) {
    tell({ calls: group.map(({ call }) => call), failed: codeOf(error) });
    return;
  }
  if (unanswered.length > 0) overwrite();
}

/** Tried at once and, while somebody reads what was destroyed, again and again beside the other work. */
function overwrite(): void {
  clearTimeout(retry);
  const isDone = tables.overwrite();
  if (isDone === hasResidue) tell({ residue: !isDone });
  hasResidue = !isDone;
  const answered = unanswered.filter(({ until }) => isDone || isClosing || until <= Date.now());
  unanswered = unanswered.filter((one) => !answered.includes(one));
  if (answered.length > 0) {
    tell({ calls: answered.map(({ call }) => call), answers: answered.map(({ answer }) => answer), overwritten: isDone });
  }
  retryMs = isDone ? RETRY_MS.first : Math.min(retryMs * 2, RETRY_MS.most);
  if (!isDone && !isClosing) retry = setTimeout(overwrite, retryMs);
}

function tell(message: FromWriter): void {
  port.postMessage(message);
}

function close(): void {
  clearTimeout(retry);
  if (unanswered.length > 0) overwrite();
  tables.close();
  port.close();
}
