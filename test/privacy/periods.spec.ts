import { jest } from '@jest/globals';
import { type KeyVault, PeriodEnded } from '../../src/privacy/key-vault.ts';
import { open, seal } from '../../src/privacy/seal.ts';
import { VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
beforeEach(async () => {
  folder = new VaultFolder();
  vault = await folder.open();
});
afterEach(() => folder.clear());

const DAY = 86_400_000;
const inDays = (days: number) => new Date(Date.now() + days * DAY).toISOString();
const place = { source: 'urn:a', id: '1', reference: '', part: 'event' };

describe('Periods whose end has passed', () => {
  it('expire: their keys and items are gone, here, elsewhere and after a restart; others stay', async () => {
    const other = await folder.open();
    const [soon, late] = [inDays(10), inDays(20)];
    const sealed = seal(await vault.periodKey('case-A', soon), 'content', place);
    await vault.periodKey('case-B', late);
    await vault.newItemKeys('quarantine-2026-11', soon, ['q1', 'q2', 'q3']);
    await vault.endItems(['q1']);
    expect(open((await other.periodKeys(['case-A'])).get('case-A') as never, sealed, place).toString()).toBe('content');
    const before = await other.epoch();

    const due = [
      { name: 'case-A', endsAt: soon, items: 0 },
      { name: 'quarantine-2026-11', endsAt: soon, items: 2 },
    ];
    expect(await vault.expirePeriods(Date.now() + 15 * DAY, { dryRun: true })).toEqual(due);
    expect((await vault.itemKeys(['q1', 'q2', 'q3'])).size).toBe(2);
    expect(await vault.expirePeriods(Date.now() + 15 * DAY)).toEqual(due);
    expect(await vault.expirePeriods(Date.now() + 15 * DAY)).toEqual([]);

    expect(await other.epoch()).toBe(before + 1);
    for (const later of [async () => vault, async () => other, () => folder.reopen(vault)]) {
      const one = await later();
      expect([...(await one.periodKeys(['case-A', 'case-B', 'quarantine-2026-11'])).keys()]).toEqual(['case-B']);
      expect(await one.itemKeys(['q1', 'q2', 'q3'])).toEqual(new Map());
    }
  });

  it('are those alone', async () => {
    await vault.periodKey('case-A', inDays(10));
    expect(await vault.expirePeriods(Date.now())).toEqual([]);
    expect(await vault.expirePeriods(Date.now() + 9 * DAY)).toEqual([]);
    expect((await vault.periodKeys(['case-A'])).size).toBe(1);
  });

  it('leave neither wrapped key nor secret in any file', async () => {
    await vault.newItemKeys('quarantine-2026-11', inDays(10), ['q1', 'q2']);
    const secrets = folder.inDatabase((db) => [
      ...(db.prepare('SELECT wrapped FROM period_keys').pluck().all() as Buffer[]),
      ...(db.prepare('SELECT secret FROM period_items').pluck().all() as Buffer[]),
    ]);
    expect(secrets).toHaveLength(3);
    const found = () => secrets.filter((secret) => folder.bytes().some((bytes) => bytes.includes(secret)));
    expect(found()).toEqual(secrets);
    await vault.expirePeriods(Date.now() + 11 * DAY);
    expect(found()).toEqual([]);
  });

  it('never get a key again under the same name, whatever end is named', async () => {
    await vault.newItemKeys('case-A', inDays(10), ['q1']);
    await vault.expirePeriods(Date.now() + 11 * DAY);
    for (const later of [async () => vault, () => folder.reopen(vault)]) {
      const one = await later();
      await expect(one.periodKey('case-A', inDays(100))).rejects.toThrow(PeriodEnded);
      await expect(one.newItemKeys('case-A', inDays(100), ['q1', 'q2'])).rejects.toThrow(PeriodEnded);
    }
  });

  it('take nothing new even before anybody destroyed their key', async () => {
    await vault.periodKey('case-A', inDays(10));
    const later = inDays(11);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.parse(later));
    try {
      await expect(vault.periodKey('case-A', inDays(100))).rejects.toThrow(PeriodEnded);
    } finally {
      clock.mockRestore();
    }
    expect((await vault.periodKeys(['case-A'])).size).toBe(1);
  });

  it('open nothing even before anybody destroyed their key, nor do their items', async () => {
    await vault.periodKey('case-B', inDays(20));
    await vault.newItemKeys('quarantine-2026-11', inDays(10), ['q1']);
    const after = Date.parse(inDays(10)) + 1;
    for (const later of [async () => vault, () => folder.reopen(vault)]) {
      const one = await later();
      expect((await one.itemKeys(['q1'])).size).toBe(1);
      const clock = jest.spyOn(Date, 'now').mockReturnValue(after);
      try {
        expect([...(await one.periodKeys(['quarantine-2026-11', 'case-B'])).keys()]).toEqual(['case-B']);
        expect(await one.itemKeys(['q1'])).toEqual(new Map());
      } finally {
        clock.mockRestore();
      }
    }
  });

  it('go by thousands at once', async () => {
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => vault.periodKey(`case-${i}`, inDays(10))));
    expect(await vault.expirePeriods(Date.now() + 11 * DAY)).toHaveLength(2_000);
    expect(await vault.periodKeys(['case-0', 'case-1999'])).toEqual(new Map());
  });
});
