import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exposeFlagValues } from '../../../src/cli/expose-flags.ts';
import { readExposeRequest, type ExposeFlags } from '../../../src/cli/expose-request.ts';
import { withOptionalValues } from '../../../src/cli/optional-values.ts';
import { suggest } from '../../../src/model/suggest.ts';
import { KubevipError } from '../../../src/model/errors.ts';
import { parsePort } from '../../../src/workflows/expose/request.ts';

const normal = (line: string): string => withOptionalValues(line.split(' '), exposeFlagValues).join(' ');

describe('flags that may stand alone', () => {
  it.each([
    ['deployment/web --router', 'deployment/web --router=true'],
    ['deployment/web --router 8080', 'deployment/web --router=8080'],
    ['deployment/web --router=8080', 'deployment/web --router=8080'],
    ['deployment/web --router 80=8080,443=8443', 'deployment/web --router=80=8080,443=8443'],
    ['deployment/web --router pinhole', 'deployment/web --router=pinhole'],
    ['--router deployment/web', '--router=true deployment/web'],
    ['--router --mdns', '--router=true --mdns=true'],
    ['--mdns web deployment/web', '--mdns=web deployment/web'],
    ['--mdns deployment web', '--mdns=true deployment web'],
    ['--mdns -n shop', '--mdns=true -n shop'],
    ['deployment/web --mdns off', 'deployment/web --mdns=off'],
    ['-- --router 80', '-- --router 80'],
    [
      'expose deployment/web --port 80 --dhcp --router 8080 --mdns web',
      'expose deployment/web --port 80 --dhcp --router=8080 --mdns=web',
    ],
  ])('%s', (line, wanted) => {
    expect(normal(line)).toBe(wanted);
  });

  it('is done once: a second time changes nothing', () => {
    const word = fc.constantFrom('--router', '--mdns', 'web', '80', 'deployment/web', '--port', '--', '-n', 'pod');
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        const once = withOptionalValues(argv, exposeFlagValues);
        expect(withOptionalValues(once, exposeFlagValues)).toEqual(once);
      }),
    );
  });
});

const flags: ExposeFlags = { protocol: 'tcp', dhcp: false, timeout: 1000, keep: false, port: ['80'] };
const read = (target: string, changes: Partial<ExposeFlags> = {}) =>
  readExposeRequest({ target }, { ...flags, ...changes });

