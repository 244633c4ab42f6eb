/** What is wrong with an event. It never holds a value of the event. */
export interface Problem {
  /** A JSON pointer (RFC 6901) into the event. */
  path: string;
  /** The rule that is broken: `required`, `unknown-code`, `email-in-clear` … */
  rule: string;
  /** What is expected and what to do. */
  message: string;
}

/** More problems of one event are not listed. */
export const PROBLEM_LIMIT = 50;
