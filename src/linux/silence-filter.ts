/**
 * Keeps the kernel from answering for addresses that it holds, by nftables. Traffic to and from them is untouched.
 * The table and its set stay while the filter is in use, so that one more address costs one netlink transaction.
 */
import type { SilenceFilter } from '../exposure/announcement/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { MARKS, type Instance } from './mark.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { changeElements, listElements, type NftSet } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { run } from './run.ts';
import { clearScript, silenceScript, SILENT_SET, type Source } from './silence-script.ts';
import { readSources } from './silence-source.ts';

const NFPROTO_ARP = 3;

export interface SilenceFilterOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Whose filter this is. Default: services. */
  readonly instance?: Instance;
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
  const { table } = MARKS[options.instance ?? 'services'];
  const set: NftSet = { family: NFPROTO_ARP, table, set: SILENT_SET };
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
  const adjust = (v4: readonly Ip[], shape: string): boolean => {
    if (loaded !== shape) return false;
    const wanted = new Set(v4);
    try {
      const present = listElements(netfilter, set).map(ipFromBytes);
      const known = new Set(present);
      changeElements(netfilter, set, {
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

  /** Steps waiting or under way: only without any may one be done at once. */
  let busy = 0;
  return {
    set: async (ips) => {
      const v4 = ips.filter((address) => familyOf(address) === 4);
      const v6 = ips.filter((address) => familyOf(address) === 6);
      const done = (sources: readonly Source[]): boolean => adjust(v4, silenceScript(table, [], v6, sources));
      if (busy === 0 && done(readSources(route))) return;
      busy++;
      await inTurn(async () => {
        const sources = readSources(route);
        if (done(sources)) return;
        loaded = undefined;
        await nft(silenceScript(table, v4, v6, sources));
        loaded = silenceScript(table, [], v6, sources);
      }).finally(() => busy--);
    },
    clear: async () => {
      busy++;
      await inTurn(async () => {
        loaded = undefined;
        await nft(clearScript(table));
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
