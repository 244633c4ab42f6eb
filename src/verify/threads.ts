import { Worker } from 'node:worker_threads';
import { CannotTell } from './result.ts';
import type { Files, FromThread, TaskName, Tasks, ToThread } from './tasks.ts';

interface Waiting {
  message: ToThread;
  resolve(output: never): void;
  reject(error: unknown): void;
}

/** A thread of this program failed: a mistake of the program, told by the error's name alone. */
export class ThreadFailed extends Error {
  override name = 'ThreadFailed';
}

/** Threads that each do one task at a time, in the order in which tasks are given. */
export class Threads {
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<Worker, Waiting>();
  #number = 0;
  #ended: unknown;

  constructor(count: number, files: Files, signal: AbortSignal | undefined) {
    const script = new URL(import.meta.url.endsWith('.ts') ? './verify-worker.ts' : './verify-worker.js', import.meta.url);
    for (let i = 0; i < count; i++) {
      const worker = new Worker(script, { workerData: files, name: `verify ${i}` });
      worker.on('message', (answer: FromThread) => this.#hear(worker, answer));
      worker.on('error', (error: Error) => this.#end(new ThreadFailed(error.name)));
      worker.on('exit', () => this.#end(new ThreadFailed('a thread ended')));
      this.#all.push(worker);
      this.#idle.push(worker);
    }
    signal?.addEventListener('abort', () => this.#end(interrupted()), { once: true });
    if (signal?.aborted) this.#end(interrupted());
  }

  get count(): number {
    return this.#all.length;
  }

  /** @throws CannotTell where the files cannot be read, ThreadFailed */
  run<Name extends TaskName>(name: Name, input: Tasks[Name]['in']): Promise<Tasks[Name]['out']> {
    return new Promise((resolve, reject) => {
      const message = { number: ++this.#number, name, input } as ToThread;
      this.#waiting.push({ message, resolve: resolve as Waiting['resolve'], reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#end(new ThreadFailed('closed'));
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }

  #next(): void {
    if (this.#ended !== undefined) {
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
      return;
    }
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const [worker, waiting] = [this.#idle.pop() as Worker, this.#waiting.shift() as Waiting];
      this.#running.set(worker, waiting);
      worker.postMessage(waiting.message);
    }
  }

  #hear(worker: Worker, answer: FromThread): void {
    const waiting = this.#running.get(worker);
    this.#running.delete(worker);
    this.#idle.push(worker);
    if ('output' in answer) waiting?.resolve(answer.output as never);
    else if ('hindrance' in answer) waiting?.reject(new CannotTell(answer.hindrance.obstacle, answer.hindrance.what));
    else waiting?.reject(new ThreadFailed(answer.failed));
    this.#next();
  }

  /** Nothing more is done: whoever waits is told why. */
  #end(why: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    for (const { reject } of this.#running.values()) reject(why);
    this.#running.clear();
    this.#next();
  }
}

const interrupted = (): CannotTell => new CannotTell('interrupted', 'it was interrupted before it was done');
