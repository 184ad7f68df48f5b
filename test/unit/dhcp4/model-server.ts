/** A DHCP server in a few lines, for tests under simulated time: what RFC 2131 §4.3 asks of one, and no more. */
import { ip, ipToBigInt, fromBigInt, type Ip } from '../../../src/model/ip.ts';
import { parseMac, type Mac } from '../../../src/model/mac.ts';
import type { Entropy } from '../../../src/model/time.ts';
import type { Outgoing, Reply } from '../../../src/protocols/dhcp4/client/events.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import type { DhcpMessage } from '../../../src/protocols/dhcp4/message.ts';
import {
  addressesValue,
  addressOption,
  byteOption,
  byteValue,
  secondsValue,
  textValue,
} from '../../../src/protocols/dhcp4/options.ts';

export const SERVER = ip('10.77.0.1');
export const SERVER_MAC = parseMac('02:77:00:00:00:01')!;

export interface ModelServerOptions {
  readonly ip?: Ip;
  readonly mac?: Mac;
  /** First address given out, and how many there are. */
  readonly first?: Ip;
  readonly size?: number;
  readonly leaseSeconds?: number;
  readonly renewSeconds?: number;
  readonly rebindSeconds?: number;
  /** Refuses what it has no record of, instead of staying silent. */
  readonly authoritative?: boolean;
  /** Grants what it has no record of when it is free, as dnsmasq does where it is authoritative. */
  readonly generous?: boolean;
}

export interface ModelServer {
  /** Its answer, if it has one. */
  answer(outgoing: Outgoing): Reply | undefined;
  /** `chaddr` by address. */
  readonly leases: Map<Ip, Mac>;
  /** Off: hears nothing. */
  up: boolean;
  /** Message types it saw. */
  readonly seen: number[];
  /** Overrides for the next answers. */
  leaseSeconds: number;
  /** Refuse every REQUEST. */
  refusing: boolean;
  /** Another address for those who renew. */
  renumberTo: Ip | undefined;
}

export function createModelServer(options: ModelServerOptions = {}): ModelServer {
  const server = options.ip ?? SERVER;
  const mac = options.mac ?? SERVER_MAC;
  const first = ipToBigInt(options.first ?? ip('10.77.0.100'));
  const leases = new Map<Ip, Mac>();

  const free = (wish: Ip | undefined, client: Mac): Ip | undefined => {
    const mine = [...leases].find(([, holder]) => holder === client)?.[0];
    if (mine !== undefined) return mine;
    const range = Array.from({ length: options.size ?? 100 }, (_, i) => fromBigInt(first + BigInt(i), 4));
    if (wish !== undefined && range.includes(wish) && !leases.has(wish)) return wish;
    return range.find((address) => !leases.has(address));
  };
  const reply = (
    request: DhcpMessage,
    type: number,
    yiaddr: Ip,
    extra: readonly (readonly [number, Uint8Array])[],
  ): Reply => ({
    sourceIp: server,
    sourceMac: mac,
    message: {
      ...request,
      op: 2,
      secs: 0,
      yiaddr,
      options: new Map([
        [OPTION.messageType, byteValue(type)],
        [OPTION.serverIdentifier, addressesValue(server)],
        ...extra,
      ]),
    },
  });
  const grant = (request: DhcpMessage, type: number, address: Ip): Reply =>
    reply(request, type, address, [
      [OPTION.leaseTime, secondsValue(self.leaseSeconds)],
      [OPTION.subnetMask, addressesValue(ip('255.255.255.0'))],
      [OPTION.router, addressesValue(server)],
      ...(options.renewSeconds === undefined
        ? []
        : [[OPTION.renewalTime, secondsValue(options.renewSeconds)] as const]),
      ...(options.rebindSeconds === undefined
        ? []
        : [[OPTION.rebindingTime, secondsValue(options.rebindSeconds)] as const]),
    ]);
  const refuse = (request: DhcpMessage): Reply =>
    reply(request, MESSAGE_TYPE.nak, ip('0.0.0.0'), [[OPTION.message, textValue('not-yours')]]);

  const request = (message: DhcpMessage): Reply | undefined => {
    const named = addressOption(message.options, OPTION.serverIdentifier);
    if (named !== undefined && named !== server) return undefined;
    const wanted = addressOption(message.options, OPTION.requestedAddress) ?? message.ciaddr;
    if (self.refusing) return refuse(message);
    const holder = leases.get(wanted);
    const regained = options.generous === true && holder === undefined;
    if (named === undefined && holder !== message.chaddr && !regained)
      return options.authoritative === false && holder === undefined ? undefined : refuse(message);
    if (holder !== undefined && holder !== message.chaddr) return refuse(message);
    if (self.renumberTo !== undefined && named === undefined) {
      leases.delete(wanted);
      leases.set(self.renumberTo, message.chaddr);
      return grant(message, MESSAGE_TYPE.ack, self.renumberTo);
    }
    leases.set(wanted, message.chaddr);
    return grant(message, MESSAGE_TYPE.ack, wanted);
  };

  const self: ModelServer = {
    leases,
    up: true,
    seen: [],
    leaseSeconds: options.leaseSeconds ?? 3600,
    refusing: false,
    renumberTo: undefined,
    answer({ message, targetIp }) {
      if (!self.up || (targetIp !== server && targetIp !== '255.255.255.255')) return undefined;
      const type = byteOption(message.options, OPTION.messageType);
      self.seen.push(type ?? 0);
      switch (type) {
        case MESSAGE_TYPE.discover: {
          const address = free(addressOption(message.options, OPTION.requestedAddress), message.chaddr);
          return address === undefined ? undefined : grant(message, MESSAGE_TYPE.offer, address);
        }
        case MESSAGE_TYPE.request:
          return request(message);
        case MESSAGE_TYPE.release:
          if (leases.get(message.ciaddr) === message.chaddr) leases.delete(message.ciaddr);
          return undefined;
        case MESSAGE_TYPE.decline: {
          const address = addressOption(message.options, OPTION.requestedAddress);
          if (address !== undefined) leases.set(address, mac);
          return undefined;
        }
        default:
          return undefined;
      }
    },
  };
  return self;
}

/** Chance that is the same in every run; `fraction` can be pinned. */
export function seededEntropy(seed = 1, fraction?: number): Entropy {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
    fraction: () => fraction ?? next() / 2 ** 32,
  };
}
