import fc from 'fast-check';
import { Held } from '../../src/privacy/held.ts';

describe('What is held in memory', () => {
  it('is the newest entries, at most so many', () => {
    const held = new Held<number>(3);
    for (let i = 0; i < 10; i++) held.set(String(i), i);
    expect(held.size).toBe(3);
    expect(['6', '7', '8', '9'].map((key) => held.get(key))).toEqual([undefined, 7, 8, 9]);
  });

  it('never exceeds its room and tells what was set last, whatever is set, deleted and asked for', () => {
    const step = fc.record({ do: fc.constantFrom('set', 'set', 'set', 'delete'), key: fc.nat(9).map(String), value: fc.nat() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (max, steps) => {
        const held = new Held<number>(max);
        const model = new Map<string, number>();
        for (const one of steps) {
          if (one.do === 'delete') {
            held.delete(one.key);
            model.delete(one.key);
            expect(held.get(one.key)).toBeUndefined();
          } else {
            held.set(one.key, one.value);
            model.set(one.key, one.value);
            if (model.size > max) model.delete(model.keys().next().value as string);
          }
          expect(held.size).toBe(model.size);
          for (const [key, value] of model) expect(held.get(key)).toBe(value);
        }
      }),
    );
  });
});
