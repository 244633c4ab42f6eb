/**
 * The environment, read once at the start into one validated and frozen object. `SETTINGS` is the single list of what
 * can be set: the parser, `liggare help` and the README's table all come from it.
 */
import { isIP } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COSIGNATURE, parseVkey } from './integrity/signed-note.ts';
import { isWebhookSecret } from './notify/secret.ts';
import { isPeriod } from './vocabulary/period.ts';

export type Role = 'all' | 'api' | 'projector';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

const ROLES: readonly Role[] = ['all', 'api', 'projector'];
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const MIB = 1024 * 1024;

/** Policies and codes that ship with the package: beside `src` in the sources, two levels above it when built. */
const OWN_POLICIES = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../policies' : '../../policies', import.meta.url));
const OWN_POLICY = join(OWN_POLICIES, 'mailit.yaml');

/** In place of a file: nothing is published at the first start. */
const NO_POLICY = 'none';

/** Of records that name none, where no policy says who it is. */
const CONTROLLER = 'mailit';

/** A class, so that it is the type and the injection token at once. Durations are in milliseconds unless the name says otherwise. */
export class Config {
  /** Folder of `ledger.db`, `tree.db`, `keys.db` and `views.db`, absolute. */
  readonly dataFolder!: string;
  readonly host!: string;
  readonly port!: number;
  readonly role!: Role;
  /** Kept in memory only; absent where the first start makes an admin key of its own. */
  readonly adminKey?: string;
  /** 32 bytes as base64 or hex, as it was given. */
  readonly masterKey?: string;
  readonly masterKeyFile?: string;
  /** The key that is to replace the master key, in the same forms. */
  readonly nextMasterKey?: string;
  readonly nextMasterKeyFile?: string;
  readonly policiesFolder!: string;
  /** The policy that is published at the first start; absolute. Absent: none is. */
  readonly policyFile?: string;
  /** Whether somebody named it, and it is not the one that ships. */
  readonly isPolicyNamed!: boolean;
  /** Code of the controller of records that name none, while no policy says who it is. */
  readonly controller!: string;
  readonly logLevel!: LogLevel;
  readonly unboundDays!: number;
  readonly quarantineDays!: number;
  /** ISO 8601 period after a data subject's last event; absent: kept without end. */
  readonly subjectKeyKeep?: string;
  readonly caseDays!: number;
  /** A second file of erasures, on storage of its own; absolute. */
  readonly erasureCopy?: string;
  readonly queueEvents!: number;
  readonly queueBytes!: number;
  readonly authFailuresPerMinute!: number;
  readonly questionsPerSecond!: number;
  readonly afterMs!: number;
  readonly queryMs!: number;
  readonly headersMs!: number;
  readonly bodyMs!: number;
  readonly idleMs!: number;
  readonly shutdownMs!: number;
  readonly connections!: number;
  /** Name under which tree heads are published; absent: one made of the ledger's identity, or the one it began with. */
  readonly logName?: string;
  /** Between two tree heads while the tree grows. */
  readonly treeHeadMs!: number;
  /** To whom tree heads are sent: verifier key and address of each; empty: nobody. */
  readonly witnesses!: readonly { vkey: string; url: string }[];
  /** Where new critical findings are told; absent: nowhere. */
  readonly webhookUrl?: string;
  readonly webhookSecret?: string;
  readonly webhookSecretFile?: string;
  /** Addresses of proxies whose `X-Forwarded-For` is believed; empty: nobody's. */
  readonly trustedProxies!: readonly string[];
}

export interface Setting {
  name: string;
  /** In words, for people. Absent: no default, the setting is optional. */
  default?: string;
  unit?: string;
  meaning: string;
  /** Its value is never shown, not even when it is wrong. */
  secret?: boolean;
  /** Read by the command line alone. */
  cli?: boolean;
}

interface Read extends Setting {
  field?: keyof Config;
  /** The value for the field, or a `Reason` why there is none. */
  parse?: (text: string) => unknown;
}

/** Why a value does not serve; never holds the value. */
class Reason {
  constructor(readonly text: string) {}
}

/** Whole number in an interval, both ends included. */
const whole =
  (least: number, most: number) =>
  (text: string): number | Reason => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : new Reason(`must be a whole number from ${least} to ${most}`);
  };

const oneOf =
  (allowed: readonly string[]) =>
  (text: string): string | Reason =>
    allowed.includes(text) ? text : new Reason(`must be one of ${allowed.join(', ')}`);

