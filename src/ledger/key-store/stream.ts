/** What the ledger says of its key store. */
export const KEY_STORE = { stream: 'ledger-key-store', source: 'urn:liggare:key-store' } as const;
