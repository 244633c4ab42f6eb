import { InvalidMapping, type Mapped, NotMapped, readMapping } from '../../src/cli/mapping.ts';
import { parseTime, TimeNotRead } from '../../src/cli/time.ts';

/** One record, given as columns and values, through a mapping. */
function map(yaml: string, record: Record<string, string>, number = 1): Mapped {
  return readMapping(yaml, 'm.yaml').bind(Object.keys(record))({ values: Object.values(record), number });
}

function eventOf(yaml: string, record: Record<string, string>, number = 1): unknown {
  const mapped = map(yaml, record, number);
  return 'event' in mapped ? mapped.event : mapped;
}

function refusal(work: () => unknown): NotMapped {
  try {
    work();
  } catch (error) {
    if (error instanceof NotMapped) return error;
    throw error;
  }
  throw new Error('the record was mapped');
}

function problemsOf(yaml: string, header = ['a', 'b']): readonly string[] {
  try {
    readMapping(yaml, 'm.yaml').bind(header);
  } catch (error) {
    if (error instanceof InvalidMapping) return error.hints;
    throw error;
  }
  return [];
}

describe('a mapping is an event with holes', () => {
  test('constants stay as they are, holes are filled, white space around a value is taken off', () => {
    const yaml = `
event:
  source: urn:desk:cases
  id: 'case-{no}/{part}'
  n: 3
  ok: true
  data: { subjects: [{ scheme: case-number, value: '{no}' }], categories: [name, phone] }`;
    expect(eventOf(yaml, { no: ' 17 ', part: 'b' })).toEqual({
      source: 'urn:desk:cases',
      id: 'case-17/b',
      n: 3,
      ok: true,
      data: { subjects: [{ scheme: 'case-number', value: '17' }], categories: ['name', 'phone'] },
    });
  });

  test('doubled braces mean themselves, {#} is the number of the record', () => {
    expect(eventOf(`event: { id: '{{{a}}}-{#}', b: '{{x}}' }`, { a: 'v' }, 42)).toEqual({ id: '{v}-42', b: '{x}' });
  });

  test('an empty column is a reject that names the column and the field, unless it is optional', () => {
    const error = refusal(() => map(`event: { data: { caseRef: '{case}' } }`, { case: '  ' }));
    expect([error.path, error.rule, error.message]).toEqual(['/data/caseRef', 'empty-column', 'the column case is empty']);
    const optional = `event: { id: x, data: { note: { $from: '{n}', $optional: true, $empty: [EMPTY] }, list: [{ $from: '{n}', $optional: true }] } }`;
    expect(eventOf(optional, { n: '' })).toEqual({ id: 'x' });
    expect(eventOf(optional, { n: 'EMPTY' })).toEqual({ id: 'x', data: { list: ['EMPTY'] } });
    expect(eventOf(optional, { n: 'v' })).toEqual({ id: 'x', data: { note: 'v', list: ['v'] } });
  });

  test('a table turns what a column says into a code; what it lacks is a reject, or the value for all others', () => {
    const yaml = (rest: string) => `
tables: { channels: { Desk: in-person, 007: seven, yes: agreed } }
event: { channel: { $from: '{c}', $table: channels${rest} } }`;
    expect(eventOf(yaml(''), { c: 'Desk' })).toEqual({ channel: 'in-person' });
    expect(eventOf(yaml(''), { c: '007' })).toEqual({ channel: 'seven' });
    expect(eventOf(yaml(', $else: internal'), { c: 'Fax' })).toEqual({ channel: 'internal' });
    const error = refusal(() => map(yaml(''), { c: 'Secret value' }));
    expect(error.rule).toBe('not-in-table');
    expect(error.message).not.toContain('Secret');
    expect(eventOf(`event: { fields: { $from: '{a}', $table: { x: [name, phone] } } }`, { a: 'x' })).toEqual({ fields: ['name', 'phone'] });
  });

  test('numbers and truth values are converted or rejected', () => {
    const yaml = (as: string) => `event: { v: { $from: '{a}', $as: ${as} } }`;
    expect(eventOf(yaml('integer'), { a: '12' })).toEqual({ v: 12 });
    expect(eventOf(yaml('number'), { a: '-1.5' })).toEqual({ v: -1.5 });
    expect(eventOf(yaml('boolean'), { a: 'false' })).toEqual({ v: false });
    expect(refusal(() => map(yaml('integer'), { a: '1.5' })).rule).toBe('not-an-integer');
    expect(refusal(() => map(yaml('integer'), { a: '99999999999999999999' })).rule).toBe('not-an-integer');
    expect(refusal(() => map(yaml('number'), { a: '1e5' })).rule).toBe('not-a-number');
    expect(refusal(() => map(yaml('boolean'), { a: 'yes' })).rule).toBe('not-a-boolean');
    expect(refusal(() => map(yaml('time'), { a: 'yesterday' })).rule).toBe('not-a-time');
  });
});