const folder = (text: string): string | Reason => (text.includes('\0') ? new Reason('must be a path') : resolve(text));

function host(text: string): string | Reason {
  const isName = text.length <= 253 && /^[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\.?$/i.test(text);
  const looksLikeAddress = /^[\d.]+$/.test(text);
  return isIP(text) > 0 || (isName && !looksLikeAddress) ? text : new Reason('must be an IP address or a host name');
}

const code = (text: string): string | Reason =>
  /^[a-z0-9-]{1,40}$/.test(text) ? text : new Reason('must be 1 to 40 lower-case letters, digits and -');

function role(text: string): string | Reason {
  const known = oneOf(ROLES)(text);
  if (known instanceof Reason || known === 'all') return known;
  return new Reason('must be all: the embedded ledger is one process (api and projector need a store that processes share)');
}

function adminKey(text: string): string | Reason {
  if (text.length < 16) return new Reason('must have at least 16 characters');
  // A bearer token (RFC 6750, 2.1): anything else could never be presented.
  return /^[A-Za-z0-9._~+/-]{16,512}=*$/.test(text) ? text : new Reason('may hold letters, digits and . _ ~ + / - only, at most 512');
}

function masterKey(text: string): string | Reason {
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text) && Buffer.from(text, 'base64').length === 32;
  return isHex || isBase64 ? text : new Reason('must be 32 bytes as base64 (44 characters) or hex (64 characters)');
}

const period = (text: string): string | Reason =>
  isPeriod(text) ? text : new Reason('must be an ISO 8601 period of at least a day, such as P7Y or P18M');

function proxies(text: string): string[] | Reason {
  const list = text.split(',').map((entry) => entry.trim());
  const ok = list.length <= 100 && list.every((entry) => isNetwork(entry));
  return ok ? list : new Reason('must be IP addresses or networks (10.0.0.0/8), separated by commas');
}

/** The name of the sealer's key and part of what heads are checked by: neither spaces nor a plus sign (C2SP signed-note). */
const logName = (text: string): string | Reason =>
  /^[A-Za-z0-9](?:[A-Za-z0-9._~/-]{0,126}[A-Za-z0-9])?$/.test(text)
    ? text
    : new Reason('must be a name such as log.example.org/ledger: up to 128 letters, digits and . _ ~ / -');

function witnesses(text: string): { vkey: string; url: string }[] | Reason {
  const list = text.split(',').map((entry) => {
    const [vkey = '', url = '', ...rest] = entry.trim().split(/\s+/);
    return rest.length === 0 && isWitnessKey(vkey) && isHttp(url) ? { vkey, url } : undefined;
  });
  const names = new Set(list.map((witness) => witness?.vkey.split('+')[0]));
  const ok = list.length <= 20 && list.every((witness) => witness !== undefined) && names.size === list.length;
  return ok
    ? list
    : new Reason('must be up to 20 witnesses, each a verifier key (kind 4) and an http or https address, separated by commas');
}

/** In clear to this machine alone. */
function webhookUrl(text: string): string | Reason {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && isLoopback(parsed.hostname.replace(/^\[|\]$/g, '')));
  const isPlain = parsed !== undefined && parsed.username + parsed.password + parsed.hash === '';
  return isSafe && isPlain
    ? text
    : new Reason('must be an https address, or an http one of this machine, without a user name or a fragment');
}

const webhookSecret = (text: string): string | Reason =>
  isWebhookSecret(text) ? text : new Reason('must be whsec_ and 24 to 64 random bytes in base64');

function isWitnessKey(vkey: string): boolean {
  try {
    return parseVkey(vkey).kind === COSIGNATURE;
  } catch {
    return false;
  }
}

