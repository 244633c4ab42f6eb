/**
 * The thread that owns the write connection of the embedded log. While one group of requests is being synced, the next
 * one gathers in the port: the busier the ledger, the more events share a sync.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type AppendRequest, LogWriter, requestsOf } from './log-writer.ts';
import type { FromWriter, ToWriter } from './writer-messages.ts';

/** What the thread is started with. */
export interface WriterOptions {
  path: string;
  indexPath: string;
  /** A transaction takes requests until it has as much; a single request may be larger. */
  maxTransactionEvents: number;
  maxTransactionBytes: number;
}

const port = parentPort;
if (port === null) throw new Error('this file is run as a worker thread');
const options = workerData as WriterOptions;
const queue: AppendRequest[] = [];
let closing = false;

function answer(message: FromWriter): void {
  const transfer = message.kind === 'committed' ? [message.results.buffer] : [];
  port?.postMessage(message, transfer as ArrayBuffer[]);
}

function open(): LogWriter | undefined {
  try {
    return new LogWriter(options.path, options.indexPath);
  } catch (error) {
    const { name, message } = error as Error;
    answer({ kind: 'failed', name, message });
    port?.close();
    return undefined;
  }
}

/** Lookups and fences need no transaction and are answered at once; an append waits for its group. */
function take(writer: LogWriter, message: ToWriter): void {
  if (message.kind === 'append') {
    for (const request of requestsOf(message)) queue.push(request);
  } else if (message.kind === 'find') {
    answer({ kind: 'found', token: message.token, positions: writer.find(Buffer.from(message.keys.buffer)) });
  } else if (message.kind === 'fence') {
    writer.fence(message.references);
    answer({ kind: 'fenced', token: message.token });
  } else {
    closing = true;
  }
}

function takeArrived(writer: LogWriter): void {
  if (port === null) return;
  for (let arrived = receiveMessageOnPort(port); arrived !== undefined; arrived = receiveMessageOnPort(port)) take(writer, arrived.message);
}

/** The next requests that fit one transaction, at least one. */
function nextGroup(): AppendRequest[] {
  let events = 0;
  let bytes = 0;
  let length = 0;
  for (const request of queue) {
    events += request.events;
    bytes += request.bytes;
    if (length > 0 && (events > options.maxTransactionEvents || bytes > options.maxTransactionBytes)) break;
    length++;
  }
  return queue.splice(0, length);
}

function commit(writer: LogWriter, group: AppendRequest[]): void {
  const about = { token: (group[0] as AppendRequest).token, requests: group.length };
  const startedAt = performance.now();
  try {
    const outcome = writer.commit(group);
    const durationMs = performance.now() - startedAt;
    answer({ kind: 'committed', ...about, ...outcome, head: writer.head, durationMs, indexProblem: writer.indexProblem });
  } catch (error) {
    const { code } = error as { code?: string };
    // Without a code it is no trouble of the disk but a fault in this program: better to stop than to go on in doubt.
    if (code === undefined) throw error;
    answer({ kind: 'unavailable', ...about, reason: `the log cannot be written (${code})` });
  }
}

function serve(writer: LogWriter): void {
  port?.on('message', (message: ToWriter) => {
    take(writer, message);
    takeArrived(writer);
    while (queue.length > 0) {
      commit(writer, nextGroup());
      takeArrived(writer);
    }
    if (!closing) return;
    writer.close();
    port?.close();
  });
  answer({ kind: 'ready', head: writer.head, indexProblem: writer.indexProblem });
}

const writer = open();
if (writer !== undefined) serve(writer);
