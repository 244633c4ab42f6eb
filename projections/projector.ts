/** The thread that writes the read models: it follows the log, and makes them anew when asked or when they are of no use. */
import { getPriority, setPriority } from 'node:os';
import { setImmediate as breathe } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { SqliteLogReader } from '../src/eventstore/sqlite-reader.ts';
import { allProjections } from './all.ts';
import { ViewsDatabase } from './database.ts';
import { isDamaged, removeViews, replaceViews, viewsExist } from './database-file.ts';
import { OtherLog, Runner } from './runner.ts';
import type { FromProjector, ProjectorData, ToProjector } from './threads.ts';

/** Steps of niceness below the threads that record. */
const NICER = 5;

yieldToRecording();

/** Between two words about a rebuild. */
const PROGRESS_MS = 200;

const { log: logPath, views: file, ...options } = workerData as ProjectorData;
const unfinished = `${file}.unfinished`;
const log = new SqliteLogReader(logPath);
const tell = (message: FromProjector) => parentPort?.postMessage(message);

let views: ViewsDatabase | undefined;
let runner: Runner | undefined;
let released: (() => void) | undefined;
let isClosing = false;

/**
 * The log first, read models follow: where processors are short, recording must not wait for them. On Linux niceness is each
 * thread's own; elsewhere it would slow the whole process, and is left alone.
 */
function yieldToRecording(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, Math.min(19, getPriority(0) + NICER));
  } catch {
    // Not permitted: the read side works as well, only less politely.
  }
}

/** Opens what is there and follows on; makes it anew where it is missing, damaged, or of another log. */
async function start(): Promise<void> {
  removeViews(unfinished);
  if (!viewsExist(file)) return rebuildAll();
  try {
    await follow();
  } catch (error) {
    if (!(error instanceof OtherLog) && !isDamaged(error)) throw error;
    views?.close();
    views = undefined;
    await rebuildAll();
  }
}

async function follow(): Promise<void> {
  views = new ViewsDatabase(file);
  const following = new Runner(views, log, allProjections(), { ...options, onProgress: (status) => tell({ kind: 'progress', status }) });
  await following.prepare();
  runner = following;
  tell({ kind: 'ready' });
  tell({ kind: 'progress', status: runner.status() });
  runner.start();
}

/**
 * Loads everything into a file that nobody reads yet, without a journal, and puts it in the place of the old one when it is
 * complete: until then the old one answers. What stops in between leaves the old one as it was.
 */
async function rebuildAll(): Promise<void> {
  removeViews(unfinished);
  const loading = new ViewsDatabase(unfinished, { loading: true });
  try {
    const loader = new Runner(loading, log, allProjections(), options);
    await loader.prepare();
    await catchUp(loader);
    // What was answered once is not forgotten again: the old file is followed no further before the new one overtakes it.
    await runner?.stop();
    await catchUp(loader);
  } catch (error) {
    loading.close();
    runner?.start();
    throw error;
  }
  loading.close();
  if (isClosing) return;
  await swap();
  await follow();
}

async function catchUp(loader: Runner): Promise<void> {
  const say = progress(() => loader.progress);
  while ((await loader.round()) || !loader.isCaughtUp) {
    // Without a journal nothing can be rolled back: a failure is the end of this attempt.
    if (loader.lastFailure !== undefined) throw loader.lastFailure;
    say();
    // At the first start nobody else says how far it is.
    if (!runner) tell({ kind: 'progress', status: loader.status() });
    await breathe();
    if (isClosing) return;
  }
  say(true);
}

/** Puts the complete file in the place of the old one, once nobody has that open. */
async function swap(): Promise<void> {
  const letGo = new Promise<void>((resolve) => {
    released = resolve;
  });
  tell({ kind: 'release' });
  await letGo;
  // The last connection to close writes the WAL back, so that nothing of it is left behind.
  views?.close();
  views = undefined;
  replaceViews(unfinished, file);
}

async function rebuild(name: string | undefined): Promise<void> {
  if (name === undefined) return rebuildAll();
  const following = runner as Runner;
  await following.stop();
  try {
    await following.startOver(name);
  } finally {
    following.start();
  }
  const say = progress(() => following.progressOf(name));
  while (following.progressOf(name).loading && !isClosing) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const failing = following.status().find((status) => status.name === name)?.error;
    if (failing !== undefined) throw new Error(failing);
    say();
  }
  say(true);
}

function progress(of: () => { name: string; done: number; total: number }): (always?: boolean) => void {
  let last = 0;
  return (always = false) => {
    if (!always && Date.now() - last < PROGRESS_MS) return;
    last = Date.now();
    const { name, done, total } = of();
    tell({ kind: 'rebuilding', name, done, total });
  };
}

async function close(): Promise<void> {
  isClosing = true;
  await runner?.stop();
  views?.close();
  log.close();
  parentPort?.close();
}

/** One after the other; only waking and closing wait for nobody. */
let work = start();

parentPort?.on('message', (message: ToProjector) => {
  if (message.kind === 'wake') runner?.wake(message);
  else if (message.kind === 'released') released?.();
  else if (message.kind === 'close') {
    isClosing = true;
    work = work.then(close, close);
  } else {
    work = work
      .then(() => rebuild(message.name))
      .then(
        () => tell({ kind: 'rebuilt' }),
        ({ name, message: text }: Error) => tell({ kind: 'rebuilt', error: { name, message: text } }),
      );
  }
});
