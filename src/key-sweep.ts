import type { EventStore, RecordedEvent } from './eventstore/event-store.ts';
import type { Entry, Reference } from './ledger/entry.ts';
import { eventType } from './ledger/events.ts';
import { fieldsOf } from './ledger/record/catalogue.ts';
import type { KeyVault, UsedReferences } from './privacy/key-vault.ts';

/** At the start nobody waits for this thread but the start. */
const PAGE_EVENTS = 500;
/** Later the thread has others to serve: a page is read and searched in a millisecond or two. */
const PAGE_AT_REST = { events: 100, bytes: 256 * 1024 };
const INTERVAL_MS = 5000;

/** Whatever looks like a reference: match digests do too, and confirming one of those does nothing. */
const REFERENCE = /"([A-Za-z0-9_-]{22})"/g;

function usedBy(page: readonly RecordedEvent[]): UsedReferences {
  const references = new Set<string>();
  for (const { data } of page) for (const [, reference] of data.matchAll(REFERENCE)) references.add(reference as string);
  return { position: (page.at(-1) as RecordedEvent).position, references };
}

/** People, sessions and credentials that an event names: whoever of them the key store does not know was lost. */
function namedIn({ type, data: text }: RecordedEvent): Reference[] {
  const { version, data } = JSON.parse(text) as Entry;
  const { reference, onBehalfOf, credentialRef, sessionRef } = data.actor;
  // A later version of this program may have types that are not known here.
  const isKnown = version <= (eventType(type)?.version ?? 0);
  const others = isKnown ? [...fieldsOf(type, version).people].map((field) => data[field]) : [];
  const named = [reference, onBehalfOf, credentialRef, sessionRef, ...data.subjects.map((subject) => subject.reference), ...others];
  return named.filter((one): one is Reference => typeof one === 'string');
}

/** The log after a position, as the references that it uses. */
export async function* referencesAfter(store: EventStore, position: number): AsyncGenerator<UsedReferences> {
  for (let after = position; ; ) {
    const page = await store.readAll(after, PAGE_EVENTS);
    if (page.length === 0) return;
    const used = usedBy(page);
    after = used.position;
    yield { ...used, named: page.flatMap(namedIn) };
  }
}

/**
 * Confirms the references that events after the last sweep use, a small page at a time, for as long as it may; the rest is
 * for the next time. Others get a turn after each page.
 * @param isAtRest asked before every page
 */
export async function confirmWhile(isAtRest: () => boolean, store: EventStore, vault: KeyVault): Promise<void> {
  for (let after = await vault.sweptPosition(); isAtRest(); ) {
    const page = await store.readAll(after, PAGE_AT_REST.events, PAGE_AT_REST.bytes);
    if (page.length === 0) return;
    const used = usedBy(page);
    await vault.confirm(used);
    after = used.position;
    await new Promise(setImmediate);
  }
}

/**
 * Confirms, while the ledger is at rest, the references that events use, so that the next start has little to read before it
 * can remove those that none does.
 * @param isBusy whether anything waits to be written: then this waits too.
 * @returns how to stop it.
 */
export function confirmAtRest(store: EventStore, vault: KeyVault, isBusy: () => boolean): () => Promise<void> {
  let stopped = false;
  let round: Promise<void> | undefined;
  const timer = setInterval(() => {
    round ??= confirmWhile(() => !stopped && !isBusy(), store, vault)
      // What fails now is done at the next start at the latest.
      .catch(() => undefined)
      .finally(() => {
        round = undefined;
      });
  }, INTERVAL_MS);
  timer.unref();
  return async () => {
    stopped = true;
    clearInterval(timer);
    await round;
  };
}
