/**
 * Tables, unique indexes, triggers and views of a file against those that the program makes: without the triggers the log is append-only no
 * more, and another view shows other events than are there.
 */
import { basename } from 'node:path';
import type { Finding } from './result.ts';
import { type Made, type SqliteFile, schemaMadeBy } from './sqlite-file.ts';

/**
 * @param sql the words that the program makes such a file with
 * @throws CannotTell
 */
export function checkSchema(file: SqliteFile, sql: string): Finding[] {
  const name = basename(file.path);
  const [made, found] = [byName(schemaMadeBy(sql)), byName(file.schema())];
  const names = [...new Set([...made.keys(), ...found.keys()])].sort();
  return names.flatMap((of): Finding[] => {
    const what = differenceOf(made.get(of), found.get(of));
    return what === undefined ? [] : [{ kind: 'schema', object: `${of} of ${name}`, what }];
  });
}

const byName = (schema: readonly Made[]): Map<string, string> => new Map(schema.map(({ type, name, sql }) => [`${type} ${name}`, sql]));

function differenceOf(made: string | undefined, found: string | undefined): string | undefined {
  if (found === undefined) return 'it is missing';
  if (made === undefined) return 'this program does not make it';
  return made === found ? undefined : 'it is not as this program makes it';
}
