/**
 * A home router in memory: PCP, NAT-PMP, SSDP and IGD over the real codecs, one table behind all of them, and the
 * oddities of real ones as switches. Counts what it was asked, so that tests can say what was not.
 */
import { KubevipError } from '../../src/model/errors.ts';
import { familyOf, ip, parseIp, type Ip } from '../../src/model/ip.ts';
import { parseMac } from '../../src/model/mac.ts';
import type { Clock } from '../../src/model/time.ts';
import type { Datagram, DatagramSocket, HttpRequest, HttpResponse } from '../../src/model/wire.ts';
import { escapeXml, parseXml, child } from '../../src/protocols/igd/xml.ts';
import { decodeNatPmpRequest, encodeNatPmpResponse, type NatPmpResponse } from '../../src/protocols/natpmp/message.ts';
import { decodePcpRequest, encodePcpResponse } from '../../src/protocols/pcp/codec.ts';
import { PCP_RESULT } from '../../src/protocols/pcp/result.ts';
import { decodeSsdp, encodeSsdpAnswer, encodeSsdpNotify } from '../../src/protocols/ssdp/codec.ts';
import { SSDP_GROUP_V4, SSDP_GROUP_V6, SSDP_GROUP_V6_SITE } from '../../src/protocols/ssdp/message.ts';
import { createFakeFirewall, type FakePinhole, type FirewallSwitches } from './fake-firewall.ts';
import type { FakeLan } from './fake-network.ts';

export interface FakeRouterOptions {
  readonly clock: Clock;
  readonly lan: FakeLan;
  readonly ip?: Ip;
  readonly ip6?: Ip;
}

/** Everything may be changed while it runs. */
export interface RouterSwitches extends FirewallSwitches {
  /** False: not a sign of life. */
  on: boolean;
  pcp: boolean;
  natPmp: boolean;
  igd: 1 | 2 | undefined;
  secure: boolean;
  externalIp: Ip | undefined;
  /** Longest lifetime granted, seconds. */
  maxLease: number;
  /** IGD: 725 for anything but 0. */
  permanentOnly: boolean;
  /** IGD: refuses a lease of 0. */
  finiteOnly: boolean;
  /** IGD: reports every mapping as one without end. */
  hidesLease: boolean;
  /** PCP: UNSUPP_OPTION for PREFER_FAILURE (`unknown`), or another port in spite of it (`ignored`). */
  preferFailure: 'honoured' | 'ignored' | 'unknown';
  /** IGD: AddPortMapping says yes and does nothing. */
  forgetful: boolean;
  /** IGD: AddPortMapping takes a port from whoever has it. */
  ruthless: boolean;
  /** IGD: no GetSpecificPortMappingEntry. */
  withoutReadBack: boolean;
  /** PCP and NAT-PMP answer mapping requests with this code. */
  refuse: number | undefined;
  /** So many mapping requests by PCP and NAT-PMP are carried out, but not answered. */
  mute: number;
  /** IGD answers AddPortMapping with this fault. */
  fault: number | undefined;
  bootId: number | undefined;
  /** TCP port of UPnP. */
  httpPort: number;
}

export interface FakeMapping {
  readonly protocol: 'TCP' | 'UDP';
  readonly externalPort: number;
  readonly internalIp: Ip;
  readonly internalPort: number;
  readonly description: string;
  readonly nonce?: string;
  /** Undefined: until removed. */
  readonly expiresAt: number | undefined;
}

export interface FakeRouter {
  readonly ip: Ip;
  readonly ip6: Ip;
  readonly set: RouterSwitches;
  /** By `TCP 8080`, those that have run out left out. */
  table(): ReadonlyMap<string, FakeMapping>;
  /** Holes in its IPv6 firewall, by `TCP [2a01:77::101]:80`. */
  pinholes(): ReadonlyMap<string, FakePinhole>;
  /** A mapping of another machine. */
  occupy(key: string, internalIp?: Ip, description?: string): void;
  /** Empties the table without a word. */
  clear(): void;
  /** Empties the table and starts the epoch anew; with `loudly`, says so to the LAN. */
  restart(how?: 'loudly' | 'silently'): void;
  /** SSDP and PCP announcements as they are sent at start. */
  announce(what: 'pcp' | 'nat-pmp' | 'alive' | 'byebye'): void;
  /** Names of requests, in order: `pcp map`, `nat-pmp address`, `AddPortMapping`, `search`. */
  readonly asked: string[];
  /** Source addresses of all requests. */
  readonly sources: Set<Ip>;
  /** For `FakeHost.onHttp`. */
  readonly http: (request: HttpRequest) => HttpResponse;
}

