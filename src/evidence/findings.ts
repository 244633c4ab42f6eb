/** What was found wrong with a bundle. */

/**
 * - `intact`: everything holds.
 * - `tampered`: it is a bundle, and something in it is not what was signed, or does not follow from it.
 * - `could-not-tell`: it cannot be read as one, or nobody who is trusted has signed it.
 */
export type Verdict = 'intact' | 'tampered' | 'could-not-tell';

/** Something that does not hold; nothing that stands in the file is repeated. */
export interface Problem {
  /** Of the bundle; absent where it is the file itself. */
  file?: string;
  /** From 1. */
  line?: number;
  message: string;
}

const MAX_PROBLEMS = 20;

export class Findings {
  /** In the order in which it is checked: the first is the one to look at. */
  readonly problems: Problem[] = [];
  verdict: Verdict = 'intact';

  tampered(problem: Problem): void {
    this.verdict = 'tampered';
    this.#add(problem);
  }

  /** That it was tampered with stands, once it is known. */
  untold(problem: Problem): void {
    if (this.verdict === 'intact') this.verdict = 'could-not-tell';
    this.#add(problem);
  }

  #add(problem: Problem): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }
}
