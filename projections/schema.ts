import type { CompletenessTables } from './completeness/tables.ts';
import type { EntriesTables } from './entries/tables.ts';
import type { RemarksTables } from './findings/remarks-tables.ts';
import type { FindingsTables } from './findings/tables.ts';
import type { HoldsTables } from './holds/tables.ts';
import type { QuarantineTables } from './quarantine/tables.ts';
import type { RetentionTables } from './retention/tables.ts';
import type { StateTables } from './state/tables.ts';

export interface CheckpointsTable {
  name: string;
  version: number;
  position: number;
  /** `recordedAt` of the event at `position`, milliseconds since 1970. */
  recorded_at: number;
  /** Id of the event at `position`, by which the rows of another log are told apart. */
  event_id: string;
  /** 1 while rows are loaded and indexes are still to be made. */
  loading: number;
}

/** Every table of the read models. */
export interface Schema
  extends EntriesTables,
    CompletenessTables,
    QuarantineTables,
    HoldsTables,
    RetentionTables,
    StateTables,
    FindingsTables,
    RemarksTables {
  checkpoints: CheckpointsTable;
}
