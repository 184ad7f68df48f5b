import { describe, expect, it } from 'vitest';
import { apiBackends } from '../../../../src/exposure/control-plane/balance/candidates.ts';
import { ip } from '../../../../src/model/ip.ts';
import type { EndpointSlice, Node } from '../../../../src/model/kubernetes.ts';

const slice = (addressType: 'IPv4' | 'IPv6' | 'FQDN', addresses: readonly string[], port = 6443): EndpointSlice => ({
  metadata: { name: 'kubernetes' },
  addressType,
  endpoints: addresses.map((address) => ({ addresses: [address] })),
  ports: [{ name: 'https', port }],
});
const node = (name: string, addresses: readonly string[], role = 'control-plane'): Node => ({
  metadata: { name, labels: { [`node-role.kubernetes.io/${role}`]: '' } },
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
});
const own = [ip('10.0.0.1'), ip('fd00::1')];

describe('the API servers that there are', () => {
  it('are those that wrote themselves down, with their port, each once', () => {
    const slices = [slice('IPv4', ['10.0.0.2', '10.0.0.1', '10.0.0.2'], 7443), slice('FQDN', ['api.example.org'])];
    expect(apiBackends({ slices, nodes: [node('n3', ['10.0.0.3'])], ownAddresses: own, port: 6443 })).toEqual([
      { ip: '10.0.0.1', port: 7443, here: true },
      { ip: '10.0.0.2', port: 7443, here: false },
    ]);
  });

  it('are the control planes’ nodes in the family that API servers do not write down', () => {
    const nodes = [
      node('n1', ['10.0.0.1', 'fd00::1']),
      node('n2', ['10.0.0.2', 'fd00::2', 'fd00::22']),
      node('w1', ['10.0.0.9', 'fd00::9'], 'worker'),
    ];
    expect(apiBackends({ slices: [slice('IPv4', ['10.0.0.1'])], nodes, ownAddresses: own, port: 6443 })).toEqual([
      { ip: '10.0.0.1', port: 6443, here: true },
      { ip: 'fd00::1', port: 6443, here: true },
      { ip: 'fd00::2', port: 6443, here: false },
    ]);
  });

  it('are none where nobody says anything that makes sense', () => {
    const nodes = [node('n1', ['host.example.org', ''])];
    expect(apiBackends({ slices: [slice('IPv4', ['nonsense'])], nodes, ownAddresses: own, port: 6443 })).toEqual([]);
  });
});
