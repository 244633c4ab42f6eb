import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { KeyStoreUnavailable, type KeyVault } from '../../src/privacy/key-vault.ts';
import { customer, references, VaultFolder } from './vault.ts';

let folder: VaultFolder;
beforeEach(() => {
  folder = new VaultFolder();
});
afterEach(() => folder.clear());

describe('Killed while people are created', () => {
  const program = fileURLToPath(new URL('./create-people.ts', import.meta.url));

  /** Starts a process that creates people, and collects what it acknowledged. */
  function creating(word: string): { child: ChildProcess; acknowledged: () => string[] } {
    const args = ['--disable-warning=ExperimentalWarning', program, folder.file, folder.master.export().toString('hex'), word];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    // The kill may cut the last line short: then it was not acknowledged.
    return {
      child,
      acknowledged: () =>
        output
          .slice(0, output.lastIndexOf('\n') + 1)
          .split('\n')
          .filter(Boolean),
    };
  }

  it('two processes lose nobody whom they acknowledged, and agree on everybody', async () => {
    await folder.close(await folder.open());
    const promised = new Map<string, string>();
    for (const life of ['first', 'second']) {
      const both = [creating(`${life}-a`), creating(`${life}-b`)];
      while (both.some(({ acknowledged }) => acknowledged().length < 300)) await new Promise((resolve) => setTimeout(resolve, 20));
      for (const { child } of both) child.kill('SIGKILL');
      await Promise.all(both.map(({ child }) => once(child, 'close')));
      for (const line of both.flatMap(({ acknowledged }) => acknowledged())) {
        const [value, reference] = line.split(' ') as [string, string];
        expect(promised.get(value) ?? reference).toBe(reference);
        promised.set(value, reference);
      }
    }
    const vault = await folder.open();
    const values = [...promised.keys()];
    expect(await references(vault, values.map(customer), false)).toEqual([...promised.values()]);
    expect((await vault.keys([...promised.values()])).size).toBe(new Set(promised.values()).size);
    const identifiers = await vault.identifiers([...promised.values()]);
    for (const [value, reference] of promised) expect(identifiers.get(reference)).toEqual([customer(value)]);
  });
});

describe('A key store that cannot write', () => {
  const unavailable = { name: 'KeyStoreUnavailable', retryAfterSeconds: 1 };

  /** A writer that ends, as by a crash, with the first thing that it is asked to write. */
  const dying = () => new Worker("require('node:worker_threads').parentPort.once('message', () => process.exit(1))", { eval: true });

  it('whose writer dies refuses those who wait and all who come later, and says so', async () => {
    const vault = await folder.open({ startWriter: dying });
    const calls = [customer('1'), customer('2')].map((person) => vault.resolve([person], { create: true }));
    calls.push(vault.periodKey('unbound-2999-01', '2999-01-01T00:00:00.000Z') as never);
    for (const result of await Promise.allSettled(calls)) expect(result).toMatchObject({ status: 'rejected', reason: unavailable });
    expect(vault.status()).toMatchObject({ writer: 'stopped', reason: expect.stringMatching(/writer/), waiting: 0 });
    await expect(vault.resolve([customer('1')], { create: true })).rejects.toThrow(KeyStoreUnavailable);
    expect(await references(vault, [customer('1')], false)).toEqual([undefined]);
  });

  it('whose file another process holds refuses in time, and recovers by itself', async () => {
    const vault = await folder.open({ busyTimeoutMs: 50 });
    await references(vault, [customer('0')]);
    const other = new Database(folder.file);
    other.exec('BEGIN IMMEDIATE');
    await expect(vault.resolve([customer('1')], { create: true })).rejects.toMatchObject(unavailable);
    expect(await references(vault, [customer('0')])).toEqual([expect.any(String)]);
    other.exec('ROLLBACK');
    other.close();
    expect(await references(vault, [customer('1')])).toEqual([expect.any(String)]);
    expect(vault.status()).toMatchObject({ writer: 'running', waiting: 0 });
  });

  it('with too much waiting refuses more, and takes it later', async () => {
    const vault = await folder.open({ maxWaiting: 10 });
    const calls = Array.from({ length: 5 }, (_, i) =>
      references(
        vault,
        Array.from({ length: 6 }, (_, j) => customer(`${i}-${j}`)),
      ),
    );
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(4);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject(unavailable);
    expect(await references(vault, [customer('4-0')])).toEqual([expect.any(String)]);
  });

  it('with too much waiting erases all the same', async () => {
    const vault = await folder.open({ maxWaiting: 1 });
    const [anna] = (await references(vault, [customer('1')])) as [string];
    const creating = references(vault, [customer('2'), customer('3')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await vault.erase([anna], '2026-03-02T09:14:07.120Z')).toMatchObject({ keys: 1 });
    await creating;
  });
});

describe('Closing', () => {
  it('finishes what was accepted, and refuses what comes after', async () => {
    const vault: KeyVault = await folder.open();
    const calls = Array.from({ length: 20 }, (_, i) => references(vault, [customer(String(i))]));
    await new Promise((resolve) => setImmediate(resolve));
    const closed = folder.close(vault);
    await expect(vault.resolve([customer('late')], { create: true })).rejects.toThrow(KeyStoreUnavailable);
    const given = (await Promise.all(calls)).flat();
    await closed;
    await expect(vault.keys(['A'.repeat(22)])).rejects.toThrow(KeyStoreUnavailable);
    await vault.close();
    const again = await folder.open();
    expect(
      await references(
        again,
        Array.from({ length: 20 }, (_, i) => customer(String(i))),
        false,
      ),
    ).toEqual(given);
    expect(await references(again, [customer('late')], false)).toEqual([undefined]);
  });
});
