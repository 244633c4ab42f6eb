/**
 * Run as a process of its own (`node --import` the sources' hook): records into the folder named on the command line, replaces the key now
 * and then, and writes each tree head that it hears of to standard output, a JSON text a line, until it is killed.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { v7 } from 'uuid';
import { LEDGER } from '../../src/ledger/author.ts';
import { EmbeddedTransparency } from '../../src/transparency/embedded.ts';
import { openWriteSide } from '../support/write-side.ts';
import { anEvent } from './given.ts';

const folder = process.argv[2] as string;
const { store, vault } = await openWriteSide(folder);
const log = await EmbeddedTransparency.open({
  ...{ logFile: join(folder, 'ledger.db'), treeFile: join(folder, 'tree.db'), store, vault, headMs: 20, now: Date.now },
});
store.onAppended((position) => log.wake(position));

async function record(): Promise<number> {
  const events = Array.from({ length: 1 + Math.floor(Math.random() * 300) }, () => {
    const { type, data, metadata } = anEvent(1, { id: v7() });
    return { id: v7(), type, data, metadata };
  });
  const [written] = await store.append([{ stream: 'processing-urn:test:source', expectedRevision: 'any', events }]);
  const last = written?.at(-1);
  return last?.outcome === 'appended' ? last.position : 0;
}

for (let turn = 1; ; turn++) {
  const position = await record();
  if (turn % 3 === 0) await log.rotateKey(LEDGER, Date.now());
  const { note } = await log.covering(position, 60_000);
  writeSync(1, `${JSON.stringify(note)}\n`);
}
