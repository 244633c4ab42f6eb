/** Proofs and receipts, checked by whoever gets them. */
import { Proof, ProofHandler, type ToProve } from '../../projections/proofs/query.ts';
import { Receipts, ReceiptsHandler } from '../../projections/proofs/receipts.ts';
import type { Viewer } from '../../projections/question.ts';
import { checkInclusion, leafHash } from '../../src/integrity/merkle.ts';
import { checkTlogProof } from '../../src/integrity/tlog-proof.ts';
import { confirmations, type Intention, withdrawal } from '../../src/ledger/erasure/facts.ts';
import { parseLeaf } from '../../src/ledger/leaf.ts';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { checkReceipt } from '../../src/transparency/receipt.ts';
import { MemoryLog } from '../support/memory-log.ts';
import { disclosure, NOW } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

let ledger: ReadSide;
let log: MemoryLog;
let proofs: ProofHandler;
let receipts: ReceiptsHandler;
beforeEach(async () => {
  ledger = await openReadSide();
  log = new MemoryLog(ledger.store);
  proofs = new ProofHandler(ledger.store, log, ledger.views, ledger.vault, ledger.people);
  receipts = new ReceiptsHandler(ledger.store, log);
});
afterEach(() => ledger.close());

const source = 'urn:mailit:billing';
const asked = (of: ToProve, { head, viewer = viewers.investigate }: { head?: number; viewer?: Viewer } = {}) =>
  proofs.execute(new Proof({ of, viewer, waitMs: 1_000, ...(head !== undefined && { head }) }));
const wanted = (ids: string[], waitMs = 1_000) =>
  receipts.execute(
    new Receipts(
      ids.map((id, index) => ({ index, source, id })),
      waitMs,
    ),
  );
const about = (id: string, value: string, more: object = {}) =>
  disclosure(id, { data: { subjects: [{ scheme: 'customer-number', value }], ...more } });

describe('A proof', () => {
  it('shows the record, its leaf, and the way from it to a signed head', async () => {
    await ledger.given(about('1', 'P1'), about('2', 'P2'), about('3', 'P3'));
    const { head, items, people } = await asked({ record: { source, id: '2' } });
    const [item] = items;
    if (!item) throw new Error('nothing was proven');
    expect(item.record).toMatchObject({ id: '2', subjects: [{ value: 'P2' }], actor: { id: 'anna.berg' } });
    expect(parseLeaf(item.bytes)).toMatchObject({ source, id: '2', type: 'PersonalDataDisclosed', subjects: [{ reference: people[0] }] });
    expect(item.hash).toEqual(leafHash(item.bytes));
    expect(checkInclusion(item.hash, item.index, head.size, item.hashes, head.root)).toBe(true);
    expect(checkTlogProof(item.proof, item.bytes, [log.key])).toMatchObject({ index: item.index, head: { size: head.size } });
  });

  it('is the same by position', async () => {
    const { position } = await ledger.given(about('1', 'P1'));
    const [byPair, byPosition] = [await asked({ record: { source, id: '1' } }), await asked({ position })];
    expect(byPosition.items).toEqual(byPair.items);
    expect(byPosition.people).toEqual(byPair.people);
  });

  it('names everybody of the record, and shows of them what its asker may see', async () => {
    const both = [
      { scheme: 'customer-number', value: 'B1' },
      { scheme: 'customer-number', value: 'B2' },
    ];
    await ledger.given(disclosure('both', { data: { subjects: both, note: 'By phone.' } }));
    const seen = async (viewer: keyof typeof viewers) => asked({ record: { source, id: 'both' } }, { viewer: viewers[viewer] });
    const { people } = await seen('audit');
    expect(people).toHaveLength(2);
    expect((await seen('audit')).items[0]?.record.subjects).toEqual(people.map((reference) => ({ reference })));
    expect((await seen('ask')).items[0]?.record).toMatchObject({ subjects: both });
    for (const viewer of ['audit', 'ask', 'case'] as const) expect((await seen(viewer)).items[0]?.record).not.toHaveProperty('note');
    expect((await seen('investigate')).items[0]?.record).toMatchObject({ note: 'By phone.' });
  });

  it('tells what was said of the record since', async () => {
    const target = { source, id: '1' };
    const retraction = disclosure('r', { data: { target, reason: 'sent twice', approver: 'chief' } }) as { data: Record<string, unknown> };
    for (const field of ['recipient', 'method', 'consideration']) delete retraction.data[field];
    await ledger.given(about('1', 'P1'), { ...retraction, type: 'RecordRetracted' });
    expect((await asked({ record: target })).items[0]?.record).toMatchObject({ retracted: { by: { id: 'r' } } });
  });

  it('of somebody erased still holds, and shows them as erased', async () => {
    await ledger.given(about('1', 'P1'), about('2', 'P2'));
    const before = await asked({ record: { source, id: '1' } });
    await ledger.erase(...before.people);
    const after = await asked({ record: { source, id: '1' } });
    expect(after.items[0]?.record.subjects).toEqual([{ reference: before.people[0], erased: true }]);
    expect(after.items.map(({ bytes, proof }) => ({ bytes, proof }))).toEqual(before.items.map(({ bytes, proof }) => ({ bytes, proof })));
  });

  it('under an older head is what it was then', async () => {
    await ledger.given(about('1', 'P1'));
    const old = await asked({ record: { source, id: '1' } });
    const { position } = await ledger.given(about('2', 'P2'));
    await log.seal();
    const again = await asked({ record: { source, id: '1' } }, { head: old.head.size });
    expect(again.items[0]?.proof).toBe(old.items[0]?.proof);
    await expect(asked({ position }, { head: old.head.size })).rejects.toMatchObject({ name: 'HeadTooSmall' });
    await expect(asked({ position }, { head: old.head.size + 100 })).rejects.toMatchObject({ name: 'HeadUnknown' });
  });

  it('of what the log does not know is refused by name', async () => {
    await ledger.given(about('1', 'P1'));
    await expect(asked({ record: { source, id: '7' } })).rejects.toMatchObject({ name: 'RecordUnknown', by: 'record' });
    await expect(asked({ position: 4_711 })).rejects.toMatchObject({ name: 'RecordUnknown', by: 'position' });
    const id = '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10';
    await expect(asked({ erasure: id })).rejects.toMatchObject({ name: 'RecordUnknown', by: 'erasure' });
  });

  it('waits for a head, and says so where none comes', async () => {
    const { position } = await ledger.given(about('1', 'P1'));
    log.isSealing = false;
    await expect(asked({ position })).rejects.toMatchObject({ name: 'NotSealedYet' });
    log.refusal = { reason: 'tiles-changed', noticedAt: '2026-03-02T12:00:00.000Z', detail: 'tiles do not lead to the root' };
    await expect(asked({ position })).rejects.toMatchObject({ name: 'SealingRefused' });
  });

  it('is not made of a record that is another than it was', async () => {
    await ledger.given(about('1', 'P1'), about('2', 'P2'));
    await log.seal();
    Object.assign(log.leaves[1] as object, { hash: leafHash(Buffer.from('another')) });
    await expect(asked({ record: { source, id: '1' } })).rejects.toMatchObject({ name: 'LeafDiffers' });
    // What was put between others later is no leaf.
    log.leaves.shift();
    await expect(asked({ record: { source, id: '1' } })).rejects.toMatchObject({ name: 'LeafDiffers' });
  });
});

