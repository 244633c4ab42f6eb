import { copyFileSync } from 'node:fs';
import type { KeyVault } from '../../src/privacy/key-vault.ts';
import { customer, references, VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
beforeEach(async () => {
  folder = new VaultFolder();
  vault = await folder.open();
});
afterEach(() => folder.clear());

const AT = '2026-03-02T09:14:07.120Z';

/** A log, as the references that its events name: an event a position. */
function log(...events: string[][]) {
  return async function* (after: number) {
    for (let position = after + 1; position <= events.length; position++) {
      const named = events[position - 1] as string[];
      yield { position, references: [...named, 'm'.repeat(22)], named };
    }
  };
}

describe('References that events name and the key store does not know', () => {
  /** A key store restored from a copy that is older than the log: it knows the first person alone. */
  async function restored(): Promise<{ current: KeyVault; known: string; after: [string, string, string] }> {
    const [known] = (await references(vault, [customer('1')])) as [string];
    await folder.close(vault);
    copyFileSync(folder.file, `${folder.file}.copy`);
    const later = await folder.open();
    await later.startupSweep(1, log([known]));
    const after = (await references(later, [customer('2'), customer('3'), { scheme: 'session', value: 's', owner: 0 }])) as [
      string,
      string,
      string,
    ];
    await folder.close(later);
    copyFileSync(`${folder.file}.copy`, folder.file);
    return { current: await folder.open(), known, after };
  }

  it('are counted at the start, each once, and stay counted', async () => {
    const { current, known, after } = await restored();
    const [bo, eve, session] = after;
    const events = log([known], [bo, session], [bo, eve], [known]);
    expect(await current.startupSweep(4, events)).toEqual({ removed: 0, lost: 3 });
    expect(await current.lostReferences()).toBe(3);
    const again = await folder.reopen(current);
    expect(await again.startupSweep(5, log([], [], [], [], [bo]))).toEqual({ removed: 0, lost: 1 });
    expect(await again.lostReferences()).toBe(3);
  });

  it('are looked for in all of the log where that is asked for, whatever was swept before', async () => {
    const { current, known, after } = await restored();
    await current.confirm({ position: 3, references: [known] });
    const events = log([known], [...after], []);
    expect(await current.startupSweep(3, events)).toEqual({ removed: 0, lost: 0 });
    expect(await current.startupSweep(3, events, { isWhole: true })).toEqual({ removed: 0, lost: 3 });
    expect(await current.sweptPosition()).toBe(3);
  });

  it('get no key again under the same identifier: that is somebody new', async () => {
    const { current, known, after } = await restored();
    await current.startupSweep(2, log([known], [...after]));
    const now = await references(current, [customer('1'), customer('2')]);
    expect(now[0]).toBe(known);
    expect(after).not.toContain(now[1]);
  });

  it('are not those who were erased, before the sweep or after', async () => {
    const { current, known, after } = await restored();
    const [bo, eve, session] = after;
    await current.erase([bo], AT);
    expect(await current.startupSweep(2, log([known], [bo, eve, session]))).toEqual({ removed: 0, lost: 2 });
    await current.erase([session], AT);
    expect(await current.lostReferences()).toBe(1);
  });

  it('are none where nothing was lost, match digests and removed references included', async () => {
    const [one, two] = (await references(vault, [customer('1'), customer('2'), { scheme: 'session', value: 's', owner: 0 }])) as string[];
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(1, log([one as string]))).toEqual({ removed: 2, lost: 0 });
    expect(await again.lostReferences()).toBe(0);
    expect(await again.keys([two as string])).toEqual(new Map());
  });
});
