/** JSON from an HTTPS API. */
import type { Milliseconds } from '../model/time.ts';

const TIMEOUT: Milliseconds = 10_000;
const MOST_BYTES = 4 << 20;

/** @throws Error for no answer in 10 s, another status than 200, more than 4 MiB, or no JSON. Headers are in no message. */
export async function getJson(url: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}${response.status === 401 ? ' (is the token right?)' : ''}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error('the answer is too long');
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}
