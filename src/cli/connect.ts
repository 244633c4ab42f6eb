/**
 * One way to the ledger for every command that records or asks: the running service when LIGGARE_URL and LIGGARE_KEY
 * are set, else the data folder, on which the very same application is started for as long as the command runs.
 */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { startLedger } from '../start.ts';
import { LedgerClient } from './client.ts';
import { CliError, EXIT, printable, type Terminal, tell } from './terminal.ts';

export interface Connection {
  readonly url: string;
  readonly key: string;
  /** What the command works on, in words. */
  readonly label: string;
  close(): Promise<void>;
}

export type EmbeddedLedger = Awaited<ReturnType<typeof startLedger>>;
type Start = typeof startLedger;

/** Imported only when needed: a command that speaks to a service loads no database. */
async function loadStart(): Promise<Start> {
  await import('reflect-metadata');
  return (await import('../start.ts')).startLedger;
}

/**
 * Connects, and says on standard error to what.
 * @throws CliError (exit 2) on settings that cannot serve, and where another process holds the data folder.
 */
export async function connect(terminal: Terminal, start?: Start): Promise<Connection> {
  const connection = serviceOf(terminal) ?? (await folderOf(terminal, start));
  tell(terminal, `Working on ${connection.label}.`);
  return connection;
}

/** Connects, does the work, and closes whatever came of it. */
export async function withLedger<T>(terminal: Terminal, work: (client: LedgerClient, connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(terminal);
  try {
    return await work(new LedgerClient(connection, { onWait: (why) => tell(terminal, why) }), connection);
  } finally {
    await connection.close();
  }
}

function serviceOf(terminal: Terminal): Connection | undefined {
  const url = terminal.env['LIGGARE_URL'] || undefined;
  const key = terminal.env['LIGGARE_KEY'] || undefined;
  if (url === undefined && key === undefined) return undefined;
  if (url === undefined || key === undefined) {
    const [set, unset] = url === undefined ? ['LIGGARE_KEY', 'LIGGARE_URL'] : ['LIGGARE_URL', 'LIGGARE_KEY'];
    throw new CliError(EXIT.usage, `${set} is set and ${unset} is not.`, [
      'Set both to work on a running service, or neither to work on the data folder.',
    ]);
  }
  const address = serviceAddress(url);
  // A header can hold nothing else; and the error that would come of it quotes the key.
  if (!/^[\x21-\x7e]{1,1024}$/.test(key)) {
    throw new CliError(EXIT.usage, 'LIGGARE_KEY is not an API key: it holds white space or other characters that no key has.');
  }
  if (address.protocol === 'http:' && !isLoopback(address.hostname)) {
    tell(terminal, `Warning: ${printable(address.host)} is reached over http: the key and everything else travel in clear. Use https.`);
  }
  return { url: address.href, key, label: `the service at ${printable(address.href)}`, close: async () => {} };
}

function serviceAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CliError(EXIT.usage, 'LIGGARE_URL must be an address that starts with http:// or https://.');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new CliError(EXIT.usage, 'LIGGARE_URL must be a bare address, without a user, a password, a query or a fragment.', [
      'The key belongs in LIGGARE_KEY.',
    ]);
  }
  return url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

async function folderOf(terminal: Terminal, start?: Start): Promise<Connection> {
  const key = randomBytes(32).toString('base64url');
  const ledger = await openFolder(terminal, { ephemeralAdmin: { key, person: accountName() } }, start);
  return { url: ledger.url, key, label: `the data folder ${printable(dataFolder(terminal.env))}`, close: () => ledger.close() };
}

/** Who asks, when no API key says so: the operating system's account. */
export function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no account has.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

/**
 * Starts the application on the data folder, on a free port of the loopback address.
 * @throws CliError (exit 2) with what to do, where the folder cannot be opened.
 */
export async function openFolder(
  terminal: Terminal,
  options: { ephemeralAdmin?: { key: string; person: string } },
  start?: Start,
): Promise<EmbeddedLedger> {
  const startLedgerHere = start ?? (await loadStart());
  try {
    return await startLedgerHere(terminal.env, { port: 0, host: '127.0.0.1', quiet: true, ...options });
  } catch (error) {
    throw explained(error, dataFolder(terminal.env));
  }
}

function dataFolder(env: NodeJS.ProcessEnv): string {
  return resolve(env['LIGGARE_DATA'] || './data');
}

/** Why a data folder could not be opened, with what to do. */
export function explained(error: unknown, folder: string): CliError {
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : 'unknown reason';
  if (/InUse|Locked|Held/.test(name)) {
    return new CliError(EXIT.usage, `Another process holds the data folder ${printable(folder)}, probably the running service.`, [
      'Set LIGGARE_URL to its address and LIGGARE_KEY to an API key to work on it; or stop it first.',
    ]);
  }
  return new CliError(EXIT.usage, `The data folder ${printable(folder)} could not be opened: ${printable(message.split('\n')[0] ?? '')}`, [
    ...message
      .split('\n')
      .slice(1)
      .map((line) => printable(line.trim()))
      .filter((line) => line !== ''),
  ]);
}
