/** Secrets of a cluster, from the operating system's entropy. */
import type { Entropy } from '../model/time.ts';
import type { InitSecrets } from './kubeadm/documents.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export function newSecrets(entropy: Entropy): InitSecrets {
  return { token: newToken(entropy), certificateKey: Buffer.from(entropy.bytes(32)).toString('hex') };
}

/** A bootstrap token, `id.secret`; every letter equally likely. */
export function newToken(entropy: Entropy): string {
  const text = letters(22, entropy);
  return `${text.slice(0, 6)}.${text.slice(6)}`;
}

function letters(count: number, entropy: Entropy): string {
  // Bytes from here on would favour the first letters.
  const limit = 256 - (256 % LETTERS.length);
  let text = '';
  while (text.length < count) {
    for (const byte of entropy.bytes(count)) {
      if (byte < limit && text.length < count) text += LETTERS.charAt(byte % LETTERS.length);
    }
  }
  return text;
}
