/** How programs are installed on this distribution, for the commands that are shown. */
import type { MachineProbe } from '../ports/preflight.ts';

type Distro = 'debian' | 'fedora' | 'suse' | 'arch' | 'alpine' | 'other';

/** A command line that installs packages, by their Debian names where those differ. */
export async function installCommand(machine: MachineProbe, ...packages: readonly string[]): Promise<string> {
  const names = packages.join(' ');
  switch (await distroOf(machine)) {
    case 'debian':
      return `apt-get update && apt-get install -y ${names}`;
    case 'fedora':
      return `dnf install -y ${names}`;
    case 'suse':
      return `zypper install -y ${names}`;
    case 'arch':
      return `pacman -S --needed ${names}`;
    case 'alpine':
      return `apk add ${names}`;
    case 'other':
      return `install ${names} with this system's package manager`;
  }
}

async function distroOf(machine: MachineProbe): Promise<Distro> {
  const text = (await machine.read('/etc/os-release')) ?? '';
  const ids = [...text.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)].flatMap(([, value = '']) =>
    value.replaceAll(/["']/g, '').toLowerCase().split(/\s+/),
  );
  const has = (...names: string[]): boolean => names.some((name) => ids.includes(name));
  if (has('debian', 'ubuntu', 'raspbian')) return 'debian';
  if (has('fedora', 'rhel', 'centos')) return 'fedora';
  if (ids.some((id) => id.includes('suse'))) return 'suse';
  if (has('arch')) return 'arch';
  return has('alpine') ? 'alpine' : 'other';
}
