import { describe, expect, it } from 'vitest';
import { isServiceName, serviceTypeOf } from '../../../src/exposure/naming/service-types.ts';

const type = (name: string, port: number, more: { protocol?: 'TCP' | 'UDP' | 'SCTP'; appProtocol?: string } = {}) =>
  serviceTypeOf({ name, port, protocol: more.protocol ?? 'TCP', ...more });

describe('serviceTypeOf', () => {
  it.each([
    ['http', 8000, '_http._tcp'],
    ['web', 8000, '_http._tcp'],
    ['websecure', 8000, '_https._tcp'],
    ['http-admin', 9000, '_http._tcp'],
    ['ssh', 2222, '_ssh._tcp'],
    ['smb', 445, '_smb._tcp'],
    ['mqtt', 1, '_mqtt._tcp'],
    ['metrics', 9100, '_metrics._tcp'],
    ['port-80', 80, '_port-80._tcp'],
  ])('takes the name of the port: %s', (name, port, expected) => {
    expect(type(name, port)).toBe(expected);
  });

  it('takes the number of an unnamed port only where it is well known', () => {
    expect(type('', 80)).toBe('_http._tcp');
    expect(type('', 443)).toBe('_https._tcp');
    expect(type('', 53, { protocol: 'UDP' })).toBe('_domain._udp');
    expect(type('', 31234)).toBeUndefined();
  });

  it('believes appProtocol first', () => {
    expect(type('metrics', 80, { appProtocol: 'https' })).toBe('_https._tcp');
    expect(type('', 31234, { appProtocol: 'kubernetes.io/wss' })).toBe('_https._tcp');
    expect(type('http', 80, { appProtocol: 'example.com/own' })).toBe('_http._tcp');
  });

  it('puts every transport but TCP under _udp', () => {
    expect(type('dns', 53, { protocol: 'UDP' })).toBe('_domain._udp');
    expect(type('thing', 1, { protocol: 'SCTP' })).toBe('_thing._udp');
  });

  it('is not fooled by names every object has', () => {
    expect(type('constructor', 80)).toBe('_constructor._tcp');
  });
});

describe('isServiceName', () => {
  it.each(['http', 'a', '3d-print', 'x1', 'abcdefghijklmno'])('accepts %s', (name) => {
    expect(isServiceName(name)).toBe(true);
  });
  it.each(['', '80', '-a', 'a-', 'a--b', 'abcdefghijklmnop', 'a_b', 'a.b', 'é'])('refuses %j', (name) => {
    expect(isServiceName(name)).toBe(false);
  });
});
