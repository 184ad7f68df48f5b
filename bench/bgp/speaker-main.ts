/**
 * The agent's speaker with nothing around it: `speaker-main LOCAL_IP PEER_IP SECOND COUNT`. Of each line `announce` or
 * `withdraw` on standard input it does that with so many addresses from 10.SECOND.0.0 on; it ends with standard input.
 */
import { createInterface } from 'node:readline';
import { BgpHub } from '../../src/exposure/bgp/hub.ts';
import { createSpeaker } from '../../src/exposure/bgp/speaker.ts';
import { createBfdTransport } from '../../src/linux/bfd-transport.ts';
import { createSystemClock } from '../../src/linux/clock.ts';
import { systemEntropy } from '../../src/linux/entropy.ts';
import { createPeerTransport } from '../../src/linux/peer-transport.ts';
import { ip } from '../../src/model/ip.ts';
import { OUR_AS, ROUTER_AS } from '../../test/support/bgp-lab.ts';
import { addressesIn, HOLD_SECONDS } from './peering.ts';

const [local = '', peer = '', second = '', count = ''] = process.argv.slice(2);
const addresses = addressesIn(Number(second), Number(count)).map(ip);
const clock = createSystemClock();
const speaker = createSpeaker({
  clock,
  entropy: systemEntropy,
  transport: createPeerTransport(),
  bfd: createBfdTransport(systemEntropy),
  onNews: () => hub.sessionsChanged(),
});
const hub = new BgpHub({ clock, speaker, parts: ['bench'], gracefulRestart: false });
const sink = hub.sink('bench', 'every-node');
const settings = {
  ...{ ip: ip(peer), localIp: ip(local), identifier: ip(local), localAs: OUR_AS, peerAs: ROUTER_AS },
  ...{ holdTime: HOLD_SECONDS, families: [4, 6] as const, distance: { kind: 'direct' } as const, nextHops: {} },
};
hub.setPeers([{ settings, source: 'bench', attributes: {} }], { poolsOf: () => [], ofPool: new Map() });
sink.settled();

createInterface({ input: process.stdin })
  .on('line', (line) => {
    for (const address of addresses) {
      if (line === 'announce') sink.announce({ ip: address, link: { name: 'lo', index: 1 }, leaving: false });
      else sink.withdraw(address);
    }
  })
  .on('close', () => process.exit());