describe('rules', () => {
  const yaml = `
event: { id: '{id}', data: { system: desk, actor: { id: '{who}', kind: human } } }
rules:
  - when: { act: [read, opened], who: robot }
    event: { type: Read, data: { actor: { kind: service } } }
  - when: { act: [read, opened] }
    event: { type: Read }
  - when: { act: noise }
    skip: nothing personal`;
  const record = (act: string, who = 'anna') => ({ id: '1', act, who });

  test('the first that fits is laid over the common fields: maps are merged', () => {
    expect(eventOf(yaml, record('read'))).toEqual({
      id: '1',
      type: 'Read',
      data: { system: 'desk', actor: { id: 'anna', kind: 'human' } },
    });
    expect(eventOf(yaml, record('opened', 'robot'))).toMatchObject({ data: { actor: { id: 'robot', kind: 'service' } } });
  });

  test('a record may be left out for a reason, and one that nothing takes is a reject', () => {
    expect(map(yaml, record('noise'))).toEqual({ skipped: 'nothing personal' });
    expect(refusal(() => map(yaml, record('Read'))).rule).toBe('no-rule');
  });

  test('the last rule may take everything that is left', () => {
    expect(eventOf(`${yaml}\n  - event: { type: Other }`, record('anything'))).toMatchObject({ type: 'Other' });
  });
});

