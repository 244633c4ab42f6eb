import type { Entry, StoredData } from '../src/ledger/entry.ts';
import { eventType, upcast } from '../src/ledger/events.ts';

/**
 * An entry as it stands in the log, its data in the shape of the latest version. A type or version that this program does not
 * know is left as it is.
 * @throws UnknownEventVersion
 */
export function latestOf(type: string, text: string): Entry {
  const entry = JSON.parse(text) as Entry;
  const latest = eventType(type)?.version ?? entry.version;
  if (entry.version < latest) entry.data = upcast(type, entry.version, entry.data) as StoredData;
  return entry;
}
