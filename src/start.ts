import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Views } from '../projections/views.ts';
import { AppModule } from './app.module.ts';
import { refuseUnfinished } from './backup/marker.ts';
import { beginAfter, type Files, goesOn, refuseDisagreement, refuseNeedless, standingOfFiles } from './backup/new-tree.ts';
import type { Standing } from './backup/published.ts';
import { operator, type RestoredTree, type Restoring, recordRestored, refuseLostKeys, suppressAgain } from './backup/restored.ts';
import { type Config, readConfig } from './config.ts';
import { daily } from './daily.ts';
import { ErasuresFile } from './erasures-file.ts';
import { SqliteEventStore } from './eventstore/sqlite.ts';
import { ledgerOf, SqliteLogReader } from './eventstore/sqlite-reader.ts';
import { lockFolder } from './folder-lock.ts';
import { keepHouse } from './housekeeping.ts';
import { HealthSources } from './http/health.controller.ts';
import { makeLogger } from './http/log.ts';
import { Metrics } from './http/metrics.ts';
import { createServer, type LedgerServer } from './http/server.ts';
import { confirmAtRest, referencesAfter } from './key-sweep.ts';
import { ApiKeys, type HeldKey } from './ledger/api-key/api-keys.ts';
import { LEDGER } from './ledger/author.ts';
import { replayErasures } from './ledger/erasure/replay.ts';
import { UnfinishedErasures } from './ledger/erasure/unfinished.ts';
import { MasterKeyRotation } from './ledger/key-store/rotate.ts';
import { Policies } from './ledger/policy/policies.ts';
import { QuarantineLook } from './ledger/record/quarantine-look.ts';
import { observeNotices, readWebhook, startWebhook } from './notify-at-start.ts';
import { beginWithPolicy, readNamedPolicy } from './policy-at-start.ts';
import { KeyVault } from './privacy/key-vault.ts';
import { loadMasterKey } from './privacy/master-key.ts';
import { MasterKeyFiles } from './privacy/master-key-files.ts';
import { EmbeddedTransparency } from './transparency/embedded.ts';
import { completeGeneration, SEALER_KEYS, startedUnsigned } from './transparency/generations.ts';
import { readKeptHead } from './transparency/kept-head.ts';
import { SqliteTreeStore, treeExists } from './transparency/sqlite-tree-store.ts';
import type { TransparencyStatus } from './transparency/transparency-log.ts';
import { loadDeclaredCodes } from './vocabulary/declared-codes.ts';
import { normaliseIdentifier } from './vocabulary/identifiers.ts';
import { Vocabulary } from './vocabulary/vocabulary.ts';

export interface StartOptions {
  port?: number;
  host?: string;
  /** An admin key for as long as this process runs, in the name of a person: for commands that work on the folder. */
  ephemeralAdmin?: { key: string; person: string };
  /** Nothing on standard output and only warnings in the log. */
  quiet?: boolean;
  /** Does by itself what is due once a day, and tells the webhook: for a service, not for a command that works on the folder. */
  housekeeping?: boolean;
}

export interface RunningLedger {
  url: string;
  /** Finishes what was accepted and lets go of the folder. */
  close(): Promise<void>;
  /** Makes read models anew from the log. @throws UnknownProjection */
  rebuild(name: string | undefined, onProgress: (done: number, total: number, name: string) => void): Promise<void>;
}

/**
 * Starts a whole ledger on its data folder. What was opened is closed again in the reverse order, at the end or when a later step
 * of the start fails.
 * @throws InvalidConfig, FolderInUse, MasterKeyRefused, NotALedger, LedgerTooNew and others, each with what to do.
 */
