/** avahi-daemon on a host of a test LAN, with a D-Bus of its own. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type HostDaemon, type LanHost } from './netns.ts';

export interface Avahi {
  /** Runs one of avahi's tools against this daemon; never throws for an exit code. */
  tool(argv: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  /** A tool that goes on running, such as avahi-publish. */
  start(argv: readonly string[]): HostDaemon;
  readonly daemon: HostDaemon;
  stop(): Promise<void>;
}

/** Returns once the daemon has its own name (`hostName`, or another after a conflict). */
export async function startAvahi(host: LanHost, dir: string, hostName: string): Promise<Avahi> {
  const stem = join(dir, `${host.name}-avahi`);
  const bus = `${stem}-bus`;
  writeFileSync(`${stem}-dbus.conf`, busConfig(`${stem}-unused`));
  writeFileSync(`${stem}.conf`, daemonConfig(hostName));
  const env = { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${bus}` };
  const busArgs = ['--nofork', '--nopidfile', `--config-file=${stem}-dbus.conf`, `--address=unix:path=${bus}`];
  const dbus = host.daemon(['dbus-daemon', ...busArgs]);
  await eventually('D-Bus is there', () => existsSync(bus));
  const script =
    'mkdir -p /run/avahi-daemon && mount -t tmpfs avahi /run/avahi-daemon && ' +
    'exec avahi-daemon --file="$1" --no-drop-root --no-chroot --no-rlimits';
  const inOwnRun = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', `${stem}.conf`];
  const daemon = host.daemon(inOwnRun, { env });
  await eventually('avahi has its name', () => daemon.log().includes('Server startup complete'));
  return {
    tool: (argv) => host.run(argv, { env }),
    start: (argv) => host.daemon(argv, { env }),
    daemon,
    stop: async () => {
      await daemon.stop();
      await dbus.stop();
    },
  };
}

/** The name the daemon has come to, from its log. */
export function nameOfAvahi(avahi: Avahi): string | undefined {
  return [...avahi.daemon.log().matchAll(/Server startup complete\. Host name is (\S+?)\.? /g)].at(-1)?.[1];
}

function busConfig(unused: string): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <auth>EXTERNAL</auth>
  <listen>unix:path=${unused}</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow send_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="method_call"/>
  </policy>
</busconfig>
`;
}

function daemonConfig(hostName: string): string {
  return `[server]
host-name=${hostName}
allow-interfaces=eth0
use-ipv4=yes
use-ipv6=yes
ratelimit-interval-usec=1000000
ratelimit-burst=1000

[wide-area]
enable-wide-area=no

[publish]
publish-workstation=no
publish-hinfo=no
`;
}
