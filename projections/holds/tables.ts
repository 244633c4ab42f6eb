/** Legal holds (Art. 17(3)) and what became of them. Whether one is open is decided when it is asked, so that a release may arrive before its hold. */
export interface HoldsTables {
  holds_placed: {
    position: number;
    /** 16 bytes: `recordKey(source, id)`. */
    record: Buffer;
    source: string;
    id: string;
    /** When it was placed by its source's clock, milliseconds since 1970. */
    time: number;
    recorded_at: number;
    ground: string;
    /** As it was said: a date, or a date-time. */
    review_by: string;
    /** JSON; null where everything is held. */
    scope: string | null;
  };
  /** Releases by the hold that they are about, whether that is known or not. */
  holds_released: { position: number; record: Buffer; target: Buffer };
  /** Whom a hold or a release names. */
  holds_subjects: { reference: string; position: number };
  /** Corrections and retractions of any record; those that came before what they point at do not count. */
  holds_corrections: { position: number; record: Buffer; target: Buffer; replacement: Buffer | null };
}
