/** The IPv6 firewall of the router in memory: pinholes by PCP and by WANIPv6FirewallControl, on one list. */
import { parseIp, type Ip } from '../../src/model/ip.ts';
import type { Clock } from '../../src/model/time.ts';

export interface FirewallSwitches {
  /** `off`: lets everybody in; `locked`: its settings let no device open it. */
  firewall: 'on' | 'off' | 'locked';
  /** UPnP opens no port below 1024, as miniupnpd. */
  upnpHighPortsOnly: boolean;
  /** PCP removes no pinhole, as miniupnpd, but shortens its life to so many seconds. */
  pcpShortestLife: number | undefined;
}

export interface FakePinhole {
  readonly protocol: 'TCP' | 'UDP';
  readonly internalIp: Ip;
  readonly internalPort: number;
  readonly id: number;
  readonly expiresAt: number;
}

export interface FakeFirewall {
  /** By `TCP [2a01:77::101]:80`, those that have run out left out. */
  pinholes(): ReadonlyMap<string, FakePinhole>;
  /** @returns the seconds granted, or the code of a refusal. */
  pcp(pinhole: Omit<FakePinhole, 'id' | 'expiresAt'>, seconds: number): { readonly granted: number } | number;
  /** The body of an answer, or the code of a fault. */
  soap(action: string, values: ReadonlyMap<string, string>, source: Ip): string | number;
  clear(): void;
}

const NOT_AUTHORIZED = 2;

export function createFakeFirewall(clock: Clock, set: FirewallSwitches): FakeFirewall {
  const list = new Map<string, FakePinhole>();
  let nextId = 1;
  const keyOf = ({ protocol, internalIp, internalPort }: Omit<FakePinhole, 'id' | 'expiresAt'>): string =>
    `${protocol} [${internalIp}]:${internalPort}`;
  const pinholes = (): Map<string, FakePinhole> => {
    for (const [key, { expiresAt }] of list) if (expiresAt <= clock.now()) list.delete(key);
    return list;
  };
  const put = (pinhole: Omit<FakePinhole, 'id' | 'expiresAt'>, seconds: number): FakePinhole => {
    const key = keyOf(pinhole);
    const made = { ...pinhole, id: pinholes().get(key)?.id ?? nextId++, expiresAt: clock.now() + seconds * 1000 };
    list.set(key, made);
    return made;
  };

  return {
    pinholes,

    pcp(pinhole, seconds) {
      if (seconds === 0 && set.pcpShortestLife !== undefined && pinholes().has(keyOf(pinhole))) return NOT_AUTHORIZED;
      if (seconds === 0) list.delete(keyOf(pinhole));
      const granted = seconds === 0 ? 0 : Math.max(seconds, set.pcpShortestLife ?? 1);
      if (granted > 0) put(pinhole, granted);
      return { granted };
    },

    soap(action, values, source) {
      const found = [...pinholes().values()].find(({ id }) => String(id) === values.get('UniqueID'));
      const foreign = found !== undefined && found.internalIp !== source;
      switch (action) {
        case 'GetFirewallStatus':
          return (
            `<FirewallEnabled>${set.firewall === 'off' ? 0 : 1}</FirewallEnabled>` +
            `<InboundPinholeAllowed>${set.firewall === 'locked' ? 0 : 1}</InboundPinholeAllowed>`
          );
        case 'AddPinhole': {
          const internalIp = parseIp(values.get('InternalClient') ?? '');
          const internalPort = Number(values.get('InternalPort'));
          if (set.firewall !== 'on') return set.firewall === 'off' ? 702 : 703;
          if (internalIp !== source || (set.upnpHighPortsOnly && internalPort < 1024)) return 606;
          const protocol = values.get('Protocol') === '17' ? 'UDP' : 'TCP';
          return `<UniqueID>${put({ protocol, internalIp, internalPort }, Number(values.get('LeaseTime'))).id}</UniqueID>`;
        }
        case 'UpdatePinhole':
          if (!found || foreign) return found ? 606 : 704;
          put(found, Number(values.get('NewLeaseTime')));
          return '';
        case 'GetPinholePackets':
          if (!found || foreign) return found ? 606 : 704;
          return '<PinholePackets>0</PinholePackets>';
        case 'DeletePinhole':
          if (!found || foreign) return found ? 606 : 704;
          list.delete(keyOf(found));
          return '';
        default:
          return 401;
      }
    },

    clear() {
      list.clear();
      nextId = 1;
    },
  };
}
