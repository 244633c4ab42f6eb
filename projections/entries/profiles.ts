import { hash } from 'node:crypto';
import type { StoredData } from '../../src/ledger/entry.ts';
import type { Page, ProjectedEvent, Tx } from '../projection.ts';
import { highest, Memory } from './numbers.ts';
import type { Profile } from './tables.ts';

/** Axes whose values come from short lists. */
export const CODE_AXES = ['type', 'source', 'system', 'purpose', 'legalBasis', 'category', 'country'] as const;

export const PROFILE_COLUMNS = [
  ...['type', 'source', 'system', 'purpose', 'legal_basis', 'country', 'recipient_role', 'recipient_country'],
  ...['categories', 'mode', 'outcome', 'decided', 'actor_kind', 'capacity', 'subject_categories', 'transfer_tool'],
] as (keyof Profile)[];

/** Profiles remembered, about. Real systems have some hundreds; were there as many as events, each would only cost more. */
const REMEMBERED = 50_000;

/** Gives every combination of codes a small number, for ever. */
export class Profiles {
  readonly #memory = new Memory<number>(REMEMBERED);
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  /** The profile of each event of a page. New ones get their numbers in the order of the log, so that a rebuild gives the same. */
  async of(tx: Tx, page: Page): Promise<number[]> {
    this.#memory.age();
    const numbers: number[] = [];
    for (const event of page) {
      const key = keyOf(event);
      let number = this.#memory.get(key);
      if (number === undefined) {
        number = await this.#number(tx, event);
        this.#memory.set(key, number);
      }
      numbers.push(number);
    }
    return numbers;
  }

  forget(): void {
    this.#memory.clear();
    this.#last = undefined;
  }

  async #number(tx: Tx, event: ProjectedEvent): Promise<number> {
    const profile = profileOf(event);
    const digest = hash('sha256', JSON.stringify(profile), 'base64url');
    const known = await tx.db.selectFrom('entries_profiles').select('id').where('digest', '=', digest).executeTakeFirst();
    if (known) return known.id;
    this.#last ??= await highest(tx.db, 'entries_profiles');
    const id = ++this.#last;
    tx.insertMany('entries_profiles', ['id', 'digest', ...PROFILE_COLUMNS], [id, digest, ...PROFILE_COLUMNS.map((name) => profile[name])]);
    const codes = codesOf(profile).flatMap(([axis, code]) => [axis, code, id]);
    tx.insertMany('entries_profile_codes', ['axis', 'code', 'profile'], codes);
    return id;
  }
}

/** The codes of an event as a key of the memory. */
function keyOf({ type, entry: { source, data } }: ProjectedEvent): string {
  const { system, purpose, legalBasis, country, recipient, categories, mode, outcome, decisionRef, transferTool } = data;
  const to = recipient === undefined ? '' : `${recipient.role}\x01${recipient.country}`;
  const what = categories === undefined ? '' : categories.join('\x01');
  return `${type}\0${source}\0${system}\0${purpose}\0${legalBasis}\0${country}\0${to}\0${what}\0${mode}\0${outcome}\0${decisionRef === undefined}\0${data.actor.kind}\0${data.actor.capacity}\0${transferTool}\0${whose(data)}`;
}

/** The categories of the people of an event, sorted; of most there is one person. */
function whose({ subjects }: StoredData): string {
  if (subjects.length < 2) return subjects.length === 0 ? '[]' : `[${JSON.stringify(subjects[0]?.category ?? null)}]`;
  return JSON.stringify([...new Set(subjects.map(({ category = null }) => category))].sort());
}

function profileOf({ type, entry: { source, data } }: ProjectedEvent): Profile {
  return {
    type,
    source,
    system: text(data.system),
    purpose: text(data.purpose),
    legal_basis: text(data.legalBasis),
    country: text(data.country),
    recipient_role: text(data.recipient?.role),
    recipient_country: text(data.recipient?.country),
    categories: JSON.stringify([...new Set(data.categories ?? [])]),
    mode: text(data['mode']),
    outcome: text(data['outcome']),
    decided: data['decisionRef'] === undefined ? 0 : 1,
    actor_kind: text(data.actor.kind),
    capacity: text(data.actor.capacity),
    subject_categories: whose(data),
    transfer_tool: text(data['transferTool']),
  };
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A country is matched where something happened and where a recipient is. */
function codesOf(profile: Profile): [string, string][] {
  const codes: [(typeof CODE_AXES)[number], string | null][] = [
    ['type', profile.type],
    ['source', profile.source],
    ['system', profile.system],
    ['purpose', profile.purpose],
    ['legalBasis', profile.legal_basis],
    ['country', profile.country],
  ];
  if (profile.recipient_country !== profile.country) codes.push(['country', profile.recipient_country]);
  for (const category of JSON.parse(profile.categories) as string[]) codes.push(['category', category]);
  return codes.filter((code): code is [(typeof CODE_AXES)[number], string] => code[1] !== null);
}
