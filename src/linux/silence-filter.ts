/**
 * Keeps the kernel from answering for addresses that it holds, by nftables. Traffic to and from them is untouched.
 * The table and its set stay while the filter is in use, so that one more address costs one netlink transaction.
 */
import type { SilenceFilter } from '../exposure/announcement/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { OWN_TABLE } from './mark.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { changeElements, listElements } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { run } from './run.ts';
import { clearScript, silenceScript, SILENT_SET } from './silence-script.ts';
import { readSources } from './silence-source.ts';

const NFPROTO_ARP = 3;
const SET = { family: NFPROTO_ARP, table: OWN_TABLE, set: SILENT_SET } as const;

export interface SilenceFilterOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
}

export interface LinuxSilenceFilter extends SilenceFilter {
  close(): void;
}

/**
 * `set` compares with what the kernel really holds and repairs it: calling it again with the same addresses is cheap
 * and puts back what a firewall's reload has flushed. Where only IPv4 elements differ it is done before `set` returns
 * its promise. @throws OsError or KubevipError NFT_FAILED, RUN_NOT_FOUND (no nft).
 */
export function createSilenceFilter(options: SilenceFilterOptions = {}): LinuxSilenceFilter {
  const libc = loadLibc();
  const [netfilter, route] = withNetns(
    options.netns,
    () => [openNetlink(libc, NETLINK_NETFILTER), openNetlink(libc, NETLINK_ROUTE)] as const,
    libc,
  );
  /** What the script depends on besides the IPv4 elements; undefined: not loaded by us yet. */
  let loaded: string | undefined;
  let queue: Promise<void> = Promise.resolve();

  const nft = async (script: string): Promise<void> => {
    const where = options.netns === undefined ? {} : { netns: options.netns };
    const result = await run('nft', ['-f', '-'], { input: script, ...where });
    if (result.code !== 0) throw refused(result.stderr);
  };
  /** Whether elements alone were enough. */
  const adjust = (ips: readonly Ip[], shape: string): boolean => {
    if (loaded !== shape) return false;
    const wanted = new Set(ips.filter((address) => familyOf(address) === 4));
    try {
      const present = listElements(netfilter, SET).map(ipFromBytes);
      const known = new Set(present);
      changeElements(netfilter, SET, {
        add: [...wanted].filter((address) => !known.has(address)).map(ipToBytes),
        remove: present.filter((address) => !wanted.has(address)).map(ipToBytes),
      });
      return true;
    } catch (error) {
      // Somebody flushed the ruleset.
      if (error instanceof OsError && error.errno === 'ENOENT') return false;
      throw error;
    }
  };
  const inTurn = (step: () => Promise<void>): Promise<void> => {
    const next = queue.then(step, step);
    queue = next.catch(() => undefined);
    return next;
  };

  let busy = 0;
  const shapeOf = (ips: readonly Ip[]): string =>
    silenceScript(
      [],
      ips.filter((a) => familyOf(a) === 6),
      readSources(route),
    );
  return {
    set: async (ips) => {
      if (busy === 0 && adjust(ips, shapeOf(ips))) return;
      busy++;
      await inTurn(async () => {
        const shape = shapeOf(ips);
        if (adjust(ips, shape)) return;
        const [v4, v6] = [ips.filter((a) => familyOf(a) === 4), ips.filter((a) => familyOf(a) === 6)];
        loaded = undefined;
        await nft(silenceScript(v4, v6, readSources(route)));
        loaded = shape;
      }).finally(() => busy--);
    },
    clear: async () => {
      busy++;
      await inTurn(async () => {
        loaded = undefined;
        await nft(clearScript());
      }).finally(() => busy--);
    },
    close: () => {
      netfilter.close();
      route.close();
    },
  };
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that keep the kernel silent: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later and the capability NET_ADMIN are needed'],
  });
}
