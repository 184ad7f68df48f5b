/**
 * Keeps the kernel from answering for addresses that it holds, by nftables. Traffic to and from them is untouched.
 * The table and its set stay while the filter is in use, so that one more address costs one netlink transaction.
 */
import type { SilenceFilter } from '../exposure/announcement/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf, ipFromBytes, ipToBytes, type Family, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { MARKS, type Instance } from './mark.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { changeElements, listElements, type NftSet } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { run } from './run.ts';
import { clearScript, silenceScript, SILENT_SET, type Source } from './silence-script.ts';
import { readSources } from './silence-source.ts';

/** NFPROTO_* of the tables that hold the addresses of a family. */
const NFPROTO: Readonly<Record<Family, number>> = { 4: 3, 6: 1 };

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
 * and puts back what a firewall's reload has flushed. Where only addresses differ it is done before `set` returns its
 * promise. @throws OsError or KubevipError NFT_FAILED, RUN_NOT_FOUND (no nft).
 */
export function createSilenceFilter(options: SilenceFilterOptions = {}): LinuxSilenceFilter {
  const libc = loadLibc();
  const { table } = MARKS[options.instance ?? 'services'];
  const setOf = (family: Family): NftSet => ({ family: NFPROTO[family], table, set: SILENT_SET });
  const [netfilter, route] = withNetns(
    options.netns,
    () => [openNetlink(libc, NETLINK_NETFILTER), openNetlink(libc, NETLINK_ROUTE)] as const,
    libc,
  );
  /** What the script depends on besides the addresses; undefined: not loaded by us yet. */
  let loaded: string | undefined;
  let queue: Promise<void> = Promise.resolve();

  const nft = async (script: string): Promise<void> => {
    const where = options.netns === undefined ? {} : { netns: options.netns };
    const result = await run('nft', ['-f', '-'], { input: script, ...where });
    if (result.code !== 0) throw refused(result.stderr);
  };
  const adjustFamily = (family: Family, wanted: ReadonlySet<Ip>): void => {
    const present = listElements(netfilter, setOf(family)).map(ipFromBytes);
    const known = new Set(present);
    changeElements(netfilter, setOf(family), {
      add: [...wanted].filter((address) => !known.has(address)).map(ipToBytes),
      remove: present.filter((address) => !wanted.has(address)).map(ipToBytes),
    });
  };
  /** Whether elements alone were enough. */
  const adjust = (ips: readonly Ip[], shape: string): boolean => {
    if (loaded !== shape) return false;
    try {
      for (const family of [4, 6] as const) {
        adjustFamily(family, new Set(ips.filter((address) => familyOf(address) === family)));
      }
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
      const done = (sources: readonly Source[]): boolean => adjust(ips, silenceScript(table, [], sources));
      if (busy === 0 && done(readSources(route))) return;
      busy++;
      await inTurn(async () => {
        const sources = readSources(route);
        if (done(sources)) return;
        loaded = undefined;
        await nft(silenceScript(table, ips, sources));
        loaded = silenceScript(table, [], sources);
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
