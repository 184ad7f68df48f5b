/** Clusters that announce themselves on the LAN, for a person who is about to be asked for a code. */
import { CLUSTER_SERVICE_TYPE, readAdvertisement } from '../model/cluster-advertisement.ts';
import { foregroundClock } from './clock.ts';

const LOOK_FOR_MS = 2000;

/** Lines for stderr. Nobody is believed: the code says which cluster it is for, and kubeadm checks that. */
export async function introduceClusters(signal: AbortSignal): Promise<string> {
  const [{ createNetwork }, { systemEntropy }, { discover }] = await Promise.all([
    import('../linux/network.ts'),
    import('../linux/entropy.ts'),
    import('../workflows/discover.ts'),
  ]);
  const network = createNetwork();
  const lines: string[] = [];
  try {
    const options = { network, clock: foregroundClock, entropy: systemEntropy, timeoutMs: LOOK_FOR_MS, signal };
    for await (const { txt } of discover({ ...options, types: [CLUSTER_SERVICE_TYPE] })) {
      const found = readAdvertisement(txt);
      if (found === undefined) continue;
      const line = `  ${found.cluster} at ${found.endpoint}${found.version === undefined ? '' : `, ${found.version}`}`;
      if (!lines.includes(line)) lines.push(line);
    }
  } catch {
    return ''; // no multicast here: the question is the same
  } finally {
    network.close();
  }
  return lines.length === 0
    ? 'No cluster announces itself on this LAN.\n'
    : `Clusters on this LAN:\n${lines.join('\n')}\n\`kubevip join-code create\` on one of their control planes prints a code.\n`;
}
