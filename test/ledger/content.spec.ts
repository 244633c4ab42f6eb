import library from 'canonicalize';
import fc from 'fast-check';
import { canonical, contentOf, digestOf, NestedTooDeep } from '../../src/ledger/content.ts';

/** Well-formed strings only: RFC 8785 is defined for I-JSON, and a lone surrogate is answered before. */
const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 });

describe('The canonical form (RFC 8785)', () => {
  it('is what the reference implementation writes, for any JSON value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonical(value)).toBe(library(value));
      }),
      { numRuns: 2000 },
    );
  });

  it('is the same whatever the order of members, also of many', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(names, (all) => {
        const forwards = Object.fromEntries(all.map((name) => [name, 1]));
        const backwards = Object.fromEntries([...all].reverse().map((name) => [name, 1]));
        expect(canonical(forwards)).toBe(canonical(backwards));
      }),
    );
  });

  it('reads back as the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('keeps a member named __proto__ and needs no prototype', () => {
    expect(canonical(JSON.parse('{"b":1,"__proto__":{"a":2}}'))).toBe('{"__proto__":{"a":2},"b":1}');
  });

  it('refuses what is nested deeper than 64 levels instead of exhausting the stack', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(() => canonical(deep)).toThrow(NestedTooDeep);
  });
});

describe('The content of an event', () => {
  const event = { specversion: '1.0', id: '1', source: 'urn:a', type: 'T', data: { b: 1, a: [1, 2] } };

  it('is everything but the trace attributes', () => {
    const traced = { ...event, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'x=1' };
    expect(contentOf(traced)).toBe(contentOf(event));
  });

  it('differs when anything else does', () => {
    expect(digestOf(contentOf({ ...event, data: { b: 1, a: [2, 1] } }))).not.toBe(digestOf(contentOf(event)));
    expect(digestOf(contentOf({ ...event, time: '2026-01-01T00:00:00Z' }))).not.toBe(digestOf(contentOf(event)));
  });
});
