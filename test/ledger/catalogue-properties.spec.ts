import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { schemaOf } from '../../src/ledger/record/schema.ts';
import { isDay, parseMoment } from '../../src/ledger/record/text.ts';
import { EventValidator, PROBLEM_LIMIT, type Problem } from '../../src/ledger/record/validate.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { GOLDEN_NOW, type GoldenEvent, goldenSamples } from './golden.ts';

const vocabulary = Vocabulary.builtIn();
const validator = new EventValidator(vocabulary);

/** Values that have gone wrong somewhere before: what JSON can say and a careless check confuses. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  -1,
  1.5,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  '',
  ' ',
  'a',
  '1',
  '\ud800',
  'a\u0000b',
  'line\nbreak',
  'x'.repeat(1_025),
  '😀'.repeat(1_024),
  'anna@example.se',
  '900101-9802',
  'urn:a',
  'SE',
  'name',
  'none',
  '2026-02-30',
  '2026-03-02T09:14:07Z',
  '2026-03-02T09:14:07+25:00',
  [],
  [null],
  [[]],
  ['name'],
  [{}],
  {},
  { length: 1, 0: 'name' },
  { scheme: 'email', value: 'x' },
  JSON.parse('{"__proto__":{"admin":true}}'),
  JSON.parse('{"constructor":{"prototype":{}},"toString":1,"hasOwnProperty":null}'),
];

const NAMES = ['__proto__', 'constructor', 'toString', 'length', 'subject', 'id', 'role', 'data', 'Anna Berg', '', 'ny'];

const value = fc.oneof(fc.constantFrom(...HOSTILE), fc.jsonValue({ maxDepth: 3 }));

type Change = (at: { parent: Record<string, unknown>; name: string }) => unknown;

/** Like an assignment, but `__proto__` becomes a property like any other; an array takes a name as one more element. */
function put(target: object, name: string, what: unknown): void {
  const copy = structuredClone(what);
  if (Array.isArray(target) && !/^\d+$/.test(name)) target.push(copy);
  else Object.defineProperty(target, name, { value: copy, writable: true, enumerable: true, configurable: true });
}

const change: fc.Arbitrary<Change> = fc.oneof(
  value.map<Change>(
    (what) =>
      ({ parent, name }) =>
        void put(parent, name, what),
  ),
  fc.constant<Change>(({ parent, name }) => Reflect.deleteProperty(parent, name)),
  fc.tuple(fc.constantFrom(...NAMES), value).map<Change>(
    ([extra, what]) =>
      ({ parent }) =>
        void put(parent, extra, what),
  ),
  fc.constant<Change>(({ parent, name }) => put(parent, name, [parent[name]])),
  fc.constant<Change>(({ parent, name }) => put(parent, name, { ...(parent[name] as object) })),
);

/** Every place in an event: the object or array, and the name or index in it. */
function places(node: unknown): { parent: Record<string, unknown>; name: string }[] {
  if (typeof node !== 'object' || node === null) return [];
  const parent = node as Record<string, unknown>;
  return Object.keys(parent).flatMap((name) => [{ parent, name }, ...places(parent[name])]);
}

const broken = fc
  .tuple(fc.constantFrom(...goldenSamples), fc.array(fc.tuple(fc.nat(), change), { maxLength: 3 }))
  .map(([sample, changes]) => {
    const event = structuredClone(sample.event) as GoldenEvent;
    for (const [seed, apply] of changes) {
      const found = places(event);
      const place = found[seed % found.length];
      if (place !== undefined) apply(place);
    }
    return overTheWire(event);
  });

/** As JSON would bring it, numbers beyond a double included. */
function overTheWire(event: unknown): unknown {
  const text = JSON.stringify(event, (_, item) => (item === Number.POSITIVE_INFINITY ? '1e400!' : item));
  return JSON.parse(text.replaceAll('"1e400!"', '1e400'));
}

/** A checker that knows nothing of this ledger but its published schemas: what it minds in an event. */
function publishedChecks(): (event: GoldenEvent) => unknown {
  const ajv = new Ajv2020({ strict: true, strictTypes: false });
  ajv.addFormat('date-time', (text: string) => parseMoment(text) !== undefined);
  ajv.addFormat('date', isDay);
  const checks = new Map<string, ReturnType<typeof ajv.compile>>();
  return (event) => {
    const check = checks.get(event.type) ?? ajv.compile(schemaOf(event.type, 1, vocabulary));
    checks.set(event.type, check);
    return check(event) ? null : check.errors;
  };
}

const isProblem = (problem: Problem) => typeof problem.path === 'string' && /^[a-z-]+$/.test(problem.rule) && problem.message.length > 0;

