import { DEMO_CUSTOMER, demoEvents } from '../../src/cli/demo-events.ts';
import { EventValidator } from '../../src/ledger/record/validate.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';

const UNTIL = '2026-06-30T17:00:00.000Z';
const year = (seed: number, count = 4000) => [...demoEvents({ seed, count, until: UNTIL })];

describe('the demo’s year', () => {
  const events = year(1);

  test('the same seed gives the same events, another seed others', () => {
    expect(year(1)).toEqual(events);
    expect(year(2, 100)).not.toEqual(events.slice(0, 100));
  });

  test('it has as many events as were asked for, in order, within the year', () => {
    for (const count of [0, 1, 2, 30, 150]) expect(year(3, count)).toHaveLength(count);
    const times = events.map(({ time }) => time);
    expect(times).toHaveLength(4000);
    expect([...times].sort()).toEqual(times);
    expect((times[0] as string) >= '2025-06-30').toBe(true);
    expect((times.at(-1) as string) <= UNTIL).toBe(true);
    expect((times.at(-1) as string) >= '2026-06-20').toBe(true);
  });

  test('each source counts its events without a gap, and no id comes twice', () => {
    const next = new Map<string, number>();
    for (const { source, sequence } of events) {
      expect(Number(sequence)).toBe((next.get(source) ?? 0) + 1);
      next.set(source, Number(sequence));
    }
    expect(next.size).toBe(6);
    expect(new Set(events.map(({ source, id }) => `${source} ${id}`)).size).toBe(4000);
  });

  test('what the demo asks about is in it', () => {
    const subjects = events.flatMap(({ data }) => data['subjects'] as { value: string }[]).filter(({ value }) => value === DEMO_CUSTOMER);
    const recipients = new Set(events.map(({ data }) => (data['recipient'] as { id: string } | undefined)?.id));
    const evening = events.filter(
      ({ data, time }) => (data['actor'] as { id: string }).id === 'erik.sandberg' && time.slice(11, 13) === '21',
    );
    const outcomes = new Set(events.map(({ data }) => data['outcome']));
    expect(subjects.length).toBeGreaterThan(20);
    expect([...recipients]).toEqual(expect.arrayContaining(['skatteverket', 'kuvert-distribution', 'fakturabud', 'landsbanken']));
    expect(evening.length).toBeGreaterThan(5);
    expect(outcomes.has('denied')).toBe(true);
    expect(events.some(({ data }) => data['mode'] === 'search' && data['caseRef'] === undefined)).toBe(true);
  });

  test('the ledger would record every one of them', () => {
    const validator = new EventValidator(Vocabulary.builtIn());
    const problems = events.flatMap((event) =>
      validator.validate(event, Date.parse(UNTIL)).map((problem) => ({ type: event.type, ...problem })),
    );
    expect(problems).toEqual([]);
  });

  test('it can go on for longer than memory would hold', () => {
    let made = 0;
    for (const event of demoEvents({ seed: 1, count: 100_000, until: UNTIL, people: 5000 })) made += event.id === '' ? 0 : 1;
    expect(made).toBe(100_000);
  });
});
