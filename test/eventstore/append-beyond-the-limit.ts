/**
 * Run as a process of its own under a limit on file sizes: appends until the log cannot grow any more, says `full <head>`,
 * waits for a line on standard input (by then the limit is gone), appends once more and says `went on <position>`.
 */
import { once } from 'node:events';
import { v7 } from 'uuid';
import { StoreUnavailable } from '../../src/eventstore/event-store.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';

const store = await SqliteEventStore.open({ path: process.argv[2] as string });
const anEvent = () => ({ id: v7(), type: 'PersonalDataStored', data: JSON.stringify('x'.repeat(20_000)), metadata: '{}' });
const append = (events = [anEvent()]) => store.append([{ stream: 'processing-a', expectedRevision: 'any', events }]);

try {
  for (;;) await append();
} catch (error) {
  if (!(error instanceof StoreUnavailable)) throw error;
}
const refused = [anEvent()];
await append(refused).then(
  () => process.exit(2),
  () => undefined,
);
console.log(`full ${await store.head()}`);
await once(process.stdin, 'data');
const [written] = await append(refused);
console.log(`went on ${written?.[0]?.outcome === 'appended' ? written[0].position : 'not'}`);
await store.close();
process.exit(store.status().ok ? 0 : 3);
