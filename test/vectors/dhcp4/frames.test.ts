import { describe, expect, it } from 'vitest';
import { meaningOf } from '../../../src/protocols/dhcp4/client/replies.ts';
import { MESSAGE_TYPE, OPTION } from '../../../src/protocols/dhcp4/codes.ts';
import { decodeUdpFrame, encodeUdpFrame } from '../../../src/protocols/dhcp4/frame.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/dhcp4/message.ts';
import { addressOption, byteOption, textOption } from '../../../src/protocols/dhcp4/options.ts';
import * as recorded from './frames.ts';

const FRAMES = {
  'dhclient DISCOVER': recorded.DHCLIENT_DISCOVER,
  'dhclient REQUEST': recorded.DHCLIENT_REQUEST,
  'dhclient RELEASE': recorded.DHCLIENT_RELEASE,
  'dnsmasq OFFER': recorded.DNSMASQ_OFFER,
  'dnsmasq ACK': recorded.DNSMASQ_ACK,
  'dnsmasq NAK': recorded.DNSMASQ_NAK,
};

function read(bytes: Uint8Array) {
  const frame = decodeUdpFrame(bytes);
  return { frame, message: decodeMessage(frame.payload) };
}

describe.each(Object.entries(FRAMES))('%s', (_, bytes) => {
  it('is written as it was read, padding aside', () => {
    const { frame, message } = read(bytes);
    const again = encodeMessage(message);
    const same = Math.min(again.length, frame.payload.length);
    expect(Buffer.from(again.subarray(0, same)).equals(frame.payload.subarray(0, same))).toBe(true);
    expect([...again.subarray(same), ...frame.payload.subarray(same)].every((byte) => byte === 0)).toBe(true);
  });

  it('is framed again to the same datagram', () => {
    const { frame } = read(bytes);
    expect(decodeUdpFrame(encodeUdpFrame(frame))).toEqual(frame);
  });
});

describe('recorded clients', () => {
  it('say what they want', () => {
    const discover = read(recorded.DHCLIENT_DISCOVER);
    expect(discover.frame).toMatchObject({ sourceIp: '0.0.0.0', targetIp: '255.255.255.255', sourcePort: 68, targetPort: 67 });
    expect(discover.message).toMatchObject({ op: 1, xid: 0x7c68c975, flags: 0, chaddr: '02:77:00:00:00:0c' });
    expect(byteOption(discover.message.options, OPTION.messageType)).toBe(MESSAGE_TYPE.discover);
    expect(textOption(discover.message.options, OPTION.hostName)).toBe('walnut');
    const request = read(recorded.DHCLIENT_REQUEST).message;
    expect(addressOption(request.options, OPTION.requestedAddress)).toBe('10.77.0.189');
    expect(addressOption(request.options, OPTION.serverIdentifier)).toBe('10.77.0.11');
    expect(read(recorded.DHCLIENT_RELEASE).message.ciaddr).toBe('10.77.0.189');
  });
});

describe('recorded servers', () => {
  const meaning = (bytes: Uint8Array): unknown => {
    const { frame, message } = read(bytes);
    return meaningOf({ message, sourceIp: frame.sourceIp, sourceMac: frame.sourceMac });
  };

  it('offer', () => {
    expect(meaning(recorded.DNSMASQ_OFFER)).toMatchObject({ kind: 'offer', ip: '10.77.0.189', server: '10.77.0.11' });
    expect(read(recorded.DNSMASQ_OFFER).message).toMatchObject({ sname: 'tftp.lan', file: 'pxelinux.0', siaddr: '10.77.0.9' });
  });

  it('grant', () => {
    expect(meaning(recorded.DNSMASQ_ACK)).toEqual({
      kind: 'ack',
      terms: {
        ip: '10.77.0.108',
        server: '10.77.0.11',
        serverMac: '02:77:00:00:00:0b',
        prefixLength: 24,
        router: '10.77.0.11',
        dns: ['10.77.0.1', '9.9.9.9'],
        domain: 'lan',
        leaseSeconds: 120,
        renewSeconds: 60,
        rebindSeconds: 105,
      },
    });
  });

  it('refuse', () => {
    expect(meaning(recorded.DNSMASQ_NAK)).toEqual({ kind: 'nak', server: '10.77.0.11', text: 'wrong address' });
  });
});
