/** A DHCPv6 server in a few lines, for tests under simulated time: what RFC 8415 §18.3 asks of one, and no more. */
import { concat } from '../../../src/model/bytes.ts';
import { fromBigInt, ip, ipFromBytes, ipToBigInt, ipToBytes, type Ip } from '../../../src/model/ip.ts';
import type { Outgoing, Reply } from '../../../src/protocols/dhcp6/client/events.ts';
import { MESSAGE_TYPE, OPTION, STATUS } from '../../../src/protocols/dhcp6/codes.ts';
import {
  decodeOptions,
  encodeOptions,
  longValue,
  number,
  optionOf,
  shortValue,
  type Option,
} from '../../../src/protocols/dhcp6/options.ts';

export const SERVER6 = ip('fe80::1');

export interface ModelServer6Options {
  readonly ip?: Ip;
  readonly duid?: Uint8Array;
  readonly first?: Ip;
  readonly preference?: number;
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
  readonly t1?: number;
  readonly t2?: number;
  /** Leases at once what a client would take so (Rapid Commit). */
  readonly commits?: boolean;
  /** Gives an address of each prefix. */
  readonly alsoFrom?: Ip;
}

export interface ModelServer6 {
  /** Its answer, if it has one. */
  answer(outgoing: Outgoing): Reply | undefined;
  /** DUID and IAID in hex by address. */
  readonly leases: Map<Ip, string>;
  /** Off: hears nothing. */
  up: boolean;
  /** Message types it saw. */
  readonly seen: number[];
  /** Every address asked for is answered with this status. */
  status: number | undefined;
  /** Gives what it renews no lifetime, and another address beside it. */
  renumberTo: Ip | undefined;
  validSeconds: number;
}

const UNKNOWN_DUID = Uint8Array.of(0, 3, 0, 1, 2, 0x77, 0, 0, 0, 1);

export function createModelServer6(options: ModelServer6Options = {}): ModelServer6 {
  const { duid = UNKNOWN_DUID, t1 = 0, t2 = 0 } = options;
  const first = ipToBigInt(options.first ?? ip('fd77::1:0'));
  const leases = new Map<Ip, string>();
  const free = (wish: Ip | undefined, client: string): Ip => {
    const mine = [...leases].find(([, holder]) => holder === client)?.[0];
    if (mine !== undefined) return mine;
    if (wish !== undefined && ipToBigInt(wish) >> 16n === first >> 16n && !leases.has(wish)) return wish;
    for (let n = first; ; n++) if (!leases.has(fromBigInt(n, 6))) return fromBigInt(n, 6);
  };
  const isOnLink = (one: Ip | undefined): boolean => one !== undefined && ipToBigInt(one) >> 64n === first >> 64n;
  const address = (of: Ip, valid: number): Option => {
    const preferred = Math.min(valid, options.preferredSeconds ?? valid);
    return { code: OPTION.address, value: concat(ipToBytes(of), longValue(preferred), longValue(valid)) };
  };
  const status = (code: number): Option => ({
    code: OPTION.statusCode,
    value: concat(shortValue(code), Uint8Array.from(Buffer.from('no such luck'))),
  });

  const self: ModelServer6 = {
    leases,
    up: true,
    seen: [],
    status: undefined,
    renumberTo: undefined,
    validSeconds: options.validSeconds ?? 3600,
    answer({ message }) {
      const { type, transactionId } = message;
      const client = optionOf(message.options, OPTION.clientIdentifier);
      const named = optionOf(message.options, OPTION.serverIdentifier);
      const association = optionOf(message.options, OPTION.identityAssociation);
      if (!self.up || client === undefined || association === undefined) return undefined;
      if (named !== undefined && !Buffer.from(named).equals(duid)) return undefined;
      self.seen.push(type);
      const iaid = number(association.subarray(0, 4));
      const key = `${Buffer.from(client).toString('hex')} ${iaid}`;
      const inner = optionOf(decodeOptions(association.subarray(12)), OPTION.address);
      const asked = inner === undefined ? undefined : ipFromBytes(inner.subarray(0, 16));
      const reply = (kind: number, ...content: Option[]): Reply => ({
        sourceIp: options.ip ?? SERVER6,
        message: {
          type: kind,
          transactionId,
          options: [
            { code: OPTION.clientIdentifier, value: client },
            { code: OPTION.serverIdentifier, value: duid },
            ...(options.preference === undefined
              ? []
              : [{ code: OPTION.preference, value: Uint8Array.of(options.preference) }]),
            ...content,
          ],
        },
      });
      const ia = (...content: Option[]): Option => ({
        code: OPTION.identityAssociation,
        value: concat(longValue(iaid), longValue(t1), longValue(t2), encodeOptions(content)),
      });
      if (self.status !== undefined) {
        const kind = type === MESSAGE_TYPE.solicit ? MESSAGE_TYPE.advertise : MESSAGE_TYPE.reply;
        return reply(kind, ia(status(self.status)));
      }
      switch (type) {
        case MESSAGE_TYPE.solicit: {
          const given = [free(asked, key), ...(options.alsoFrom === undefined ? [] : [options.alsoFrom])];
          const content = ia(...given.map((one) => address(one, self.validSeconds)));
          if (options.commits !== true || optionOf(message.options, OPTION.rapidCommit) === undefined)
            return reply(MESSAGE_TYPE.advertise, content);
          for (const one of given) leases.set(one, key);
          return reply(MESSAGE_TYPE.reply, content, { code: OPTION.rapidCommit, value: Uint8Array.of() });
        }
        case MESSAGE_TYPE.confirm:
          return reply(MESSAGE_TYPE.reply, status(isOnLink(asked) ? STATUS.success : STATUS.notOnLink));
        case MESSAGE_TYPE.request: {
          const given = free(asked, key);
          leases.set(given, key);
          return reply(MESSAGE_TYPE.reply, ia(address(given, self.validSeconds)));
        }
        case MESSAGE_TYPE.renew:
        case MESSAGE_TYPE.rebind: {
          if (asked === undefined || leases.get(asked) !== key)
            return reply(MESSAGE_TYPE.reply, ia(status(STATUS.noBinding)));
          if (self.renumberTo === undefined) return reply(MESSAGE_TYPE.reply, ia(address(asked, self.validSeconds)));
          leases.delete(asked);
          leases.set(self.renumberTo, key);
          return reply(MESSAGE_TYPE.reply, ia(address(asked, 0), address(self.renumberTo, self.validSeconds)));
        }
        case MESSAGE_TYPE.release:
          if (asked !== undefined && leases.get(asked) === key) leases.delete(asked);
          return reply(MESSAGE_TYPE.reply);
        case MESSAGE_TYPE.decline:
          if (asked !== undefined) leases.set(asked, 'somebody');
          return reply(MESSAGE_TYPE.reply);
        default:
          return undefined;
      }
    },
  };
  return self;
}
