import { parse } from 'csv-parse/sync';
import type { FastifyReply } from 'fastify';
import { answerAs } from '../../src/http/answer-form.ts';

const COLUMNS = ['id', 'actor.id', 'categories', 'subjects', 'proof', 'corrected.by.id'];

function csv(items: object[]): string {
  const reply = { header: () => reply, type: () => reply } as unknown as FastifyReply;
  return answerAs('text/csv', { items, next: null, position: 1, asOf: '2026-03-02T09:14:07.120Z' }, COLUMNS, reply) as string;
}

/** The answer as CSV, read back: a row by column. */
const asCsv = (items: object[]): Record<string, string>[] => parse(csv(items), { columns: true, record_delimiter: '\r\n' });

describe('An answer as CSV', () => {
  it('has the columns of its question, whatever the items hold', () => {
    const header = 'id,actor.id,categories,subjects,proof,corrected.by.id,(further)\r\n';
    expect(csv([])).toBe(header);
    expect(csv([{ id: '1' }]).startsWith(header)).toBe(true);
    expect(csv([{ other: '1' }]).startsWith(header)).toBe(true);
  });

  it('gives a part of an object the column that asks for it, and leaves nothing out', () => {
    const item = { id: '7', actor: { id: 'anna.berg', kind: 'human' }, corrected: { by: { id: '2', position: 9 } }, gone: null };
    const [row] = asCsv([item]);
    expect(row).toMatchObject({ id: '7', 'actor.id': 'anna.berg', 'corrected.by.id': '2' });
    expect(JSON.parse(row?.['(further)'] as string)).toEqual({ 'actor.kind': 'human', 'corrected.by.position': 9 });
  });

  it('keeps somebody else’s objects in one cell, however large they are', () => {
    const proof = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`field-${i}`, i]));
    const [row] = asCsv([{ id: '1', proof }]);
    expect(JSON.parse(row?.['proof'] as string)).toEqual(proof);
  });

  it('joins lists of texts and keeps lists of objects as JSON', () => {
    const [row] = asCsv([{ categories: ['name', 'tax'], subjects: [{ scheme: 'email', value: 'a@b.se' }] }]);
    expect(row).toMatchObject({ categories: 'name;tax', subjects: '[{"scheme":"email","value":"a@b.se"}]', '(further)': '' });
  });

  it('holds nothing that a spreadsheet would run', () => {
    const [row] = asCsv([{ id: '=HYPERLINK(1)', categories: ['@SUM(1)', '+1'], actor: { id: '-1' } }]);
    expect(row).toMatchObject({ id: "'=HYPERLINK(1)", categories: "'@SUM(1);+1", 'actor.id': "'-1" });
  });
});
