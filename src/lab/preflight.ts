/** What a machine needs for the lab, asked before anything is changed. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EXIT, KubevipError } from '../model/errors.ts';

/** Programs the lab runs → the Debian packages they are in. The same packages are in scripts/debian-packages. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nft: 'nftables',
  sysctl: 'procps',
  unshare: 'util-linux',
  dnsmasq: 'dnsmasq-base',
  miniupnpd: 'miniupnpd-nftables',
  'dbus-daemon': 'dbus',
  'avahi-daemon': 'avahi-daemon',
};

/** @throws KubevipError LAB_NEEDS_LINUX, LAB_NEEDS_ROOT, LAB_NEEDS_PACKAGES */
export function requireLabMachine(): void {
  if (process.platform !== 'linux') {
    throw new KubevipError(`the lab needs Linux and its network namespaces, this is ${process.platform}`, {
      code: 'LAB_NEEDS_LINUX',
      exit: EXIT.preflight,
      hints: ['`npm run test:unit` works here'],
    });
  }
  if (process.getuid?.() !== 0) {
    throw new KubevipError('the lab needs root, to make network namespaces', {
      code: 'LAB_NEEDS_ROOT',
      exit: EXIT.preflight,
      hints: ['run it with sudo', '`npm run test:unit` works without'],
    });
  }
  const missing = Object.keys(PROGRAMS).filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))].join(' ');
  throw new KubevipError(`the lab needs programs that are not installed: ${missing.join(', ')}`, {
    code: 'LAB_NEEDS_PACKAGES',
    exit: EXIT.preflight,
    hints: [`on Debian: apt-get install --no-install-recommends ${packages}`],
  });
}

function isInstalled(program: string): boolean {
  return searchPath().some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
}