function isHttp(url: string): boolean {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // An address with a password in it would be kept where addresses are kept.
  return (
    parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.username + parsed.password + parsed.search + parsed.hash === ''
  );
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const READ: readonly Read[] = [
  {
    name: 'LIGGARE_DATA',
    field: 'dataFolder',
    parse: folder,
    default: './data',
    meaning: 'Folder of ledger.db (the log), tree.db (what proves it), keys.db (keys and identities) and views.db (read models).',
  },
  { name: 'LIGGARE_HOST', field: 'host', parse: host, default: '127.0.0.1', meaning: 'Address to listen on.' },
  { name: 'LIGGARE_PORT', field: 'port', parse: whole(0, 65_535), default: '3000', meaning: 'Port to listen on; 0 takes a free one.' },
  { name: 'LIGGARE_ROLE', field: 'role', parse: role, default: 'all', meaning: 'What this process does: all, api or projector.' },
  {
    name: 'LIGGARE_ADMIN_KEY',
    field: 'adminKey',
    parse: adminKey,
    secret: true,
    meaning: 'An admin key of your own, at least 16 characters, never stored. Without it the first start makes one and shows it once.',
  },
  {
    name: 'LIGGARE_MASTER_KEY',
    field: 'masterKey',
    parse: masterKey,
    secret: true,
    meaning: 'Master key that wraps all other keys: 32 bytes as base64 or hex.',
  },
  {
    name: 'LIGGARE_MASTER_KEY_FILE',
    field: 'masterKeyFile',
    parse: folder,
    meaning: 'File with the master key, instead of LIGGARE_MASTER_KEY.',
  },
  {
    name: 'LIGGARE_MASTER_KEY_NEXT',
    field: 'nextMasterKey',
    parse: masterKey,
    secret: true,
    meaning: 'Master key that is to replace the present one (liggare keys rotate-master): 32 bytes as base64 or hex.',
  },
  {
    name: 'LIGGARE_MASTER_KEY_NEXT_FILE',
    field: 'nextMasterKeyFile',
    parse: folder,
    meaning: 'File with the next master key, instead of LIGGARE_MASTER_KEY_NEXT.',
  },
  {
    name: 'LIGGARE_POLICIES',
    field: 'policiesFolder',
    parse: folder,
    default: 'the policies that ship with Liggare',
    meaning: "Folder of policies and of the controller's own codes.",
  },
  {
    name: 'LIGGARE_POLICY',
    field: 'policyFile',
    parse: folder,
    default: 'that of MAILIT, which ships with Liggare',
    meaning:
      'Policy that is published at the first start: a file, or none. The one that ships is not published where LIGGARE_CONTROLLER is somebody else. Later versions are published by liggare policy publish.',
  },
  {
    name: 'LIGGARE_CONTROLLER',
    field: 'controller',
    parse: code,
    default: CONTROLLER,
    meaning: 'Code of the controller of records that name none, while no policy is published: then it is the controller of the policy.',
  },
  {
    name: 'LIGGARE_LOG_LEVEL',
    field: 'logLevel',
    parse: oneOf(LOG_LEVELS),
    default: 'info',
    meaning: `Least level that is logged: ${LOG_LEVELS.join(', ')}.`,
  },
  {
    name: 'LIGGARE_UNBOUND_DAYS',
    field: 'unboundDays',
    parse: whole(1, 36_500),
    default: '90',
    unit: 'days',
    meaning: 'How long sealed values of events about nobody can be opened after their month.',
  },
  {
    name: 'LIGGARE_QUARANTINE_DAYS',
    field: 'quarantineDays',
    parse: whole(1, 36_500),
    default: '365',
    unit: 'days',
    meaning: 'How long quarantined content can be opened after its month.',
  },
  {
    name: 'LIGGARE_CASE_DAYS',
    field: 'caseDays',
    parse: whole(1, 36_500),
    default: '1095',
    unit: 'days',
    meaning: 'How long the file of a case (a rights request, an erasure) can be opened after it was begun.',
  },
  {
    name: 'LIGGARE_SUBJECT_KEY_KEEP',
    field: 'subjectKeyKeep',
    parse: period,
    meaning:
      'How long after the last event about them a data subject is erased: an ISO 8601 period such as P7Y. Legal holds are excepted. Unset: keys are kept without end.',
  },
  {
    name: 'LIGGARE_ERASURE_COPY',
    field: 'erasureCopy',
    parse: folder,
    meaning:
      'A second file to which every erasure is written, on other storage than the data folder. While it cannot be written, nobody is erased.',
  },
  {
    name: 'LIGGARE_LOG_NAME',
    field: 'logName',
    parse: logName,
    meaning:
      'Name under which tree heads are published, such as log.example.org/ledger. Unset: one made of the ledger’s identity. It is fixed at the first start.',
  },
  {
    name: 'LIGGARE_TREE_HEAD_MS',
    field: 'treeHeadMs',
    parse: whole(100, 86_400_000),
    default: '10000',
    unit: 'ms',
    meaning: 'Between two signed tree heads, while events are recorded; whoever waits for one gets it sooner.',
  },
  {
    name: 'LIGGARE_WITNESSES',
    field: 'witnesses',
    parse: witnesses,
    meaning:
      'Witnesses to whom tree heads are sent (C2SP tlog-witness): verifier key and address of each, a space between, separated by commas.',
  },
  {
    name: 'LIGGARE_WEBHOOK_URL',
    field: 'webhookUrl',
    parse: webhookUrl,
    secret: true,
    meaning: 'Where new critical findings are sent, signed (src/notify/README.md). Unset: nowhere.',
  },
  {
    name: 'LIGGARE_WEBHOOK_SECRET',
    field: 'webhookSecret',
    parse: webhookSecret,
    secret: true,
    meaning: 'Secret that they are signed with: whsec_ and 24 to 64 random bytes in base64 (Standard Webhooks).',
  },
  {
    name: 'LIGGARE_WEBHOOK_SECRET_FILE',
    field: 'webhookSecretFile',
    parse: folder,
    meaning: 'File with that secret, instead of LIGGARE_WEBHOOK_SECRET.',
  },
  {
    name: 'LIGGARE_QUEUE_EVENTS',
    field: 'queueEvents',
    parse: whole(1_000, 10_000_000),
    default: '20000',
    unit: 'events',
    meaning: 'Events that may wait to be written; beyond it the answer is 503 with Retry-After.',
  },
  {
    name: 'LIGGARE_QUEUE_BYTES',
    field: 'queueBytes',
    parse: whole(8 * MIB, 64 * 1024 * MIB),
    default: String(64 * MIB),
    unit: 'bytes',
    meaning: 'Bytes that may wait to be written; beyond it the answer is 503 with Retry-After.',
  },
  {
    name: 'LIGGARE_AUTH_FAILURES',
    field: 'authFailuresPerMinute',
    parse: whole(1, 100_000),
    default: '10',
    unit: 'a minute, an address',
    meaning: 'Wrong keys that one address may present; beyond it the answer is 429. Valid keys always pass.',
  },
  {
    name: 'LIGGARE_QUESTIONS',
    field: 'questionsPerSecond',
    parse: whole(1, 1_000_000),
    default: '200',
    unit: 'a second, a key',
    meaning: 'Questions that one key may ask; beyond it the answer is 429.',
  },
  {
    name: 'LIGGARE_AFTER_MS',
    field: 'afterMs',
    parse: whole(0, 60_000),
    default: '5000',
    unit: 'ms',
    meaning: 'How long a question waits at most for the position named in its `after`.',
  },
  {
    name: 'LIGGARE_QUERY_MS',
    field: 'queryMs',
    parse: whole(100, 3_600_000),
    default: '30000',
    unit: 'ms',
    meaning: 'How long one question may run.',
  },
  {
    name: 'LIGGARE_HEADERS_MS',
    field: 'headersMs',
    parse: whole(1_000, 600_000),
    default: '15000',
    unit: 'ms',
    meaning: 'How long the head of a request may take to arrive.',
  },
  {
    name: 'LIGGARE_BODY_MS',
    field: 'bodyMs',
    parse: whole(1_000, 3_600_000),
    default: '60000',
    unit: 'ms',
    meaning:
      'How long the body of a request may take to arrive; an NDJSON stream may last, as long as it does not pause for LIGGARE_IDLE_MS.',
  },
  {
    name: 'LIGGARE_IDLE_MS',
    field: 'idleMs',
    parse: whole(1_000, 3_600_000),
    default: '75000',
    unit: 'ms',
    meaning: 'How long a connection may be silent before it is closed.',
  },
  {
    name: 'LIGGARE_SHUTDOWN_MS',
    field: 'shutdownMs',
    parse: whole(0, 600_000),
    default: '30000',
    unit: 'ms',
    meaning: 'How long requests in flight may take to finish when the service is told to stop.',
  },
  {
    name: 'LIGGARE_CONNECTIONS',
    field: 'connections',
    parse: whole(1, 1_000_000),
    default: '1024',
    unit: 'connections',
    meaning: 'Connections that may be open at once.',
  },
  {
    name: 'LIGGARE_TRUSTED_PROXIES',
    field: 'trustedProxies',
    parse: proxies,
    meaning: 'Addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas. Unset: nobody is.',
  },
  { name: 'LIGGARE_URL', cli: true, meaning: 'Command line: address of the running service to work on.' },
  { name: 'LIGGARE_KEY', cli: true, secret: true, meaning: 'Command line: API key for the running service.' },
];

/** Every environment variable that Liggare reads, in the order in which help shows them. */
export const SETTINGS: readonly Setting[] = READ.map(({ field: _, parse: __, ...shown }) => shown);

export interface ConfigProblem {
  name: string;
  reason: string;
}

/** The start stops: every bad value at once, by name and reason, never by value. */
export class InvalidConfig extends Error {
  override name = 'InvalidConfig';
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(`invalid configuration:\n${problems.map((problem) => `  ${problem.name} ${problem.reason}`).join('\n')}`);
  }
}

