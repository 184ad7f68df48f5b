import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { ip } from '../../../src/model/ip.ts';
import {
  addPortMappingArguments,
  decodeExternalAddress,
  decodeGenericEntry,
  decodeReservedPort,
  decodeSpecificEntry,
  decodeStatus,
  indexArguments,
  keyArguments,
} from '../../../src/protocols/igd/actions.ts';
import { igdReason } from '../../../src/protocols/igd/faults.ts';
import { decodeSoapResponse, encodeSoapRequest } from '../../../src/protocols/igd/soap.ts';

const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1';
const envelope = (body: string): string =>
  `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>${body}</s:Body></s:Envelope>`;
const values = (action: string, body: string): ReadonlyMap<string, string> => {
  const answer = decodeSoapResponse(
    envelope(`<u:${action}Response xmlns:u="${SERVICE}">${body}</u:${action}Response>`),
    action,
  );
  if (answer.kind !== 'done') throw new Error('a fault');
  return answer.values;
};
const fault = (code: string, words: string): string =>
  envelope(
    `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>` +
      `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode>` +
      `<errorDescription>${words}</errorDescription></UPnPError></detail></s:Fault>`,
  );

describe('SOAP requests', () => {
  it('adds a mapping with its arguments in the order of the standard', () => {
    const request = encodeSoapRequest(
      SERVICE,
      'AddPortMapping',
      addPortMappingArguments({
        protocol: 'TCP',
        externalPort: 8080,
        internalPort: 80,
        internalIp: ip('10.77.0.101'),
        description: 'kubevip/<default>/a&b',
        lease: 3600,
      }),
    );
    expect(request.headers).toEqual({
      'Content-Type': 'text/xml; charset="utf-8"',
      SOAPAction: `"${SERVICE}#AddPortMapping"`,
    });
    expect(request.body).toContain(
      `<s:Body><u:AddPortMapping xmlns:u="${SERVICE}"><NewRemoteHost></NewRemoteHost>` +
        '<NewExternalPort>8080</NewExternalPort><NewProtocol>TCP</NewProtocol><NewInternalPort>80</NewInternalPort>' +
        '<NewInternalClient>10.77.0.101</NewInternalClient><NewEnabled>1</NewEnabled>' +
        '<NewPortMappingDescription>kubevip/&#60;default&#62;/a&#38;b</NewPortMappingDescription>' +
        '<NewLeaseDuration>3600</NewLeaseDuration></u:AddPortMapping></s:Body>',
    );
  });

  it('asks for one mapping by key and for any by number', () => {
    expect(keyArguments({ protocol: 'UDP', externalPort: 53 })).toEqual([
      ['NewRemoteHost', ''],
      ['NewExternalPort', 53],
      ['NewProtocol', 'UDP'],
    ]);
    expect(indexArguments(3)).toEqual([['NewPortMappingIndex', 3]]);
  });
});

describe('SOAP answers', () => {
  it('reads one mapping', () => {
    const entry = values(
      'GetSpecificPortMappingEntry',
      '<NewInternalPort>80</NewInternalPort><NewInternalClient>10.77.0.101</NewInternalClient><NewEnabled>1</NewEnabled>' +
        '<NewPortMappingDescription>kubevip/default/web</NewPortMappingDescription><NewLeaseDuration>3599</NewLeaseDuration>',
    );
    expect(decodeSpecificEntry(entry, { protocol: 'TCP', externalPort: 8080 })).toEqual({
      protocol: 'TCP',
      externalPort: 8080,
      internalIp: '10.77.0.101',
      internalPort: 80,
      enabled: true,
      description: 'kubevip/default/web',
      lease: 3599,
    });
  });

  it('reads one of a list, with what routers leave out', () => {
    const entry = values(
      'GetGenericPortMappingEntry',
      '<NewRemoteHost></NewRemoteHost><NewExternalPort>53</NewExternalPort><NewProtocol>udp</NewProtocol>' +
        '<NewInternalPort>5353</NewInternalPort><NewInternalClient>10.77.0.5</NewInternalClient><NewEnabled>0</NewEnabled>' +
        '<NewPortMappingDescription/><NewLeaseDuration>-1</NewLeaseDuration>',
    );
    expect(decodeGenericEntry(entry)).toEqual({
      protocol: 'UDP',
      externalPort: 53,
      internalIp: '10.77.0.5',
      internalPort: 5353,
      enabled: false,
      description: '',
      lease: 0,
    });
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['0.0.0.0', undefined],
    ['', undefined],
    ['(null)', undefined],
  ])('reads the external address %j', (text, expected) => {
    const answer = values('GetExternalIPAddress', `<NewExternalIPAddress>${text}</NewExternalIPAddress>`);
    expect(decodeExternalAddress(answer)).toBe(expected);
  });

  it('reads the reserved port and the status', () => {
    expect(decodeReservedPort(values('AddAnyPortMapping', '<NewReservedPort>18199</NewReservedPort>'))).toBe(18199);
    const status = values(
      'GetStatusInfo',
      '<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE</NewLastConnectionError><NewUptime>77</NewUptime>',
    );
    expect(decodeStatus(status)).toEqual({ status: 'Connected', uptime: 77 });
  });

  it.each([
    ['401', 'unknown-action'],
    ['402', 'invalid-arguments'],
    ['501', 'action-failed'],
    ['606', 'not-authorized'],
    ['713', 'end-of-list'],
    ['714', 'no-such-entry'],
    ['715', 'no-wildcards'],
    ['716', 'no-wildcards'],
    ['718', 'conflict'],
    ['724', 'same-port-required'],
    ['725', 'only-permanent-leases'],
    ['728', 'table-full'],
    ['729', 'conflict'],
    ['899', 'other'],
  ])('knows fault %s as %s', (code, reason) => {
    const answer = decodeSoapResponse(fault(code, 'Words of the router'), 'AddPortMapping');
    expect(answer).toEqual({ kind: 'fault', fault: { code: Number(code), description: 'Words of the router' } });
    expect(igdReason(Number(code)).reason).toBe(reason);
  });

  it('reads a fault that is none of UPnP', () => {
    const plain = envelope('<s:Fault><faultcode>s:Server</faultcode><faultstring>Busy</faultstring></s:Fault>');
    expect(decodeSoapResponse(plain, 'AddPortMapping')).toEqual({
      kind: 'fault',
      fault: { code: 0, description: 'Busy' },
    });
  });

  it.each([
    ['another answer', envelope('<u:DeletePortMappingResponse/>')],
    ['a web page', '<html><body>Unauthorized</body></html>'],
    ['no body', '<s:Envelope/>'],
  ])('refuses %s', (_, xml) => {
    expect(() => decodeSoapResponse(xml, 'AddPortMapping')).toThrow(DecodeError);
  });
});