export async function startLedger(env: NodeJS.ProcessEnv, options: StartOptions = {}): Promise<RunningLedger> {
  // What is made here is this account's alone.
  process.umask(0o077);
  const { config, warnings } = readConfig(env);
  const log = makeLogger(options.quiet ? 'error' : config.logLevel);
  const say = (line: string) => void (options.quiet || process.stdout.write(`${line}\n`));
  for (const warning of warnings) log.warn(warning);
  const webhook = options.housekeeping ? readWebhook(config) : undefined;
  const closing = new Closing();
  try {
    const opened = await open(config, log, closing);
    const { store, vault, views } = opened;
    for (const line of opened.toldOfPolicy) say(line);
    const server = await createServer(AppModule.of({ config, fence: store, ...opened }), config, log);
    closing.add(() => server.close());
    observe(server, store, vault, views);
    observeTransparency(server, opened.transparency);
    observeNotices(server, log);
    const admin = await server.app.get(ApiKeys).start(heldKeys(config, options), Date.now());
    const url = await server.listen({ host: options.host ?? config.host, port: options.port ?? config.port });
    if (admin !== undefined) say(`Admin key (shown once): ${admin}`);
    say(`Liggare listens on ${url}; documentation at ${url}/docs`);
    const rotation = server.app.get(MasterKeyRotation);
    if (rotation.isAdvised) log.warn(rotation.advice);
    rotation.resume(LEDGER, Date.now());
    if (options.housekeeping) {
      const failed = ({ name }: Error) => log.warn({ cause: name }, 'what is due once a day was not done; it is tried again in an hour');
      closing.add(daily((signal) => keepHouse(server.app, log, signal), failed));
      say(keepInWords(config));
    }
    if (webhook) closing.add(startWebhook(server, webhook, { store, config, log }));
    return {
      url,
      close: () => closing.run(),
      rebuild: (name, onProgress) => views.rebuild(name, ({ done, total, name: of }) => onProgress(done, total, of)),
    };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

function keepInWords({ subjectKeyKeep: keep }: Config): string {
  if (keep === undefined) return 'Data subjects are kept until somebody erases them: LIGGARE_SUBJECT_KEY_KEEP is not set';
  return `Data subjects are erased ${keep} after the last event about them, unless a legal hold covers them`;
}

/**
 * Opens a ledger whose files were put back just now, without serving it: looks whether its log is the one under the tree heads that are
 * known, erases again who was erased since and revokes their API keys, looks for people whose keys were lost, says in the log that it
 * was restored, begins a new tree where that was asked for, and closes it.
 * @throws BackupRefused where the log is not the one under a published head and no new tree is begun; KeysOlderThanLog where keys were
 *   lost and that was not accepted; and whatever a start throws
 */
export async function completeRestore(env: NodeJS.ProcessEnv, restoring: Restoring, onPosition?: OnPosition): Promise<RestoredTree> {
  process.umask(0o077);
  const closing = new Closing();
  const { config } = readConfig(env);
  try {
    const { store, vault, erasures, published } = await openFiles(config, makeLogger('error'), closing, {
      ...restoring,
      ...(onPosition && { onPosition }),
    });
    const { tree, standing } = published as Published;
    const by = await recordRestored(store, vault, restoring, standing, Date.now());
    // That their keys were revoked when they were erased may stand in the part of the log that is not there any more.
    await new ApiKeys(store, vault).revokeOf([...erasures.lines().keys()], by, Date.now());
    if (!restoring.newGeneration) return await goesOn(tree, standing);
    const ready = { store, vault, tree: tree ?? openTree(config, closing) };
    return await beginAfter(ready, standing, { reason: 'restored', actor: by, now: Date.now() });
  } finally {
    await closing.run();
  }
}

export interface NewTreeOptions {
  /** The account that asks for it. */
  person: string;
  /** A tree head that somebody saved: a signed note. */
  treeHead?: string;
  /** Also where the log leads to all that is known to have been published. */
  force: boolean;
  /** How far the log was compared with the tree. */
  onPosition?: OnPosition;
  /** What is given up, before it is. */
  onGivenUp(standing: Standing): void;
}

type OnPosition = (position: number, head: number) => void;

/**
 * Begins a new tree over the log that is there, without serving it: for a ledger whose log is not the one under what it has published.
 * Cut off, the folder is as it was, or the same call or the next start completes it.
 * @throws BackupRefused where nothing has to be given up, and whatever a start throws
 */
export async function beginNewTree(env: NodeJS.ProcessEnv, options: NewTreeOptions): Promise<RestoredTree> {
  const { person, force, onGivenUp } = options;
  process.umask(0o077);
  const closing = new Closing();
  const { config } = readConfig(env);
  refuseUnfinished(config.dataFolder);
  if (!existsSync(join(config.dataFolder, 'ledger.db'))) throw new FilesMissing(`there is no ledger.db in ${config.dataFolder}`);
  try {
    const { store, vault } = await openFiles(config, makeLogger('error'), closing);
    const there = existingTree(config, closing);
    const cutOff = await startedUnsigned(store);
    if (cutOff && cutOff.number > ((await there?.generation())?.number ?? 0)) {
      await completeGeneration({ log: store, vault, tree: there ?? openTree(config, closing) });
      return { origin: cutOff.origin, begun: true };
    }
    const standing = await standingOn({ store, vault, ...(there && { tree: there }) }, config, options);
    refuseNeedless(standing, force);
    onGivenUp(standing);
    const actor = await operator(vault, person);
    const tree = there ?? openTree(config, closing);
    return await beginAfter({ store, vault, tree }, standing, { reason: 'asked', actor, now: Date.now() });
  } finally {
    await closing.run();
  }
}

/** Whether the log is the one under what was published. */
function standingOn(
  files: Files,
  config: Config,
  { treeHead: note, onPosition }: { treeHead?: string; onPosition?: OnPosition },
): Promise<Standing> {
  const { logName, dataFolder } = config;
  const kept = readKeptHead(dataFolder);
  const known = {
    ...(logName !== undefined && { logName }),
    ...(note !== undefined && { note }),
    ...(kept !== undefined && { kept }),
    ...(onPosition && { onPosition }),
  };
  return standingOfFiles(files, { ledger: ledgerOf(join(config.dataFolder, 'ledger.db')), now: Date.now(), ...known });
}

function existingTree(config: Config, closing: Closing): SqliteTreeStore | undefined {
  return treeExists(join(config.dataFolder, 'tree.db')) ? openTree(config, closing) : undefined;
}

/** For as long as no sealer runs. */
function openTree(config: Config, closing: Closing): SqliteTreeStore {
  const tree = SqliteTreeStore.open(join(config.dataFolder, 'tree.db'), ledgerOf(join(config.dataFolder, 'ledger.db')));
  closing.add(() => tree.close());
  return tree;
}

async function open(config: Config, log: Logger, closing: Closing) {
  const named = await readNamedPolicy(config);
  const files = await openFiles(config, log, closing);
  const { store, vault, vocabulary } = files;
  closing.add(confirmAtRest(store, vault, () => store.status().queuedEvents > 0));
  const views = await Views.open({
    log: join(config.dataFolder, 'ledger.db'),
    file: join(config.dataFolder, 'views.db'),
    waitMs: config.afterMs,
    questionTimeoutMs: config.queryMs,
  });
  closing.add(() => views.close());
  store.onAppended(() => views.wake());
  const transparency = await openTransparency(config, log, files);
  closing.add(() => transparency.close());
  store.onAppended((position) => transparency.wake(position));
  const policies = new Policies(store);
  const parts = { store, vault, policies, vocabulary, settings: config };
  const { lines: toldOfPolicy, warnings } = await beginWithPolicy(parts, { config, declared: files.declared, named }, Date.now());
  for (const warning of warnings) log.warn(warning);
  return { ...files, views, transparency, policies, toldOfPolicy };
}

/** What was published once is kept: a tree that is gone is made again by nobody. */
async function openTransparency(
  { dataFolder, logName, treeHeadMs: headMs, witnesses }: Config,
  log: Logger,
  { store, vault }: { store: SqliteEventStore; vault: KeyVault },
): Promise<EmbeddedTransparency> {
  const [logFile, treeFile] = [join(dataFolder, 'ledger.db'), join(dataFolder, 'tree.db')];
  if (!treeExists(treeFile) && (await vault.ownKeyNames(SEALER_KEYS)).length > 0) throw treeMissing(treeFile);
  return EmbeddedTransparency.open({
    ...{ logFile, treeFile, store, vault, headMs, witnesses, now: Date.now },
    ...(logName !== undefined && { logName }),
    onRefusal: ({ reason, position, index, detail }) =>
      log.error(
        { reason, position, leaf: index, detail },
        'what was published and what is stored do not agree: no tree head is signed any more',
      ),
    onCleared: () => log.warn('what was published and what is stored agree again: tree heads are signed'),
    onFailing: (cause) => log.error({ cause }, 'no event becomes a leaf and no tree head is signed for now'),
    onWitness: ({ name, failing }) =>
      failing === undefined
        ? log.info({ witness: name }, 'a witness cosigns tree heads again')
        : log.warn({ witness: name, cause: failing }, 'a witness does not cosign tree heads for now'),
  });
}

/**
 * The order matters: keys before the log that needs them; who was erased stays erased before anybody else looks; unused keys
 * removed, and lost ones found, before anything is served.
 */
async function openFiles(config: Config, log: Logger, closing: Closing, restoring?: Restoring & { onPosition?: OnPosition }) {
  const release = lockFolder(config.dataFolder);
  closing.add(async () => release());
  if (restoring === undefined) refuseUnfinished(config.dataFolder);
  const [logFile, keyFile] = [join(config.dataFolder, 'ledger.db'), join(config.dataFolder, 'keys.db')];
  if (existsSync(logFile) && !existsSync(keyFile) && hasEvents(logFile)) throw filesMissing(logFile, keyFile);
  const declared = loadDeclaredCodes(config.policiesFolder);
  const vocabulary = Vocabulary.builtIn();
  const { vault, masterKeyFiles } = await openVault(config);
  closing.add(() => vault.close());
  // Keys that were used once had a log; a first start that was cut off has neither.
  if (!existsSync(logFile) && (await vault.sweptPosition()) > 0) throw filesMissing(keyFile, logFile);
  const store = await SqliteEventStore.open({
    path: logFile,
    maxQueuedEvents: config.queueEvents,
    maxQueuedBytes: config.queueBytes,
  });
  closing.add(() => store.close());
  const published = restoring && (await lookAtPublished(config, closing, { store, vault }, restoring));
  if (restoring !== undefined) await suppressAgain(store, vault);
  // Until a restore is accepted as a whole, nothing outside the folder learns of it.
  const erasures = await agreeOnErasures(store, vault, config.dataFolder, restoring ? undefined : config.erasureCopy, log);
  // Keys and log that were put together just now: that they belong together is looked up for all of the log.
  const isWhole = restoring !== undefined;
  const { removed } = await vault.startupSweep(await store.head(), (position) => referencesAfter(store, position), { isWhole });
  if (removed > 0) log.info({ removed }, 'keys that no event uses were removed');
  await refuseLostKeys(store, vault, restoring);
  if (published && !restoring.newGeneration) refuseDisagreement(published.standing);
  return { vocabulary, declared, vault, masterKeyFiles, store, erasures, published };
}

/** Of a restored ledger. */
interface Published {
  tree: SqliteTreeStore | undefined;
  standing: Standing;
}

/** Comes before anything is recorded: it is the log that was put back that counts. */
async function lookAtPublished(
  config: Config,
  closing: Closing,
  { store, vault }: Pick<Files, 'store' | 'vault'>,
  how: Restoring & { onPosition?: OnPosition },
): Promise<Published> {
  const tree = existingTree(config, closing);
  return { tree, standing: await standingOn({ store, vault, ...(tree && { tree }) }, config, how) };
}

/** Keys, log and the file of erasures may each be an older copy: whoever one of them knows as erased is erased. */
async function agreeOnErasures(
  store: SqliteEventStore,
  vault: KeyVault,
  dataFolder: string,
  copy: string | undefined,
  log: Logger,
): Promise<ErasuresFile> {
  const file = ErasuresFile.open(dataFolder, copy);
  // What a replay looks through in quarantine stands at the end of the log: there are no read models yet.
  const quarantine = new QuarantineLook(store, vault, async () => ({ items: [], seenTo: 0 }));
  const reach = { store, vault, fence: store, file, keys: new ApiKeys(store, vault), quarantine };
  const { completed, erased } = await replayErasures(reach, Date.now());
  if (completed + erased > 0) log.warn({ completed, erased }, 'erasures were completed, or carried out again');
  return file;
}

/** The log without its keys, or the keys without their log: something is missing, and going on would make everybody a stranger. */
export class FilesMissing extends Error {
  override name = 'FilesMissing';
}

function filesMissing(there: string, missing: string): FilesMissing {
  return new FilesMissing(
    `${there} is there and ${missing} is not: put it back from its backup, or choose another folder with LIGGARE_DATA`,
  );
}

function treeMissing(tree: string): FilesMissing {
  return new FilesMissing(
    `${tree} is not there, and tree heads were signed: put it back from its backup, or go on with a new tree by liggare restore --new-generation`,
  );
}

function hasEvents(log: string): boolean {
  const reader = new SqliteLogReader(log);
  try {
    return reader.head() > 0;
  } finally {
    reader.close();
  }
}

async function openVault(config: Config): Promise<{ vault: KeyVault; masterKeyFiles: MasterKeyFiles }> {
  const { dataFolder, masterKey, masterKeyFile, nextMasterKey, nextMasterKeyFile } = config;
  const master = loadMasterKey({ dataFolder, ...given(masterKey, masterKeyFile) });
  if (master.origin === 'created')
    process.stderr.write(`Master key made in ${master.file}: keep a copy apart from the data; without it nothing sealed can be opened.\n`);
  const masterKeyFiles = new MasterKeyFiles(master, { dataFolder, ...given(nextMasterKey, nextMasterKeyFile) });
  const { next: nextMaster } = masterKeyFiles;
  const keys = { master: master.key, ...(nextMaster && { nextMaster }) };
  const vault = await KeyVault.openEmbedded({ file: join(dataFolder, 'keys.db'), ...keys, normalise: normaliseIdentifier });
  return { vault, masterKeyFiles };
}

const given = (value: string | undefined, file: string | undefined) => ({
  ...(value !== undefined && { value }),
  ...(file !== undefined && { file }),
});

function heldKeys(config: Config, { ephemeralAdmin }: StartOptions): HeldKey[] {
  const held: HeldKey[] = [];
  if (config.adminKey !== undefined) held.push({ id: 'bootstrap', key: config.adminKey, person: 'administrator' });
  if (ephemeralAdmin) held.push({ id: 'local', ...ephemeralAdmin });
  return held;
}

/** Readiness and measurements of the parts that were opened before the application. */
function observe({ app }: LedgerServer, store: SqliteEventStore, vault: KeyVault, views: Views): void {
  const health = app.get(HealthSources);
  const metrics = app.get(Metrics);
  health.add({
    name: 'event-store',
    check: () => {
      const { ok, queuedEvents } = store.status();
      return { ok, detail: { queuedEvents } };
    },
  });
  health.add({
    name: 'key-store',
    check: async () => {
      const { writer, waiting, masterKey, residue } = vault.status();
      const isServing = writer === 'running' && masterKey !== 'outdated';
      return { ok: isServing, detail: { waiting, masterKey, residue, lostReferences: await vault.lostReferences() } };
    },
  });
  const unfinished = app.get(UnfinishedErasures);
  health.add({ name: 'erasures', check: () => ({ ok: true, detail: { unfinished: unfinished.count } }) });
  health.add({
    name: 'projections',
    check: () => {
      const status = views.status();
      const lags = status.map(({ name, lagEvents }) => [`${name}.lagEvents`, lagEvents] as const);
      return { ok: status.length > 0 && status.every(({ state }) => state !== 'failing'), detail: Object.fromEntries(lags) };
    },
  });
  measure(metrics, store, vault, views);
}

function observeTransparency({ app }: LedgerServer, transparency: EmbeddedTransparency): void {
  app.get(HealthSources).add({
    name: 'transparency',
    check: () => {
      const { state, size, lagEvents, refusal, failing } = transparency.status();
      const reason = refusal?.reason ?? failing;
      return { ok: state === 'sealing', detail: { state, size, lagEvents, ...(reason !== undefined && { reason }) } };
    },
  });
  const metrics = app.get(Metrics);
  const each = (name: string, help: string, value: (status: TransparencyStatus) => number | undefined) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(value(transparency.status()) ?? Number.NaN));
  each('liggare_tree_size', 'Events that are leaves of the tree', ({ size }) => size);
  each('liggare_sealer_lag_events', 'Positions between the last leaf and the end of the log', ({ lagEvents }) => lagEvents);
  each('liggare_sealer_lag_seconds', 'Age of the oldest event that is no leaf yet', ({ lagSeconds }) => lagSeconds);
  each(
    'liggare_sealer_refusing',
    '1 while no tree head is signed, because what was published and what is stored do not agree',
    ({ state }) => (state === 'refusing' ? 1 : 0),
  );
  each(
    'liggare_tree_head_age_seconds',
    'Since the newest tree head was signed',
    ({ head }) => head && (Date.now() - Date.parse(head.signedAt)) / 1000,
  );
  metrics.gauge('liggare_witness_cosigned_size', 'Leaves under the largest tree head that a witness cosigned', ['witness'], (gauge) => {
    for (const { name, size } of transparency.status().witnesses) gauge.set({ witness: name }, size);
  });
  metrics.gauge('liggare_witness_failing', '1 while a witness does not cosign, and is tried again', ['witness'], (gauge) => {
    for (const { name, failing } of transparency.status().witnesses) gauge.set({ witness: name }, failing === undefined ? 0 : 1);
  });
}

function measure(metrics: Metrics, store: SqliteEventStore, vault: KeyVault, views: Views): void {
  const commits = metrics.histogram('liggare_commit_duration_seconds', 'Time of a transaction of the log with its sync');
  const events = metrics.counter('liggare_events_appended_total', 'Events that the log took, the own ones included');
  store.onCommit((timing) => {
    commits.observe(timing.durationMs / 1000);
    events.inc(timing.events);
  });
  metrics.gauge('liggare_write_queue_events', 'Events that wait for their commit', [], (gauge) => gauge.set(store.status().queuedEvents));
  metrics.gauge('liggare_key_queue_rows', 'Rows that wait for the key store', [], (gauge) => gauge.set(vault.status().waiting));
  const eachProjection = (name: string, help: string, value: (status: ReturnType<Views['status']>[number]) => number) =>
    metrics.gauge(name, help, ['projection'], (gauge) => {
      for (const status of views.status()) gauge.set({ projection: status.name }, value(status));
    });
  eachProjection('liggare_projection_lag_events', 'Positions between a projection and the end of the log', ({ lagEvents }) => lagEvents);
  eachProjection(
    'liggare_projection_lag_seconds',
    'Age of the oldest event that a projection has not applied',
    ({ lagSeconds }) => lagSeconds,
  );
  eachProjection('liggare_projection_failing', '1 while a projection fails and is tried again', ({ state }) =>
    state === 'failing' ? 1 : 0,
  );
}

/** What has to be closed, the last opened first. Safe to run twice. */
class Closing {
  private readonly steps: (() => Promise<unknown>)[] = [];
  private done: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  run(): Promise<void> {
    this.done ??= this.all();
    return this.done;
  }

  private async all(): Promise<void> {
    for (const step of this.steps.reverse()) await step();
  }
}