describe('The proof of an erasure', () => {
  const id = '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10';
  const actor = { reference: 'AAECAwQFBgcICQoLDA0ODw', kind: 'human' };
  const intention = (references: string[]): Intention => ({
    ...{ id, at: '2026-03-02T12:00:00.000Z', actor, references, ground: '17(1)(b)', suppress: false },
    ...{ quarantined: [], seenTo: 0, caseUntil: '2029-03-02T12:00:00.000Z' },
  });
  const said = (type: string, references: string[]) =>
    ownEvent({
      ...{ source: 'urn:liggare:erasures', id, type, now: NOW, actor },
      subjects: references.map((reference) => ({ reference })),
      data: { purpose: 'rights-fulfilment', ground: '17(1)(b)', scope: 'all', systems: ['liggare'] },
    });
  const append = async (...events: ReturnType<typeof said>[]) => {
    await ledger.store.append([{ stream: 'ledger-erasures', expectedRevision: 'any', events }]);
    await ledger.caughtUp();
  };
  const typesOf = ({ items }: Awaited<ReturnType<typeof asked>>) => items.map(({ record }) => record.type);

  it('has the intention and a confirmation for each reference, under one head', async () => {
    await ledger.given(about('1', 'P1'), about('2', 'P2'));
    const people = (await ledger.timeline({ about: { source } })).people;
    await append(said('PersonalDataErased', people));
    expect(await asked({ erasure: id })).toMatchObject({ state: 'in-progress', items: [{ record: { type: 'PersonalDataErased' } }] });
    await ledger.erase(...people);
    await ledger.given(about('3', 'P3'));
    await append(...confirmations(intention(people), { keys: 2, identifiers: 2, sessions: 0, quarantined: 0 }, NOW));
    const answer = await asked({ erasure: id }, { viewer: viewers.audit });
    expect(answer.state).toBe('completed');
    expect(typesOf(answer)).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed', 'SubjectKeyDestroyed']);
    expect(new Set(answer.people)).toEqual(new Set(people));
    for (const { bytes, proof, index } of answer.items) {
      expect(checkTlogProof(proof, bytes, [log.key])).toMatchObject({ index, head: { size: answer.head.size } });
    }
    expect(answer.items[0]?.record.subjects).toEqual(people.map((reference) => ({ reference, erased: true })));
  });

  it('that was withdrawn has what withdrew it', async () => {
    const people = ['EBESExQVFhcYGRobHB0eHw'];
    await append(said('PersonalDataErased', people), withdrawal(intention(people), ['17(3)(e)'], NOW));
    const answer = await asked({ erasure: id });
    expect([answer.state, ...typesOf(answer)]).toEqual(['withdrawn', 'PersonalDataErased', 'PersonalDataErasureFailed']);
  });

  it('that was refused is the refusal', async () => {
    await append(said('PersonalDataErasureFailed', ['EBESExQVFhcYGRobHB0eHw']));
    const answer = await asked({ erasure: id });
    expect([answer.state, ...typesOf(answer)]).toEqual(['refused', 'PersonalDataErasureFailed']);
  });
});

