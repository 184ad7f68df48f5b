/** miniupnpd on the router: UPnP IGD, NAT-PMP and PCP over the chains of `nat.ts`. */
import { join } from 'node:path';
import type { DaemonSpec } from '../daemons.ts';
import { LAN, type LabPaths } from '../layout.ts';
import type { LabOptions } from '../options.ts';

/** Undefined when no protocol is wanted: a router without any such service. */
export function miniupnpd(paths: LabPaths, options: LabOptions): DaemonSpec | undefined {
  const { igd, natPmp, pcp } = options.upnp;
  if (!igd && !natPmp && !pcp) return undefined;
  const config = join(paths.config, 'miniupnpd.conf');
  const pidFile = join(paths.dir, 'miniupnpd.pid');
  return {
    name: 'router-miniupnpd',
    host: 'router',
    // -d keeps it in the foreground, with its log on standard error.
    argv: ['miniupnpd', '-d', '-f', config, '-P', pidFile],
    files: { [config]: `${miniupnpdLines(paths, options).join('\n')}\n` },
    stale: [pidFile],
    ready: (log) => /(HTTP listening on|Listening for NAT-PMP\/PCP traffic on) port/.test(log),
  };
}

function miniupnpdLines(paths: LabPaths, options: LabOptions): string[] {
  const { upnp } = options;
  const yes = (on: boolean): string => (on ? 'yes' : 'no');
  return [
    'ext_ifname=wan0',
    ...(upnp.externalIp === undefined ? [] : [`ext_ip=${upnp.externalIp}`]),
    'listening_ip=eth0',
    ...(options.ipv6 ? ['ext_ifname6=wan0'] : ['ipv6_disable=yes']),
    'http_port=5000',
    `enable_upnp=${yes(upnp.igd)}`,
    // One switch and one port for both; `nat.ts` tells the two apart.
    `enable_natpmp=${yes(upnp.natPmp || upnp.pcp)}`,
    `force_igd_desc_v1=${yes(upnp.igdVersion === 1)}`,
    `secure_mode=${yes(upnp.secureMode)}`,
    `min_lifetime=${upnp.minLifetime}`,
    `max_lifetime=${upnp.maxLifetime}`,
    'system_uptime=no',
    'notify_interval=60',
    `lease_file=${paths.upnpLeases}`,
    ...(options.ipv6 ? [`lease_file6=${paths.upnpLeases}6`] : []),
    'uuid=6b756265-7669-4c61-8b00-6c61622d7231',
    'friendly_name=kubevip lab router',
    `allow 1-65535 ${LAN.cidr} 1-65535`,
    'deny 0-65535 0.0.0.0/0 0-65535',
  ];
}
