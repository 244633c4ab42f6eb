import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { type KeyVault, PeriodEnded, type PersonIdentifiers } from '../../src/privacy/key-vault.ts';
import { open, randomKey, seal } from '../../src/privacy/seal.ts';
import { customer, email, references, VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
beforeEach(async () => {
  folder = new VaultFolder();
  vault = await folder.open();
});
afterEach(() => folder.clear());

describe('A person', () => {
  it('who is unknown gets a random reference of 128 bits and a key of their own', async () => {
    const [anna, bo] = await vault.resolve([customer('1'), customer('2')], { create: true });
    expect(anna).toMatchObject({ created: true, reference: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) });
    expect(anna?.reference).not.toBe(bo?.reference);
    expect(anna?.key.symmetricKeySize).toBe(32);
    expect(anna?.key.equals(bo?.key as never)).toBe(false);
  });

  it('who is known keeps reference and key, in memory, in another process and after a restart', async () => {
    const [first] = await vault.resolve([customer('1')], { create: true });
    const other = await folder.open();
    for (const later of [async () => vault, async () => other, () => folder.reopen(vault)]) {
      const one = await later();
      const [again] = await one.resolve([customer(' 1 ')], { create: true });
      expect(again).toMatchObject({ reference: first?.reference, created: false });
      expect(again?.key.equals(first?.key as never)).toBe(true);
    }
  });

  it('is told apart by scheme, and scheme and value never run into each other', async () => {
    const people = [
      { scheme: 'a', value: 'b' },
      { scheme: 'ab', value: '' },
      { scheme: '', value: 'ab' },
      { scheme: 'b', value: 'a' },
    ];
    expect(new Set(await references(vault, people)).size).toBe(4);
  });

  it('is looked up in normal form, which may depend on the time of the event', async () => {
    const seen: unknown[] = [];
    const normalise = (scheme: string, value: string, at: string | undefined) => {
      seen.push([scheme, value, at]);
      return value.toLowerCase();
    };
    const other = await folder.open({ normalise });
    const [a, b] = await references(other, [email('A@b.se'), { ...email('a@B.SE'), at: '2026-03-02T00:00:00.000Z' }]);
    expect(a).toBe(b);
    expect(seen).toContainEqual(['email', 'a@B.SE', '2026-03-02T00:00:00.000Z']);
  });

  it('who is only asked about and unknown is undefined and leaves nothing', async () => {
    expect(await references(vault, [customer('1'), { ...customer('2'), also: [email('b@c.se')] }], false)).toEqual([undefined, undefined]);
    await references(vault, [customer('1')]);
    expect(await references(vault, [customer('2'), email('b@c.se'), customer('1')], false)).toEqual([
      undefined,
      undefined,
      expect.any(String),
    ]);
  });

  it('is found by the primary identifier, else by another, and unknown ones are added', async () => {
    const [anna] = await references(vault, [{ ...customer('1'), also: [email('a@b.se')] }]);
    expect(await references(vault, [email('a@b.se'), { ...customer('new'), also: [email('a@b.se')] }, customer('new')])).toEqual([
      anna,
      anna,
      anna,
    ]);
    expect(await references(await folder.reopen(vault), [customer('new'), email('a@b.se')], false)).toEqual([anna, anna]);
  });

  it('who is only asked about is found by another identifier, and none is added', async () => {
    const [anna] = await references(vault, [email('a@b.se')]);
    expect(await references(vault, [{ ...customer('1'), also: [email('a@b.se')] }], false)).toEqual([anna]);
    expect(await references(vault, [customer('1')], false)).toEqual([undefined]);
  });

  it('is the primary one where identifiers name two, and nothing is merged', async () => {
    const [anna, bo] = await references(vault, [customer('1'), customer('2')]);
    expect(await references(vault, [{ ...customer('1'), also: [customer('2')] }])).toEqual([anna]);
    expect(await references(vault, [customer('1'), customer('2')])).toEqual([anna, bo]);
  });

  it('has identifiers that can be opened, by reference', async () => {
    const [anna, bo] = await references(vault, [{ ...customer(' 1'), also: [email('a@b.se'), customer('1')] }, customer('2')]);
    const opened = await vault.identifiers([anna, bo, 'A'.repeat(22), 'no reference'] as string[]);
    expect(opened.get(anna as string)).toEqual(expect.arrayContaining([customer('1'), email('a@b.se')]));
    expect(opened.get(anna as string)).toHaveLength(2);
    expect(opened.get(bo as string)).toEqual([customer('2')]);
    expect(opened.size).toBe(2);
  });

  it('shows an identifier that was added since the others were opened', async () => {
    const [anna] = (await references(vault, [customer('1')])) as [string];
    expect((await vault.identifiers([anna])).get(anna)).toEqual([customer('1')]);
    await references(vault, [{ ...customer('1'), also: [email('a@b.se')] }]);
    expect((await vault.identifiers([anna])).get(anna)).toEqual(expect.arrayContaining([customer('1'), email('a@b.se')]));
  });

  it('has a key by reference; who has none is absent', async () => {
    const [anna] = await vault.resolve([customer('1')], { create: true });
    const reference = anna?.reference as string;
    for (const later of [async () => vault, () => folder.reopen(vault)]) {
      const one = await later();
      const keys = await one.keys([reference, 'A'.repeat(22), 'no reference']);
      expect([...keys.keys()]).toEqual([reference]);
      expect(keys.get(reference)?.equals(anna?.key as never)).toBe(true);
    }
  });

  it('is one and the same for callers that race, in one process and in two', async () => {
    const other = await folder.open();
    const calls = Array.from({ length: 40 }, (_, i) => references(i % 2 ? vault : other, [customer('1'), customer(String(i % 7))]));
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(([one]) => one)).size).toBe(1);
    for (let i = 7; i < 40; i++) expect(answers[i]?.[1]).toBe(answers[i % 7]?.[1]);
  });

  it('is created once in a race: exactly one caller hears so', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => vault.resolve([customer('1'), customer('1')], { create: true })));
    expect(answers.flat().filter((person) => person?.created)).toHaveLength(1);
  });

  it('may come in thousands at once', async () => {
    const many = Array.from({ length: 2_500 }, (_, i) => customer(String(i % 2_400)));
    const first = await references(vault, many);
    expect(new Set(first).size).toBe(2_400);
    expect(await references(await folder.reopen(vault), many, false)).toEqual(first);
  });

  it('stays known however small the cache', async () => {
    const small = await folder.open({ cacheSize: 2 });
    const many = Array.from({ length: 50 }, (_, i) => ({ ...customer(String(i)), also: [email(`${i}@b.se`)] }));
    const first = await references(small, many);
    expect(await references(small, many)).toEqual(first);
    expect(small.status()).toMatchObject({ cachedPeople: 2, cachedKeys: 2 });
  });

  it('gets the reference that a simple model gives them, whatever the calls and restarts', async () => {
    const identifier = fc.record({ scheme: fc.constantFrom('a', 'b'), value: fc.constantFrom('0', '1', '2', '3') });
    const person = fc.record({
      scheme: fc.constantFrom('a', 'b'),
      value: fc.constantFrom('0', '1', '2', '3'),
      also: fc.array(identifier, { maxLength: 2 }),
    });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(person, { minLength: 1, maxLength: 6 }) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (history) => {
        const ground = new VaultFolder();
        try {
          let subject = await ground.open();
          const model = new Map<string, number>();
          const given = new Map<number, string>();
          for (const calls of history) {
            if (calls === 'restart') {
              subject = await ground.reopen(subject);
              continue;
            }
            const expected = calls.map((one) => inModel(model, one));
            const answers = await references(subject, calls);
            expected.forEach((number, index) => {
              if (!given.has(number)) given.set(number, answers[index] as string);
              expect(answers[index]).toBe(given.get(number));
            });
            expect(new Set(given.values()).size).toBe(given.size);
          }
        } finally {
          await ground.clear();
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('While thousands of people are looked up, others get a turn', () => {
  const MANY = 3_000;
  const people = Array.from({ length: MANY }, (_, i) => customer(String(i)));

  /** How often the event loop went round, which is when requests of others are served. */
  async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await work();
    isOver = true;
    return turns;
  }

  it('by identifier and by reference, though nothing of them is in memory', async () => {
    const given = (await references(vault, people)) as string[];
    const asking: ((one: KeyVault) => Promise<unknown>)[] = [
      async (one) => expect(await references(one, people, false)).toEqual(given),
      async (one) => expect((await one.keys(given)).size).toBe(MANY),
      async (one) => expect((await one.identifiers(given)).get(given[MANY - 1] as string)).toEqual([people[MANY - 1]]),
    ];
    for (const ask of asking) {
      const again = await folder.open();
      expect(await turnsDuring(() => ask(again))).toBeGreaterThanOrEqual(MANY / 500 - 1);
      expect(again.status().cachedKeys).toBe(MANY);
    }
  });

  it('and also where memory knows them all', async () => {
    await references(vault, people);
    expect(await turnsDuring(() => references(vault, people, false))).toBeGreaterThanOrEqual(MANY / 1_000 - 1);
  });
});

/** Found by the first known identifier; every unknown one is then theirs. */
function inModel(model: Map<string, number>, { scheme, value, also = [] }: PersonIdentifiers): number {
  const names = [{ scheme, value }, ...also].map((one) => `${one.scheme}:${one.value}`);
  const known = names.find((name) => model.has(name));
  const number = known === undefined ? new Set(model.values()).size : (model.get(known) as number);
  for (const name of names) if (!model.has(name)) model.set(name, number);
  return number;
}

describe('A session', () => {
  const session = (value: string, owner: string | number) => ({ scheme: 'session', value, owner });

  it('has a reference of its own and its owner’s key', async () => {
    const [anna, hers] = await vault.resolve([customer('1'), session('s1', 0)], { create: true });
    expect(hers?.reference).not.toBe(anna?.reference);
    expect(hers?.key.equals(anna?.key as never)).toBe(true);
    expect(await vault.keys([hers?.reference as string])).toEqual(new Map());
    expect((await vault.identifiers([hers?.reference as string])).get(hers?.reference as string)).toEqual([
      { scheme: 'session', value: 's1' },
    ]);
    expect((await vault.identifiers([anna?.reference as string])).get(anna?.reference as string)).toEqual([customer('1')]);
  });

  it('may name its owner by reference or by an earlier index of the call, and is found without', async () => {
    const [anna] = await references(vault, [customer('1')]);
    const [one, , two] = await references(vault, [session('s1', anna as string), customer('1'), session('s2', 1)]);
    const again = await folder.reopen(vault);
    expect(await references(again, [session('s1', anna as string), { scheme: 'session', value: 's2' }], false)).toEqual([one, two]);
    await expect(again.resolve([session('s1', 0), customer('1')], { create: true })).rejects.toThrow(RangeError);
  });

  it('of an owner without a key is undefined and stored nowhere', async () => {
    expect(await references(vault, [session('s1', 'A'.repeat(22))])).toEqual([undefined]);
    expect(await references(vault, [session('s1', 'A'.repeat(22))], false)).toEqual([undefined]);
  });

  it('ends with its owner’s key', async () => {
    const [anna, hers] = await references(vault, [customer('1'), session('s1', 0)]);
    folder.inDatabase((db) => db.prepare('DELETE FROM people WHERE reference = ?').run(Buffer.from(anna as string, 'base64url')));
    const again = await folder.reopen(vault);
    expect(await again.identifiers([anna, hers] as string[])).toEqual(new Map());
    expect(await references(again, [customer('1'), session('s1', anna as string)], false)).toEqual([undefined, undefined]);
  });
});

describe('References that no event uses', () => {
  async function* pages(...all: [number, (string | undefined)[]][]) {
    for (const [position, used] of all) yield { position, references: used as string[] };
  }

  it('go at the next start, with their keys, identities and sessions; those used stay', async () => {
    const session = { scheme: 'session', value: 's1', owner: 1 };
    const [used, unused, itsSession] = await references(vault, [
      customer('used'),
      { ...customer('unused'), also: [email('u@b.se')] },
      session,
    ]);
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(7, () => pages([4, []], [7, [used, used]]))).toEqual({ removed: 2, lost: 0 });
    expect(await references(again, [customer('used'), customer('unused'), email('u@b.se')], false)).toEqual([used, undefined, undefined]);
    expect([...(await again.keys([used, unused] as string[])).keys()]).toEqual([used]);
    expect(await again.identifiers([unused, itsSession] as string[])).toEqual(new Map());
    expect(await again.sweptPosition()).toBe(7);
  });

  it('are sessions alone where only the owner was used', async () => {
    const [anna, one, two] = await references(vault, [
      customer('1'),
      { scheme: 'session', value: 's1', owner: 0 },
      { scheme: 'session', value: 's2', owner: 0 },
    ]);
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(1, () => pages([1, [anna, two]]))).toMatchObject({ removed: 1 });
    expect((await again.identifiers([one, two] as string[])).size).toBe(1);
  });

  it('leave no wrapped key and no sealed identity in the files', async () => {
    await references(vault, [customer('1')]);
    let rows: Buffer[] = [];
    folder.inDatabase((db) => {
      const { wrapped } = db.prepare('SELECT wrapped FROM people').get() as { wrapped: Buffer };
      const { sealed, digest } = db.prepare('SELECT sealed, digest FROM identities').get() as { sealed: Buffer; digest: Buffer };
      rows = [wrapped, sealed, digest];
    });
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(1, () => pages([1, []]))).toMatchObject({ removed: 1 });
    for (const bytes of folder.bytes()) for (const row of rows) expect(bytes.includes(row)).toBe(false);
  });

  it('are judged once: a later start reads the log from where the last one ended', async () => {
    const [one] = await references(vault, [customer('1')]);
    let current = await folder.reopen(vault);
    await current.startupSweep(10, () => pages([10, [one]]));
    const [two] = await references(current, [customer('2')]);
    current = await folder.reopen(current);
    const asked: number[] = [];
    const usedAfter = (position: number) => {
      asked.push(position);
      return pages([12, [two]]);
    };
    expect(await current.startupSweep(12, usedAfter)).toMatchObject({ removed: 0 });
    expect(asked).toEqual([10]);
    expect(await references(current, [customer('1'), customer('2')], false)).toEqual([one, two]);
  });

  it('need no look into the log where it has grown by nothing since the last start', async () => {
    await vault.startupSweep(100, () => pages());
    const never = () => {
      throw new Error('the log was read');
    };
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(100, never)).toEqual({ removed: 0, lost: 0 });
    expect(await again.sweptPosition()).toBe(100);
  });

  it('can be confirmed while the ledger runs, which shortens the next start and removes nothing', async () => {
    const [one, two, three] = await references(vault, [customer('1'), customer('2'), customer('3')]);
    await vault.confirm({ position: 5, references: [one as string] });
    await vault.confirm({ position: 6, references: [two as string] });
    expect(await references(vault, [customer('3')], false)).toEqual([three]);
    const again = await folder.reopen(vault);
    let from = -1;
    const usedAfter = (position: number) => {
      from = position;
      return pages([7, []]);
    };
    expect(await again.startupSweep(7, usedAfter)).toMatchObject({ removed: 1 });
    expect(from).toBe(6);
    expect(await references(again, [customer('1'), customer('2'), customer('3')], false)).toEqual([one, two, undefined]);
  });

  it('are judged by the log that is there: one restored from an older copy is read from its end', async () => {
    await vault.startupSweep(100, () => pages());
    let current = await folder.reopen(vault);
    await current.startupSweep(40, () => pages());
    const [one] = await references(current, [customer('1')]);
    current = await folder.reopen(current);
    expect(await current.startupSweep(41, (position) => pages([41, position === 40 ? [one] : []]))).toMatchObject({ removed: 0 });
  });

  it('are not removed once somebody was created: a request may be on its way', async () => {
    await references(vault, [customer('1')]);
    await expect(vault.startupSweep(1, () => pages())).rejects.toThrow(/before anybody/);
  });
});

