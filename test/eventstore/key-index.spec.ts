import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { v7 } from 'uuid';
import { KeyIndex, KeyIndexFile } from '../../src/eventstore/key-index.ts';
import { LogWriter, requestsOf } from '../../src/eventstore/log-writer.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { type AppendMessage, Outbox, sizeOf } from '../../src/eventstore/writer-messages.ts';
import { aRecord, removeTemporaryFolders, temporaryFolder } from './given.ts';

afterAll(removeTemporaryFolders);

describe('a record key', () => {
  it('is the first 16 bytes of SHA-256 over source, NUL and id', () => {
    const digest = createHash('sha256').update(Buffer.from('urn:a\x00b-1')).digest();
    expect(recordKey('urn:a', 'b-1')).toEqual(digest.subarray(0, 16));
  });

  it('keeps apart what only the border between source and id tells apart', () => {
    expect(recordKey('urn:ab', 'c').equals(recordKey('urn:a', 'bc'))).toBe(false);
  });
});

/** Keys in which nearly all meet in the same shard with few different tags: the hard case for open addressing. */
const crowdedKey = fc.tuple(fc.constantFrom(0, 255), fc.constantFrom(0, 1, 15, 16, 0xffffffff), fc.nat(300)).map(([shard, tag, rest]) => {
  const key = Buffer.alloc(16);
  key[0] = shard;
  key.writeUInt32LE(tag, 1);
  key.writeUInt32LE(rest, 8);
  return key;
});
const randomKey = fc.nat().map((n) => recordKey('urn:a', String(n)));
const anyKey = fc.oneof(crowdedKey, randomKey);
const steps = fc.array(
  fc.record({ kind: fc.constantFrom('add', 'add', 'add', 'withdraw', 'find', 'restart', 'tear'), key: anyKey, pick: fc.nat() }),
  { maxLength: 300 },
);

describe('the key index', () => {
  it('finds what a Map finds, also when entries go and when it comes back from its file', () => {
    const folder = temporaryFolder();
    const identity = Buffer.alloc(16, 7);
    fc.assert(
      fc.property(steps, (script) => {
        const path = join(mkdtempSync(join(folder, 'run-')), 'ledger.idx');
        const log: Buffer[] = [];
        const map = new Map<string, number>();
        let index = new KeyIndex();
        let file = new KeyIndexFile(path, identity);
        const add = (key: Buffer, position: number) => {
          index.add(key, 0, position);
          file.add(key, 0, position);
          file.committed({ position, eventId: Buffer.alloc(16, position) });
        };
        const reopen = () => {
          index = new KeyIndex();
          file = new KeyIndexFile(path, identity);
          const { position } = file.load(index);
          expect(index.size).toBe(position);
          for (let next = position + 1; next <= log.length; next++) add(log[next - 1] as Buffer, next);
        };
        const find = (key: Buffer) => index.find(key, 0, (position) => log[position - 1]?.equals(key) === true);
        reopen();
        for (const { kind, key, pick } of script) {
          const known = map.get(key.toString('hex'));
          if (kind === 'add' && known === undefined) {
            add(key, log.push(key));
            map.set(key.toString('hex'), log.length);
          } else if (kind === 'withdraw') {
            index.add(key, 0, log.length + 1);
            index.remove(key, 0, log.length + 1);
          } else if (kind === 'restart' || kind === 'tear') {
            file.close();
            if (kind === 'tear') truncateSync(path, pick % (statSync(path).size + 1));
            reopen();
          } else {
            expect(find(key)).toBe(known ?? 0);
          }
        }
        expect(index.size).toBe(map.size);
        for (const [hex, position] of map) expect(find(Buffer.from(hex, 'hex'))).toBe(position);
        file.close();
      }),
      { numRuns: 60 },
    );
  });

  it('takes entries out in any order without losing others', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyKey, { maxLength: 200, selector: (key) => key.toString('hex') }),
        fc.infiniteStream(fc.boolean()),
        (keys, coin) => {
          const index = new KeyIndex();
          keys.forEach((key, i) => {
            index.add(key, 0, i + 1);
          });
          const kept = keys.map((key, i) => {
            const gone = coin.next().value;
            if (gone) index.remove(key, 0, i + 1);
            return !gone;
          });
          index.remove(recordKey('urn:never', 'added'), 0, 1);
          keys.forEach((key, i) => {
            expect(index.find(key, 0, (position) => keys[position - 1] === key)).toBe(kept[i] ? i + 1 : 0);
          });
          expect(index.size).toBe(kept.filter(Boolean).length);
        },
      ),
    );
  });

  it('holds a million keys in at most 22 bytes each', () => {
    const index = new KeyIndex();
    const key = Buffer.alloc(16);
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed;
    };
    for (let position = 1; position <= 1_000_000; position++) {
      key[0] = random() >>> 24;
      key.writeUInt32LE(random(), 1);
      index.add(key, 0, position);
    }
    expect(index.size).toBe(1_000_000);
    expect(index.bytes).toBeLessThanOrEqual(22_000_000);
  });
});

