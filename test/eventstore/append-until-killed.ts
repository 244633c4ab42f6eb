/**
 * Run as a process of its own: appends concurrently to the log named on the command line, and writes each acknowledged record to
 * standard output as `position id`, until it is killed. Every second caller sends each append again, as one does who
 * never heard the answer.
 */
import { writeSync } from 'node:fs';
import { v7 } from 'uuid';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';

const path = process.argv[2] as string;
const store = await SqliteEventStore.open({ path });

async function appendForEver(caller: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const events = Array.from({ length: 1 + ((turn * 7 + caller) % 20) }, () => {
      const id = v7();
      return { id, type: 'PersonalDataAccessed', data: JSON.stringify({ id }), metadata: '{}', key: recordKey('urn:test:killed', id) };
    });
    const writes = [{ stream: `processing-${caller % 3}`, expectedRevision: 'any' as const, events }];
    const answers = await Promise.all(caller % 2 === 0 ? [store.append(writes)] : [store.append(writes), store.append(writes)]);
    const lines = answers.flat(2).map((answer, index) => {
      if (answer.outcome !== 'appended') throw new Error(`unexpected ${answer.outcome}`);
      return `${answer.position} ${events[index % events.length]?.id}\n`;
    });
    writeSync(1, lines.join(''));
  }
}

await Promise.all(Array.from({ length: 12 }, (_, caller) => appendForEver(caller)));
