/** Entries in the stored form, as the write side would leave them: what is sealed is random bytes of the usual size. */
import { createHash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { NewEvent } from '../src/eventstore/event-store.ts';
import type { Entry } from '../src/ledger/entry.ts';

export const PEOPLE = 50_000;
export const ACTORS = 200;
const CASES = 20_000;
/** From here on, one event every hundred milliseconds. */
export const FIRST_TIME = Date.UTC(2026, 0, 1);
export const STEP_MS = 100;

const SYSTEMS = ['billing', 'crm', 'newsletter', 'support', 'recruitment'];
const PURPOSES = ['contract-fulfilment', 'customer-communication', 'tax-reporting', 'payment', 'newsletter', 'recruitment'];
const BASES = ['6(1)(a)', '6(1)(b)', '6(1)(c)', '6(1)(f)'];
const CATEGORIES = ['name', 'work-email', 'phone', 'correspondence', 'usage', 'bank-account', 'tax'];
const RECIPIENTS = ['skatteverket', 'nordbank', 'postnord', 'printshop'];
const TYPES = ['PersonalDataAccessed', 'PersonalDataUsed', 'PersonalDataDisclosed', 'PersonalDataCollected'];

/** A linear congruential generator: the same events in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** 22 characters that always stand for the same person. */
export function reference(kind: string, number: number): string {
  return createHash('sha256').update(`${kind} ${number}`).digest().toString('base64url', 0, 16);
}

/** Makes events one after the other, from the first. */
export function entries(seed = 1): (count: number) => { stream: string; event: NewEvent }[] {
  const random = generator(seed);
  const people = Array.from({ length: PEOPLE }, (_, i) => reference('person', i));
  const actors = Array.from({ length: ACTORS }, (_, i) => reference('actor', i));
  const cases = Array.from({ length: CASES }, (_, i) => reference('case', i));
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const noise = randomBytes(4096).toString('base64');
  const sealed = () => noise.slice(random(4000), 200 + random(40)).padEnd(200, 'A');
  let number = 0;
  const next = () => {
    number++;
    const system = random(SYSTEMS.length);
    const type = pick(TYPES);
    const first = random(CATEGORIES.length);
    const entry: Entry = {
      format: 1,
      source: `urn:mailit:${SYSTEMS[system]}`,
      id: `2026-03-02-${String(number).padStart(9, '0')}`,
      time: new Date(FIRST_TIME + number * STEP_MS).toISOString(),
      sequence: number,
      version: 1,
      data: {
        actor: { reference: pick(actors), kind: 'human', role: 'accountant', capacity: 'controller' },
        controller: 'mailit',
        categories: [CATEGORIES[first] as string, CATEGORIES[(first + 1) % CATEGORIES.length] as string],
        purpose: pick(PURPOSES),
        legalBasis: BASES[system % BASES.length] as string,
        system: SYSTEMS[system] as string,
        country: 'SE',
        ...(random(2) === 0 && { caseRef: pick(cases) }),
        ...(type === 'PersonalDataDisclosed' && {
          ...{ method: 'api', consideration: 'none' },
          recipient: { id: pick(RECIPIENTS), role: 'independent-controller', country: 'SE' },
        }),
        ...(type === 'PersonalDataAccessed' && { mode: random(10) === 0 ? 'search' : 'view', outcome: random(50) === 0 ? 'denied' : 'ok' }),
        subjects: Array.from({ length: random(20) === 0 ? 3 : 1 }, () => ({
          reference: pick(people),
          category: 'customer',
          sealed: sealed(),
        })),
      },
    };
    if (entry.data.subjects.length > 1) entry.sealed = { under: 'subjects', part: sealed() };
    return {
      stream: `processing-${entry.source}`,
      event: { id: uuidv7(), type, data: JSON.stringify(entry), metadata: '{"keyId":"bench"}' },
    };
  };
  return (count) => Array.from({ length: count }, next);
}
