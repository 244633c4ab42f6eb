import { Sealer } from '../../src/transparency/sealer.ts';
import { NothingSigned, Sealing, type SealingOptions, type SealingStatus } from '../../src/transparency/sealing.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import { type Refusal, SealerReplaced, type StoredHead } from '../../src/transparency/tree.ts';
import { anEvent, aSigningKey, aTree, ChangeableLog, LEDGER, NOW, removeTemporaryFolders, ringKey } from './given.ts';

/** Until it happens: a test that waits for ever has failed. */
async function until(happened: () => unknown): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const running: Sealing[] = [];
afterEach(async () => {
  for (const sealing of running.splice(0)) await sealing.close();
  removeTemporaryFolders();
});

async function begun(options: Partial<SealingOptions> = {}, log = new ChangeableLog(), from?: Awaited<ReturnType<typeof aTree>>) {
  const tree = from ?? (await aTree());
  const sealer = await Sealer.open({ log, store: tree.store, keys: [{ ...tree.key, recordedAt: 1 }], now: () => NOW }, { random: () => 0 });
  const seen = { statuses: [] as SealingStatus[], heads: [] as StoredHead[], refusals: [] as Refusal[], cleared: 0 };
  const sealing = new Sealing(
    {
      ...{ sealer, log, now: () => NOW },
      onStatus: (status) => void seen.statuses.push(status),
      onHead: (head) => void seen.heads.push(head),
      onRefusal: (refusal) => void seen.refusals.push(refusal),
      onCleared: () => void seen.cleared++,
    },
    { headMs: 3_600_000, gatherMs: 1, pollMs: 3_600_000, patrolMs: 1, tourMs: 1, retryMs: 1, ...options },
  );
  running.push(sealing);
  sealing.start();
  const last = () => seen.statuses.at(-1);
  return { tree, log, sealer, sealing, seen, last };
}

describe('when leaves are made and heads are signed', () => {
  it('what is there at the start is sealed and signed without being asked', async () => {
    const log = new ChangeableLog();
    log.append(700);
    const { seen, last } = await begun({}, log);
    await until(() => seen.heads.length > 0);
    await until(() => last()?.head?.size === 700);
    expect(last()).toMatchObject({ state: 'sealing', size: 700, position: 700, head: { number: 1, size: 700 } });
  });

  it('events become leaves when it is woken, also those that nobody told of, at the next look', async () => {
    const woken = await begun();
    woken.log.append(3);
    woken.sealing.wake();
    await until(() => woken.last()?.size === 3);
    const polling = await begun({ pollMs: 1 });
    polling.log.append(3);
    await until(() => polling.last()?.size === 3);
  });

  it('heads come on the schedule, and sooner for who waits', async () => {
    const { sealing, log, seen, last } = await begun();
    log.append(1);
    sealing.wake();
    await until(() => seen.heads.length === 1);
    log.append(1);
    sealing.wake();
    await until(() => last()?.size === 2);
    expect(seen.heads).toHaveLength(1);
    log.append(3);
    expect(await sealing.covering(4)).toMatchObject({ number: 2, size: 5 });
    expect(await sealing.covering(0)).toMatchObject({ number: 2 });
    log.append(1);
    expect(await sealing.signNow()).toMatchObject({ number: 3, position: 6 });
    expect(await sealing.signNow()).toMatchObject({ number: 3 });
  });

  it('many who wait share a head', async () => {
    const { sealing, log, seen } = await begun();
    const asked = Array.from({ length: 50 }, (_, i) => {
      log.append(1);
      return sealing.covering(i + 1);
    });
    for (const head of await Promise.all(asked)) expect(head.position).toBeGreaterThan(0);
    expect(seen.heads.length).toBeLessThan(10);
  });

  it('an errand is done between two pages of a long way to go', async () => {
    const log = new ChangeableLog();
    const begin = begun({}, log);
    log.append(20_000);
    const { sealing, last, tree } = await begin;
    await until(() => (last()?.size ?? 0) > 0);
    const next = aSigningKey();
    await sealing.addKey(ringKey(next.vkey), { ...next, recordedAt: 1 });
    expect((await tree.store.keys()).at(-1)?.vkey).toBe(next.vkey);
    await until(() => last()?.size === 20_000);
  });

  it('what is left behind is signed', async () => {
    const { sealing, log, tree } = await begun({ gatherMs: 3_600_000 });
    log.append(5);
    await sealing.close();
    expect(await tree.store.lastHead()).toMatchObject({ size: 5 });
    await expect(sealing.covering(5)).rejects.toThrow(NothingSigned);
  });
});

