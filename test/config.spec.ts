import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { InvalidConfig, readConfig, SETTINGS } from '../src/config.ts';
import { COSIGNATURE, ED25519, type SignatureKind, verifierKey, vkeyOf } from '../src/integrity/signed-note.ts';

function problemsOf(env: Record<string, string>): Map<string, string> {
  try {
    readConfig(env);
  } catch (error) {
    if ((error as Error).name !== 'InvalidConfig') throw error;
    return new Map((error as InvalidConfig).problems.map((problem) => [problem.name, problem.reason]));
  }
  return new Map();
}

function witnessKey(name: string, kind: SignatureKind): string {
  return vkeyOf(verifierKey(name, kind, generateKeyPairSync('ed25519').publicKey));
}
const WITNESS = witnessKey('w.example/a', COSIGNATURE);
const LOG_KEY = witnessKey('w.example/a', ED25519);

describe('configuration', () => {
  it('needs nothing set: every setting has a default or is optional', () => {
    const { config, warnings } = readConfig({});
    expect(config).toMatchObject({ host: '127.0.0.1', port: 3000, role: 'all', unboundDays: 90, quarantineDays: 365, afterMs: 5000 });
    expect(config).toMatchObject({ authFailuresPerMinute: 10, questionsPerSecond: 200, trustedProxies: [] });
    expect(config.dataFolder).toMatch(/\/data$/);
    expect(config.policiesFolder).toMatch(/\/policies$/);
    expect(config.adminKey).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('is frozen', () => {
    const { config } = readConfig({});
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.trustedProxies)).toBe(true);
  });

  it('takes an empty value as none', () => {
    expect(readConfig({ LIGGARE_PORT: '', LIGGARE_ADMIN_KEY: '' }).config).toMatchObject({ port: 3000 });
  });

  it('wants the copy of the erasures outside of what it is a copy for', () => {
    const beside = (copy: string) => problemsOf({ LIGGARE_DATA: '/srv/liggare', LIGGARE_ERASURE_COPY: copy }).get('LIGGARE_ERASURE_COPY');
    expect(beside('/srv/liggare/erasures.log')).toMatch(/outside LIGGARE_DATA/);
    expect(beside('/srv/liggare/../liggare/copy/erasures.log')).toMatch(/outside LIGGARE_DATA/);
    expect(beside('/srv/liggare-copy/erasures.log')).toBeUndefined();
  });

  it('takes port 0: any free one', () => {
    expect(readConfig({ LIGGARE_PORT: '0' }).config.port).toBe(0);
  });

  it.each([
    ['LIGGARE_PORT', '65536', /whole number from 0 to 65535/],
    ['LIGGARE_PORT', '80a', /whole number/],
    ['LIGGARE_PORT', '-1', /whole number/],
    ['LIGGARE_PORT', '1e3', /whole number/],
    ['LIGGARE_HOST', 'not a host', /IP address or a host name/],
    ['LIGGARE_HOST', '300.1.1.1', /IP address or a host name/],
    ['LIGGARE_ROLE', 'everything', /one of all, api, projector/],
    ['LIGGARE_ROLE', 'api', /embedded/],
    ['LIGGARE_ADMIN_KEY', 'too-short', /at least 16/],
    ['LIGGARE_ADMIN_KEY', 'has a space in the middle', /letters, digits/],
    ['LIGGARE_MASTER_KEY', 'abc', /32 bytes/],
    ['LIGGARE_LOG_LEVEL', 'loud', /one of fatal/],
    ['LIGGARE_UNBOUND_DAYS', '0', /from 1 to/],
    ['LIGGARE_SUBJECT_KEY_KEEP', '7 years', /ISO 8601 period/],
    ['LIGGARE_SUBJECT_KEY_KEEP', 'P0D', /at least a day/],
    ['LIGGARE_AFTER_MS', '60001', /from 0 to 60000/],
    ['LIGGARE_TRUSTED_PROXIES', '10.0.0.0/8, everyone', /IP addresses or networks/],
    ['LIGGARE_TRUSTED_PROXIES', '10.0.0.0/33', /IP addresses or networks/],
    ['LIGGARE_LOG_NAME', 'a name', /must be a name/],
    ['LIGGARE_LOG_NAME', 'log.example+1', /must be a name/],
    ['LIGGARE_LOG_NAME', 'a'.repeat(129), /up to 128/],
    ['LIGGARE_TREE_HEAD_MS', '99', /from 100 to/],
    ['LIGGARE_WITNESSES', WITNESS, /each a verifier key/],
    ['LIGGARE_WITNESSES', `${WITNESS} ftp://w.example`, /http or https/],
    ['LIGGARE_WITNESSES', `${WITNESS} https://me:secret@w.example`, /http or https/],
    ['LIGGARE_WITNESSES', `${WITNESS} https://w.example, ${WITNESS} https://w.example`, /up to 20 witnesses/],
    ['LIGGARE_WITNESSES', `${LOG_KEY} https://w.example`, /kind 4/],
    ['LIGGARE_WEBHOOK_URL', 'http://hooks.example/liggare', /https address, or an http one of this machine/],
    ['LIGGARE_WEBHOOK_URL', 'http://127.0.0.1.example/', /of this machine/],
    ['LIGGARE_WEBHOOK_URL', 'https://me:secret@hooks.example', /without a user name/],
    ['LIGGARE_WEBHOOK_URL', 'hooks.example', /https address/],
    ['LIGGARE_WEBHOOK_SECRET', 'a secret of ours', /whsec_ and 24 to 64/],
    ['LIGGARE_WEBHOOK_SECRET', `whsec_${Buffer.alloc(16).toString('base64')}`, /24 to 64/],
  ])('%s=%s is refused with its reason', (name, value, reason) => {
    expect(problemsOf({ [name]: value }).get(name)).toMatch(reason);
  });

  it('takes witnesses by key and address', () => {
    const other = witnessKey('w.example/b', COSIGNATURE);
    const { witnesses } = readConfig({ LIGGARE_WITNESSES: `${WITNESS} https://w.example/a,  ${other} http://127.0.0.1:8080` }).config;
    expect(witnesses).toEqual([
      { vkey: WITNESS, url: 'https://w.example/a' },
      { vkey: other, url: 'http://127.0.0.1:8080' },
    ]);
    expect(readConfig({}).config.witnesses).toEqual([]);
  });

  it('takes a webhook with a secret alone, from one place', () => {
    const url = 'https://hooks.example/liggare?team=privacy';
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const both = { LIGGARE_WEBHOOK_URL: url, LIGGARE_WEBHOOK_SECRET: secret };
    expect(readConfig(both).config).toMatchObject({ webhookUrl: url, webhookSecret: secret });
    for (const local of ['http://127.0.0.1:8080/', 'http://localhost/hook', 'http://[::1]:8080/']) {
      expect(readConfig({ ...both, LIGGARE_WEBHOOK_URL: local }).config.webhookUrl).toBe(local);
    }
    expect(problemsOf({ LIGGARE_WEBHOOK_URL: url }).get('LIGGARE_WEBHOOK_SECRET')).toMatch(/must be set beside/);
    expect(problemsOf({ ...both, LIGGARE_WEBHOOK_SECRET_FILE: '/run/secret' }).get('LIGGARE_WEBHOOK_SECRET_FILE')).toMatch(/one secret/);
  });

  it('reports all bad values at once', () => {
    expect([...problemsOf({ LIGGARE_PORT: 'x', LIGGARE_HOST: '!', LIGGARE_QUEUE_EVENTS: '1' }).keys()].sort()).toEqual([
      'LIGGARE_HOST',
      'LIGGARE_PORT',
      'LIGGARE_QUEUE_EVENTS',
    ]);
  });

  it('takes the master key from one place only', () => {
    const key = 'a'.repeat(64);
    expect(readConfig({ LIGGARE_MASTER_KEY: key }).config.masterKey).toBe(key);
    expect(readConfig({ LIGGARE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }).config.masterKey).toHaveLength(44);
    expect(problemsOf({ LIGGARE_MASTER_KEY: key, LIGGARE_MASTER_KEY_FILE: '/run/key' }).get('LIGGARE_MASTER_KEY_FILE')).toMatch(
      /one master key/,
    );
  });

  it('never repeats a value, secret or not', () => {
    const planted = fc.stringMatching(/^[g-z]{12,15}!$/);
    fc.assert(
      fc.property(planted, (value) => {
        const env = Object.fromEntries(SETTINGS.map((setting) => [setting.name, value]));
        try {
          readConfig(env);
        } catch (error) {
          expect(String((error as Error).message)).not.toContain(value);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('warns about a name that nobody reads, and names the one that was meant', () => {
    expect(readConfig({ LIGGARE_PROT: '80' }).warnings).toEqual(['LIGGARE_PROT is not a setting of Liggare (did you mean LIGGARE_PORT?)']);
    expect(readConfig({ LIGGARE_SOMETHING_ELSE: '1', PATH: '/bin' }).warnings).toEqual([
      'LIGGARE_SOMETHING_ELSE is not a setting of Liggare',
    ]);
    expect(readConfig({ LIGGARE_URL: 'http://127.0.0.1:3000', LIGGARE_KEY: 'k' }).warnings).toEqual([]);
  });

  it('warns when others could listen in', () => {
    expect(readConfig({ LIGGARE_HOST: '0.0.0.0' }).warnings).toEqual([expect.stringContaining('TLS')]);
    expect(readConfig({ LIGGARE_HOST: '127.0.0.2' }).warnings).toEqual([]);
  });

  it('describes every setting for people', () => {
    for (const setting of SETTINGS) {
      expect(setting.name).toMatch(/^LIGGARE_[A-Z_]+$/);
      expect(setting.meaning.length).toBeGreaterThan(10);
    }
  });
});
