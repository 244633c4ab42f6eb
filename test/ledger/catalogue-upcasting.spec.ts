import { EventCatalogue, eventTypes, groupOf, UnknownEventVersion, upcast } from '../../src/ledger/events.ts';

describe('the catalogue', () => {
  it('knows the group of every type, and no group of anything else', () => {
    expect(eventTypes()).toHaveLength(70);
    expect(groupOf('PersonalDataDisclosed')).toBe('processing');
    expect(groupOf('LegalHoldPlaced')).toBe('legal-hold');
    for (const strange of ['', 'toString', '__proto__', 'constructor', 'personaldatadisclosed']) {
      expect(groupOf(strange)).toBeUndefined();
    }
  });
});

describe('upcasting', () => {
  const later = new EventCatalogue(
    { processing: ['DoorOpened', 'DoorClosed'] },
    {
      DoorOpened: [({ by, ...rest }) => ({ ...rest, actor: { id: by } }), (data) => ({ ...data, hinges: 2 })],
    },
  );

  it('takes data of any version to the latest, step by step', () => {
    const latest = { door: 'north', actor: { id: 'a' }, hinges: 2 };
    expect(later.upcast('DoorOpened', 1, { door: 'north', by: 'a' })).toEqual(latest);
    expect(later.upcast('DoorOpened', 2, { door: 'north', actor: { id: 'a' } })).toEqual(latest);
    expect(later.upcast('DoorOpened', 3, latest)).toBe(latest);
    expect(later.find('DoorOpened')?.version).toBe(3);
  });

  it('leaves what it was given as it was', () => {
    const stored = Object.freeze({ door: 'north', by: 'a' });
    later.upcast('DoorOpened', 1, stored);
    expect(stored).toEqual({ door: 'north', by: 'a' });
  });

  it('refuses a version from a later program, and none at all', () => {
    for (const version of [0, 4, -1, 1.5, Number.NaN]) {
      expect(() => later.upcast('DoorOpened', version, {})).toThrow(UnknownEventVersion);
    }
    expect(() => later.upcast('DoorPainted', 1, {})).toThrow(UnknownEventVersion);
    expect(() => later.upcast('__proto__', 1, {})).toThrow(UnknownEventVersion);
  });

  it('refuses steps for a type that is not in the catalogue', () => {
    expect(() => new EventCatalogue({}, { DoorOpened: [] })).toThrow(/DoorOpened/);
  });

  it('gives data of every type as it is while all types are in their first version', () => {
    for (const { type, version } of eventTypes()) {
      const data = { actor: { id: type } };
      expect(upcast(type, version, data)).toBe(data);
    }
  });
});