describe('the two verdicts on an event', () => {
  it('by Ajv and by class-validator are the same, whatever is wrong', () => {
    const seen = { right: 0, wrong: 0 };
    fc.assert(
      fc.property(broken, (event) => {
        const passes = validator.passes(event);
        const problems = validator.explain(event);
        seen[passes ? 'right' : 'wrong']++;
        expect([passes, problems]).toEqual([problems.length === 0, problems]);
        if (!passes) expect(validator.validate(event, GOLDEN_NOW)).toEqual(problems);
      }),
      { numRuns: 2_000 },
    );
    // Both verdicts must have been given often enough to mean something.
    expect(Math.min(seen.right, seen.wrong)).toBeGreaterThan(100);
  });
});

describe('the published schema', () => {
  it('lets pass whatever the ledger lets pass', () => {
    const accepts = publishedChecks();
    fc.assert(
      fc.property(broken, (event) => {
        fc.pre(validator.validate(event, GOLDEN_NOW).length === 0);
        expect([event, accepts(event as GoldenEvent)]).toEqual([event, null]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('whatever arrives', () => {
  it('is answered with at most fifty well-formed problems, and never with an exception', () => {
    const anything = fc.oneof(broken, fc.jsonValue(), fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }));
    fc.assert(
      fc.property(anything, (event) => {
        const problems = validator.validate(event, GOLDEN_NOW);
        expect(problems.length).toBeLessThanOrEqual(PROBLEM_LIMIT);
        expect(problems.every(isProblem)).toBe(true);
        expect(validator.validate(event, GOLDEN_NOW)).toEqual(problems);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused where it is hostile on purpose', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown;
    const wide = Array.from({ length: 100_000 }, () => 0);
    for (const sample of goldenSamples) {
      for (const hostile of [deep, wide, ...HOSTILE]) {
        for (const event of [hostile, { ...sample.event, data: hostile }, { ...sample.event, type: hostile }]) {
          expect(validator.validate(event, GOLDEN_NOW).length).toBeGreaterThan(0);
        }
      }
      const details = { scheme: 'x', value: 'y', before: deep, after: { list: wide } };
      const event = { ...sample.event, data: { ...sample.event.data, subjects: [details], categories: wide, note: deep } };
      expect(validator.validate(event, GOLDEN_NOW).length).toBeGreaterThan(0);
    }
    for (const type of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'PersonalDataUsed/1', '']) {
      const event = { ...goldenSamples[0]?.event, type, dataschema: `/schemas/${type}/1` };
      expect(validator.validate(event, GOLDEN_NOW).length).toBeGreaterThan(0);
    }
  });

  it('never comes back in a problem', () => {
    const secret = 'Kim.Lind-19900101-9802';
    fc.assert(
      fc.property(fc.constantFrom(...goldenSamples), fc.nat(), fc.boolean(), ({ event }, seed, asName) => {
        const copy = structuredClone(event);
        const found = places(copy);
        const { parent, name } = found[seed % found.length] as (typeof found)[number];
        if (asName && !Array.isArray(parent)) put(parent, secret, { [secret]: secret });
        else put(parent, name, `${secret}\u0000`);
        expect(JSON.stringify(validator.validate(copy, GOLDEN_NOW))).not.toContain('Kim');
      }),
      { numRuns: 500 },
    );
  });
});

describe('a moment', () => {
  it('is what the platform takes it for', () => {
    const date = fc.date({ min: new Date('1900-01-02'), max: new Date('9999-12-30'), noInvalidDate: true });
    const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    fc.assert(
      fc.property(date, offset, fc.stringMatching(/^\d{0,9}$/), (moment, minutes, digits) => {
        const local = new Date(moment.getTime() + minutes * 60_000).toISOString().slice(0, 19);
        const two = (n: number) => String(n).padStart(2, '0');
        const sign = minutes < 0 ? '-' : '+';
        const zone = minutes === 0 ? 'Z' : `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
        const text = `${local}${digits === '' ? '' : `.${digits}`}${zone}`;
        expect([text, parseMoment(text)]).toEqual([text, Date.parse(text)]);
      }),
    );
  });

  it.each([
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00',
    '2026-01-01',
    '2026-01-01 00:00:00Z',
    '1899-12-31T23:59:59Z',
    '9999-12-31T23:59:59-00:01',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    '+02026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.Z',
    '',
  ])('is not %j', (text) => expect(parseMoment(text)).toBeUndefined());

  it('may be the first of 1900 in UTC, and a leap day', () => {
    expect(parseMoment('1899-12-31T23:00:00-01:00')).toBe(Date.UTC(1900, 0, 1));
    expect(parseMoment('2000-02-29t12:00:00.5z')).toBe(Date.UTC(2000, 1, 29, 12, 0, 0, 500));
  });
});
