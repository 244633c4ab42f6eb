/** A thread that reads parts of the files, one task after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { deriveRange, readTail } from './derive.ts';
import { HashLevels } from './hash-levels.ts';
import { checkHeads } from './heads.ts';
import { LogFile } from './log-file.ts';
import { CannotTell } from './result.ts';
import type { Files, FromThread, ToThread } from './tasks.ts';
import { TreeFile } from './tree-file.ts';

const files = workerData as Files;
let log: LogFile | undefined;
let tree: TreeFile | undefined;

function done(task: ToThread): unknown {
  log ??= new LogFile(files.log);
  tree ??= new TreeFile(files.tree);
  switch (task.name) {
    case 'check':
      return (task.input.file === 'log' ? log : tree).file.complaints();
    case 'leaves':
      return deriveRange(log, tree, task.input.of, task.input.range);
    case 'tail':
      return readTail(log, task.input.limits, task.input);
    case 'streams':
      return log.brokenRevisions(task.input.limit);
    case 'heads':
      return checkHeads(tree, task.input.task, HashLevels.shared(task.input.levels));
  }
}

function answer(task: ToThread): FromThread {
  const { number } = task;
  try {
    return { number, output: done(task) };
  } catch (error) {
    if (error instanceof CannotTell) return { number, hindrance: error.hindrance };
    // Its message might quote what was read.
    const { name, stack = '' } = error as Error;
    return { number, failed: `${name}${/\n( {4}at .*)/.exec(stack)?.[1] ?? ''}` };
  }
}

parentPort?.on('message', (task: ToThread) => parentPort?.postMessage(answer(task)));
