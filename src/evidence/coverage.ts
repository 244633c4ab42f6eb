/** How complete what was heard of the sources is, beside a window of time: what was never received is in no bundle. */

/** What is known of a source (`GET /v1/sources`). */
export interface HeardSource {
  source: string;
  events: number;
  firstHeardAt?: string;
  lastHeardAt?: string;
  highestSequence?: number | null;
  missing?: readonly (readonly [number, number])[];
  missingCount: number;
  late?: number;
  outOfOrder?: number;
  quarantined: number;
}

export type CoverageFinding =
  /** The question names it, and nothing was ever heard of it. */
  | 'never-heard'
  /** Nothing was heard of it within the window. */
  | 'silent'
  /** It was heard first after the window began. */
  | 'began-late'
  /** It was heard last before the window ended. */
  | 'ended-early'
  /** Sequence numbers were never received. */
  | 'gaps'
  /** Something of it came into quarantine. */
  | 'quarantined';

export interface Coverage {
  /** UTC; absent where the question has no such bound. */
  window: { from?: string; to?: string };
  /** The state that is told is that of this position and moment, and not of the window. */
  position: number;
  asOf: string;
  sources: (HeardSource & { findings: CoverageFinding[] })[];
}

/**
 * What has to be known of each source to judge what is not in a bundle.
 * @param named the sources that the question names; all when absent
 */
export function coverageOf(
  { items, position, asOf }: { items: readonly HeardSource[]; position: number; asOf: string },
  window: Coverage['window'],
  named?: readonly string[],
): Coverage {
  const heard = new Map(items.map((item) => [item.source, item]));
  const known = named === undefined ? items : named.map((source) => heard.get(source) ?? unheard(source));
  return { window, position, asOf, sources: known.map((item) => ({ ...item, findings: findingsOf(item, window) })) };
}

const unheard = (source: string): HeardSource => ({ source, events: 0, missingCount: 0, quarantined: 0 });

/** Times are UTC with milliseconds, all of one length: they compare as texts. */
function findingsOf(
  { firstHeardAt, lastHeardAt, missingCount, quarantined }: HeardSource,
  { from, to }: Coverage['window'],
): CoverageFinding[] {
  if (firstHeardAt === undefined || lastHeardAt === undefined) return ['never-heard'];
  const findings: CoverageFinding[] = [];
  const isSilent = (from !== undefined && lastHeardAt < from) || (to !== undefined && firstHeardAt >= to);
  if (isSilent) findings.push('silent');
  else if (from !== undefined && firstHeardAt > from) findings.push('began-late');
  if (!isSilent && to !== undefined && lastHeardAt < to) findings.push('ended-early');
  if (missingCount > 0) findings.push('gaps');
  if (quarantined > 0) findings.push('quarantined');
  return findings;
}
