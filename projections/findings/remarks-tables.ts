/** What somebody said of a finding. */
export type RemarkKind = 'acknowledged' | 'explained';

/** Who said what of which finding, and when. The words stand sealed in the event. */
export interface RemarksTables {
  findings_remarks: {
    position: number;
    /** 16 bytes, as in `findings_rows`: it may be one that is gone, or of which this program says nothing any more. */
    finding: Buffer;
    kind: RemarkKind;
    /** Milliseconds since 1970. */
    recorded_at: number;
  };
}
