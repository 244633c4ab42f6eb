import fc from 'fast-check';
import { differences } from '../../src/policy/differences.ts';
import { digestOf } from '../../src/policy/normal-form.ts';
import { MAILIT, mistakesOf, read, SHOP, shopWith } from './given.ts';

const told = (from: string, to: string) => differences(read(SHOP), read(shopWith(from, to)));
const back = (from: string, to: string) => differences(read(shopWith(from, to)), read(SHOP));
const words = (list: ReturnType<typeof told>) => list.map((each) => each.words);

describe('what changed is said in words, and for whom', () => {
  it('nothing, where the texts only look different', () => {
    expect(differences(read(MAILIT), read(`# another comment\n${MAILIT}`))).toEqual([]);
  });

  it('a category of data', () => {
    expect(told('subscriber: [name]', 'subscriber: [name, phone]')).toEqual([
      { section: 'purposes', kind: 'changed', whom: ['subscriber'], words: 'For newsletter, more data of subscriber: phone' },
    ]);
    expect(words(back('subscriber: [name]', 'subscriber: [name, phone]'))).toEqual(['For newsletter, no longer data of subscriber: phone']);
  });

  it('a purpose', () => {
    const payment = 'payment: { about: Paying., bases: { 6(1)(b): {} }, data: { customer: [name] }, clauses: [1] }\n  newsletter:';
    expect(told('newsletter:', payment)).toEqual([
      {
        section: 'purposes',
        kind: 'added',
        whom: ['customer'],
        words: 'New purpose payment, resting on 6(1)(b), with data of customer (name): Paying.',
      },
    ]);
    expect(words(back('newsletter:', payment))).toEqual([
      'Given up: the purpose payment, resting on 6(1)(b), with data of customer (name): Paying.',
    ]);
  });

  it.each([
    ['a legal basis', '6(1)(a): {}', '6(1)(a): {}, 6(1)(f): { assessments: [LIA-1] }', 'Now also: newsletter may rest on 6(1)(f)'],
    ['other people', 'subscriber: [name]', 'subscriber: [name], customer: [name]', 'Now also for newsletter: data of customer (name)'],
    [
      'a way of collecting',
      'order:',
      'sms: { purposes: [newsletter], origins: [subject], channels: [sms], clauses: [1] }\n  order:',
      'New way of collecting sms: from subject by sms, for newsletter',
    ],
    [
      'a recipient',
      'banks:',
      'agency: { name: Agency, role: independent-controller, country: NO, purposes: [newsletter], clauses: [1] }\n  banks:',
      'New recipient Agency (agency), independent-controller in NO, for newsletter',
    ],
    ['a member of a group', 'two: {', 'three: { name: Three }, two: {', 'New among banks: Three (three)'],
    [
      'what a recipient gets data for',
      '    purposes: [contract-fulfilment]\n    organisations',
      '    purposes: [newsletter]\n    organisations',
      'banks may also get data for newsletter',
    ],
    [
      'where a recipient is',
      'role: supervisory-authority, country: SE',
      'role: supervisory-authority, country: NO',
      'imy receives data in NO instead of SE',
    ],
    ['where data is processed', 'territory: { area', 'territory: { countries: [CH], area', 'Data may also be processed in CH'],
    ['how long data is kept', 'P24M', 'P1Y', 'Data for contract-fulfilment is kept for 1 year instead of 24 months (shorter)'],
    [
      'how a period is written',
      'P24M',
      'P2Y',
      'Data for contract-fulfilment is kept for 2 years instead of 24 months (the same length, written otherwise)',
    ],
    ['the clock of requests', 'within: P1M', 'within: P2M', 'Requests are answered within 2 months instead of 1 month (longer)'],
    ['a right', 'rights: {', 'rights: { portability: { clauses: [1] }, ', 'New right: portability'],
    [
      'an agreement',
      'agreements: { A-1',
      'agreements: { A-2: { from: 2025-01-01, countries: [SE], purposes: [newsletter], categories: [name] }, A-1',
      'New agreement A-2 with host',
    ],
    [
      'what there are no words for',
      'contact: privacy@shop.example',
      'contact: dpo@shop.example',
      'controller.contact: "dpo@shop.example" instead of "privacy@shop.example"',
    ],
  ])('%s', (_, from, to, expected) => {
    expect(words(told(from, to))).toContain(expected);
  });

  it('is told exactly where the digests differ', () => {
    const lines = SHOP.split('\n');
    fc.assert(
      fc.property(
        fc.nat(lines.length - 1),
        fc.nat(lines.length - 1),
        fc.constantFrom('SE', 'P9M', '[1]', 'name', 'x'),
        (first, second, value) => {
          const text = lines
            .map((line, i) => (i === first || i === second ? line.replace(/(?<=: |\[)(SE|P\w+|name|Host|One|Banks)/, value) : line))
            .join('\n');
          if (mistakesOf(text).length > 0) return;
          const [a, b] = [read(SHOP), read(text)];
          expect(differences(a, b).length > 0).toBe(digestOf(a) !== digestOf(b));
          expect(differences(b, a).length > 0).toBe(digestOf(a) !== digestOf(b));
        },
      ),
      { numRuns: 100 },
    );
  });
});
