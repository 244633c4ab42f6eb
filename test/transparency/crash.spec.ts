import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkConsistency, leafHash } from '../../src/integrity/merkle.ts';
import { parseNote, parseVkey, verifyNote } from '../../src/integrity/signed-note.ts';
import { parseTreeHead } from '../../src/integrity/tree-head.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import { Edge } from '../../src/transparency/edge.ts';
import { EmbeddedTransparency } from '../../src/transparency/embedded.ts';
import { openWriteSide } from '../support/write-side.ts';
import { removeTemporaryFolders, temporaryFolder } from './given.ts';

afterAll(removeTemporaryFolders);

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Starts the ledger, kills it `ms` after its first head, and answers the heads that were published. */
async function sealAndKill(folder: string, ms: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', path('../support/from-source.mjs'), path('./seal-until-killed.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (printed === '') setTimeout(() => child.kill('SIGKILL'), ms);
    printed += text;
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  // The last line may be cut.
  const lines = printed.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as string);
}

it('kill -9 again and again: every head that was ever published is kept, and the tree at the end goes on from each', async () => {
  const folder = temporaryFolder();
  const published: string[] = [];
  for (const ms of [0, 30, 60, 150, 300]) published.push(...(await sealAndKill(folder, ms + Math.floor(Math.random() * 30))));

  const { store, vault } = await openWriteSide(folder);
  const log = await EmbeddedTransparency.open({
    ...{ logFile: join(folder, 'ledger.db'), treeFile: join(folder, 'tree.db'), store, vault, headMs: 10_000, now: Date.now },
  });
  const last = await log.signNow();
  expect(await log.reader.refusals()).toEqual([]);

  // It is the tree of exactly the events that are there.
  const edge = new Edge();
  for (let at = 0; ; ) {
    const page = await store.readAll(at, 1_000);
    for (const event of page) edge.append(leafHash(leafBytes(event)));
    if (page.length === 0) break;
    at = page.at(-1)?.position ?? 0;
  }
  expect([last.size, last.root]).toEqual([edge.size, edge.root()]);

  const kept = await log.reader.headsAfter(0, 10_000);
  expect(kept.map(({ number }) => number)).toEqual(kept.map((_, i) => i + 1));
  const notes = new Set(kept.map(({ note }) => note));
  const ring = (await log.keys()).map(({ vkey }) => parseVkey(vkey));
  expect(published.length).toBeGreaterThan(5);
  for (const note of published) {
    expect(notes).toContain(note);
    expect(verifyNote(parseNote(note), ring).length).toBeGreaterThan(0);
    const { size, root } = parseTreeHead(parseNote(note).text);
    expect(checkConsistency(size, last.size, root, last.root, await log.consistency(size, last.size))).toBe(true);
  }
  await log.close();
  await store.close();
  await vault.close();
});
