/** What the write side has to be told; made from the configuration by the composition root. */
export class LedgerSettings {
  /** The controller of an event that names none. */
  readonly controller: string;
  /** How long what is sealed about nobody stays readable after its month, days. */
  readonly unboundDays: number;
  /** How long a quarantined item stays readable after its month, days. */
  readonly quarantineDays: number;
  /** How long the file of a case stays readable after it was begun, days. */
  readonly caseDays: number;

  constructor(settings: { controller: string; unboundDays: number; quarantineDays: number; caseDays: number }) {
    this.controller = settings.controller;
    this.unboundDays = settings.unboundDays;
    this.quarantineDays = settings.quarantineDays;
    this.caseDays = settings.caseDays;
  }
}
