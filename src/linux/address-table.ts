/** Addresses in the kernel, by rtnetlink: about 31 µs each, against 4.3 ms by ip(8). */
import { release } from 'node:os';
import type { AddressTable } from '../exposure/announcement/port.ts';
import { familyOf, ipToBytes, type Ip } from '../model/ip.ts';
import { loadLibc } from './libc.ts';
import { carries, MARKS, type Instance } from './mark.ts';
import { attribute, cString, NLM, viewOf } from './netlink/message.ts';
import { addressBody, allAddresses, allLinks, decodeAddress, decodeLink, IFA, RTM } from './netlink/route.ts';
import { NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import { withNetns } from './netns.ts';
import { OsError } from './os-error.ts';

const FLAG = { NODAD: 0x02, PERMANENT: 0x80, NOPREFIXROUTE: 0x200 } as const;
const FOREVER = 0xffffffff;
const MAX_LABEL = 15;
/** What the kernel answers when the address, or the whole link, is gone already. */
const GONE = new Set(['EADDRNOTAVAIL', 'ENODEV']);

export interface AddressTableOptions {
  /** Network namespace by name; this process's own when absent. */
  readonly netns?: string;
  /** Whose addresses these are. Default: services. */
  readonly instance?: Instance;
  /** How addresses are marked as ours. Default: by protocol where the kernel keeps it (since 5.18), else by label. */
  readonly markBy?: 'protocol' | 'label';
}

export interface LinuxAddressTable extends AddressTable {
  close(): void;
}

/** @throws OsError when netlink cannot be opened; each call when the kernel refuses (link gone, no NET_ADMIN). */
export function createAddressTable(options: AddressTableOptions = {}): LinuxAddressTable {
  const libc = loadLibc();
  const netlink = withNetns(options.netns, () => openNetlink(libc, NETLINK_ROUTE), libc);
  const mark = MARKS[options.instance ?? 'services'];
  const markBy = options.markBy ?? (keepsProtocol(release()) ? 'protocol' : 'label');
  const labels = new Map<number, string>();

  const labelFor = (linkIndex: number): string | undefined => {
    const known = labels.get(linkIndex);
    if (known !== undefined) return known;
    for (const message of netlink.dump(RTM.GETLINK, allLinks(), 'list links')) {
      const link = decodeLink(message);
      // Tools expect a label to begin with the name of the interface.
      if (link) labels.set(link.index, `${link.name.slice(0, MAX_LABEL - mark.label.length)}${mark.label}`);
    }
    return labels.get(linkIndex);
  };

  /** Prefix lengths of what this run has set, by link and address. */
  const held = new Map<string, number>();
  const keyOf = (linkIndex: number, ip: Ip): string => `${linkIndex}/${ip}`;

  const owned: AddressTable['owned'] = () =>
    netlink
      .dump(RTM.GETADDR, allAddresses(), 'list addresses')
      .flatMap((message) => decodeAddress(message) ?? [])
      .filter((address) => carries(mark, address))
      .map(({ ip, prefixLength, linkIndex }) => ({ ip, prefixLength, linkIndex }));
  const isOwned = (linkIndex: number, ip: Ip, prefixLength: number): boolean =>
    owned().some((a) => a.linkIndex === linkIndex && a.ip === ip && a.prefixLength === prefixLength);
  const add = (flags: number, linkIndex: number, ip: Ip, prefixLength: number, validSeconds?: number): void => {
    const v4 = familyOf(ip) === 4;
    const label = v4 && markBy === 'label' ? labelFor(linkIndex) : undefined;
    const body = addressBody(
      { v4, prefixLength, linkIndex },
      attribute(IFA.LOCAL, ipToBytes(ip)),
      attribute(IFA.ADDRESS, ipToBytes(ip)),
      attribute(IFA.FLAGS, u32(FLAG.NODAD | FLAG.NOPREFIXROUTE | (validSeconds === undefined ? FLAG.PERMANENT : 0))),
      attribute(IFA.CACHEINFO, lifetime(validSeconds ?? FOREVER)),
      ...(markBy === 'label' ? [] : [attribute(IFA.PROTO, Uint8Array.of(mark.protocol))]),
      ...(label === undefined ? [] : [attribute(IFA.LABEL, cString(label))]),
    );
    netlink.request(RTM.NEWADDR, NLM.CREATE | flags, body, `put ${ip} on interface ${linkIndex}`);
  };

  return {
    set: (linkIndex, ip, prefixLength, validSeconds) => {
      const key = keyOf(linkIndex, ip);
      if (held.get(key) === prefixLength) {
        add(NLM.REPLACE, linkIndex, ip, prefixLength, validSeconds);
        return;
      }
      try {
        add(NLM.EXCL, linkIndex, ip, prefixLength, validSeconds);
      } catch (error) {
        if (!(error instanceof OsError && error.errno === 'EEXIST')) throw error;
        // Replacing would give an address that an administrator has set our lifetime.
        if (!isOwned(linkIndex, ip, prefixLength)) throw error;
        add(NLM.REPLACE, linkIndex, ip, prefixLength, validSeconds);
      }
      held.set(key, prefixLength);
    },
    remove: (linkIndex, ip) => {
      const key = keyOf(linkIndex, ip);
      const known = held.get(key);
      const prefixes =
        known === undefined
          ? owned()
              .filter((a) => a.linkIndex === linkIndex && a.ip === ip)
              .map((a) => a.prefixLength)
          : [known];
      for (const prefixLength of prefixes) {
        const address = ipToBytes(ip);
        // ADDRESS makes the kernel compare the prefix as well: the same address of somebody else stays.
        const body = addressBody(
          { v4: familyOf(ip) === 4, prefixLength, linkIndex },
          attribute(IFA.LOCAL, address),
          attribute(IFA.ADDRESS, address),
        );
        try {
          netlink.request(RTM.DELADDR, 0, body, `take ${ip} off interface ${linkIndex}`);
        } catch (error) {
          if (!(error instanceof OsError && GONE.has(error.errno))) throw error;
        }
      }
      held.delete(key);
    },
    owned,
    close: () => netlink.close(),
  };
}

/** `struct ifa_cacheinfo`: preferred 0 marks the address as not to be chosen for new connections of this node. */
function lifetime(validSeconds: number): Uint8Array {
  const out = new Uint8Array(16);
  viewOf(out).setUint32(4, validSeconds, true);
  return out;
}

/** @param kernel as `uname -r` says it. */
function keepsProtocol(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 18);
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  viewOf(out).setUint32(0, value, true);
  return out;
}
