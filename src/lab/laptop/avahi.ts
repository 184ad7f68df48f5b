/**
 * The laptop: avahi with a D-Bus of its own, in a mount namespace in which `/run` is the laptop's. Programs started
 * there by {@link laptopCommand} find both where they always are, so `avahi-browse` needs no settings, and
 * `curl http://web.local` resolves the name as on any desktop (nss-mdns asks avahi).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonSpec } from '../daemons.ts';
import { runningDaemons } from '../daemons.ts';
import { inNetns } from '../exec.ts';
import { LAN, netnsOf, type LabPaths } from '../layout.ts';
import type { ProcessId } from '../process.ts';

const BUS = 'laptop-dbus';

/** The bus; its process holds the laptop's mount namespace. */
export function laptopBus(paths: LabPaths): DaemonSpec {
  const busConfig = join(paths.config, 'laptop-dbus.conf');
  const resolv = join(paths.config, 'laptop-resolv.conf');
  const nsswitch = join(paths.config, 'laptop-nsswitch.conf');
  return {
    name: BUS,
    host: 'laptop',
    argv: ['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', ENTER, 'sh', busConfig, resolv, nsswitch],
    files: {
      [busConfig]: BUS_CONFIG,
      [resolv]: `nameserver ${LAN.router}\nsearch lan\n`,
      [nsswitch]: 'passwd: files\ngroup: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n',
    },
    ready: (_log, id) => existsSync(inLaptop(id, '/run/dbus/system_bus_socket')),
  };
}

/** avahi-daemon, in the mount namespace of the bus. */
export function laptopAvahi(paths: LabPaths, bus: ProcessId): DaemonSpec {
  const config = join(paths.config, 'laptop-avahi.conf');
  return {
    name: 'laptop-avahi',
    host: 'laptop',
    argv: [
      ...enter(bus),
      // avahi writes over its environment, by which the lab knows its daemons: unshare stands for it, dies with it, and
      // takes it along.
      ...['unshare', '--pid', '--fork', '--kill-child', 'sh', '-euc', START, 'sh', config],
    ],
    files: { [config]: AVAHI_CONFIG },
    ready: (log, id) =>
      log.includes('Network interface enumeration completed') && existsSync(inLaptop(id, '/run/avahi-daemon/socket')),
  };
}

/**
 * Puts in front of `argv` what makes it a program on the laptop. Without the bus (somebody killed it) it is one without
 * the laptop's own `/run`.
 */
export function laptopCommand(paths: LabPaths, argv: readonly string[]): string[] {
  const bus = runningDaemons(paths).get(BUS);
  return bus === undefined ? inNetns(netnsOf(paths, 'laptop'), argv) : [...enter(bus), ...argv];
}

function enter(bus: ProcessId): string[] {
  return ['nsenter', `--target=${bus.pid}`, '--mount', '--net', '--'];
}

function inLaptop(id: ProcessId, path: string): string {
  return `/proc/${id.pid}/root${path}`;
}

/** $1 D-Bus configuration, $2 resolv.conf, $3 nsswitch.conf; ends as the D-Bus daemon. */
const ENTER = `
resolv=$(readlink -f /etc/resolv.conf)
mount -t tmpfs -o mode=0755 laptop /run
mkdir /run/dbus /run/avahi-daemon
case $resolv in /run/*) mkdir -p "$(dirname "$resolv")"; : >"$resolv" ;; esac
mount --bind "$2" "$resolv"
mount --bind "$3" /etc/nsswitch.conf
exec dbus-daemon --nofork --nopidfile --config-file="$1" --address=unix:path=/run/dbus/system_bus_socket
`;

/** $1 configuration. What a killed predecessor left is removed: its pid would be taken for that of a running one. */
const START = `
rm -f /run/avahi-daemon/pid /run/avahi-daemon/socket
exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --file="$1"
`;

/** A bus on which everybody may do everything: nobody but root is on the laptop. */
const BUS_CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
`;

/** The limits are raised because a lab sees in a minute what a home sees in a month. */
const AVAHI_CONFIG = `[server]
host-name=laptop
allow-interfaces=eth0
use-ipv4=yes
use-ipv6=yes
ratelimit-interval-usec=1000000
ratelimit-burst=1000
cache-entries-max=4096

[wide-area]
enable-wide-area=no

[publish]
publish-hinfo=no
publish-workstation=no
`;
