import { createHash } from 'node:crypto';
import library from 'canonicalize';
import fc from 'fast-check';
import { canonical, contentOf, NestedTooDeep } from '../../src/ledger/content.ts';

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

  const content = (value: Record<string, unknown>) => contentOf(value, 1000);

  it('is told by the SHA-256 and the length of its canonical form', () => {
    const named = { ...event, data: { name: 'Åsa "Ek"', note: '\u0001€😀' } };
    const form = Buffer.from(library(named) as string);
    expect(content(named)).toEqual({ digest: createHash('sha256').update(form).digest('base64'), bytes: form.length });
  });

  it('is everything but the trace attributes', () => {
    const traced = { ...event, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'x=1' };
    expect(content(traced)).toEqual(content(event));
  });

  it('differs when anything else does', () => {
    const digest = content(event)?.digest;
    expect(content({ ...event, data: { b: 1, a: [2, 1] } })?.digest).not.toBe(digest);
    expect(content({ ...event, time: '2026-01-01T00:00:00Z' })?.digest).not.toBe(digest);
  });

  it('is nothing beyond the length given, and beyond 64 levels', () => {
    const { bytes } = content(event) as { bytes: number };
    expect(contentOf(event, bytes)).toBeDefined();
    expect(contentOf(event, bytes - 1)).toBeUndefined();
    expect(contentOf({ ...event, data: JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`) }, 1000)).toBeUndefined();
  });

  it('is the same after a value of many megabytes as before', () => {
    const before = content(event);
    expect(contentOf({ ...event, data: 'å'.repeat(3_000_000) }, 1000)).toBeUndefined();
    expect(content(event)).toEqual(before);
  });
});
