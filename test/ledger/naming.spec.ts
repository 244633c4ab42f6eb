import { namesOneOf } from '../../src/ledger/record/naming.ts';

const EMAIL = { scheme: 'email', value: 'kim.lind@example.com' };
const NUMBER = { scheme: 'personal-identity-number', value: '198112189876' };
const CUSTOMER = { scheme: 'customer-number', value: 'KX-778899' };
const RUNNING = { scheme: 'customer-number', value: '10027' };
const ACTOR = { scheme: 'actor', value: 'anna.berg' };
const event = (data: object, envelope: object = {}) => ({
  id: '2026-1',
  source: 'urn:mailit:crm',
  time: '2026-03-02T09:14:07Z',
  data,
  ...envelope,
});

describe('What somebody sent names a person', () => {
  it.each([
    ['by e-mail in any case', EMAIL, event({ note: 'Ask Kim.Lind@Example.com.' })],
    ['by an e-mail that an address encodes', EMAIL, event({ statuteRef: 'kim.lind%40example.com' })],
    ['by an e-mail in full-width characters', EMAIL, event({ note: 'kim.lind＠example.com' })],
    ['by an e-mail as the name of a member', EMAIL, event({ extra: { 'kim.lind@example.com': 1 } })],
    ['by a number without its century', NUMBER, event({ note: 'nr 811218-9876' })],
    ['by a number with spaces', NUMBER, event({ note: '1981 12 18 9876' })],
    ['by a number as a number', NUMBER, event({ subjects: [{ value: 198112189876 }] })],
    ['where a code should stand', CUSTOMER, event({ purpose: 'KX-778899' })],
    ['beside a code', CUSTOMER, event({ system: 'K KX-778899' })],
    ['in the id', CUSTOMER, event({}, { id: 'q-9-KX-778899' })],
    ['as the name of a member', CUSTOMER, event({ extra: { 'kx-778899': 'x' } })],
    ['as an actor where a code should stand', ACTOR, event({ system: 'anna.berg' })],
    ['by a running number, as a whole', RUNNING, event({ subjects: [{ value: '10027' }] })],
    ['by a running number in a text', RUNNING, event({ note: 'Customer 10027 called.' })],
  ])('%s', (_, person, sent) => expect(namesOneOf(sent, [person])).toBe(true));

  it.each([
    ['another number', NUMBER, event({ note: '811218-9877' })],
    ['a longer number', NUMBER, event({ note: '4198112189876' })],
    ['another address', EMAIL, event({ note: 'jokim.lind@example.com, kim.lind@example.community' })],
    ['a running number in the record’s own count', RUNNING, event({}, { id: '2026-10027', sequence: '10027' })],
    ['a part of a word', CUSTOMER, event({ note: 'AKX-7788991' })],
    ['a percent sign that encodes nothing', EMAIL, event({ note: '100% kim.lind%zzexample.com' })],
  ])('not by %s', (_, person, sent) => expect(namesOneOf(sent, [person])).toBe(false));
});