describe('A period', () => {
  const nextYear = new Date(Date.now() + 365 * 86_400_000).toISOString();
  const place = { source: 'urn:a', id: '1', reference: '', part: 'event' };

  it('has one key, the same for callers that race and after a restart', async () => {
    const other = await folder.open();
    const keys = await Promise.all([vault, other, vault].map((one) => one.periodKey('unbound-2026-11', nextYear)));
    const again = await folder.reopen(vault);
    keys.push(await again.periodKey('unbound-2026-11', nextYear));
    keys.push((await again.periodKeys(['unbound-2026-11', 'unknown'])).get('unbound-2026-11') as never);
    for (const key of keys) expect(key.equals(keys[0] as never)).toBe(true);
    expect((await again.periodKey('unbound-2026-12', nextYear)).equals(keys[0] as never)).toBe(false);
    folder.inDatabase((db) =>
      expect(db.prepare("SELECT ends_at FROM period_keys WHERE name = 'unbound-2026-11'").pluck().get()).toBe(nextYear),
    );
  });

  it('that has ended gets no key: a destroyed one is not made again', async () => {
    for (const endsAt of [new Date(Date.now() - 1_000).toISOString(), 'nonsense']) {
      await expect(vault.periodKey('unbound-2020-01', endsAt)).rejects.toThrow(PeriodEnded);
    }
    expect(await vault.periodKeys(['unbound-2020-01'])).toEqual(new Map());
  });

  it('has items with a key each, which end one by one or all with it', async () => {
    const made = await vault.newItemKeys('quarantine-2026-11', nextYear, ['q1', 'q2', 'q3']);
    const sealed = seal(made.get('q1') as never, 'content', place);
    expect(made.get('q1')?.equals(made.get('q2') as never)).toBe(false);
    let current = await folder.reopen(vault);
    expect(open((await current.itemKeys(['q1'])).get('q1') as never, sealed, place).toString()).toBe('content');
    expect((await current.newItemKeys('quarantine-2026-11', nextYear, ['q1'])).get('q1')?.equals(made.get('q1') as never)).toBe(true);

    expect(await current.endItems(['q1', 'q1', 'unknown'])).toBe(1);
    expect([...(await current.itemKeys(['q1', 'q2', 'q3'])).keys()]).toEqual(['q2', 'q3']);

    folder.inDatabase((db) => db.prepare("DELETE FROM period_keys WHERE name = 'quarantine-2026-11'").run());
    current = await folder.reopen(current);
    expect(await current.itemKeys(['q1', 'q2', 'q3'])).toEqual(new Map());
  });
});