describe('when something is wrong', () => {
  it('a difference that the patrol meets is told once, and whoever waits is told; put right, it is told too', async () => {
    const log = new ChangeableLog();
    log.append(1_000);
    const { seen, last, sealing } = await begun({}, log);
    await until(() => seen.heads.length > 0);
    const whole = log.events[300];
    log.events[300] = anEvent(301, { id: 'another' });
    await until(() => seen.refusals.length > 0);
    expect(seen.refusals).toMatchObject([{ reason: 'event-changed', position: 301, index: 300 }]);
    expect(last()).toMatchObject({ state: 'refusing', refusal: { index: 300 } });
    log.append(1);
    await expect(sealing.covering(1_001)).rejects.toThrow(NothingSigned);
    log.events[300] = whole as never;
    // It looks again by itself, in a while: sooner where somebody says that all is well.
    await sealing.clearAhead();
    await until(() => seen.cleared === 1);
    expect(await sealing.covering(1_001)).toMatchObject({ size: 1_001 });
    expect(last()?.state).toBe('sealing');
  });

  it('what was refused before is told again at the start while it stands, and that it stands no more', async () => {
    const { tree, log, seen, sealing } = await begun();
    log.append(3);
    await sealing.signNow();
    const whole = log.events[1];
    log.events[1] = anEvent(2, { id: 'another' });
    await until(() => seen.refusals.length === 1);
    await sealing.close();
    const again = await begun({}, log, tree);
    await until(() => again.seen.refusals.length === 1);
    expect(again.seen.refusals).toEqual(seen.refusals);
    await again.sealing.close();
    log.events[1] = whole as never;
    const last = await begun({}, log, tree);
    await until(() => last.seen.cleared === 1);
    expect(last.seen.refusals).toEqual([]);
  });

  it('a log that cannot be read is tried again, and told as failing meanwhile', async () => {
    const log = new ChangeableLog();
    const { sealing, last } = await begun({ pollMs: 1 }, log);
    log.append(3);
    const [readAll, head] = [log.readAll, log.head];
    log.head = () => {
      throw Object.assign(new Error('the disk is gone'), { code: 'SQLITE_IOERR' });
    };
    await until(() => last()?.state === 'failing');
    expect(last()?.failing).toBe('SQLITE_IOERR');
    Object.assign(log, { readAll, head });
    await until(() => last()?.size === 3 && last()?.state === 'sealing');
    expect(await sealing.signNow()).toMatchObject({ size: 3 });
  });

  it('a log that is cut while it runs is noticed, and nobody is told that what was recorded since is covered', async () => {
    const { sealing, log, last } = await begun({ pollMs: 10 });
    log.append(100);
    await sealing.signNow();
    log.events.length = 90;
    log.append(2);
    await expect(sealing.covering(92)).rejects.toThrow(NothingSigned);
    await until(() => last()?.state === 'refusing');
    expect(last()?.refusal).toMatchObject({ position: 93 });
  });

  it('another sealer ends this one for good', async () => {
    const { sealing, log, last, tree } = await begun({ pollMs: 1 });
    SqliteTreeStore.open(tree.file, LEDGER);
    log.append(3);
    await until(() => last()?.state === 'failing');
    expect(last()?.failing).toBe('SealerReplaced');
    await expect(sealing.covering(3)).rejects.toThrow(SealerReplaced);
    await expect(sealing.addKey(ringKey(aSigningKey().vkey), { ...aSigningKey(), recordedAt: 1 })).rejects.toThrow(SealerReplaced);
  });

  it('a witness that is ahead stops it, and lets it go on', async () => {
    const { sealing, log, seen, last } = await begun();
    log.append(3);
    await sealing.signNow();
    await sealing.refuseAhead({ reason: 'witness-ahead', noticedAt: new Date(NOW).toISOString(), detail: 'w.example has seen 9 leaves' });
    await until(() => seen.refusals.length === 1);
    log.append(3);
    await expect(sealing.signNow()).rejects.toThrow(NothingSigned);
    expect(last()).toMatchObject({ state: 'refusing', size: 3 });
    await sealing.clearAhead();
    await until(() => seen.cleared === 1);
    expect(await sealing.signNow()).toMatchObject({ size: 6 });
  });
});
