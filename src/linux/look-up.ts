/** Names by the resolver of this machine: /etc/hosts first, then its name servers. */
import { lookup } from 'node:dns/promises';
import { parseIp, type Ip } from '../model/ip.ts';

/** Both families, in the order of the answer. @throws Error (ENOTFOUND, EAI_AGAIN …) */
export async function lookUp(name: string): Promise<readonly Ip[]> {
  const answers = await lookup(name, { all: true, order: 'verbatim' });
  return answers.flatMap(({ address }) => parseIp(address) ?? []);
}
