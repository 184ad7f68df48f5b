/** WANIPv6FirewallControl:1 as miniupnpd 2.3.1 and the standard have it. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import { igdReason, pinholeReason } from '../../../src/protocols/igd/faults.ts';
import {
  addPinholeArguments,
  decodeFirewallStatus,
  decodeUniqueId,
  pinholeArguments,
  updatePinholeArguments,
} from '../../../src/protocols/igd/pinhole.ts';
import { decodeSoapResponse, encodeSoapRequest } from '../../../src/protocols/igd/soap.ts';

const SERVICE = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1';
const answer = (action: string, body: string): ReadonlyMap<string, string> => {
  const decoded = decodeSoapResponse(
    `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>` +
      `<u:${action}Response xmlns:u="${SERVICE}">${body}</u:${action}Response></s:Body></s:Envelope>`,
    action,
  );
  if (decoded.kind !== 'done') throw new Error('a fault');
  return decoded.values;
};

describe('pinholes of an IPv6 firewall', () => {
  it('are asked for with the arguments in the order of the standard', () => {
    const pinhole = { protocol: 'UDP', internalIp: ip('2001:db8:77::101'), internalPort: 53, lease: 3600 } as const;
    expect(encodeSoapRequest(SERVICE, 'AddPinhole', addPinholeArguments(pinhole)).body).toContain(
      `<u:AddPinhole xmlns:u="${SERVICE}"><RemoteHost></RemoteHost><RemotePort>0</RemotePort>` +
        '<InternalClient>2001:db8:77::101</InternalClient><InternalPort>53</InternalPort>' +
        '<Protocol>17</Protocol><LeaseTime>3600</LeaseTime></u:AddPinhole>',
    );
  });

  it('are known by a number from then on', () => {
    expect(decodeUniqueId(answer('AddPinhole', '<UniqueID>1</UniqueID>'))).toBe('1');
    expect(pinholeArguments('1')).toEqual([['UniqueID', '1']]);
    expect(updatePinholeArguments('1', 3600)).toEqual([
      ['UniqueID', '1'],
      ['NewLeaseTime', 3600],
    ]);
    for (const id of ['', '70000', '-1', 'abc', '1 2'])
      expect(() => decodeUniqueId(new Map([['UniqueID', id]]))).toThrow(DecodeError);
  });

  it.each([
    ['1', '1', true, true],
    ['1', '0', true, false],
    ['0', '0', false, false],
    ['true', 'No', true, false],
  ])('are possible or not: FirewallEnabled %s, InboundPinholeAllowed %s', (on, allowed, enabled, pinholesAllowed) => {
    const body = `<FirewallEnabled>${on}</FirewallEnabled><InboundPinholeAllowed>${allowed}</InboundPinholeAllowed>`;
    expect(decodeFirewallStatus(answer('GetFirewallStatus', body))).toEqual({ enabled, pinholesAllowed });
  });

  it('are refused with codes of their own', () => {
    expect(pinholeReason(701)).toMatchObject({ reason: 'table-full', name: 'PinholeSpaceExhausted' });
    expect(pinholeReason(702)).toMatchObject({ reason: 'firewall-off' });
    expect(pinholeReason(703)).toMatchObject({ reason: 'pinholes-not-allowed' });
    expect(pinholeReason(704)).toMatchObject({ reason: 'no-such-entry' });
    expect(pinholeReason(709)).toMatchObject({ reason: 'no-traffic' });
    expect(pinholeReason(606)).toEqual(igdReason(606));
  });
});
