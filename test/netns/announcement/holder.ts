/** A process that holds addresses until it is killed: `node holder.ts NETNS IP…`. Says `holding` when it does. */
import { createAnnouncement } from '../../../src/exposure/announcement/announcement.ts';
import { createAddressTable } from '../../../src/linux/address-table.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { createNetwork } from '../../../src/linux/network.ts';
import { createSilenceFilter } from '../../../src/linux/silence-filter.ts';
import { ip } from '../../../src/model/ip.ts';

const [netns = '', ...addresses] = process.argv.slice(2);
const announcement = createAnnouncement({
  network: createNetwork({ netns }),
  addressTable: createAddressTable({ netns }),
  silence: createSilenceFilter({ netns }),
  clock: createSystemClock(),
});
// As the reconciler does while this node is the owner.
announcement.onChange((address) => announcement.ensure({ ip: address }));
for (const address of addresses) announcement.ensure({ ip: ip(address) });
setTimeout(() => {
  process.stdout.write('holding\n');
}, 100);
setInterval(() => undefined, 60_000);
process.once('SIGTERM', () => {
  void announcement.close().then(() => process.exit(0));
});
