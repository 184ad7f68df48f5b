/** Datagrams in the forms that devices send, written for these tests. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/model/errors.ts';
import { decodeSsdp, encodeSsdpSearch } from '../../../src/protocols/ssdp/codec.ts';
import { isGatewayTarget } from '../../../src/protocols/ssdp/message.ts';

const bytes = (lines: readonly string[], end = '\r\n'): Uint8Array => new TextEncoder().encode(lines.join(end) + end);
const IGD2 = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2';

describe('SSDP messages', () => {
  it('writes a search', () => {
    const search = encodeSsdpSearch({ kind: 'search', target: IGD2, maxWait: 1 }, '239.255.255.250:1900');
    expect(new TextDecoder().decode(search)).toBe(
      `M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${IGD2}\r\n\r\n`,
    );
  });

  it('reads an answer of a UPnP 1.1 router', () => {
    const answer = bytes([
      'HTTP/1.1 200 OK',
      'CACHE-CONTROL: max-age=120',
      `ST: ${IGD2}`,
      `USN: uuid:0000::${IGD2}`,
      'EXT:',
      'SERVER: Linux/6.1 UPnP/1.1 Example/2.3',
      'LOCATION: http://10.77.0.1:5000/rootDesc.xml',
      'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01',
      '01-NLS: 1700000000',
      'BOOTID.UPNP.ORG: 1700000000',
      'CONFIGID.UPNP.ORG: 1337',
      '',
    ]);
    expect(decodeSsdp(answer)).toEqual({
      kind: 'answer',
      target: IGD2,
      usn: `uuid:0000::${IGD2}`,
      location: 'http://10.77.0.1:5000/rootDesc.xml',
      server: 'Linux/6.1 UPnP/1.1 Example/2.3',
      maxAge: 120,
      bootId: 1700000000,
    });
  });

  it('reads the sloppy answer of an old one', () => {
    const answer = bytes(['http/1.0 200 ok', 'st:x', 'Location :http://10.0.0.1/d', 'cache-control: Max-Age = 1800'], '\n');
    expect(decodeSsdp(answer)).toEqual({
      kind: 'answer',
      target: 'x',
      usn: '',
      location: 'http://10.0.0.1/d',
      maxAge: 1800,
    });
  });

  it('reads announcements', () => {
    const head = ['NOTIFY * HTTP/1.1', 'HOST: 239.255.255.250:1900', 'NT: upnp:rootdevice', 'USN: uuid:0::upnp:rootdevice'];
    expect(decodeSsdp(bytes([...head, 'NTS: ssdp:alive', 'LOCATION: http://10.0.0.1/d', 'BOOTID.UPNP.ORG: 7']))).toEqual({
      kind: 'notify',
      change: 'alive',
      target: 'upnp:rootdevice',
      usn: 'uuid:0::upnp:rootdevice',
      location: 'http://10.0.0.1/d',
      bootId: 7,
    });
    expect(decodeSsdp(bytes([...head, 'NTS: ssdp:byebye']))).toMatchObject({ change: 'byebye' });
    expect(decodeSsdp(bytes([...head, 'NTS: ssdp:update', 'BOOTID.UPNP.ORG: 7', 'NEXTBOOTID.UPNP.ORG: 8']))).toMatchObject({
      change: 'update',
      bootId: 7,
      nextBootId: 8,
    });
  });

  it.each([
    ['an answer without ST', bytes(['HTTP/1.1 200 OK', 'USN: x'])],
    ['an error', bytes(['HTTP/1.1 500 Internal Server Error', 'ST: x'])],
    ['an announcement of nothing', bytes(['NOTIFY * HTTP/1.1', 'NT: x'])],
    ['an announcement of something else', bytes(['NOTIFY * HTTP/1.1', 'NT: x', 'NTS: upnp:event'])],
    ['nothing', new Uint8Array()],
    ['too much', bytes(['HTTP/1.1 200 OK', `ST: ${'x'.repeat(3000)}`])],
  ])('refuses %s', (_, data) => {
    expect(() => decodeSsdp(data)).toThrow(DecodeError);
  });

  it('tells routers from televisions', () => {
    expect(isGatewayTarget(IGD2)).toBe(true);
    expect(isGatewayTarget('urn:schemas-upnp-org:service:WANPPPConnection:1')).toBe(true);
    expect(isGatewayTarget('upnp:rootdevice')).toBe(false);
    expect(isGatewayTarget('urn:schemas-upnp-org:device:MediaRenderer:1')).toBe(false);
  });
});
