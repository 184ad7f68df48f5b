import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { SecretBook } from '../../../src/exposure/announcement/tunnel/book.ts';
import { publicKeyOf } from '../../../src/exposure/announcement/tunnel/key.ts';
import { readTunnels } from '../../../src/exposure/announcement/tunnel/secret.ts';
import { prefixOf } from '../../../src/model/cidr.ts';
import { ip } from '../../../src/model/ip.ts';
import { keyOf, OFFICE, textOf, VIP } from '../../support/tunnel-world.ts';

const one = (fields: Readonly<Record<string, unknown>>) => readTunnels(stringify({ office: { ...OFFICE, ...fields } }));
const problem = (fields: Readonly<Record<string, unknown>>): string => one(fields).problems[0]?.message ?? '';

describe('the Secret with the tunnels', () => {
  it('is kube-vip’s', () => {
    const text = `
office:
  vip: 10.99.0.10/24
  privateKey: ${keyOf(1)}
  peerPublicKey: ${keyOf(2)}
  peerEndpoint: 203.0.113.1:51820
  allowedIPs:
    - 10.99.0.0/24
  listenPort: 51821
`;
    const { tunnels, problems } = readTunnels(text);
    expect(problems).toEqual([]);
    const [tunnel] = tunnels;
    expect(tunnel).toMatchObject({
      name: 'office',
      ip: '10.99.0.10',
      peerPublicKey: keyOf(2),
      endpoint: { host: '203.0.113.1', port: 51_820 },
      listenPort: 51_821,
      keepalive: 5,
      mtu: 1420,
    });
    expect(tunnel?.allowedIps.map(prefixOf)).toEqual(['10.99.0.0/24']);
    expect(tunnel?.privateKey.reveal()).toBe(keyOf(1));
  });

  it('knows more: both families, names, a preshared key, keepalive and MTU', () => {
    const [tunnel] = one({
      vip: '2001:db8::10',
      peerEndpoint: 'vpn.example.com:51820',
      allowedIPs: ['::/0', '2001:db8::1'],
      presharedKey: keyOf(3),
      persistentKeepalive: 0,
      mtu: '1280',
    }).tunnels;
    expect(tunnel).toMatchObject({
      ip: '2001:db8::10',
      endpoint: { host: 'vpn.example.com' },
      keepalive: 0,
      mtu: 1280,
    });
    expect(tunnel?.allowedIps.map(prefixOf)).toEqual(['::/0', '2001:db8::1/128']);
    expect(tunnel?.presharedKey?.reveal()).toBe(keyOf(3));
    expect(one({ peerEndpoint: '[2001:db8::1]:5' }).tunnels[0]?.endpoint).toEqual({ host: '2001:db8::1', port: 5 });
  });

  it('tells the public key by which the far end knows a tunnel', () => {
    // As `wg pubkey` prints it.
    expect(publicKeyOf(keyOf(1))).toBe('pOCSkrZRwni5dyxWn1+puxPZBrRqtoyd+dwrRAn4ogk=');
    expect(one({}).tunnels[0]?.publicKey).toBe(publicKeyOf(keyOf(1)));
  });

  it.each([
    [{ vip: undefined }, /^tunnel office: vip \(none\) is no address/],
    [{ vip: '10.99.0.300' }, /vip "10.99.0.300" is no address as/],
    [{ privateKey: '' }, /privateKey is missing/],
    [{ privateKey: 'short' }, /privateKey is no key of WireGuard: 44 characters/],
    [{ privateKey: [1] }, /privateKey is no key/],
    [{ peerPublicKey: keyOf(2).slice(1) }, /peerPublicKey is no key/],
    [{ peerPublicKey: publicKeyOf(keyOf(1)) }, /public key of this tunnel’s own privateKey/],
    [{ presharedKey: 'nonsense' }, /presharedKey is no key/],
    [{ peerEndpoint: null }, /peerEndpoint is missing/],
    [{ peerEndpoint: 'vpn.example.com' }, /peerEndpoint "vpn.example.com" is not HOST:PORT/],
    [{ peerEndpoint: '2001:db8::1:51820' }, /is not HOST:PORT, as .*\[2001:db8::1\]:51820/],
    [{ peerEndpoint: '203.0.113.1:70000' }, /is not HOST:PORT/],
    [{ allowedIPs: [] }, /allowedIPs is missing: nobody’s packets/],
    [{ allowedIPs: '10.0.0.0/24' }, /allowedIPs is no list/],
    [{ allowedIPs: ['10.0.0.0/33'] }, /allowedIPs: "10.0.0.0\/33" is no network/],
    [{ listenPort: undefined }, /listenPort is missing/],
    [{ listenPort: 0 }, /listenPort "0" is no whole number from 1 to 65535/],
    [{ mtu: 100 }, /mtu "100" is no whole number from 576/],
    [{ vip: 'fd00::1', mtu: 1279 }, /from 1280/],
    [{ persistentKeepalive: -1 }, /persistentKeepalive/],
  ])('names tunnel and field: %j', (fields, message) => {
    expect(problem(fields)).toMatch(message);
    expect(one(fields).tunnels).toEqual([]);
  });

  it('shows no value that may be a key in the wrong place', () => {
    const secret = keyOf(7);
    for (const field of ['vip', 'peerEndpoint', 'listenPort', 'mtu'])
      expect(problem({ [field]: secret })).toMatch(new RegExp(`^tunnel office: ${field} \\(not shown\\)`));
    expect(JSON.stringify([problem({ allowedIPs: [secret] }), one({ [secret]: 1 }).problems])).not.toContain(secret);
    expect(JSON.stringify(readTunnels(`office: {privateKey: ${secret}, privateKey: ${secret}`))).not.toContain(secret);
  });

  it('does not show a key that was read, whoever prints it', () => {
    const list = one({ presharedKey: keyOf(3) });
    expect(
      JSON.stringify(list, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toMatch(keyOf(1));
    expect(String(list.tunnels[0]?.privateKey)).toBe('(secret)');
  });

  it('names what is no field, and makes the tunnel all the same', () => {
    const { tunnels, problems } = one({ listenport: 5 });
    expect(tunnels).toHaveLength(1);
    expect(problems).toEqual([
      { harmless: true, message: 'tunnel office: "listenport" is no field of a tunnel (listenPort?)' },
    ]);
  });

  it('has a name for each interface that one can have', () => {
    const names = ['a name', 'lo', '..', 'sixteen-letters-', 'a/b', ''];
    const { tunnels, problems } = readTunnels(stringify(Object.fromEntries(names.map((name) => [name, OFFICE]))));
    expect(tunnels).toEqual([]);
    expect(problems).toHaveLength(names.length);
    for (const { message } of problems) expect(message).toMatch(/its name is no name of an interface/);
  });

  it.each([
    [{ listenPort: 5, privateKey: keyOf(5) }, /vip 10.99.0.10 is that of tunnel office/],
    [{ vip: '10.99.0.11', privateKey: keyOf(5) }, /listenPort 51821 is that of tunnel office/],
    [{ vip: '10.99.0.11', listenPort: 5 }, /privateKey and peerPublicKey are those of tunnel office/],
  ])('of two that cannot both be has the first: %j', (fields, message) => {
    const { tunnels, problems } = readTunnels(stringify({ office: OFFICE, second: { ...OFFICE, ...fields } }));
    expect(tunnels.map(({ name }) => name)).toEqual(['office']);
    expect(problems[0]?.message).toMatch(message);
  });

  it.each([['- a'], ['text'], [''], ['{}'], ['a: [b'], ['a: 1\na: 2'], ['&a [*a, *a, *a]']])(
    'that is no map of tunnels says so: %j',
    (text) => {
      expect(readTunnels(text).tunnels).toEqual([]);
      expect(readTunnels(text).problems).toHaveLength(1);
    },
  );
});

describe('what is known of tunnels', () => {
  const book = (): SecretBook => new SecretBook('Secret kube-system/wireguard');

  it('is nothing until the Secret was read, and why not', () => {
    const unread = book();
    expect(unread.of(VIP)).toMatchObject({ state: 'pending', reason: 'TunnelsUnknown' });
    unread.trouble('forbidden');
    expect(unread.of(VIP).message).toContain('cannot be read: forbidden');
    unread.say('absent');
    expect(unread.of(VIP)).toMatchObject({
      state: 'failed',
      reason: 'NoTunnel',
      message: /there is no Secret/ as never,
    });
    unread.say('keyless');
    expect(unread.of(VIP).message).toContain('has no key tunnels');
  });

  it('names for an address what is wrong with its tunnel, and which others there are', () => {
    const read = book();
    read.say(
      textOf({ office: { ...OFFICE, privateKey: 'x' }, home: { ...OFFICE, vip: '10.99.0.11' }, odd: { vip: 'z' } }),
    );
    expect(read.of(VIP)).toMatchObject({ reason: 'TunnelWrong' });
    expect(read.of(VIP).message).toMatch(/Secret kube-system\/wireguard: tunnel office: privateKey is no key/);
    expect(read.of(ip('10.99.0.11'))).toMatchObject({ state: 'ready', value: { name: 'home' } });
    expect(read.of(ip('10.99.0.12')).message).toMatch(
      /has it as its vip \(there is home 10.99.0.11; tunnel odd: vip "z"/,
    );
  });

  it('stays what it was for a tunnel that is as before, and for a text that nobody can read', () => {
    const read = book();
    let changes = 0;
    read.onChange(() => changes++);
    read.say(textOf({ office: OFFICE }));
    const [before] = read.tunnels;
    read.say(textOf({ office: OFFICE, home: { ...OFFICE, vip: '10.99.0.11', listenPort: 5, privateKey: keyOf(5) } }));
    expect(read.tunnels[0]).toBe(before);
    expect(read.tunnels).toHaveLength(2);
    read.say({ text: 'a: [' });
    expect(read.tunnels).toHaveLength(2);
    expect(read.problems).toEqual(['Secret kube-system/wireguard: it is no YAML: BAD_INDENT in line 1']);
    read.say(textOf({ office: { ...OFFICE, privateKey: keyOf(9) } }));
    expect(read.tunnels[0]).not.toBe(before);
    expect(changes).toBe(4);
  });
});
