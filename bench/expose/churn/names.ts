/** What the LAN answers for names, asked by Multicast DNS from the laptop. */
import { setTimeout as delay } from 'node:timers/promises';
import { openMdnsChannel } from '../../../src/exposure/naming/mdns-channel.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { message } from '../../../src/protocols/mdns/message.ts';
import type { BenchLab } from '../bench-lab.ts';

/** Questions in one message, so that it fits a datagram. */
const AT_ONCE = 20;
/** A second time, for an answer that was lost, and late enough not to be taken for a repetition. */
const ROUNDS = 2;
const WAIT_MS = 1200;

/** Address by name, for those names that anybody answers for. */
export async function resolveNames(
  { network, link }: BenchLab,
  names: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const channel = await openMdnsChannel({
    network,
    clock: createSystemClock(),
    link,
    onMessage: ({ answers }) => {
      for (const record of answers) if (record.type === 'A' && record.ttl > 0) found.set(record.name, record.data);
    },
    onFailed: (error) => {
      throw error;
    },
  });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < names.length; i += AT_ONCE) {
        const questions = names.slice(i, i + AT_ONCE).map((name) => ({ name, type: 'A' as const, unicast: false }));
        channel.send({ message: message('query', { questions }) });
      }
      await delay(WAIT_MS);
    }
  } finally {
    channel.close();
  }
  return found;
}
