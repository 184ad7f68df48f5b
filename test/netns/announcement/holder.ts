/**
 * A process that holds addresses until it is killed: `node holder.ts [--alone | --once] NETNS IP…`. Says `holding` when
 * it does. `--alone`: no other agents are alive. `--once`: what it loses it does not take again.
 */
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { createSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip } from '../../../src/model/ip.ts';

const [netns = '', ...addresses] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const announcement = createAnnouncement({
  network: createNetwork({ netns }),
  addressTable: createAddressTable({ netns }),
  silence: createSilenceFilter({ netns }),
  clock: createSystemClock(),
});
announcement.setAlone(process.argv.includes('--alone'));
// As the reconciler does while this node is the owner, or when it no longer is.
const once = process.argv.includes('--once');
announcement.onChange((address) => (once ? announcement.release(address) : announcement.ensure({ ip: address })));
for (const address of addresses) announcement.ensure({ ip: ip(address) });
setTimeout(() => {
  process.stdout.write('holding\n');
}, 100);
setInterval(() => undefined, 60_000);
process.once('SIGTERM', () => {
  void announcement.close().then(() => process.exit(0));
});
