import { parse } from 'csv-parse/sync';
import type { FastifyReply } from 'fastify';
import { answerAs } from '../../src/http/answer-form.ts';

/** The answer as CSV, read back: a row by column. */
function asCsv(items: object[]): Record<string, string>[] {
  const reply = { header: () => reply, type: () => reply } as unknown as FastifyReply;
  const text = answerAs('text/csv', { items, next: null, position: 1, asOf: '2026-03-02T09:14:07.120Z' }, reply) as string;
  return parse(text, { columns: true, record_delimiter: '\r\n' });
}

const freeForm = (size: number, prefix = 'field') => Object.fromEntries(Array.from({ length: size }, (_, i) => [`${prefix}-${i}`, i]));

describe('An answer as CSV', () => {
  it('gives the ledger’s own objects a column a field', () => {
    const by = { source: 'urn:a', id: '2', position: 9, recordedAt: '2026-03-02T09:14:07.120Z' };
    const item = {
      actor: { id: 'anna.berg', kind: 'human' },
      recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
      corrected: { by, replacement: { source: 'urn:a', id: '3' } },
    };
    expect(asCsv([item, { retracted: { by } }])).toEqual([
      expect.objectContaining({
        ...{ 'actor.id': 'anna.berg', 'actor.kind': 'human', 'recipient.country': 'SE' },
        ...{ 'corrected.by.position': '9', 'corrected.replacement.id': '3', 'retracted.by.id': '' },
      }),
      expect.objectContaining({ 'actor.id': '', 'retracted.by.id': '2' }),
    ]);
  });

  it('gives everybody else’s objects one cell, as JSON, however large they are', () => {
    const items = Array.from({ length: 10 }, (_, i) => ({
      id: String(i),
      proof: freeForm(1_000, `of-${i}`),
      reason: { actor: { a: 1 } },
    }));
    const rows = asCsv(items);
    expect(Object.keys(rows[0] as object)).toEqual(['id', 'proof', 'reason']);
    expect(rows.map(({ proof }) => JSON.parse(proof as string))).toEqual(items.map(({ proof }) => proof));
    expect(rows[0]?.['reason']).toBe('{"actor":{"a":1}}');
  });

  it('joins lists of texts and keeps lists of objects as JSON', () => {
    expect(asCsv([{ categories: ['name', 'tax'], subjects: [{ scheme: 'email', value: 'a@b.se' }], none: [], gone: null }])).toEqual([
      { categories: 'name;tax', subjects: '[{"scheme":"email","value":"a@b.se"}]', none: '' },
    ]);
  });

  it('has a bounded number of columns and leaves nothing out', () => {
    const items = [freeForm(300, 'a'), { 'a-7': 'seven', ...freeForm(300, 'b') }];
    const rows = asCsv(items);
    expect(Object.keys(rows[0] as object).length).toBeLessThanOrEqual(401);
    expect(rows[0]).toMatchObject({ 'a-299': '299', '(further)': '' });
    const { '(further)': further, ...second } = rows[1] as Record<string, string>;
    expect(second).toMatchObject({ 'a-7': 'seven', 'a-8': '', 'b-0': '0' });
    expect({ ...second, ...JSON.parse(further as string) }).toMatchObject({ 'b-299': '299' });
  });

  it('holds nothing that a spreadsheet would run', () => {
    const [row] = asCsv([{ '=1+1': '=HYPERLINK(1)', list: ['@SUM(1)', '+1'], actor: { id: '-1' } }]);
    expect(Object.entries(row as object)).toEqual([
      ["'=1+1", "'=HYPERLINK(1)"],
      ['list', "'@SUM(1);+1"],
      ['actor.id', "'-1"],
    ]);
  });

  it('of nothing is empty', () => {
    expect(asCsv([])).toEqual([]);
  });
});
