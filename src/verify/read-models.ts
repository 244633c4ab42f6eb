/** Read models against what the log says that they should have: their rows are counted, up to where they have come. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { allProjections } from '../../projections/all.ts';
import { COUNTED, type Counted, type Counts, type Limits } from './counts.ts';
import type { Finding, ProjectionCompared } from './result.ts';
import { SqliteFile } from './sqlite-file.ts';

/** Of one moment: where each read model has come, and what it has. */
export interface ReadModels {
  limits: Limits;
  rows: Counts;
  /** Those that cannot be compared, with the reason. */
  left: ProjectionCompared[];
}

/** Sources of which it is told that they differ. */
const MAX_SOURCES = 20;

/**
 * Counts the rows of `views.db`.
 * @returns undefined where there is no such file
 * @throws CannotTell where it cannot be read
 */
export function readModelsOf(folder: string): ReadModels | undefined {
  const path = join(folder, 'views.db');
  if (!existsSync(path)) return undefined;
  const file = new SqliteFile(path);
  try {
    return file.atOnce(() => counted(file));
  } finally {
    file.close();
  }
}

function counted(file: SqliteFile): ReadModels {
  const versions = new Map(allProjections().map(({ name, version }) => [name, version]));
  const limits: Limits = {};
  const left: ProjectionCompared[] = [];
  for (const [name, version, position, loading] of file.rows('SELECT name, version, position, loading FROM checkpoints ORDER BY name')) {
    const why = whyNot(String(name), loading === 1, versions.get(String(name)) === version);
    if (why === undefined) limits[name as Counted] = position as number;
    else left.push({ name: String(name), state: 'not-compared', why });
  }
  const count = (sql: string, of: Counted): number => (limits[of] === undefined ? 0 : (file.value(sql) as number));
  return {
    ...{ limits, left },
    rows: {
      // Of the index of entries every event has one row here and one there: the fewer count.
      entries: count('SELECT min((SELECT count(*) FROM entries_facts), (SELECT count(*) FROM entries_documents))', 'entries'),
      quarantine: count('SELECT count(*) FROM quarantine_items', 'quarantine'),
      holds: count('SELECT (SELECT count(*) FROM holds_placed) + (SELECT count(*) FROM holds_released)', 'holds'),
      completeness:
        limits.completeness === undefined
          ? []
          : file
              .rows('SELECT source, events, quarantined FROM completeness_sources ORDER BY source')
              .map(([source, events, quarantined]) => [String(source), [events as number, quarantined as number]]),
    },
  };
}

function whyNot(name: string, isLoading: boolean, isThisVersion: boolean): string | undefined {
  if (!(COUNTED as readonly string[]).includes(name)) return 'it has nothing that could be counted';
  if (isLoading) return 'it is being made anew';
  return isThisVersion ? undefined : 'it was made by another version of this program';
}

/** @param log what was counted on the way through the log, up to the same positions */
export function compareReadModels(
  { limits, rows, left }: ReadModels,
  log: Counts,
): { compared: ProjectionCompared[]; findings: Finding[] } {
  const findings: Finding[] = [];
  const compared = COUNTED.flatMap((name): ProjectionCompared[] => {
    const position = limits[name];
    if (position === undefined) return [];
    const found = name === 'completeness' ? sourcesThatDiffer(rows, log) : countThatDiffers(name, rows[name], log[name]);
    findings.push(...found);
    const counted = name === 'completeness' ? rows.completeness.length : rows[name];
    return [{ name, state: found.length > 0 ? 'differs' : 'agrees', position, counted }];
  });
  return { compared: [...compared, ...left], findings };
}

function countThatDiffers(projection: string, has: number, should: number): Finding[] {
  if (has === should) return [];
  return [
    { kind: 'projection', projection, what: `it has ${has} where the log has ${should}: make it anew with liggare rebuild ${projection}` },
  ];
}

function sourcesThatDiffer(rows: Counts, log: Counts): Finding[] {
  const [has, should] = [new Map(rows.completeness), new Map(log.completeness)];
  const differing = [...new Set([...has.keys(), ...should.keys()])]
    .sort()
    .filter((source) => String(has.get(source)) !== String(should.get(source)));
  return differing.slice(0, MAX_SOURCES).map((source) => ({
    ...{ kind: 'projection', projection: 'completeness', source },
    what: `of this source it counts ${inWords(has.get(source))}, and the log has ${inWords(should.get(source))}: make it anew with liggare rebuild completeness`,
  }));
}

const inWords = (of: [number, number] | undefined): string => (of ? `${of[0]} records and ${of[1]} in quarantine` : 'nothing');

/** Why the counts cannot be compared this time. */
export function notCompared({ limits, left }: ReadModels, why: string): ProjectionCompared[] {
  return [
    ...COUNTED.filter((name) => limits[name] !== undefined).map((name): ProjectionCompared => ({ name, state: 'not-compared', why })),
    ...left,
  ];
}