describe('An item that was ended', () => {
  const nextYear = new Date(Date.now() + 365 * 86_400_000).toISOString();
  const period = 'quarantine-2026-11';

  it('never gets a key again, here, elsewhere or after a restart, while others beside it do', async () => {
    const other = await folder.open();
    await vault.newItemKeys(period, nextYear, ['q1', 'q2']);
    await vault.endItems(['q1']);
    for (const later of [async () => vault, async () => other, () => folder.reopen(vault)]) {
      const one = await later();
      expect([...(await one.newItemKeys(period, nextYear, ['q1', 'q2', 'q3'])).keys()]).toEqual(['q2', 'q3']);
      expect([...(await one.itemKeys(['q1', 'q2'])).keys()]).toEqual(['q2']);
    }
  });

  it('is ended once: again, or where there never was one, is nothing', async () => {
    await vault.newItemKeys(period, nextYear, ['q1', 'q2']);
    expect(await vault.endItems(['q1', 'unknown'])).toBe(1);
    expect(await vault.endItems(['q1'])).toBe(0);
    expect(await vault.endItems([])).toBe(0);
    expect([...(await vault.newItemKeys(period, nextYear, ['unknown'])).keys()]).toEqual(['unknown']);
  });

  it('leaves its secret in no file', async () => {
    await vault.newItemKeys(period, nextYear, ['q1', 'q2']);
    const secrets = new Map<string, Buffer>();
    folder.inDatabase((db) => {
      const rows = db.prepare('SELECT item, secret FROM period_items').all() as { item: string; secret: Buffer }[];
      for (const { item, secret } of rows) secrets.set(item, secret);
    });
    const isStored = (item: string) => folder.bytes().some((bytes) => bytes.includes(secrets.get(item) as Buffer));
    expect([isStored('q1'), isStored('q2')]).toEqual([true, true]);
    await vault.endItems(['q1']);
    expect([isStored('q1'), isStored('q2')]).toEqual([false, true]);
  });

  it('goes with its period', async () => {
    await vault.newItemKeys(period, nextYear, ['q1']);
    await vault.endItems(['q1']);
    folder.inDatabase((db) => {
      db.prepare('DELETE FROM period_keys').run();
      expect(db.prepare('SELECT count(*) FROM period_items').pluck().get()).toBe(0);
    });
  });
});