describe('the index file', () => {
  const identity = Buffer.alloc(16, 1);
  const eventId = Buffer.alloc(16, 9);

  /** A file with blocks of three entries each, and what it says after `harm`. */
  const loaded = (blocks: number, harm: (path: string, blockBytes: number) => void, ledger = identity) => {
    const path = join(temporaryFolder(), 'ledger.idx');
    const file = new KeyIndexFile(path, identity);
    file.load(new KeyIndex());
    for (let position = 1; position <= blocks * 3; position++) {
      file.add(recordKey('urn:a', String(position)), 0, position);
      file.committed({ position, eventId });
      if (position % 3 === 0) file.flush();
    }
    file.close();
    harm(path, (statSync(path).size - 32) / blocks);
    const index = new KeyIndex();
    const again = new KeyIndexFile(path, ledger);
    const anchor = again.load(index);
    again.close();
    return { covered: anchor.position, entries: index.size, problem: again.problem, path };
  };

  it('is read whole', () => {
    expect(loaded(4, () => undefined)).toMatchObject({ covered: 12, entries: 12, problem: undefined });
  });

  it.each([1, 10, 36, 59])('ends at the last whole block when %i bytes of the next are torn off', (bytes) => {
    expect(loaded(4, (path) => truncateSync(path, statSync(path).size - bytes))).toMatchObject({ covered: 9, entries: 9 });
  });

  it('forgets garbage behind the last block', () => {
    const garbage = (path: string) => appendFileSync(path, Buffer.alloc(500, 0xab));
    const { covered, path } = loaded(4, garbage);
    expect(covered).toBe(12);
    expect(statSync(path).size).toBe(32 + 4 * 60);
  });

  it('ends before a block with any byte changed', () => {
    fc.assert(
      fc.property(fc.nat(59), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const { covered } = loaded(4, (path, blockBytes) => {
          const bytes = readFileSync(path);
          const place = 32 + 2 * blockBytes + at;
          bytes[place] = (bytes[place] as number) ^ change;
          writeFileSync(path, bytes);
        });
        expect(covered).toBe(6);
      }),
      { numRuns: 60 },
    );
  });

  it('does not take a block that does not follow', () => {
    const withoutSecond = (path: string, blockBytes: number) => {
      const bytes = readFileSync(path);
      writeFileSync(path, Buffer.concat([bytes.subarray(0, 32 + blockBytes), bytes.subarray(32 + 2 * blockBytes)]));
    };
    expect(loaded(4, withoutSecond)).toMatchObject({ covered: 3, entries: 3 });
  });

  it.each<[string, (path: string) => void]>([
    ['gone', (path) => rmSync(path)],
    ['empty', (path) => writeFileSync(path, '')],
    ['a text', (path) => writeFileSync(path, 'not an index\n'.repeat(100))],
    ['zeros', (path) => writeFileSync(path, Buffer.alloc(4_096))],
  ])('starts anew when it is %s', (_, harm) => {
    expect(loaded(4, harm)).toMatchObject({ covered: 0, entries: 0, problem: undefined });
  });

  it('of another ledger is not trusted', () => {
    expect(loaded(4, () => undefined, Buffer.alloc(16, 2))).toMatchObject({ covered: 0, entries: 0 });
  });

  it('notes nothing of a transaction that failed', () => {
    const path = join(temporaryFolder(), 'ledger.idx');
    const file = new KeyIndexFile(path, identity);
    file.load(new KeyIndex());
    file.add(recordKey('urn:a', '1'), 0, 1);
    file.committed({ position: 1, eventId });
    file.add(recordKey('urn:a', 'failed'), 0, 2);
    file.rolledBack();
    file.add(recordKey('urn:a', '2'), 0, 2);
    file.committed({ position: 2, eventId });
    file.add(recordKey('urn:a', 'open'), 0, 3);
    file.close();
    const index = new KeyIndex();
    expect(new KeyIndexFile(path, identity).load(index).position).toBe(2);
    expect(index.size).toBe(2);
    expect(index.find(recordKey('urn:a', 'failed'), 0, () => true)).toBe(0);
  });
});

