import type { Finding, FindingKind, Hindrance } from './result.ts';

/** Findings of one kind that are listed. */
export const LISTED = 20;
/** Hindrances that are listed: a damaged disk has many pages. */
const LISTED_HINDRANCES = 20;
/** Characters shown of what stands in the files: names and ids are far shorter where they were not tampered with. */
const SHOWN = 300;

/** Gathers what differs: all is counted, of each kind the first ones are kept. */
export class Findings {
  readonly #kept = new Map<FindingKind, Finding[]>();
  readonly #counted = new Map<FindingKind, number>();
  readonly hindrances: Hindrance[] = [];

  add(finding: Finding): void {
    this.#counted.set(finding.kind, (this.#counted.get(finding.kind) ?? 0) + 1);
    const kept = this.#kept.get(finding.kind) ?? [];
    this.#kept.set(finding.kind, kept);
    // Threads tell of different parts in any order: the first by leaf are those that count.
    kept.push(shortened(finding));
    kept.sort(inOrder);
    if (kept.length > LISTED) kept.pop();
  }

  addAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.add(finding);
  }

  /** Counted without being listed: the same as one that is. */
  count(kind: FindingKind, more: number): void {
    if (more > 0) this.#counted.set(kind, (this.#counted.get(kind) ?? 0) + more);
  }

  hinder(hindrance: Hindrance): void {
    if (this.hindrances.length < LISTED_HINDRANCES && !this.hindrances.some(({ what }) => what === hindrance.what))
      this.hindrances.push(hindrance);
  }

  /** Those of a kind that are listed; they can be told more of. */
  listed(kind: FindingKind): readonly Finding[] {
    return this.#kept.get(kind) ?? [];
  }

  get isEmpty(): boolean {
    return this.#counted.size === 0;
  }

  list(): Finding[] {
    return [...this.#kept.values()].flat().sort(inOrder);
  }

  counted(): Partial<Record<FindingKind, number>> {
    return Object.fromEntries([...this.#counted].sort());
  }
}

/** Where leaves are alike: what happened to events says more than what of it shows in the tree. */
const RANK: readonly FindingKind[] = [
  'rolled-back',
  'event-missing',
  'event-inserted',
  'events-exchanged',
  'event-changed',
  'history-rewritten',
  'event-form',
  'revision',
  'position',
  'tile',
  'head',
  'cosignature',
  'key',
  'generation',
  'schema',
  'projection',
];

function inOrder(a: Finding, b: Finding): number {
  const at = ({ index, position }: Finding) => index ?? position ?? Number.MAX_SAFE_INTEGER;
  return at(a) - at(b) || RANK.indexOf(a.kind) - RANK.indexOf(b.kind) || (a.head ?? 0) - (b.head ?? 0);
}

function shortened(finding: Finding): Finding {
  const entries = Object.entries(finding).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' && value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value]),
  ) as unknown as Finding;
}
