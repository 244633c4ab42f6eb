import { FakeLedger, KEY, liggare, type Ran, type Received, type Reply } from './fake-ledger.ts';

let ledger: FakeLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

async function run(argv: string[], handler: (request: Received) => Reply, stdin?: string): Promise<Ran> {
  ledger = await FakeLedger.start(handler);
  return liggare(argv, { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY }, ...(stdin !== undefined && { stdin }) });
}
const sent = () => ledger?.received.map(({ path, body }) => [path, JSON.parse(body)]);

const LINKED = {
  references: ['A'.repeat(22), 'B'.repeat(22)],
  links: [{ id: 'link-1', references: ['A'.repeat(22), 'B'.repeat(22)], linkedAt: '2026-03-02T09:14:07.120Z' }],
  identifiersAdded: 1,
  position: 413,
};

describe('liggare link', () => {
  test('names people by identifier or reference, and shows what can be separated again', async () => {
    const argv = ['link', '--subject', 'customer-number:10:27', '--subject', `reference:${'B'.repeat(22)}`, '--reason', 'Both are hers.'];
    const ran = await run(argv, () => ({ body: LINKED }));
    expect(sent()).toEqual([
      [
        '/v1/subjects/link',
        { subjects: [{ scheme: 'customer-number', value: '10:27' }, { reference: 'B'.repeat(22) }], reason: 'Both are hers.' },
      ],
    ]);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('link-1') });
    expect(ran.stderr).toContain('Recorded at position 413: 2 references of one person; 1 identifier added.');
  });

  test('reads people from standard input, so that no list of processes shows them', async () => {
    await run(['link', '--reason', 'Same'], () => ({ body: LINKED }), 'customer-number:10027\r\n\nemail:kim.lind@example.com\n');
    expect(sent()?.[0]?.[1].subjects).toEqual([
      { scheme: 'customer-number', value: '10027' },
      { scheme: 'email', value: 'kim.lind@example.com' },
    ]);
  });

  test('what is no identifier is told by its line, not by what stands there', async () => {
    const ran = await run(['link', '--reason', 'Same'], () => ({}), 'customer-number:10027\nKim Lind\n');
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('Line 2 is a scheme and a value');
    expect(ran.stderr).not.toContain('Kim');
    expect(ledger?.received).toEqual([]);
  });

  test('one alone is nobody else', async () => {
    const ran = await run(['link', '--subject', 'customer-number:10027', '--reason', 'Same'], () => ({}));
    expect(ran.code).toBe(2);
  });
});

test('liggare separate names the link, who approved it and why', async () => {
  const argv = ['separate', 'link-1', '--approver', 'maria.ek', '--reason', 'Two people of one name'];
  const ran = await run(argv, () => ({ body: { groups: [['A'], ['B', 'C']], position: 414 } }));
  expect(sent()).toEqual([
    [
      '/v1/subjects/separate',
      { target: { source: 'urn:liggare:people', id: 'link-1' }, approver: 'maria.ek', reason: 'Two people of one name' },
    ],
  ]);
  expect(ran).toMatchObject({ code: 0, stdout: 'A\nB C\n' });
  expect(ran.stderr).toContain('Recorded at position 414: 2 people.');
});

describe('liggare suppression check', () => {
  const suppressed = ({ body }: Received): Reply => {
    const { identifiers } = JSON.parse(body) as { identifiers: { value: string }[] };
    return { body: { items: identifiers.map(({ value }, index) => ({ index, suppressed: value.startsWith('no') })) } };
  };
  const LIST = 'email:yes@example.com\n\nemail:no@example.com\n';

  test('prints yes or no by line, never the identifier', async () => {
    const ran = await run(['suppression', 'check'], suppressed, LIST);
    expect(ran).toMatchObject({ code: 0, stdout: '1  no\n3  yes\n' });
    expect(ran.stderr).toContain('2 identifiers checked, 1 suppressed.');
  });

  test('passes on who may be contacted', async () => {
    expect((await run(['suppression', 'check', '--pass'], suppressed, LIST)).stdout).toBe('email:yes@example.com\n');
  });

  test('asks in portions that the ledger takes', async () => {
    const many = Array.from({ length: 1001 }, (_, i) => `customer-number:${i}`).join('\n');
    const ran = await run(['suppression', 'check'], suppressed, many);
    expect(ledger?.received.map(({ body }) => JSON.parse(body).identifiers.length)).toEqual([1000, 1]);
    expect(ran.stdout.split('\n')).toHaveLength(1002);
  });

  test('contacts nobody because an answer was missing', async () => {
    const ran = await run(['suppression', 'check', '--pass'], () => ({ body: { items: [] } }), LIST);
    expect(ran).toMatchObject({ code: 3, stdout: '' });
  });

  test('takes no identifier from the command line', async () => {
    const ran = await run(['suppression', 'check', 'email:kim.lind@example.com'], suppressed, '');
    expect(ran.code).toBe(2);
    expect(ledger?.received).toEqual([]);
  });
});
