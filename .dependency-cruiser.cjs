/**
 * Who may know whom. One direction of flow: http and cli → commands and queries → event store, privacy, vocabulary.
 * What is not allowed here needs a reason in the README of the folder concerned.
 */
const rooms = { from: '^(src|projections)/' };

/** What was promised when concerns whoever judges. */
const POLICIES = '^src/ledger/policy/(policies|decider)\\.ts$';

/** Which references are one person concerns whoever names people. */
const PEOPLE = '^src/ledger/people/(people|decider)\\.ts$';

/** A room may know only what stands in `may` (and itself). */
const only = (name, path, may) => ({
  name,
  severity: 'error',
  from: { path },
  to: { path: rooms.from, pathNot: [path, ...may] },
});

/** Files of the read side that answer: what writes (`apply`, in a thread without keys) may not know what these do. */
const ASKING = '^projections/(.*/query|question|cursor|entries/(about|opening|gone|items))\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['^src/main\\.ts$', '\\.d\\.ts$'] }, to: {} },
    only('eventstore-knows-nobody', '^src/eventstore/', []),
    only('integrity-knows-nobody', '^src/integrity/', []),
    only('privacy-knows-nobody', '^src/privacy/', []),
    only('vocabulary-knows-nobody', '^src/vocabulary/', []),
    // Pure: what was promised, whoever judges by it.
    only('policy-knows-vocabulary', '^src/policy/', ['^src/vocabulary/']),
    only('ledger-knows-store-privacy-vocabulary', '^src/ledger/', [
      '^src/eventstore/(event-store|record-key)\\.ts$',
      '^src/privacy/',
      '^src/vocabulary/',
      // Pure: a policy as it is published is read, compared and put in force there.
      '^src/policy/',
    ]),
    // What becomes of the files, and what the ledger says of it: nothing of what was recorded.
    only('backup-knows-files-and-what-says-of-them', '^src/backup/', [
      '^src/eventstore/event-store\\.ts$',
      '^src/ledger/(author|entry|leaf|own-event|suppression)\\.ts$',
      PEOPLE,
      '^src/integrity/',
      '^src/privacy/',
      // What was published of the log: whether a restored one is the same.
      '^src/transparency/(tree|edge|sealer|generations)\\.ts$',
      '^src/(erasures-file|folder-lock|make-folder)\\.ts$',
    ]),
    // What is carried away and checked elsewhere: the events and proofs that it is handed, and no question, store or key.
    only('evidence-knows-events-proofs-and-notes', '^src/evidence/', [
      '^src/eventstore/event-store\\.ts$',
      '^src/ledger/(entry|leaf)\\.ts$',
      '^src/transparency/receipt\\.ts$',
      '^src/integrity/',
      '^src/html\\.ts$',
    ]),
    {
      name: 'one-kind-of-entry-knows-no-other',
      severity: 'error',
      from: { path: '^src/ledger/([^/]+)/' },
      to: { path: '^src/ledger/[^/]+/', pathNot: ['^src/ledger/$1/', PEOPLE, POLICIES] },
    },
    only('projections-know-the-log-and-the-entry', '^projections/', [
      '^src/eventstore/(event-store|record-key|sqlite-reader)\\.ts$',
      '^src/ledger/(events|entry|leaf|author|sealing|record/catalogue|erasure/facts)\\.ts$',
      PEOPLE,
      POLICIES,
      '^src/transparency/(tree|transparency-log|receipt)\\.ts$',
      '^src/integrity/',
      '^src/policy/',
      '^src/vocabulary/',
      '^src/privacy/',
    ]),
    // What is told to others: findings, of whom nobody is named, and how far it was told.
    only('notify-knows-new-findings-and-the-log', '^src/notify/', [
      '^projections/(findings/news|views)\\.ts$',
      '^src/eventstore/event-store\\.ts$',
    ]),
    // A rule is a function of what it is given: whoever asks it, of whichever database.
    only('rules-know-policy-and-entry', '^projections/findings/rules/', [
      '^projections/moment\\.ts$',
      '^src/ledger/(events|entry)\\.ts$',
      '^src/policy/',
      '^src/vocabulary/',
    ]),
    {
      name: 'apply-never-opens',
      severity: 'error',
      from: { path: '^projections/', pathNot: [ASKING] },
      to: { path: `^src/privacy/|^src/ledger/(sealing|record/catalogue)\\.ts$|${PEOPLE}|${POLICIES}` },
    },
    {
      name: 'one-question-knows-no-other',
      severity: 'error',
      from: { path: '^projections/([^/]+)/' },
      // What was so, where things stand in the log, and what the rules say of it concerns whoever answers.
      to: {
        path: '^projections/[^/]+/',
        pathNot: ['^projections/$1/', '^projections/(entries|state)/', '^projections/findings/(judge|titles|items|rules/[^/]+)\\.ts$'],
      },
    },
    // Leaves come from the log, keys from the vault, and what the ledger says of both goes into the log.
    only('transparency-knows-the-log-its-leaves-and-the-vault', '^src/transparency/', [
      '^src/eventstore/(event-store|record-key|sqlite-reader)\\.ts$',
      '^src/ledger/(leaf|entry|author|own-event)\\.ts$',
      '^src/integrity/',
      '^src/privacy/key-vault\\.ts$',
      '^src/vocabulary/',
    ]),
    {
      name: 'what-seals-holds-no-other-key',
      severity: 'error',
      from: { path: '^src/transparency/(sealer|sealing|edge|witnesses|tree|sqlite-tree-store|receipt)' },
      to: { path: '^src/privacy/' },
    },
    // What verifies reads files, and makes everything anew: it opens nothing, and asks none of those who wrote them.
    only('verify-knows-leaves-and-files', '^src/verify/', [
      '^src/eventstore/(event-store|record-key|ledger-file)\\.ts$',
      '^src/ledger/(leaf|entry)\\.ts$',
      '^src/transparency/(tree|sqlite-tree-store|kept-head)\\.ts$',
      '^src/integrity/',
      '^src/vocabulary/source\\.ts$',
      '^projections/all\\.ts$',
    ]),
    {
      name: 'the-sqlite-of-node-in-its-own-file',
      severity: 'error',
      from: { path: '^(src|projections)/', pathNot: ['^src/verify/sqlite-file\\.ts$'] },
      to: { path: '^(node:)?sqlite$' },
    },
    {
      name: 'http-knows-commands-and-queries',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: '^src/(cli|main|app\\.module|start)' },
    },
    {
      name: 'sqlite-driver-in-its-own-files',
      severity: 'error',
      from: {
        path: '^(src|projections)/',
        pathNot: [
          '^src/eventstore/(sqlite|ledger-file|log-writer)',
          '^src/privacy/(sqlite|key-writer)',
          '^src/transparency/sqlite-tree-store',
          '^projections/database',
          '^src/folder-lock',
          '^src/backup/sqlite-snapshot',
        ],
      },
      to: { path: 'better-sqlite3' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