/**
 * Reads the settings from an environment; an empty value is as good as none.
 * @returns the frozen configuration, and warnings about names nobody reads and choices worth a second thought.
 * @throws InvalidConfig naming every bad value.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): { config: Config; warnings: string[] } {
  const problems: ConfigProblem[] = [];
  const values: Record<string, unknown> = {
    policiesFolder: OWN_POLICIES,
    policyFile: OWN_POLICY,
    trustedProxies: Object.freeze([]),
    witnesses: Object.freeze([]),
  };
  for (const setting of READ) {
    const isOptional = setting.default === undefined || setting.field === 'policiesFolder' || setting.field === 'policyFile';
    const text = env[setting.name] || (isOptional ? undefined : setting.default);
    if (text === undefined || !setting.parse || !setting.field) continue;
    const value = setting.parse(text);
    if (value instanceof Reason) problems.push({ name: setting.name, reason: value.text });
    else values[setting.field] = Array.isArray(value) ? Object.freeze(value) : value;
  }
  if (env['LIGGARE_MASTER_KEY'] && env['LIGGARE_MASTER_KEY_FILE']) {
    problems.push({ name: 'LIGGARE_MASTER_KEY_FILE', reason: 'must not be set beside LIGGARE_MASTER_KEY: there is one master key' });
  }
  if (env['LIGGARE_MASTER_KEY_NEXT'] && env['LIGGARE_MASTER_KEY_NEXT_FILE']) {
    problems.push({
      name: 'LIGGARE_MASTER_KEY_NEXT_FILE',
      reason: 'must not be set beside LIGGARE_MASTER_KEY_NEXT: there is one next master key',
    });
  }
  if (env['LIGGARE_WEBHOOK_SECRET'] && env['LIGGARE_WEBHOOK_SECRET_FILE']) {
    problems.push({ name: 'LIGGARE_WEBHOOK_SECRET_FILE', reason: 'must not be set beside LIGGARE_WEBHOOK_SECRET: there is one secret' });
  }
  if (env['LIGGARE_WEBHOOK_URL'] && !env['LIGGARE_WEBHOOK_SECRET'] && !env['LIGGARE_WEBHOOK_SECRET_FILE']) {
    problems.push({
      name: 'LIGGARE_WEBHOOK_SECRET',
      reason: 'must be set beside LIGGARE_WEBHOOK_URL: whoever receives must be able to check',
    });
  }
  const { dataFolder, erasureCopy } = values as Partial<Config>;
  if (dataFolder !== undefined && erasureCopy !== undefined && !relative(dataFolder, erasureCopy).startsWith('..')) {
    problems.push({ name: 'LIGGARE_ERASURE_COPY', reason: 'must be outside LIGGARE_DATA: the copy is for when that is lost' });
  }
  if (problems.length > 0) throw new InvalidConfig(problems);
  values['isPolicyNamed'] = Boolean(env['LIGGARE_POLICY']);
  if (env['LIGGARE_POLICY'] === NO_POLICY) delete values['policyFile'];
  const config = Object.freeze(Object.assign(new Config(), values));
  return { config, warnings: [...unknownNames(env), ...openToOthers(config)] };
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(READ.map((setting) => setting.name));
  return Object.keys(env)
    .filter((name) => name.startsWith('LIGGARE_') && !known.has(name))
    .sort()
    .map((name) => `${name} is not a setting of Liggare${nearest(name, known)}`);
}

/** ` (did you mean …?)` when one known name is at most two edits away. */
function nearest(name: string, known: ReadonlySet<string>): string {
  const close = [...known].find((candidate) => distance(name, candidate) <= 2);
  return close ? ` (did you mean ${close}?)` : '';
}

/** Levenshtein's distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function openToOthers(config: Config): string[] {
  return isLoopback(config.host) ? [] : ['LIGGARE_HOST is not a loopback address: keys travel in clear unless a proxy in front speaks TLS'];
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
