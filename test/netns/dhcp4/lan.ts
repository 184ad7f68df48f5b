/** dnsmasq and nodes with DHCP leases on a LAN in namespaces. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createDhcp6Leases,
  createDhcpLeases,
  type DhcpLeasesOnNode,
} from '../../../src/exposure/address/dhcp/leases.ts';
import { OFFER_PROBE } from '../../../src/exposure/address/dhcp/offer-check.ts';
import { createAddressProber } from '../../../src/exposure/address/prober.ts';
import type { DhcpLease, DhcpRequest } from '../../../src/exposure/address/port.ts';
import type { Decision } from '../../../src/model/decision.ts';
import type { Clock, Milliseconds, Timer } from '../../../src/model/time.ts';
import { createSystemClock } from '../../../src/linux/clock.ts';
import { systemEntropy } from '../../../src/linux/entropy.ts';
import { createNetwork, type LinuxNetwork } from '../../../src/linux/network.ts';
import { createLan, eventually, type HostDaemon, type Lan, type LanHost } from '../../support/netns.ts';

export interface DhcpLan {
  readonly lan: Lan<'router' | 'a' | 'b'>;
  /** Starts dnsmasq with these lines after the usual ones, without DNS unless they say so, and waits until it listens. */
  dnsmasq(...lines: string[]): Promise<HostDaemon>;
  /** The same on host b, as the second server of the LAN or the one behind a relay. */
  otherDnsmasq(...lines: string[]): Promise<HostDaemon>;
  /** Lines of its lease file. */
  leaseFile(): string[];
  /** While it does not run: what it is to find there. */
  setLeaseFile(lines: readonly string[]): void;
  /** @param checks whether offered addresses are asked for on the LAN; not where they stand on the node from the start. */
  node(
    name: 'a' | 'b',
    clock?: Clock,
    checks?: boolean,
  ): { readonly leases: DhcpLeasesOnNode; readonly leases6: DhcpLeasesOnNode; readonly network: LinuxNetwork };
  /** Closes what `node` and `dnsmasq` made since the last call. */
  reset(): Promise<void>;
  dispose(): Promise<void>;
}

export async function createDhcpLan(): Promise<DhcpLan> {
  const lan = await createLan({ nodes: ['router', 'a', 'b'] });
  // In memory where that can be had: dnsmasq waits for the disk with every lease, and on a busy machine that takes long.
  const memory = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/kubevip-test-') : lan.dir;
  const file = join(memory, 'dnsmasq.leases');
  const closing: (() => void | Promise<void>)[] = [];
  const reset = async (): Promise<void> => {
    for (const close of closing.splice(0)) await close();
    writeFileSync(file, '');
  };
  const serve = async (host: LanHost, lines: readonly string[]): Promise<HostDaemon> => {
    const config = join(lan.dir, `dnsmasq-${host.name}.conf`);
    const usual = ['user=root', 'bind-interfaces', 'dhcp-authoritative', 'log-dhcp', 'log-facility=-'];
    const dns = lines.some((line) => line.startsWith('port=')) ? [] : ['port=0'];
    writeFileSync(config, [...usual, ...dns, ...lines, ''].join('\n'));
    const daemon = host.daemon(['dnsmasq', '-k', '-C', config, '--pid-file=']);
    closing.push(() => daemon.stop());
    await eventually('dnsmasq listens', () => /DHCP(v6)?,? (IP range|relay)/.test(daemon.log()));
    return daemon;
  };
  return {
    lan,
    dnsmasq: (...lines) => serve(lan.hosts.router, ['interface=eth0', `dhcp-leasefile=${file}`, ...lines]),
    otherDnsmasq: (...lines) => serve(lan.hosts.b, ['leasefile-ro', ...lines]),
    leaseFile: () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
    setLeaseFile: (lines) => writeFileSync(file, lines.map((line) => `${line}\n`).join('')),
    node(name, clock = createSystemClock(), checks = true) {
      const network = createNetwork({ netns: lan.hosts[name].netns });
      const parts = {
        network,
        clock,
        entropy: systemEntropy,
        ...(checks
          ? { prober: createAddressProber({ network, clock, entropy: systemEntropy, timing: OFFER_PROBE }) }
          : {}),
      };
      const [leases, leases6] = [createDhcpLeases(parts), createDhcp6Leases(parts)];
      closing.push(() => {
        leases.close();
        leases6.close();
        network.close();
      });
      return { leases, leases6, network };
    },
    reset,
    async dispose() {
      await reset();
      rmSync(memory, { recursive: true, force: true });
      await lan.dispose();
    },
  };
}

export const RANGE = 'dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,2m';

export function requestFor(name: string): DhcpRequest {
  return { service: `default/${name}`, uid: `uid-${name}`, hostname: name, link: 'eth0' };
}

/** Waits for a decision of some reason, asking again whenever the leases call back. */
export async function decided(
  leases: DhcpLeasesOnNode,
  reason: string,
  ask: () => Decision<DhcpLease>,
  guardMs = 60_000,
): Promise<Decision<DhcpLease>> {
  let last = ask();
  const stop = leases.onChange(() => {
    last = ask();
  });
  try {
    await eventually(`${reason}, last was ${last.reason}`, () => last.reason === reason, guardMs);
    return last;
  } finally {
    stop();
  }
}

export async function acquired(leases: DhcpLeasesOnNode, request: DhcpRequest, guardMs?: number): Promise<DhcpLease> {
  const decision = await decided(leases, 'Leased', () => leases.acquire(request), guardMs);
  if (decision.state !== 'ready') throw new Error(decision.message);
  return decision.value;
}

/** The machine's clock, which a test can put forward. */
export interface JumpingClock extends Clock {
  /** Timers that fall due thereby call back soon. */
  jump(by: Milliseconds): void;
}

/**
 * Real time, so that a server in another process has all the time it needs, with hours skipped where nothing would
 * happen. Nothing depends on how busy the machine is, as it would with a clock that runs faster.
 */
export function createJumpingClock(): JumpingClock {
  const real = createSystemClock();
  const pending = new Set<() => void>();
  let ahead = 0;
  const now = (): number => real.now() + ahead;
  return {
    now,
    wall: () => new Date(real.wall().getTime() + ahead),
    after(delay, callback) {
      const due = now() + delay;
      let timer: Timer | undefined;
      const arm = (): void => {
        timer?.cancel();
        timer = real.after(Math.max(0, due - now()), () => {
          if (pending.delete(arm)) callback();
        });
      };
      pending.add(arm);
      arm();
      return {
        cancel: () => {
          pending.delete(arm);
          timer?.cancel();
        },
      };
    },
    jump(by) {
      ahead += by;
      for (const arm of [...pending]) arm();
    },
  };
}
