import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import {
  COSIGNATURE,
  cosignNote,
  ED25519,
  formatNote,
  NoteRefused,
  parseNote,
  parseSignatures,
  parseVkey,
  signatureLine,
  signNote,
  verifierKey,
  verifyNote,
  vkeyOf,
} from '../../src/integrity/signed-note.ts';
import { formatTreeHead, parseTreeHead } from '../../src/integrity/tree-head.ts';

/** Key and note of the documentation of Go's package golang.org/x/mod/sumdb/note. */
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const QUOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

const keyPair = (name: string, kind: typeof ED25519 | typeof COSIGNATURE = ED25519) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { key: verifierKey(name, kind, publicKey), privateKey };
};
const log = keyPair('ledger.example/mailit');
const witness = keyPair('witness.example/w1', COSIGNATURE);
const TEXT = 'ledger.example/mailit\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

describe('a signed note', () => {
  it('of another program is read and verified', () => {
    const note = parseNote(QUOTE);
    expect(verifyNote(note, [parseVkey(NEUMANN)])).toMatchObject([{ key: { name: 'PeterNeumann' } }]);
    expect(formatNote(note)).toBe(QUOTE);
    expect(vkeyOf(parseVkey(NEUMANN))).toBe(NEUMANN);
  });

  it('holds for exactly the text that was signed', () => {
    const signed = { text: TEXT, signatures: [signNote(TEXT, log.key, log.privateKey)] };
    const note = formatNote(signed);
    expect(verifyNote(parseNote(note), [log.key])).toEqual([{ key: log.key }]);
    for (let at = 0; at < TEXT.length - 1; at++) {
      const turned = TEXT[at] === '7' ? '8' : '7';
      const changed = { ...signed, text: TEXT.slice(0, at) + turned + TEXT.slice(at + 1) };
      expect(() => verifyNote(changed, [log.key])).toThrow('the signature of ledger.example/mailit is wrong');
    }
  });

  it('passes over signatures of keys that nobody trusts, even under a trusted name', () => {
    const other = keyPair(log.key.name);
    const signatures = [signNote(TEXT, other.key, other.privateKey), signNote(TEXT, log.key, log.privateKey)];
    expect(verifyNote({ text: TEXT, signatures }, [log.key])).toHaveLength(1);
    expect(() => verifyNote({ text: TEXT, signatures }, [])).toThrow('nobody who is trusted has signed it');
    expect(() => verifyNote({ text: TEXT, signatures: signatures.slice(0, 1) }, [log.key])).toThrow(NoteRefused);
  });

  it('may have empty lines in its text: the last one divides', () => {
    const text = 'one\n\ntwo\n';
    const note = formatNote({ text, signatures: [signNote(text, log.key, log.privateKey)] });
    expect(parseNote(note).text).toBe(text);
  });

  it.each([
    ['', 'a text, an empty line'],
    ['text\n', 'a text, an empty line'],
    ['text\n\nno signature\n', 'no signature line'],
    ['text\n\n', 'signature line ends'],
    ['text\n\n— name AAAA\n', 'no signature line'],
    ['text\n\n— name x08go/ZJkuBS9UG/Sffcv===\n', 'no signature line'],
    ['text\n\n— name x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8', 'a text, an empty line'],
    ['te\u0001xt\n\n— name x08go/ZJ\n', 'control characters'],
    ['te\ud800xt\n\n— name x08go/ZJ\n', 'control characters'],
    [`text\n\n${'— name x08go/ZJ\n'.repeat(101)}`, 'at most 100'],
    [`${'t'.repeat(1024 * 1024)}\n\n— name x08go/ZJ\n`, 'too long'],
  ])('is refused with what is wrong (%#)', (note, message) => {
    expect(() => parseNote(note)).toThrow(NoteRefused);
    expect(() => parseNote(note)).toThrow(message);
  });

  it('never makes a parser fail otherwise, whatever comes', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `${text}\n\n— ${text}\n`),
        ),
        (note) => {
          try {
            parseNote(note);
          } catch (error) {
            expect(error).toBeInstanceOf(NoteRefused);
          }
        },
      ),
    ));
});

describe('a verifier key', () => {
  it('is written and read', () => {
    expect(parseVkey(vkeyOf(witness.key))).toEqual({ ...witness.key, publicKey: expect.anything() });
  });

  it.each([
    ['PeterNeumann', 'a verifier key is'],
    ['PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'id is not that of its name'],
    ['PeterNewman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'id is not that of its name'],
    ['Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'neither spaces'],
    ['PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'kind that is not known'],
  ])('%s is refused', (vkey, message) => expect(() => parseVkey(vkey)).toThrow(message));
});

describe('a cosignature', () => {
  const AT = 1_679_315_147;

  it('says when the witness saw the text', () => {
    const signatures = [signNote(TEXT, log.key, log.privateKey), cosignNote(TEXT, witness.key, witness.privateKey, AT)];
    expect(verifyNote({ text: TEXT, signatures }, [log.key, witness.key])).toEqual([{ key: log.key }, { key: witness.key, at: AT }]);
  });

  it('signs the message of cosignature/v1', () => {
    const [{ bytes }] = [cosignNote(TEXT, witness.key, witness.privateKey, AT)];
    // As an ordinary Ed25519 signature over the documented message it holds, too.
    const message = `cosignature/v1\ntime ${AT}\n${TEXT}`;
    const plain = verifierKey(witness.key.name, ED25519, createPublicKey(witness.privateKey));
    const signature = { name: plain.name, id: plain.id, bytes: bytes.subarray(8) };
    expect(verifyNote({ text: message, signatures: [signature] }, [plain])).toHaveLength(1);
  });

  it('holds for no other time', () => {
    const signature = cosignNote(TEXT, witness.key, witness.privateKey, AT);
    signature.bytes.writeBigUInt64BE(BigInt(AT + 1));
    expect(() => verifyNote({ text: TEXT, signatures: [signature] }, [witness.key])).toThrow('is wrong');
  });

  it('comes from a witness as a line', () => {
    const signature = cosignNote(TEXT, witness.key, witness.privateKey, AT);
    expect(parseSignatures(`${signatureLine(signature)}\n`)).toEqual([signature]);
  });
});

describe('a tree head', () => {
  it('is three lines', () => {
    const head = parseTreeHead(TEXT);
    expect(head).toMatchObject({ origin: 'ledger.example/mailit', size: 7 });
    expect(formatTreeHead(head)).toBe(TEXT);
    expect(parseTreeHead(`${TEXT}an extension\n`)).toEqual(head);
  });

  it.each([
    ['', 'empty'],
    ['origin\n7\n', 'without a root'],
    ['\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'without an origin'],
    ['origin\n07\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'a leading zero'],
    ['origin\n9007199254740993\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n', 'too large'],
    ['origin\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n', 'another spelling of base64'],
    ['origin\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n', 'a short root'],
    ['origin\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'no newline at the end'],
    ['origin\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nmore\n', 'an empty line'],
  ])('%j is refused: %s', (text) => expect(() => parseTreeHead(text)).toThrow(NoteRefused));
});
