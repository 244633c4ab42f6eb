/** The thread that copies a database, so that the one that started it can tell how far it has come. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SnapshotOrder, takeSnapshot } from './sqlite-snapshot.ts';

parentPort?.postMessage(takeSnapshot(workerData as SnapshotOrder));
