import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../../src/eventstore/sqlite-reader.ts';
import { aRecord, removeTemporaryFolders, temporaryFolder } from './given.ts';

afterAll(removeTemporaryFolders);

const script = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));

describe('kill -9 while many append', () => {
  /** Starts the appender, kills it after `ms` from its first acknowledgement, and answers what it acknowledged. */
  const appendAndKill = async (path: string, ms: number): Promise<string[]> => {
    const child = spawn(process.execPath, [script('append-until-killed'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (printed === '') setTimeout(() => child.kill('SIGKILL'), ms);
      printed += text;
    });
    await once(child, 'close');
    expect(child.signalCode).toBe('SIGKILL');
    // The last line may be cut.
    return printed.split('\n').slice(0, -1);
  };

  it('loses no acknowledged event, doubles none, and leaves log and key index whole', async () => {
    const path = join(temporaryFolder(), 'ledger.db');
    const acknowledged = new Map<string, number>();
    for (const ms of [5, 40, 90, 150, 230, 310]) {
      for (const line of await appendAndKill(path, ms + Math.floor(Math.random() * 40))) {
        const [position, id] = line.split(' ') as [string, string];
        expect(acknowledged.get(id) ?? Number(position)).toBe(Number(position));
        acknowledged.set(id, Number(position));
      }
    }
    const store = await SqliteEventStore.open({ path });
    const stored = await everything(path);
    const positions = new Map(stored.map((event) => [event.id, event.position]));
    expect(stored.map((event) => event.position)).toEqual(stored.map((_, index) => index + 1));
    expect(positions.size).toBe(stored.length);
    expect([...acknowledged].filter(([id, position]) => positions.get(id) !== position)).toEqual([]);
    expect(acknowledged.size).toBeGreaterThan(100);
    for (const stream of ['processing-0', 'processing-1', 'processing-2']) {
      const revisions = stored.filter((event) => event.stream === stream).map((event) => event.revision);
      expect(revisions).toEqual(revisions.map((_, index) => index));
    }
    const found = await store.find(stored.map((event) => recordKey('urn:test:killed', event.id)));
    expect(found).toEqual(stored.map((event) => event.position));
    await store.close();
  });

  const everything = async (path: string) => {
    const reader = new SqliteLogReader(path);
    const events = [];
    for (let page = reader.readAll(0, 1_000); page.length > 0; page = reader.readAll(events.length, 1_000)) events.push(...page);
    reader.close();
    return events;
  };
});

/** Lifts the limit of a running process; part of every usual Linux. */
const PRLIMIT = '/usr/bin/prlimit';
(existsSync(PRLIMIT) ? describe : describe.skip)('a log that cannot grow', () => {
  it('answers StoreUnavailable, keeps what it acknowledged, and goes on when there is room again', async () => {
    const path = join(temporaryFolder(), 'ledger.db');
    // In KiB, and soft, so that it can be lifted later.
    const child = spawn('bash', ['-c', 'ulimit -S -f 2048; exec "$0" "$@"', process.execPath, script('append-beyond-the-limit'), path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const head = Number((await nextLine(child)).replace('full ', ''));
    expect(head).toBeGreaterThan(10);
    execFileSync(PRLIMIT, ['--pid', String(child.pid), '--fsize=unlimited']);
    child.stdin?.write('\n');
    expect(await nextLine(child)).toBe(`went on ${head + 1}`);
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    const store = await SqliteEventStore.open({ path });
    expect(await store.readStream('processing-a', 0, 1_000)).toHaveLength(head + 1);
    await store.append([{ stream: 'processing-a', expectedRevision: head, events: [aRecord('1')] }]);
    await store.close();
  });

  const nextLine = async (child: ChildProcess): Promise<string> =>
    String((await once(child.stdout as NodeJS.ReadableStream, 'data'))[0]).trim();
});