const IGD = 'urn:schemas-upnp-org:device:InternetGatewayDevice';
const FIREWALL = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';

export async function createFakeRouter({
  clock,
  lan,
  ip: address = ip('10.77.0.1'),
  ip6: address6 = ip('2a01:77::1'),
}: FakeRouterOptions): Promise<FakeRouter> {
  const set: RouterSwitches = {
    on: true, pcp: true, natPmp: true, igd: 2, secure: true, externalIp: ip('84.112.3.4'), maxLease: 86_400,
    permanentOnly: false, finiteOnly: false, hidesLease: false, preferFailure: 'honoured', forgetful: false, ruthless: false, withoutReadBack: false, refuse: undefined, mute: 0,
    fault: undefined, bootId: 1, httpPort: 5000, firewall: 'on', upnpHighPortsOnly: false, pcpShortestLife: undefined,
  }; // prettier-ignore
  const mappings = new Map<string, FakeMapping>();
  const firewall = createFakeFirewall(clock, set);
  const asked: string[] = [];
  const sources = new Set<Ip>();
  let startedAt = clock.now() - 1_000_000;
  const epoch = (): number => Math.floor((clock.now() - startedAt) / 1000);
  const { network } = lan.host({
    name: 'router',
    mac: parseMac('02:77:00:00:00:01')!,
    addresses: [
      { ip: address, prefixLength: 24 },
      { ip: address6, prefixLength: 64 },
    ],
  });
  const [link] = network.links();

  const purge = (): void => {
    for (const [key, { expiresAt }] of mappings)
      if (expiresAt !== undefined && expiresAt <= clock.now()) mappings.delete(key);
  };
  const put = (mapping: Omit<FakeMapping, 'expiresAt'>, seconds: number): void => {
    const expiresAt = seconds === 0 ? undefined : clock.now() + seconds * 1000;
    mappings.set(`${mapping.protocol} ${mapping.externalPort}`, { ...mapping, expiresAt });
  };
  /** PCP and NAT-PMP: one mapping for each internal port, on the port wished for or the next free one. */
  const assign = (wish: Omit<FakeMapping, 'expiresAt'>, seconds: number): FakeMapping => {
    purge();
    const own = [...mappings.values()].find(
      (each) =>
        each.protocol === wish.protocol &&
        each.internalIp === wish.internalIp &&
        each.internalPort === wish.internalPort,
    );
    let { externalPort } = own ?? wish;
    while (!own && mappings.has(`${wish.protocol} ${externalPort}`)) externalPort++;
    const mapping = { ...wish, externalPort };
    put(mapping, seconds);
    return { ...mapping, expiresAt: undefined };
  };
  const unassign = (protocol: string, internalIp: Ip, internalPort: number): void => {
    for (const [key, each] of mappings)
      if (each.protocol === protocol && each.internalIp === internalIp && each.internalPort === internalPort)
        mappings.delete(key);
  };

  const pcp = ({ data, from }: Datagram): Uint8Array => {
    const request = decodePcpRequest(data);
    const { map, opcode } = request;
    asked.push(map ? (request.lifetime === 0 ? 'pcp delete' : 'pcp map') : 'pcp announce');
    const answer = (result: number, lifetime: number, given = map): Uint8Array =>
      encodePcpResponse({ opcode, result, lifetime, epoch: epoch(), ...(given && { map: given }), options: [] });
    if (request.clientIp !== from.ip) return answer(PCP_RESULT.addressMismatch, 60);
    if (!map) return answer(0, 0);
    if (set.refuse !== undefined) return answer(set.refuse, 120);
    const protocol = map.protocol === 6 ? 'TCP' : 'UDP';
    if (familyOf(from.ip) === 6) {
      const seconds = Math.min(request.lifetime, set.maxLease);
      const pinhole = { protocol, internalIp: from.ip, internalPort: map.internalPort } as const;
      const done = firewall.pcp(pinhole, seconds);
      if (typeof done === 'number') return answer(done, 30);
      return answer(0, done.granted, { ...map, externalPort: map.internalPort, externalIp: from.ip });
    }
    if (request.lifetime === 0) {
      unassign(protocol, from.ip, map.internalPort);
      return answer(0, 0);
    }
    const prefer = request.options.some(({ kind }) => kind === 'prefer-failure');
    if (prefer && set.preferFailure === 'unknown') return answer(PCP_RESULT.unsupportedOption, 60);
    purge();
    const holder = mappings.get(`${protocol} ${map.externalPort}`);
    if (prefer && set.preferFailure === 'honoured' && holder && holder.internalIp !== from.ip)
      return answer(PCP_RESULT.cannotProvideExternal, 30);
    const lifetime = Math.min(request.lifetime, set.maxLease);
    const wish = {
      protocol,
      externalPort: map.externalPort,
      internalIp: from.ip,
      internalPort: map.internalPort,
    } as const;
    const given = assign({ ...wish, description: 'PCP' }, lifetime);
    const externalIp = set.externalIp ?? ip('0.0.0.0');
    return answer(0, lifetime, { ...map, externalPort: given.externalPort, externalIp });
  };

  const natPmp = ({ data, from }: Datagram): Uint8Array => {
    const request = decodeNatPmpRequest(data);
    const answer = (response: NatPmpResponse): Uint8Array => encodeNatPmpResponse(response);
    if (request.kind === 'address') {
      asked.push('nat-pmp address');
      const externalIp = set.externalIp;
      return answer({ kind: 'address', result: 0, epoch: epoch(), ...(externalIp && { externalIp }) });
    }
    asked.push(request.lifetime === 0 ? 'nat-pmp delete' : 'nat-pmp map');
    const { protocol, internalPort, externalPort } = request;
    const result = (code: number, mapping = { internalPort, externalPort, lifetime: 0 }): Uint8Array =>
      answer({ kind: 'map', protocol, result: code, epoch: epoch(), mapping });
    if (set.refuse !== undefined) return result(set.refuse);
    if (request.lifetime === 0) {
      unassign(protocol, from.ip, internalPort);
      return result(0);
    }
    const lifetime = Math.min(request.lifetime, set.maxLease);
    const wish = { protocol, externalPort, internalIp: from.ip, internalPort, description: 'NAT-PMP' };
    const given = assign(wish, lifetime);
    return result(0, { internalPort, externalPort: given.externalPort, lifetime });
  };

  const onControl =
    (reply: () => DatagramSocket) =>
    (datagram: Datagram): void => {
      const isPcp = datagram.data[0] === 2;
      if (!set.on || (!set.pcp && !set.natPmp)) return;
      sources.add(datagram.from.ip);
      if (isPcp && !set.pcp) reply().send(Uint8Array.of(0, 0x80, 0, 1, 0, 0, 0, 9), datagram.from);
      else if (isPcp || set.natPmp) {
        const answer = isPcp ? pcp(datagram) : natPmp(datagram);
        const muted = set.mute > 0 && asked.at(-1)?.endsWith(' map') === true;
        if (muted) set.mute--;
        else reply().send(answer, datagram.from);
      }
    };
  const onError = (): void => undefined;
  const listen = { localPort: 5351, onError } as const;
  const control = await network.openDatagrams({ ...listen, family: 4, onDatagram: onControl(() => control) });
  const control6 = await network.openDatagrams({ ...listen, family: 6, onDatagram: onControl(() => control6) });
  const describe = (host: string = address) => ({
    usn: `uuid:0::${IGD}`,
    location: `http://${host}:${set.httpPort}/desc.xml`,
    ...(set.bootId === undefined ? {} : { bootId: set.bootId }),
  });
  const onSearch =
    (reply: () => DatagramSocket, host: string) =>
    ({ data, from }: Datagram): void => {
      if (!set.on || set.igd === undefined) return;
      const message = decodeSsdp(data);
      if (message.kind !== 'search') return;
      sources.add(from.ip);
      asked.push('search');
      if (message.target === `${IGD}:${set.igd}` || message.target === `${IGD}:1`)
        reply().send(encodeSsdpAnswer({ kind: 'answer', target: message.target, ...describe(host) }), from);
    };
  const search = { localPort: 1900, multicastLoop: false, ...(link ? { link } : {}), onError } as const;
  const ssdp = await network.openDatagrams({
    ...search,
    family: 4,
    join: [SSDP_GROUP_V4],
    onDatagram: onSearch(() => ssdp, address),
  });
  const ssdp6 = await network.openDatagrams({
    ...search,
    family: 6,
    join: [SSDP_GROUP_V6, SSDP_GROUP_V6_SITE],
    onDatagram: onSearch(() => ssdp6, `[${address6}]`),
  });

  const entryText = ({ internalPort, internalIp, description, expiresAt }: FakeMapping): string => {
    const lease = expiresAt === undefined || set.hidesLease ? 0 : Math.ceil((expiresAt - clock.now()) / 1000);
    return (
      `<NewInternalPort>${internalPort}</NewInternalPort><NewInternalClient>${internalIp}</NewInternalClient>` +
      `<NewEnabled>1</NewEnabled><NewPortMappingDescription>${escapeXml(description)}</NewPortMappingDescription>` +
      `<NewLeaseDuration>${lease}</NewLeaseDuration>`
    );
  };

  const soap = (action: string, values: ReadonlyMap<string, string>, source: Ip): string | number => {
    purge();
    const key = `${values.get('NewProtocol') ?? ''} ${values.get('NewExternalPort') ?? ''}`;
    const found = mappings.get(key);
    switch (action) {
      case 'GetExternalIPAddress':
        return `<NewExternalIPAddress>${set.externalIp ?? ''}</NewExternalIPAddress>`;
      case 'GetStatusInfo':
        return '<NewConnectionStatus>Connected</NewConnectionStatus><NewUptime>5</NewUptime>';
      case 'GetSpecificPortMappingEntry':
        if (set.withoutReadBack) return 401;
        return found ? entryText(found) : 714;
      case 'GetGenericPortMappingEntry': {
        const listed = [...mappings.values()][Number(values.get('NewPortMappingIndex'))];
        if (!listed) return 713;
        const { externalPort, protocol } = listed;
        return `<NewExternalPort>${externalPort}</NewExternalPort><NewProtocol>${protocol}</NewProtocol>${entryText(listed)}`;
      }
      case 'AddPortMapping': {
        const internalIp = parseIp(values.get('NewInternalClient') ?? '');
        const lease = Number(values.get('NewLeaseDuration'));
        if (set.fault !== undefined) return set.fault;
        if (internalIp === undefined || values.get('NewRemoteHost') !== '') return 402;
        if (set.secure && internalIp !== source) return 718;
        if (found && found.internalIp !== internalIp && !set.ruthless) return 718;
        if (set.permanentOnly && lease !== 0) return 725;
        if (set.finiteOnly && lease === 0) return 402;
        if (set.forgetful) return '';
        const protocol = values.get('NewProtocol') === 'UDP' ? 'UDP' : 'TCP';
        const forever = lease === 0 && set.igd === 1;
        put(
          {
            protocol,
            externalPort: Number(values.get('NewExternalPort')),
            internalIp,
            internalPort: Number(values.get('NewInternalPort')),
            description: values.get('NewPortMappingDescription') ?? '',
          },
          forever || set.permanentOnly ? 0 : Math.min(lease === 0 ? 604_800 : lease, set.maxLease),
        );
        return '';
      }
      case 'DeletePortMapping':
        if (!found) return 714;
        if (set.secure && found.internalIp !== source) return 606;
        mappings.delete(key);
        return '';
      default:
        return 401;
    }
  };

  const http = (request: HttpRequest): HttpResponse => {
    const url = new URL(request.url);
    const hosts: string[] = [address, `[${address6}]`];
    const listening = hosts.includes(url.hostname) && url.port === String(set.httpPort);
    if (!set.on || set.igd === undefined || !listening)
      throw new KubevipError(`${url.host} refuses the connection`, { code: 'HTTP_FAILED' });
    if (request.localIp !== undefined) sources.add(request.localIp);
    const service = `urn:schemas-upnp-org:service:WANIPConnection:${set.igd}`;
    if (request.method === 'GET') {
      asked.push('description');
      const body =
        `<root><device><deviceType>${IGD}:${set.igd}</deviceType><serviceList><service>` +
        `<serviceType>${service}</serviceType><controlURL>/ctl</controlURL></service>` +
        (set.igd === 2
          ? `<service><serviceType>${FIREWALL}</serviceType><controlURL>/firewall</controlURL></service>`
          : '') +
        '</serviceList></device></root>';
      return { status: 200, headers: {}, body };
    }
    const call = child(parseXml(request.body ?? ''), 'Body')?.children[0];
    const action = call?.name ?? '';
    asked.push(action);
    const values = new Map((call?.children ?? []).map(({ name, text }) => [name, text]));
    const source = request.localIp ?? ip('0.0.0.0');
    const answer = url.pathname === '/firewall' ? firewall.soap(action, values, source) : soap(action, values, source);
    const body =
      typeof answer === 'string'
        ? `<u:${action}Response xmlns:u="${service}">${answer}</u:${action}Response>`
        : `<s:Fault><detail><UPnPError><errorCode>${answer}</errorCode><errorDescription>No</errorDescription></UPnPError></detail></s:Fault>`;
    const status = typeof answer === 'string' ? 200 : 500;
    return { status, headers: {}, body: `<s:Envelope xmlns:s="e"><s:Body>${body}</s:Body></s:Envelope>` };
  };

  const announce: FakeRouter['announce'] = (what) => {
    if (what === 'pcp') {
      const bytes = encodePcpResponse({ opcode: 0, result: 0, lifetime: 0, epoch: epoch(), options: [] });
      control.send(bytes, { ip: ip('224.0.0.1'), port: 5350 });
    } else if (what === 'nat-pmp') {
      const externalIp = set.externalIp;
      const answer = { kind: 'address', result: 0, epoch: epoch(), ...(externalIp && { externalIp }) } as const;
      control.send(encodeNatPmpResponse(answer), { ip: ip('224.0.0.1'), port: 5350 });
    } else {
      const target = `${IGD}:${set.igd ?? 1}`;
      const bytes = encodeSsdpNotify({ kind: 'notify', change: what, target, ...describe() }, '239.255.255.250:1900');
      ssdp.send(bytes, { ip: SSDP_GROUP_V4, port: 1900 });
    }
  };

  return {
    ip: address,
    ip6: address6,
    set,
    pinholes: () => firewall.pinholes(),
    table: () => {
      purge();
      return new Map(mappings);
    },
    occupy: (key, internalIp = ip('10.77.0.50'), description = 'game console') => {
      const [protocol, port] = key.split(' ');
      const entry = { protocol: protocol === 'UDP' ? ('UDP' as const) : ('TCP' as const), internalIp, description };
      put({ ...entry, externalPort: Number(port), internalPort: Number(port) }, 0);
    },
    clear: () => {
      mappings.clear();
      firewall.clear();
    },
    restart: (how = 'silently') => {
      mappings.clear();
      firewall.clear();
      startedAt = clock.now();
      if (set.bootId !== undefined) set.bootId++;
      if (how === 'silently') return;
      if (set.pcp) announce('pcp');
      if (set.natPmp) announce('nat-pmp');
      if (set.igd) announce('alive');
    },
    announce,
    asked,
    sources,
    http,
  };
}
