import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeIgdDescription } from '../../../src/protocols/igd/description.ts';
import * as devices from './devices.ts';

const controls = ({ xml, location }: { xml: string; location: string }) =>
  decodeIgdDescription(xml, location).services.map(
    ({ kind, version, controlUrl }) => `${kind}:${version} ${controlUrl}`,
  );

describe('device descriptions', () => {
  it('finds the connection and the pinhole service of version 2', () => {
    expect(decodeIgdDescription(devices.openRouter.xml, devices.openRouter.location)).toEqual({
      friendlyName: 'Home & office router',
      manufacturer: 'Example project',
      modelName: 'Example router',
      deviceType: 'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
      services: [
        {
          kind: 'WANIPConnection',
          version: 2,
          serviceType: 'urn:schemas-upnp-org:service:WANIPConnection:2',
          serviceId: 'urn:upnp-org:serviceId:WANIPConn1',
          controlUrl: 'http://192.168.1.1:5000/ctl/IPConn',
        },
        {
          kind: 'WANIPv6FirewallControl',
          version: 1,
          serviceType: 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1',
          serviceId: 'urn:upnp-org:serviceId:WANIPv6FC1',
          controlUrl: 'http://192.168.1.1:5000/ctl/IP6FCtl',
        },
      ],
    });
  });

  it('lists a PPP and an IP connection side by side', () => {
    expect(controls(devices.dslRouter)).toEqual([
      'WANIPConnection:1 http://192.168.178.1:49000/igdupnp/control/WANIPConn1',
      'WANPPPConnection:1 http://192.168.178.1:49000/igdupnp/control/WANPPPConn1',
    ]);
  });

  it('resolves control paths against URLBase', () => {
    expect(controls(devices.oldRouter)).toEqual(['WANPPPConnection:1 http://192.168.0.1:1901/ipc']);
  });

  it('sends orders where the description came from, whatever address the control URL names', () => {
    expect(controls(devices.fibreModem)).toEqual([
      'WANPPPConnection:1 http://192.168.100.1:49652/upnp/control/WANPPPConn1',
      'WANIPConnection:1 http://192.168.100.1:49652/upnp/control/WANIPConn2?x=1&y=2',
    ]);
    expect(decodeIgdDescription(devices.fibreModem.xml, devices.fibreModem.location).friendlyName).toBe('Fibre <modem>');
  });

  it('reads through prefixes, blanks and comments', () => {
    expect(controls(devices.prefixedRouter)).toEqual([
      'WANIPConnection:1 http://10.0.0.1:2828/upnp/control/oqjsxqshhz/wanipcn',
    ]);
    const description = decodeIgdDescription(devices.prefixedRouter.xml, devices.prefixedRouter.location);
    expect(description.friendlyName).toBe('Office router');
  });

  it('finds nothing to open ports on a television', () => {
    expect(controls(devices.television)).toEqual([]);
  });

  it.each([
    ['a web page', '<html><body>Login</body></html>'],
    ['a document type', `<!DOCTYPE root [<!ENTITY e SYSTEM "file:///etc/passwd">]>${devices.television.xml}`],
    ['half a description', devices.openRouter.xml.slice(0, 700)],
    ['nothing', ''],
    ['too much', `<root>${' '.repeat(300_000)}<device/></root>`],
    ['too deep', `<root><device>${'<a>'.repeat(50)}${'</a>'.repeat(50)}</device></root>`],
    ['too many elements', `<root><device>${'<a/>'.repeat(6000)}</device></root>`],
  ])('refuses %s', (_, xml) => {
    expect(() => decodeIgdDescription(xml, 'http://192.168.1.1/x')).toThrow(DecodeError);
  });

  it('refuses a location that is not http', () => {
    expect(() => decodeIgdDescription(devices.television.xml, 'file:///etc/passwd')).toThrow(DecodeError);
  });
});
