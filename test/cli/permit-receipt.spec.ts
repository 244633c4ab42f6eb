import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readMapping } from '../../src/cli/mapping.ts';
import { readCsv } from '../../src/cli/read-events.ts';
import { EventValidator } from '../../src/ledger/record/validate.ts';
import { loadDeclaredCodes } from '../../src/vocabulary/declared-codes.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LOG = process.env['LIGGARE_PERMIT_LOG'] ?? resolve(ROOT, '../shared/data/permit-receipt.csv');
const isThere = existsSync(LOG);
const MAPPING = resolve(ROOT, 'mappings/permit-receipt.yaml');

interface Permit {
  id: string;
  type: string;
  time: string;
  source: string;
  data: {
    actor: { id: string; kind: string; role: string; capacity: string };
    subjects: { scheme: string; value: string; category: string }[];
    categories: string[];
    purpose: string;
    caseRef: string;
    channel?: string;
    origin?: string;
    recipient?: { id?: string; role: string; country: string };
  };
}

/** How often each value occurs. */
function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function add(counts: Record<string, number>, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
}

test('the mapping of the permit log can be read, with the columns that the log has', () => {
  const header =
    'case:channel,case:concept:name,case:deadline,case:department,case:enddate,case:enddate_planned,case:group,case:responsible,' +
    'case:startdate,concept:instance,concept:name,lifecycle:transition,org:group,org:resource,time:timestamp';
  expect(readMapping(readFileSync(MAPPING, 'utf8'), MAPPING).bind(header.split(','))).toBeInstanceOf(Function);
});

// A log that is not there is reported as skipped, with the reason in the name: it is not part of the repository.
const there = isThere ? describe : describe.skip;

there(
  isThere ? 'the permit log' : 'the permit log (skipped: it is not beside the repository; LIGGARE_PERMIT_LOG names where it is)',
  () => {
    let events: Permit[];
    /** The file read without any of the code under test: it has neither quotes nor commas within fields. */
    let rows: Record<string, string>[];

    beforeAll(async () => {
      const [header = '', ...lines] = readFileSync(LOG, 'utf8').trim().split('\n');
      expect(header).not.toContain('"');
      const columns = header.trim().split(',');
      rows = lines.map((line) =>
        Object.fromEntries(
          line
            .trim()
            .split(',')
            .map((value, index) => [columns[index], value]),
        ),
      );
      events = [];
      const mapping = readMapping(readFileSync(MAPPING, 'utf8'), MAPPING);
      for await (const read of readCsv({ name: LOG, chunks: createReadStream(LOG) }, mapping)) {
        if (!('json' in read)) throw new Error(`line ${read.line} is not an event: ${JSON.stringify(read)}`);
        events.push(JSON.parse(read.json));
      }
    });

    const of = (column: string) => rows.map((row) => row[column] as string);

    test('every line is one event, and no two have the same id', () => {
      expect(events).toHaveLength(rows.length);
      expect(events).toHaveLength(8577);
      expect(new Set(events.map(({ id }) => id)).size).toBe(8577);
      expect(events.map(({ id }) => id)).toEqual(of('concept:instance'));
      expect(new Set(events.map(({ source }) => source))).toEqual(new Set(['urn:permit-desk:cases']));
    });

    test('cases are the data subjects, and the case of each event', () => {
      expect(tally(events.map(({ data }) => data.subjects[0]?.value ?? ''))).toEqual(tally(of('case:concept:name')));
      expect(new Set(events.map(({ data }) => data.subjects[0]?.value)).size).toBe(1434);
      expect(events.every(({ data }) => data.subjects.length === 1 && data.subjects[0]?.scheme === 'case-number')).toBe(true);
      expect(events.every(({ data }) => data.caseRef === data.subjects[0]?.value)).toBe(true);
    });

    test('all 48 officers act under their own names', () => {
      expect(tally(events.map(({ data }) => data.actor.id))).toEqual(tally(of('org:resource')));
      expect(new Set(events.map(({ data }) => data.actor.id)).size).toBe(48);
      expect(
        tally(events.map(({ data }) => data.actor.role.replace('permit-group-', 'Group ').replace('permit-officer', 'EMPTY'))),
      ).toEqual(tally(of('org:group')));
    });

    test('times are those of the file, to the millisecond', () => {
      expect(events.map(({ time }) => Date.parse(time))).toEqual(of('time:timestamp').map((time) => Date.parse(time.replace(' ', 'T'))));
    });

    test('types by activity: received, read, put right, sent, asked, drafted', () => {
      const types = tally(events.map(({ type }) => type));
      const by = tally(of('concept:name').map((name) => /^T\d\d/.exec(name)?.[0] ?? name));
      expect(types).toEqual({
        PersonalDataCollected: by['Confirmation of receipt'],
        PersonalDataAccessed: add(by, ['T02', 'T04', 'T06', 'T10', 'T12', 'T14', 'T17', 'T19']),
        PersonalDataRectified: add(by, ['T03', 'T13', 'T18']),
        PersonalDataDisclosed: add(by, ['T05', 'T08', 'T09']),
        PersonalDataUsed: add(by, ['T07', 'T15', 'T20']),
        PersonalDataDerived: add(by, ['T11', 'T16']),
      });
      expect(Object.values(types).reduce((sum, each) => sum + each, 0)).toBe(8577);
    });

    test('a receipt is a collection by its channel; only what another department opened is not from the applicant', () => {
      const receipts = rows.filter((row) => row['concept:name'] === 'Confirmation of receipt');
      const names: Record<string, string> = {
        Internet: 'web-form',
        Desk: 'in-person',
        Post: 'letter',
        'e-mail': 'email',
        Intern: 'internal',
      };
      const collected = events.filter(({ type }) => type === 'PersonalDataCollected');
      expect(collected).toHaveLength(1434);
      expect(tally(collected.map(({ data }) => data.channel ?? ''))).toEqual(
        tally(receipts.map((row) => names[row['case:channel'] as string] ?? '')),
      );
      expect(tally(collected.map(({ data }) => `${data.channel === 'internal'} ${data.origin}`))).toEqual({
        'false subject': 1433,
        'true observed': 1,
      });
    });

    test('disclosures: confirmations to the applicants, applications to the advisers, each party by name', () => {
      const disclosed = events.filter(({ type }) => type === 'PersonalDataDisclosed');
      const activities = tally(of('concept:name'));
      const advice = (party: number) => activities[`T09-${party} Process or receive external advice from party ${party}`];
      expect(tally(disclosed.map(({ data }) => data.recipient?.id ?? data.recipient?.role ?? ''))).toEqual({
        'data-subject': activities['T05 Print and send confirmation of receipt'],
        'advice-party-unnamed': activities['T08 Draft and send request for advice'],
        'advice-party-1': advice(1),
        'advice-party-2': advice(2),
        'advice-party-3': advice(3),
        'advice-party-4': advice(4),
      });
      expect(
        disclosed.filter(({ data }) => data.recipient?.role === 'data-subject').every(({ data }) => data.recipient?.id === undefined),
      ).toBe(true);
    });

    test('the ledger would record every one of them, with the codes declared in policies/', () => {
      const validator = new EventValidator(Vocabulary.builtIn().with(loadDeclaredCodes(resolve(ROOT, 'policies'))));
      expect(events.flatMap((event) => validator.validate(event, Date.now()))).toEqual([]);
    });
  },
);
