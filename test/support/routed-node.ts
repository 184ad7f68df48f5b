/**
 * Addresses of one node in routing-table mode with their real parts: `routed-node.ts LINK VIPS [clean]`. Says `here` when
 * all are announced and what was stale is gone. SIGHUP: the first address goes; SIGTERM: leaves.
 */
import { createRoutedAnnouncement } from '../../src/exposure/announcement/routed/routed.ts';
import { createRouteTableSink } from '../../src/exposure/announcement/routed/table/sink.ts';
import { createAddressTable } from '../../src/linux/address-table.ts';
import { createNetwork } from '../../src/linux/network.ts';
import { createRouteTable, DEFAULT_ROUTES } from '../../src/linux/route-table.ts';
import { createSilenceFilter } from '../../src/linux/silence-filter.ts';
import { ip } from '../../src/model/ip.ts';
import { realClock } from './real-time.ts';

const [link = 'lo', list = '', clean] = process.argv.slice(2);
const instance = 'services';
const vips = list.split(',').filter(Boolean).map(ip);
const announcement = createRoutedAnnouncement({
  network: createNetwork(),
  addressTable: createAddressTable({ instance }),
  silence: createSilenceFilter({ instance }),
  clock: realClock,
  link,
  sink: createRouteTableSink({
    table: createRouteTable({ instance, ...DEFAULT_ROUTES }),
    reach: 'every-node',
    clock: realClock,
    cleansStrangers: clean === 'clean',
  }),
});
setInterval(() => undefined, 2 ** 30);
const states = vips.map((vip) => announcement.ensure({ ip: vip }));
announcement.settled?.();
for (const { reason, message } of states) process.stdout.write(`${reason}: ${message}\n`);
process.stdout.write('here\n');
process.on('SIGHUP', () => {
  for (const vip of vips.slice(0, 1)) announcement.release(vip);
});
process.on('SIGTERM', () => void announcement.close().then(() => process.exit(0)));