describe('Receipts', () => {
  it('are given of what is recorded, sealed while they are waited for, and hold on their own', async () => {
    const { items } = await ledger.given(about('1', 'P1'), about('2', 'P2'));
    const answer = await wanted(['2', 'never', '1']);
    expect(answer).toMatchObject({
      receipts: [
        { index: 0, source, id: '2', type: 'PersonalDataDisclosed', position: items[1]?.position },
        { index: 2, source, id: '1', position: items[0]?.position },
      ],
      pending: [],
      unknown: [{ index: 1, source, id: 'never', why: expect.stringContaining('quarantine') }],
    });
    for (const receipt of answer.receipts) expect(checkReceipt(receipt, [log.key])).toMatchObject({ index: receipt.leafIndex });
    expect(answer.people).toHaveLength(2);
  });

  it('hold for ever: a later head changes none that was given', async () => {
    await ledger.given(about('1', 'P1'));
    const { receipts: given } = await wanted(['1']);
    await ledger.given(about('2', 'P2'));
    await log.seal();
    expect(checkReceipt(given[0], [log.key])).toMatchObject({ index: 0, head: { size: 1 } });
    expect((await wanted(['1'])).receipts[0]?.leaf).toBe(given[0]?.leaf);
  });

  it('say no more of people than a leaf does', async () => {
    await ledger.given(about('1', 'kund-48211', { note: 'Planted remark' }));
    const text = JSON.stringify(await wanted(['1']));
    const leaf = Buffer.from((await wanted(['1'])).receipts[0]?.leaf as string, 'base64').toString();
    for (const hidden of ['kund-48211', 'Planted', 'anna.berg', 'VAT-2026-02']) expect([text, leaf].join()).not.toContain(hidden);
  });

  it('that nobody waits for are those that there are', async () => {
    await ledger.given(about('1', 'P1'));
    await log.seal();
    await ledger.given(about('2', 'P2'));
    const answer = await wanted(['1', '2'], 0);
    expect(answer.receipts.map(({ id }) => id)).toEqual(['1']);
    expect(answer.pending).toEqual([{ index: 1, source, id: '2', why: expect.stringContaining('"wait": true') }]);
    expect(log.heads).toHaveLength(1);
  });

  it('that are not there in time are told as pending, and why; those that there are, are given', async () => {
    await ledger.given(about('1', 'P1'));
    await log.seal();
    await ledger.given(about('2', 'P2'));
    log.isSealing = false;
    const late = await wanted(['1', '2']);
    expect([late.receipts.length, late.pending[0]?.why]).toEqual([1, expect.stringContaining('in the time')]);
    log.refusal = { reason: 'tiles-changed', noticedAt: '2026-03-02T12:00:00.000Z', detail: 'tiles do not lead to the root' };
    const refused = await wanted(['1', '2']);
    expect([refused.receipts.length, refused.pending[0]?.why]).toEqual([1, expect.stringContaining('no tree head is signed')]);
  });

  it('before the first head are all pending', async () => {
    await ledger.given(about('1', 'P1'));
    expect(await wanted(['1'], 0)).toMatchObject({ receipts: [], pending: [{ id: '1' }] });
  });

  it('are as many as one answer holds: the others are asked for again', async () => {
    const crowd = (id: string) =>
      disclosure(id, {
        data: { subjects: Array.from({ length: 1_000 }, (_, i) => ({ scheme: 'customer-number', value: `C${i}` })) },
      });
    await ledger.given(...Array.from({ length: 11 }, (_, i) => crowd(`crowd-${i}`)));
    const answer = await wanted(Array.from({ length: 11 }, (_, i) => `crowd-${i}`));
    expect(answer.receipts).toHaveLength(10);
    expect(answer.pending).toEqual([{ index: 10, source, id: 'crowd-10', why: expect.stringContaining('ask for these again') }]);
  });

  it('of a thousand records are all proven', async () => {
    await ledger.given(...Array.from({ length: 1_000 }, (_, i) => about(`m-${i}`, `M${i % 7}`)));
    const answer = await wanted(Array.from({ length: 1_000 }, (_, i) => `m-${i}`));
    expect(answer.receipts).toHaveLength(1_000);
    for (const at of [0, 255, 256, 999]) expect(checkReceipt(answer.receipts[at], [log.key])).toMatchObject({ index: at });
  });
});