describe('A digest for matching', () => {
  it('is 22 characters, the same for ever, told apart by kind and useless without the vault', async () => {
    const digest = vault.digest('caseRef', 'VAT-2026-02');
    expect(digest).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect((await folder.reopen(vault)).digest('caseRef', 'VAT-2026-02')).toBe(digest);
    const elsewhere = new VaultFolder();
    const others = [
      (await elsewhere.open({ master: folder.master })).digest('caseRef', 'VAT-2026-02'),
      (await folder.open()).digest('contractRef', 'VAT-2026-02'),
      (await folder.open()).digest('caseRef', 'VAT-2026-03'),
    ];
    expect(others).not.toContain(digest);
    await elsewhere.clear();
  });

  it('and an HMAC are under keys of their own for each purpose', () => {
    expect(vault.hmac('cursor', 'text')).toHaveLength(32);
    expect(vault.hmac('cursor', 'text')).toEqual(vault.hmac('cursor', 'text'));
    expect(vault.hmac('cursor', 'text')).not.toEqual(vault.hmac('other', 'text'));
    expect(vault.hmac('cursor', 'text')).not.toEqual(vault.hmac('cursor', 'texts'));
  });
});

describe('The files', () => {
  it('hold no identifier, reference value or key in clear', async () => {
    const planted = ['PLANTED-10027', 'planted.person@example.se', '198507099805', 'planted-session'];
    const people = [
      {
        ...customer(planted[0] as string),
        also: [email(planted[1] as string), { scheme: 'personal-identity-number', value: planted[2] as string }],
      },
      { scheme: 'session', value: planted[3] as string, owner: 0 },
    ];
    const [person] = await vault.resolve(people, { create: true });
    const period = await vault.periodKey('unbound-2026-11', '2999-01-01T00:00:00.000Z');
    vault.digest('caseRef', 'PLANTED-CASE');
    await vault.identifiers([person?.reference as string]);
    const needles = [...planted, 'PLANTED-CASE', folder.master.export(), person?.key.export() as Buffer, period.export()];
    const scan = () => {
      for (const bytes of folder.bytes()) for (const needle of needles) expect(bytes.includes(needle)).toBe(false);
    };
    expect(readdirSync(folder.path)).toContain('keys.db-wal');
    scan();
    await folder.close(vault);
    scan();
  });
});

