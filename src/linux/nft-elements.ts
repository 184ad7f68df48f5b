/**
 * Elements of a named nftables set, changed by netlink in one transaction: 0.1 ms, against 10 to 20 ms for nft(8).
 * Numbers from the kernel header linux/netfilter/nf_tables.h.
 */
import { concat } from '../model/bytes.ts';
import { attribute, cString, decodeAttributes, nested, NLM, viewOf } from './netlink/message.ts';
import type { NetlinkSocket } from './netlink/socket.ts';

const SUBSYSTEM = 10;
const MESSAGE = { NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14 } as const;
const BATCH = { BEGIN: 0x10, END: 0x11 } as const;
const LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
const LIST_ELEM = 1;
const ELEM_KEY = 1;
const DATA_VALUE = 1;
/** An attribute's length has 16 bits, which is some 2000 elements. */
const CHUNK = 1000;

export interface NftSet {
  /** NFPROTO_*: 3 for arp, 1 for inet. */
  readonly family: number;
  readonly table: string;
  readonly set: string;
}

/** Keys in the set now. @throws OsError ENOENT when there is no such set. */
export function listElements(netlink: NetlinkSocket, set: NftSet): Uint8Array[] {
  const type = (SUBSYSTEM << 8) | MESSAGE.GETSETELEM;
  const keys: Uint8Array[] = [];
  for (const message of netlink.dump(type, body(set), `read nftables set ${set.set}`)) {
    const list = decodeAttributes(message.body.subarray(4)).get(LIST.ELEMENTS);
    for (const element of list ? each(list) : []) {
      const key = decodeAttributes(element).get(ELEM_KEY);
      const value = key && decodeAttributes(key).get(DATA_VALUE);
      if (value) keys.push(value.slice());
    }
  }
  return keys;
}

/** Adds and removes elements, all or nothing. @throws OsError ENOENT when there is no such set. */
export function changeElements(
  netlink: NetlinkSocket,
  set: NftSet,
  change: { readonly add: readonly Uint8Array[]; readonly remove: readonly Uint8Array[] },
): void {
  const steps = [
    ...chunks(change.remove).map((keys) => ({ kind: MESSAGE.DELSETELEM, flags: 0, keys })),
    ...chunks(change.add).map((keys) => ({ kind: MESSAGE.NEWSETELEM, flags: NLM.CREATE, keys })),
  ];
  if (steps.length === 0) return;
  const messages = steps.map(({ kind, flags, keys }) => ({
    type: (SUBSYSTEM << 8) | kind,
    flags: NLM.REQUEST | NLM.ACK | flags,
    seq: netlink.nextSeq(),
    body: body(set, nested(LIST.ELEMENTS, ...keys.map(element))),
  }));
  const envelope = (type: number): { type: number; flags: number; seq: number; body: Uint8Array } => ({
    type,
    flags: NLM.REQUEST,
    seq: netlink.nextSeq(),
    body: header(0, SUBSYSTEM),
  });
  netlink.batch(
    [envelope(BATCH.BEGIN), ...messages, envelope(BATCH.END)],
    messages.length,
    `change nftables set ${set.set}`,
  );
}

function body({ family, table, set }: NftSet, ...more: readonly Uint8Array[]): Uint8Array {
  return concat(header(family, 0), attribute(LIST.TABLE, cString(table)), attribute(LIST.SET, cString(set)), ...more);
}

/** `struct nfgenmsg` */
function header(family: number, resource: number): Uint8Array {
  const out = Uint8Array.of(family, 0, 0, 0);
  viewOf(out).setUint16(2, resource);
  return out;
}

function element(key: Uint8Array): Uint8Array {
  return nested(LIST_ELEM, nested(ELEM_KEY, attribute(DATA_VALUE, key)));
}

/** Contents of a list of attributes that all have the same type. */
function each(list: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = viewOf(list);
  for (let at = 0; at + 4 <= list.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > list.length) break;
    found.push(list.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function chunks<T>(items: readonly T[]): T[][] {
  const out: T[][] = [];
  for (let at = 0; at < items.length; at += CHUNK) out.push(items.slice(at, at + CHUNK));
  return out;
}
