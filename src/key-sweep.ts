import type { EventStore, RecordedEvent } from './eventstore/event-store.ts';
import type { KeyVault, UsedReferences } from './privacy/key-vault.ts';

/** Read at once while nothing else is to be done. */
const PAGE_EVENTS = 500;
const INTERVAL_MS = 5000;

/** Whatever looks like a reference: match digests do too, and confirming one of those does nothing. */
const REFERENCE = /"([A-Za-z0-9_-]{22})"/g;

function usedBy(page: readonly RecordedEvent[]): UsedReferences {
  const references = new Set<string>();
  for (const { data } of page) for (const [, reference] of data.matchAll(REFERENCE)) references.add(reference as string);
  return { position: (page.at(-1) as RecordedEvent).position, references };
}

/** The log after a position, as the references that it uses. */
export async function* referencesAfter(store: EventStore, position: number): AsyncGenerator<UsedReferences> {
  for (let after = position; ; ) {
    const page = await store.readAll(after, PAGE_EVENTS);
    if (page.length === 0) return;
    const used = usedBy(page);
    after = used.position;
    yield used;
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
  let round: Promise<void> = Promise.resolve();
  const confirm = async () => {
    for await (const used of referencesAfter(store, await vault.sweptPosition())) {
      if (stopped || isBusy()) return;
      await vault.confirm(used);
      await new Promise(setImmediate);
    }
  };
  const timer = setInterval(() => {
    // What fails now is done at the next start at the latest.
    round = round.then(confirm).catch(() => undefined);
  }, INTERVAL_MS);
  timer.unref();
  return async () => {
    stopped = true;
    clearInterval(timer);
    await round;
  };
}