describe('A start', () => {
  it('with another master key is refused by name and changes no byte', async () => {
    await references(vault, [customer('1')]);
    // While the first vault is open its last writes stand in the write-ahead log, as after a crash.
    const open = folder.data();
    expect(open.get('keys.db-wal')).toEqual(expect.any(String));
    const refused = { name: 'MasterKeyRefused', reason: 'wrong' };
    await expect(folder.open({ master: randomKey() })).rejects.toMatchObject(refused);
    expect(folder.data()).toEqual(open);
    await folder.close(vault);
    const closed = folder.data();
    await expect(folder.open({ master: randomKey() })).rejects.toMatchObject(refused);
    expect(folder.data()).toEqual(closed);
    expect(await references(await folder.open(), [customer('1')], false)).toEqual([expect.any(String)]);
  });

  it('makes its connections sync as far as the disk', async () => {
    const pragma = jest.spyOn(Database.prototype, 'pragma');
    try {
      await folder.open({ file: join(folder.path, 'new.db') });
      const set = pragma.mock.calls.map(([text]) => text);
      expect(set).toEqual(expect.arrayContaining(['synchronous = FULL', 'fullfsync = ON', 'checkpoint_fullfsync = ON']));
    } finally {
      pragma.mockRestore();
    }
  });

  it('on a store of another format, another database or no database is refused by name', async () => {
    await folder.close(vault);
    folder.inDatabase((db) => db.prepare("UPDATE meta SET value = 99 WHERE name = 'format'").run());
    await expect(folder.open()).rejects.toMatchObject({ name: 'UnknownKeyStoreFormat' });
    const foreign = join(folder.path, 'foreign.db');
    const db = new Database(foreign);
    db.exec('CREATE TABLE something (a)');
    db.close();
    await expect(folder.open({ file: foreign })).rejects.toMatchObject({ name: 'UnknownKeyStoreFormat' });
    await expect(folder.open({ file: import.meta.filename })).rejects.toMatchObject({ name: 'UnknownKeyStoreFormat' });
  });

  it('after one that was cut short before its tables were made begins anew', async () => {
    const file = join(folder.path, 'empty.db');
    const db = new Database(file);
    db.pragma('journal_mode = WAL');
    db.close();
    expect(await references(await folder.open({ file }), [customer('1')])).toEqual([expect.any(String)]);
  });
});
