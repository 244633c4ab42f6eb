import { checkConsistency } from '../../src/integrity/merkle.ts';
import { parseNote, parseVkey } from '../../src/integrity/signed-note.ts';
import { parseTreeHead } from '../../src/integrity/tree-head.ts';
import { checkReceipt, type Receipt } from '../../src/transparency/receipt.ts';
import { customer, erase } from '../backup/ledger.ts';
import { Folders, INTACT, record, serving, signed, verified } from './given.ts';

const folders = new Folders();
afterAll(() => folders.remove());

const headOf = (note: string) => parseTreeHead(parseNote(note).text);

test('given somebody whose events were proven, an erasure breaks no proof: all of it holds as before', async () => {
  const folder = folders.new();
  const { vkey, before, receipts, beforeErasure } = await serving(folder, async (client) => {
    await record(client, 'kept', 300);
    const note = await signed(client);
    // Those whom the events of customer 3 are about.
    const items = [3, 10, 17, 24].map((n) => ({ source: `urn:mailit:${n % 3 ? 'billing' : 'crm'}`, id: `kept-${n}` }));
    const { body } = await client.send('POST', '/v1/receipts', { items, reason: { purpose: 'rights-fulfilment' } });
    const key = (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim();
    return { vkey: parseVkey(key), before: note, receipts: body.receipts as Receipt[], beforeErasure: items.length };
  });
  expect(receipts.length).toBe(beforeErasure);
  expect(await verified(folder)).toMatchObject(INTACT);

  const { after, consistency } = await serving(folder, async (client) => {
    const { status, text } = await erase(client, '3');
    if (status >= 300) throw new Error(text);
    const gone = await client.ask('timeline', { about: { subject: customer('3') } });
    expect(gone.body.items ?? []).toEqual([]);
    const note = await signed(client);
    const { body } = await client.send('GET', `/v1/tree-heads/${headOf(before).size}..${headOf(note).size}`);
    return { after: note, consistency: (body.proof as string[]).map((hash) => Buffer.from(hash, 'base64')) };
  });

  const found = await verified(folder);
  expect(found).toMatchObject(INTACT);
  expect(found.size).toBe(headOf(after).size);
  // The old head is gone on from, by the files and by proof alone.
  expect(await verified(folder, { since: { note: before }, vkeys: [vkey] })).toMatchObject({ ...INTACT, since: { isContinued: true } });
  const [old, now] = [headOf(before), headOf(after)];
  expect(checkConsistency(old.size, now.size, old.root, now.root, consistency)).toBe(true);
  // Receipts that were given out before hold, and those of today are of the same leaves.
  for (const receipt of receipts) expect(checkReceipt(receipt, [vkey])).toMatchObject({ index: receipt.leafIndex });
  const again = await serving(folder, async (client) => {
    const items = receipts.map(({ source, id }) => ({ source, id }));
    return (await client.send('POST', '/v1/receipts', { items, reason: { purpose: 'rights-fulfilment' } })).body.receipts as Receipt[];
  });
  expect(again.map(({ id, leaf, leafIndex }) => ({ id, leaf, leafIndex }))).toEqual(
    receipts.map(({ id, leaf, leafIndex }) => ({ id, leaf, leafIndex })),
  );
});