describe('a log opened with an index file', () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  const open = (name = 'ledger') => new LogWriter(join(folder, `${name}.db`), join(folder, `${name}.idx`));
  const append = (writer: LogWriter, ...ids: string[]) => writer.commit(requestsOf(message(ids)));
  const found = (writer: LogWriter, ids: string[]) => [...writer.find(Buffer.concat(ids.map((id) => recordKey('urn:test:source', id))))];
  const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

  /** Everything that is in the log is found where it is, and nothing else is. */
  const expectIntact = (writer: LogWriter, present: string[], absent: string[] = []) => {
    expect(found(writer, present)).toEqual(present.map((_, index) => index + 1));
    expect(found(writer, absent)).toEqual(absent.map(() => 0));
    expect(append(writer, ...present)).toMatchObject({ events: 0 });
    expect(writer.indexProblem).toBeUndefined();
  };

  it('knows every key, whatever byte of the file was changed', () => {
    const first = open();
    append(first, ...ids(1, 40));
    first.close();
    const second = open();
    append(second, ...ids(41, 60));
    second.close();
    const path = join(folder, 'ledger.idx');
    const intact = readFileSync(path);
    fc.assert(
      fc.property(fc.nat(intact.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(intact);
        bytes[at] = (bytes[at] as number) ^ change;
        writeFileSync(path, bytes);
        const writer = open();
        expectIntact(writer, ids(1, 60), ids(61, 70));
        writer.close();
        expect(readFileSync(path).length).toBeGreaterThanOrEqual(32 + 60 * 8);
      }),
      { numRuns: 40 },
    );
  });

  it('reads only what the file does not cover', () => {
    const writer = open();
    append(writer, ...ids(1, 10));
    // No close: the process ended, and the entries were never written.
    const again = open();
    expectIntact(again, ids(1, 10), ['11']);
    again.close();
    const size = statSync(join(folder, 'ledger.idx')).size;
    const third = open();
    append(third, '11');
    third.close();
    expect(statSync(join(folder, 'ledger.idx')).size).toBe(size + 36 + 8);
    writer.close();
  });

  it('does not trust a file that goes further than the log', () => {
    const writer = open();
    append(writer, ...ids(1, 10));
    writer.close();
    copyFileSync(join(folder, 'ledger.db'), join(folder, 'old.db'));
    const further = open();
    append(further, ...ids(11, 20));
    further.close();
    copyFileSync(join(folder, 'ledger.idx'), join(folder, 'old.idx'));
    const old = open('old');
    expectIntact(old, ids(1, 10), ids(11, 20));
    old.close();
  });

  it('does not trust a file of a copy that went another way', () => {
    const writer = open();
    append(writer, ...ids(1, 10));
    writer.close();
    copyFileSync(join(folder, 'ledger.db'), join(folder, 'copy.db'));
    const one = open();
    append(one, ...ids(11, 20));
    one.close();
    const other = open('copy');
    append(other, ...ids(21, 40));
    other.close();
    copyFileSync(join(folder, 'ledger.idx'), join(folder, 'copy.idx'));
    const mixed = open('copy');
    expect(found(mixed, ids(21, 40))).toEqual(ids(11, 30).map(Number));
    expect(found(mixed, ids(11, 20))).toEqual(ids(11, 20).map(() => 0));
    mixed.close();
  });

  it('does not trust the file of another ledger', () => {
    const writer = open();
    append(writer, ...ids(1, 10));
    writer.close();
    const other = open('other');
    append(other, ...ids(101, 120));
    other.close();
    copyFileSync(join(folder, 'ledger.idx'), join(folder, 'other.idx'));
    const mixed = open('other');
    expectIntact(mixed, ids(101, 120), ids(1, 10));
    mixed.close();
  });

  it('covers events without a key too', () => {
    const writer = open();
    const message = appendMessage([{ ...aRecord('1'), key: undefined }, aRecord('2'), { ...aRecord('3'), key: undefined }]);
    writer.commit(requestsOf(message));
    writer.close();
    const again = open();
    expect(found(again, ['1', '2', '3'])).toEqual([0, 2, 0]);
    again.close();
  });

  it('goes on when a commit fails, without the keys of what was not stored', () => {
    const writer = open();
    append(writer, '1', '2');
    const exec = Database.prototype.exec;
    Database.prototype.exec = function fails(sql: string) {
      if (sql === 'COMMIT') throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
      return exec.call(this, sql);
    };
    try {
      expect(() => append(writer, '3', '4')).toThrow('database or disk is full');
    } finally {
      Database.prototype.exec = exec;
    }
    expect(found(writer, ids(1, 4))).toEqual([1, 2, 0, 0]);
    expect(append(writer, '4', '3', '2')).toMatchObject({ events: 2 });
    writer.close();
    const again = open();
    expect(found(again, ids(1, 4))).toEqual([1, 2, 4, 3]);
    again.close();
    expect(existsSync(join(folder, 'ledger.db-wal'))).toBe(false);
  });

  function message(records: string[]): AppendMessage {
    return appendMessage(records.map((id) => aRecord(id)));
  }

  function appendMessage(events: ReturnType<typeof aRecord>[]): AppendMessage {
    const outbox = new Outbox();
    const writes = [{ stream: `processing-${v7()}`, expectedRevision: 'any' as const, events }];
    outbox.add(1, writes, sizeOf(writes));
    return outbox.take() as AppendMessage;
  }
});
