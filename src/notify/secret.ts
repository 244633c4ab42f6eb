import { readFileSync } from 'node:fs';

/** The secret of the webhook cannot be used: what is wrong with the file that is named, never what is in it. */
export class WebhookSecretRefused extends Error {
  override name = 'WebhookSecretRefused';
}

const PREFIX = 'whsec_';

/** Whether it is one by the Standard Webhooks scheme: `whsec_` and 24 to 64 random bytes in base64. */
export function isWebhookSecret(text: string): boolean {
  const encoded = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : undefined;
  if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.length % 4 !== 0) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= 24 && length <= 64;
}

/** @throws WebhookSecretRefused */
export function readWebhookSecret(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new WebhookSecretRefused(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  if (!isWebhookSecret(text)) throw new WebhookSecretRefused('names a file that does not hold whsec_ and 24 to 64 bytes in base64');
  return text;
}
