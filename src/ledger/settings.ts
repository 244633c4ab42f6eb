/** What the write side has to be told; made from the configuration by the composition root. */
export class LedgerSettings {
  readonly #controller: string | (() => string);
  /** How long what is sealed about nobody stays readable after its month, days. */
  readonly unboundDays: number;
  /** How long a quarantined item stays readable after its month, days. */
  readonly quarantineDays: number;
  /** How long the file of a case stays readable after it was begun, days. */
  readonly caseDays: number;

  /** @param settings its `controller` may change while the ledger runs: a policy is published, or begins */
  constructor(settings: { controller: string | (() => string); unboundDays: number; quarantineDays: number; caseDays: number }) {
    this.#controller = settings.controller;
    this.unboundDays = settings.unboundDays;
    this.quarantineDays = settings.quarantineDays;
    this.caseDays = settings.caseDays;
  }

  /** The controller of an event that names none. */
  get controller(): string {
    return typeof this.#controller === 'string' ? this.#controller : this.#controller();
  }
}
