/** How traffic of tunnels goes: marks by nft(8), rules and routes for them by rtnetlink, and a word that runs out. */
import type { TunnelWay, TunnelWays } from '../exposure/announcement/tunnel/port.ts';
import { KubevipError } from '../model/errors.ts';
import { familyOf } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { MARKS, TUNNELS, type Instance } from './mark.ts';
import { u32 } from './netlink/links.ts';
import { attribute, NLM, viewOf } from './netlink/message.ts';
import { routeBody, RTA, RTM } from './netlink/route.ts';
import { allRules, decodeRule, RTM_RULE, ruleBody, type MarkRule } from './netlink/rule.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink, type NetlinkSocket } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { changeElements, listElements, type NftSet } from './nft-elements.ts';
import { OsError } from './os-error.ts';
import { run } from './run.ts';
import { SPEAKING_SET, tunnelScript } from './tunnel-script.ts';

const NFPROTO_INET = 1;
/** Before the tables main and default, and what tools for WireGuard put just before those. */
const PRIORITY = 2751;
const SCOPE_LINK = 253;
const UNICAST = 1;
const FAMILIES = [4, 6] as const;

export interface TunnelWaysOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Whose ways these are. */
  readonly instance: Instance;
}

export interface LinuxTunnelWays extends TunnelWays {
  /** Marks of rules that are there, of this or an earlier run. */
  owned(): readonly number[];
  /** Those rules alone: tables of nftables go by their names. @throws OsError */
  removeRules(): void;
  close(): void;
}

/** @throws OsError when netlink cannot be opened */
export function createTunnelWays({ netns, instance }: TunnelWaysOptions): LinuxTunnelWays {
  const libc = loadLibc();
  const { mark, table } = TUNNELS[instance];
  const { protocol } = MARKS[instance];
  const [route, netfilter] = withNetns(
    netns,
    () => [openNetlink(libc, NETLINK_ROUTE), openNetlink(libc, NETLINK_NETFILTER)] as const,
    libc,
  );
  const speaking: NftSet = { family: NFPROTO_INET, table, set: SPEAKING_SET };
  const ruleOf = ({ ip, slot }: TunnelWay): MarkRule => {
    const number = mark + slot;
    return { family: familyOf(ip), priority: PRIORITY, mark: number, table: number, protocol };
  };
  const rules = (): MarkRule[] => FAMILIES.flatMap((family) => listRules(route, family)).filter(isOurs);
  const isOurs = (rule: MarkRule): boolean => rule.protocol === protocol && rule.priority === PRIORITY;
  const setRules = (wanted: readonly MarkRule[]): void => {
    const isSame = (a: MarkRule, b: MarkRule): boolean => a.family === b.family && a.mark === b.mark;
    const present = rules();
    for (const rule of present) if (!wanted.some((one) => isSame(one, rule))) removeRule(route, rule);
    for (const rule of wanted) if (!present.some((one) => isSame(one, rule))) addRule(route, rule);
  };
  const set: TunnelWays['set'] = async (ways) => {
    setRules(ways.map(ruleOf));
    const where = netns === undefined ? {} : { netns };
    const { code, stderr } = await run('nft', ['-f', '-'], { input: tunnelScript(table, mark, ways), ...where });
    if (code !== 0) throw refused(stderr);
  };
  return {
    set,
    lead: (way, linkIndex) => {
      const header = { v4: familyOf(way.ip) === 4, prefixLength: 0, protocol, scope: SCOPE_LINK, type: UNICAST };
      const to = [attribute(RTA.TABLE, u32(mark + way.slot)), attribute(RTA.OIF, u32(linkIndex))];
      const body = routeBody(header, ...to);
      route.request(RTM.NEWROUTE, NLM.CREATE | NLM.REPLACE, body, `lead answers through tunnel ${way.name}`);
    },
    keepSpeaking: (ports) => {
      try {
        const present = listElements(netfilter, speaking);
        // Taken out and put in again in one transaction: so their time begins anew.
        changeElements(netfilter, speaking, { remove: present, add: ports.map(portKey) });
        return true;
      } catch (error) {
        if (error instanceof OsError && error.errno === 'ENOENT') return keepAgain(netfilter, speaking, ports);
        throw error;
      }
    },
    clear: () => set([]),
    owned: () => rules().map((rule) => rule.mark),
    removeRules: () => setRules([]),
    close: () => {
      route.close();
      netfilter.close();
    },
  };
}

/** One has run out between reading and writing; or there is no such set any more. */
function keepAgain(netfilter: NetlinkSocket, speaking: NftSet, ports: readonly number[]): boolean {
  try {
    changeElements(netfilter, speaking, { remove: [], add: ports.map(portKey) });
    return true;
  } catch (error) {
    if (error instanceof OsError && error.errno === 'ENOENT') return false;
    throw error;
  }
}

function portKey(port: number): Uint8Array {
  const key = new Uint8Array(2);
  viewOf(key).setUint16(0, port);
  return key;
}

function listRules(route: NetlinkSocket, family: 4 | 6): MarkRule[] {
  try {
    return route.dump(RTM_RULE.GET, allRules(family), 'list rules of routing').flatMap((one) => decodeRule(one) ?? []);
  } catch (error) {
    // A kernel without the family.
    if (error instanceof OsError && error.errno === 'EOPNOTSUPP') return [];
    throw error;
  }
}

function addRule(route: NetlinkSocket, rule: MarkRule): void {
  const what = `lead what is marked ${rule.mark} by a table of its own`;
  route.request(RTM_RULE.NEW, NLM.CREATE | NLM.EXCL, ruleBody(rule), what);
}

function removeRule(route: NetlinkSocket, rule: MarkRule): void {
  try {
    route.request(RTM_RULE.DEL, 0, ruleBody(rule), `take the rule for mark ${rule.mark} away`);
  } catch (error) {
    if (!(error instanceof OsError && error.errno === 'ENOENT')) throw error;
  }
}

function refused(stderr: string): KubevipError {
  const said = stderr.trim().split('\n')[0] ?? '';
  return new KubevipError(`nft did not take the rules that lead traffic of tunnels: ${said}`, {
    code: 'NFT_FAILED',
    hints: ['nftables 1.0 or later and the capability NET_ADMIN are needed'],
  });
}