describe('what expose is asked', () => {
  it('understands kinds as kubectl does', () => {
    for (const target of ['deployment/web', 'deploy/web', 'deployments.apps/web', 'Deployment/web']) {
      expect(read(target).target).toEqual({ kind: 'Deployment', name: 'web' });
    }
    expect(readExposeRequest({ target: 'sts', name: 'db' }, flags).target).toEqual({ kind: 'StatefulSet', name: 'db' });
  });

  it.each([
    ['80', { port: 80, protocol: 'TCP' }],
    ['80:8080', { port: 80, targetPort: 8080, protocol: 'TCP' }],
    ['http=80:web', { name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
    ['53/udp', { port: 53, protocol: 'UDP' }],
  ])('reads the port %s', (text, wanted) => {
    expect(parsePort(text)).toEqual(wanted);
  });

  it('never throws anything but a usage error at a port', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { port } = parsePort(text);
          expect(port >= 1 && port <= 65535).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(KubevipError);
          expect((error as KubevipError).exit).toBe(2);
        }
      }),
    );
  });

  it.each<[string, Partial<ExposeFlags>, unknown]>([
    ['one address', { ip: ['10.77.0.30'] }, { kind: 'ip', ips: ['10.77.0.30'] }],
    ['both families in one word', { ip: ['10.77.0.30,FD00::0:30'] }, { kind: 'ip', ips: ['10.77.0.30', 'fd00::30'] }],
    ['both families in two', { ip: ['fd00::30', '10.77.0.30'] }, { kind: 'ip', ips: ['fd00::30', '10.77.0.30'] }],
    ['DHCP as kube-vip writes it', { ip: ['0.0.0.0'] }, { kind: 'dhcp' }],
    ['IPv6 by DHCP', { ip: ['::'] }, { kind: 'ip', ips: ['::'] }],
    ['IPv6 by DHCP, for that family alone', { dhcp: true, family: 'ipv6' }, { kind: 'ip', ips: ['::'] }],
    ['both by DHCP', { ip: ['0.0.0.0,::'] }, { kind: 'dhcp', v6: '::' }],
    ['both by DHCP, by the flag', { dhcp: true, ip: ['::'] }, { kind: 'dhcp', v6: '::' }],
    ['DHCP and an IPv6 address', { dhcp: true, ip: ['fd00::30'] }, { kind: 'dhcp', v6: 'fd00::30' }],
    ['a pool by its key', { pool: 'range-shop' }, { kind: 'pool', pool: 'shop' }],
  ])('reads an address: %s', (_, changes, wanted) => {
    expect(read('deploy/web', changes).address).toEqual(wanted);
  });

  it.each<[string, string, Partial<ExposeFlags>, string]>([
    ['a kind that cannot be exposed', 'job/web', {}, 'UNKNOWN_KIND'],
    ['an unknown kind', 'wibble/web', {}, 'UNKNOWN_KIND'],
    ['no name', 'deployment/', {}, 'INVALID_TARGET'],
    ['only a name', 'web', {}, 'INVALID_TARGET'],
    ['a name that cannot be', 'deployment/Web_1', {}, 'INVALID_NAME'],
    ['a port out of range', 'deploy/web', { port: ['70000'] }, 'INVALID_PORT'],
    ['port 0', 'deploy/web', { port: ['0'] }, 'INVALID_PORT'],
    ['a port that is none', 'deploy/web', { port: ['http'] }, 'INVALID_PORT'],
    ['a target port for two', 'deploy/web', { port: ['80', '81'], 'target-port': '8080' }, 'INVALID_PORT'],
    ['a router port out of range', 'deploy/web', { router: '80000' }, 'INVALID_PORT'],
    ['an unknown protocol', 'deploy/web', { protocol: 'icmp' }, 'INVALID_PROTOCOL'],
    ['a name with a blank', 'deploy/web', { mdns: 'my web' }, 'INVALID_NAME'],
    ['a name that is too long', 'deploy/web', { mdns: 'a'.repeat(64) }, 'INVALID_NAME'],
    ['a Service name that begins with a digit', 'deploy/web', { name: '1web' }, 'INVALID_NAME'],
    ['an address that is none', 'deploy/web', { ip: ['10.77.0.300'] }, 'INVALID_ADDRESS'],
    ['an address with leading zeros', 'deploy/web', { ip: ['010.77.0.30'] }, 'INVALID_ADDRESS'],
    ['an address among several that is none', 'deploy/web', { ip: ['10.77.0.30,fd00::g'] }, 'INVALID_ADDRESS'],
    ['an IPv4 address besides DHCP', 'deploy/web', { dhcp: true, ip: ['10.77.0.30'] }, 'INVALID_ADDRESS'],
    ['two IPv6 addresses besides DHCP', 'deploy/web', { dhcp: true, ip: ['fd00::1', 'fd00::2'] }, 'INVALID_ADDRESS'],
    ['an unknown family', 'deploy/web', { family: 'ipv5' }, 'INVALID_CHOICE'],
    ['an unknown policy for conflicts', 'deploy/web', { conflict: 'fight' }, 'INVALID_CHOICE'],
  ])('refuses %s', (_, target, changes, code) => {
    let thrown: unknown;
    try {
      read(target, changes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code, exit: 2 });
    expect((thrown as KubevipError).hints.length).toBeGreaterThan(0);
  });
});

it('guesses commands from slips of the fingers only', () => {
  const known = ['expose', 'unexpose', 'status', 'lab up'];
  expect(suggest('expsoe', known)).toBe('expose');
  expect(suggest('statu', known)).toBe('status');
  expect(suggest('frobnicate', known)).toBeUndefined();
});
