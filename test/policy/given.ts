import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { eventTypes } from '../../src/ledger/events.ts';
import type { Policy } from '../../src/policy/document.ts';
import type { Names } from '../../src/policy/form.ts';
import { InvalidPolicy, parsePolicy } from '../../src/policy/parse.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';

export const POLICIES = resolve(import.meta.dirname, '../../policies');
export const MAILIT = readFileSync(resolve(POLICIES, 'mailit.yaml'), 'utf8');

/** The built-in codes, and the types of events. */
export const NAMES: Names = { vocabulary: Vocabulary.builtIn(), eventTypes: new Set(eventTypes().map(({ type }) => type)) };

export const read = (text: string): Policy => parsePolicy(text, NAMES);

/** A small policy that is right: a shop with one purpose. */
export const SHOP = `
format: 1
policy: shop
version: '1'
effectiveFrom: 2024-01-01
title: Privacy at the shop
language: en
clauses:
  1: { title: Everything }
  2: { title: A definition, nothingFollows: It only defines. }
controller: { id: shop, name: The Shop, country: SE, contact: privacy@shop.example, supervisoryAuthority: imy, clauses: [1] }
publication: { url: 'https://shop.example/privacy', clauses: [1] }
subjectCategories: { customer: { clauses: [1] }, subscriber: { clauses: [1] } }
dataCategories: { name: { clauses: [1] }, phone: { clauses: [1] } }
purposeLimitation: { clauses: [1] }
minimisation: { clauses: [1] }
assessments: { LIA-1: { about: Weighed., from: 2024-01-01, until: 2025-12-31, clauses: [1] } }
purposes:
  contract-fulfilment:
    about: Selling.
    bases: { 6(1)(b): { subjects: [customer] }, 6(1)(f): { assessments: [LIA-1] } }
    data: { customer: [name, phone] }
    clauses: [1]
  newsletter:
    about: Letters.
    bases: { 6(1)(a): {} }
    data: { subscriber: [name] }
    clauses: [1]
collection:
  order: { purposes: [contract-fulfilment], origins: [subject], channels: [web-form], clauses: [1] }
disclosure: { clauses: [1] }
recipients:
  imy: { name: IMY, role: supervisory-authority, country: SE, purposes: [contract-fulfilment], clauses: [1] }
  banks:
    name: Banks
    role: independent-controller
    country: SE
    purposes: [contract-fulfilment]
    organisations: { one: { name: One }, two: { name: Two, country: FI, aliases: [deux] } }
    clauses: [1]
processors:
  host:
    name: Host
    role: processor
    service: Servers.
    agreements: { A-1: { from: 2024-01-01, countries: [SE], purposes: [contract-fulfilment], categories: [name] } }
    clauses: [1]
territory: { area: EEA-30, clauses: [1] }
storage: { clauses: [1] }
retention:
  orders: { purposes: [contract-fulfilment], trigger: last-processing, period: P24M, clauses: [1] }
requests: { within: P1M, extension: P2M, clauses: [1] }
rights: { access: { clauses: [1] } }
review: { every: P12M, clauses: [1] }
`;

/** The shop's policy with one text in place of another. @throws where it is not there */
export function shopWith(from: string, to: string): string {
  if (!SHOP.includes(from)) throw new Error(`the shop's policy has no ${from}`);
  return SHOP.replace(from, () => to);
}

/** What is told of a text, as `line:column message`. */
export function mistakesOf(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (error instanceof InvalidPolicy) return error.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`);
    throw error;
  }
  return [];
}

/** Where the first occurrence of a text stands: `line:column`. */
export function placeOf(text: string, part: string): string {
  const before = text.slice(0, text.indexOf(part)).split('\n');
  return `${before.length}:${(before.at(-1) as string).length + 1}`;
}
