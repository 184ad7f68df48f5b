/** Kea, the DHCPv6 server of ISC, on a host of a LAN in namespaces. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type HostDaemon, type LanHost } from '../../support/netns.ts';

export interface Kea {
  readonly daemon: HostDaemon;
  /** Leases that stand, with the name of the client. */
  recorded(): { readonly ip: string; readonly duid: string; readonly iaid: string; readonly name: string }[];
}

/** @param subnet of the link, with the settings of Kea that differ. Two minutes, T1 and T2 at 60 and 90 s. */
export async function startKea(
  host: LanHost,
  dir: string,
  subnet: { readonly subnet: string; readonly pool: string; readonly 'rapid-commit'?: boolean },
): Promise<Kea> {
  const own = mkdtempSync(join(dir, 'kea-'));
  const leases = join(own, 'leases.csv');
  const { pool, ...settings } = subnet;
  const config = {
    Dhcp6: {
      'interfaces-config': { interfaces: ['eth0'] },
      'lease-database': { type: 'memfile', persist: true, name: leases, 'lfc-interval': 0 },
      // By its hardware address, so that it writes nothing where it is at home.
      'server-id': { type: 'LL', persist: false },
      ...{ 'valid-lifetime': 120, 'preferred-lifetime': 100, 'renew-timer': 60, 'rebind-timer': 90 },
      subnet6: [{ interface: 'eth0', pools: [{ pool }], ...settings }],
      // What was said is told at this level only.
      loggers: [
        { name: 'kea-dhcp6', severity: 'DEBUG', debuglevel: 45, output_options: [{ output: 'stdout', flush: true }] },
      ],
    },
  };
  const file = join(own, 'kea.json');
  writeFileSync(file, JSON.stringify(config));
  const daemon = host.daemon(['kea-dhcp6', '-c', file], {
    env: { ...process.env, KEA_PIDFILE_DIR: own, KEA_LOCKFILE_DIR: own },
  });
  await eventually('Kea listens', () => daemon.log().includes('DHCP6_STARTED'));
  return {
    daemon,
    recorded() {
      const lines = existsSync(leases) ? readFileSync(leases, 'utf8').trim().split('\n') : [];
      const keys = lines.shift()?.split(',') ?? [];
      const byAddress = new Map<string, Record<string, string>>();
      for (const line of lines) {
        const values = line.split(',');
        const row = Object.fromEntries(keys.map((key, i) => [key, values[i] ?? '']));
        byAddress.set(row['address'] ?? '', row);
      }
      return [...byAddress.values()]
        .filter((row) => row['valid_lifetime'] !== '0' && row['state'] === '0')
        .map((row) => ({
          ip: row['address'] ?? '',
          duid: (row['duid'] ?? '').replaceAll(':', ''),
          iaid: row['iaid'] ?? '',
          name: row['hostname'] ?? '',
        }));
    },
  };
}
