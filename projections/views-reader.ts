/** The thread that runs the questions' statements, so that a long one keeps nobody else waiting but other questions. */
import { parentPort, workerData } from 'node:worker_threads';
import { ViewsFile } from './database-file.ts';
import type { FromReader, ToReader } from './threads.ts';

const database = ViewsFile.forReading((workerData as { file: string }).file);

parentPort?.postMessage({ isOpen: true } satisfies FromReader);
parentPort?.on('message', ({ number, sql, parameters }: ToReader) => {
  let answer: FromReader;
  try {
    answer = { number, rows: database.run(sql, parameters) };
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    answer = { number, error: { message, ...(code !== undefined && { code }) } };
  }
  parentPort?.postMessage(answer);
});
