import { existsSync, readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { run } from '../../src/cli/program.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

const LOG = process.env['LIGGARE_PERMIT_LOG'] ?? fileURLToPath(new URL('../../../shared/data/permit-receipt.csv', import.meta.url));
const MAPPING = fileURLToPath(new URL('../../mappings/permit-receipt.yaml', import.meta.url));
const isThere = existsSync(LOG);
if (!isThere) console.warn('skipped: the permit log is not there; name it in LIGGARE_PERMIT_LOG');

/** A terminal that keeps what is said. */
function terminal(env: Record<string, string>) {
  let said = '';
  const to = new Writable({
    write: (chunk, _encoding, done) => {
      said += String(chunk);
      done();
    },
  });
  return { said: () => said, terminal: { env, stdin: Readable.from([]), stdout: to, stderr: to } };
}

type Row = Record<string, string>;
// biome-ignore lint/suspicious/noExplicitAny: items of every question
type Item = Record<string, any>;

(isThere ? describe : describe.skip)('The log of a permit desk, imported and asked', () => {
  const rows: Row[] = isThere ? parse(readFileSync(LOG), { columns: true, bom: true }) : [];
  let ledger: InProcess;

  beforeAll(async () => {
    ledger = await ledgerInProcess();
  });
  afterAll(async () => {
    await ledger.close();
  });

  const distinct = (column: string, of: readonly Row[] = rows) => new Set(of.map((row) => row[column])).size;
  const named = (activity: RegExp) => rows.filter((row) => activity.test(row['concept:name'] as string));

  it('imports every line once, and a second time finds them all recorded', async () => {
    const first = await importLog();
    expect(first).toMatchObject({ code: 0 });
    expect(first.err).toMatch(/recorded\s+8,577/);
    const again = await importLog();
    expect(again).toMatchObject({ code: 0 });
    expect(again.err).toMatch(/duplicates\s+8,577/);
  }, 180_000);

  async function importLog() {
    const { said, terminal: to } = terminal({ LIGGARE_URL: ledger.url, LIGGARE_KEY: ledger.key as string });
    const code = await run(['import', LOG, '--mapping', MAPPING], to);
    return { code, err: said() };
  }

  /** All items of a question, page by page. */
  async function all(question: string, about: object): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await ledger.ask(question, { about, limit: 1000, after: rows.length, ...(cursor && { cursor }) });
      items.push(...body.items);
      cursor = body.next ?? undefined;
    } while (cursor);
    return items;
  }

  it('answers who handled one case, in order', async () => {
    const [first] = rows as [Row];
    const caseId = first['case:concept:name'] as string;
    const lines = rows.filter((row) => row['case:concept:name'] === caseId);
    const items = await all('timeline', { subject: { scheme: 'case-number', value: caseId }, source: 'urn:permit-desk:cases' });
    const expected = lines.map((row) => [
      new Date(row['time:timestamp'] as string).toISOString(),
      row['concept:instance'],
      row['org:resource'],
    ]);
    expect(items.map(({ time, id, actor }) => [time, id, actor.id])).toEqual(expected.sort().reverse());
  });

  it('answers what was disclosed to whom', async () => {
    const items = await all('disclosures', { source: 'urn:permit-desk:cases' });
    const counts: Record<string, [number, number]> = Object.fromEntries(
      items.map(({ recipient, events, subjects }) => [recipient.id ?? 'data-subject', [events, subjects]]),
    );
    const confirmed = named(/^T05 /);
    expect(counts['data-subject']).toEqual([confirmed.length, distinct('case:concept:name', confirmed)]);
    const asked = named(/^T08 /);
    const external = named(/^T09-/);
    const others = Object.entries(counts).filter(([id]) => id !== 'data-subject');
    expect(others.reduce((sum, [, [events]]) => sum + Number(events), 0)).toBe(asked.length + external.length);
  });

  it('answers what each officer did: as many actors and events as the file has', async () => {
    const items = await all('actor-activity', { source: 'urn:permit-desk:cases' });
    const actors = new Set(items.map(({ actor }) => actor.id));
    expect(actors.size).toBe(distinct('org:resource'));
    expect(items.reduce((sum, { events }) => sum + Number(events), 0)).toBe(rows.length);
    const byOfficer = [...Map.groupBy(rows, (row) => row['org:resource'] as string)].sort(([, a], [, b]) => b.length - a.length);
    const [busiest] = byOfficer as [[string, Row[]]];
    const theirs = items.filter(({ actor }) => actor.id === busiest[0]);
    expect(theirs.reduce((sum, { events }) => sum + Number(events), 0)).toBe(busiest[1].length);
    expect(theirs.length).toBe(new Set(busiest[1].map((row) => new Date(row['time:timestamp'] as string).toISOString().slice(0, 10))).size);
  });

  it('says that the source is complete as far as it can tell, and that all of it came late', async () => {
    const { body } = await ledger.send('GET', `/v1/sources?after=${rows.length}`);
    expect(body.items).toEqual([
      expect.objectContaining({ source: 'urn:permit-desk:cases', events: rows.length, late: rows.length, quarantined: 0, missing: [] }),
    ]);
  });
});