describe('a mapping that cannot be used is refused with line and column', () => {
  test.each([
    ['event: { a: 1', 'line 1, column 14: '],
    ['- a', 'line 1, column 1: a mapping has the keys csv, tables, event, rules'],
    ['rules: []', 'line 1, column 1: the key event is missing'],
    ['event: { a: 1 }\nevents: 2', 'line 2, column 1: a mapping has no key events'],
    ['event: { a: 1, a: 2 }', 'line 1, column 16: the key stands here a second time: keys are unique'],
    ['event: plain', 'line 1, column 8: event holds the fields of an event'],
    ['event: { a: &x 1, b: *x }', 'line 1, column 22: '],
    ['event: { __proto__: { a: 1 } }', 'line 1, column 10: no field of an event is called __proto__'],
    ['event: { a: null }', 'line 1, column 13: /a: text, a number'],
    ["event: { a: '{' }", 'line 1, column 13: a brace that is not part of {column} is doubled'],
    ["event: { a: '{}' }", 'line 1, column 13: a brace'],
    ['event: { a: { $table: t } }', 'line 1, column 13: $from is missing'],
    ["event: { a: { $from: '{a}', $table: t } }", 'line 1, column 37: there is no table t under tables'],
    ["event: { a: { $from: '{a}', $form: t } }", 'line 1, column 29: a hole has no key $form; it has $from, '],
    ["event: { a: { $from: '{a}', $as: date } }", 'line 1, column 34: $as is one of time, integer, number, boolean'],
    ["event: { a: { $from: '{a}', $zone: Europe/Stockholm } }", 'line 1, column 36: $zone goes with $as: time'],
    ["event: { a: { $from: '{a}', $as: time, $zone: Mars/Base } }", 'line 1, column 47: $zone is a time zone'],
    ["event: { a: { $from: '{a}', $else: x } }", 'line 1, column 36: $else goes with $table'],
    ["event: { a: { $from: '{a}', $optional: perhaps } }", 'line 1, column 40: $optional is true or false'],
    [
      'event: { a: 1 }\nrules:\n  - event: { b: 2 }\n  - when: { a: x }\n    skip: y',
      'line 3, column 5: only the last rule may do without when',
    ],
    ['event: { a: 1 }\nrules:\n  - when: { a: x }', 'line 3, column 5: a rule has either event or skip'],
    ['event: { a: 1 }\nrules:\n  - when: {}\n    skip: y', 'line 3, column 11: when names at least one column'],
    ['csv: { delimiter: ";;" }\nevent: { a: 1 }', 'line 1, column 19: delimiter is one character'],
  ])('%s', (yaml, problem) => {
    expect(problemsOf(yaml)[0]).toContain(problem);
  });

  test('columns that the file does not have, or has twice, are named before anything is read', () => {
    const yaml = `event: { a: '{a}', x: '{gone}' }\nrules: [{ when: { absent: 1 }, event: { b: 2 } }]`;
    expect(problemsOf(yaml)[0]).toBe('the file has no column "absent", "gone"');
    expect(problemsOf(`event: { a: '{a}' }`, ['a', 'b', 'a'])[0]).toBe('the file has more than one column "a"');
    expect(problemsOf(`event: { b: '{b}' }`, ['a', 'b', 'a'])).toEqual([]);
  });
});

describe('times', () => {
  test.each([
    ['2011-10-11 13:45:40.276000+02:00', undefined, '2011-10-11T11:45:40.276Z'],
    ['2011-12-22 01:06:40+01:00', undefined, '2011-12-22T00:06:40.000Z'],
    ['2026-03-02T09:14:07.120Z', undefined, '2026-03-02T09:14:07.120Z'],
    ['2026-03-02T09:14:07,5 -0530', undefined, '2026-03-02T14:44:07.500Z'],
    ['2026-03-02 09:14', '+01', '2026-03-02T08:14:00.000Z'],
    ['2026-07-01 12:00:00', 'Europe/Stockholm', '2026-07-01T10:00:00.000Z'],
    ['2026-01-01 12:00:00', 'Europe/Stockholm', '2026-01-01T11:00:00.000Z'],
    // Clocks go back on 25 October 2026: half past two comes twice, and the first is meant.
    ['2026-10-25 02:30:00', 'Europe/Stockholm', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25 03:00:00', 'Europe/Stockholm', '2026-10-25T02:00:00.000Z'],
    // An offset in the text wins over the zone.
    ['2026-07-01 12:00:00Z', 'Europe/Stockholm', '2026-07-01T12:00:00.000Z'],
    ['2024-02-29 00:00:00', 'America/New_York', '2024-02-29T05:00:00.000Z'],
  ])('%s in %s', (text, zone, expected) => {
    expect(parseTime(text, zone)).toBe(expected);
  });

  test.each([
    ['2026-03-02 09:14:07', undefined, 'the time has no offset'],
    ['2026-02-30 09:14:07Z', undefined, 'there is no such day'],
    ['2026-03-02 24:01:00Z', undefined, 'there is no such day or time'],
    ['2026-03-02', undefined, 'a time such as'],
    ['02/03/2026 09:14', undefined, 'a time such as'],
    ['2026-03-29 02:30:00', 'Europe/Stockholm', 'clocks skipped it'],
    ['2026-03-02 09:14:07+25:00', undefined, 'no such offset'],
  ])('%s in %s is no time', (text, zone, reason) => {
    expect(() => parseTime(text, zone)).toThrow(TimeNotRead);
    expect(() => parseTime(text, zone)).toThrow(reason);
  });
});
