import { describe, expect, it } from 'vitest';
import { renderStatus } from '../../../src/cli/render-status.ts';
import { KEY } from '../../../src/model/annotations.ts';
import { writeAgentInfo } from '../../../src/model/agent-info.ts';
import { readBgpRecord, writeBgpRecord } from '../../../src/model/bgp-record.ts';
import { spansOf } from '../../../src/model/cidr.ts';
import { writeControlPlaneRecord } from '../../../src/model/control-plane-record.ts';
import { fromBigInt, ip } from '../../../src/model/ip.ts';
import type { Lease, Node, Service } from '../../../src/model/kubernetes.ts';
import { statusReport, type StatusReport } from '../../../src/workflows/status/report.ts';
import { annotated, presence, settled } from '../../support/exposed.ts';

const now = new Date('2026-01-01T00:10:00Z');
const JUST_NOW = '2026-01-01T00:09:59.000000Z';
const VIP = '10.90.0.100';
const SERVICE = '10.77.0.101';

function speaker(node: string, addresses: readonly string[] | undefined, renewTime = JUST_NOW): Lease {
  const peers = [{ peer: '10.0.0.1', as: 65001, state: 'Established', since: '2026-01-01T00:00:00Z', routes: 2 }];
  const announced = addresses && { announced: spansOf(addresses.map(ip)) };
  return {
    metadata: {
      name: `kubevip-bgp-${node}`,
      namespace: 'kube-system',
      annotations: writeBgpRecord({ peers, problems: [], ...announced }),
    },
    spec: { holderIdentity: node, leaseDurationSeconds: 150, renewTime },
  };
}

function agent(node: string, everyNode: boolean, renewTime = JUST_NOW): Lease {
  const lease = presence(node, renewTime);
  const info = { version: '0.1.0', honorsExcludeLabel: false, seesNodes: true, ...(everyNode ? { everyNode } : {}) };
  return { ...lease, metadata: { ...lease.metadata, annotations: writeAgentInfo(info) } };
}

function vipLease(everyNode: boolean, renewTime = JUST_NOW): Lease {
  const record = { version: '0.1.0', addresses: [ip(VIP)], port: 6443, names: [], handsOver: true, everyNode };
  return {
    metadata: { name: 'plndr-cp-lock', namespace: 'kube-system', annotations: writeControlPlaneRecord(record) },
    spec: { holderIdentity: 'n2', leaseDurationSeconds: 5, renewTime },
  };
}

const web: Service = settled(
  annotated(
    { metadata: { name: 'web', namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } },
    { [KEY.loadBalancerIPs]: '0.0.0.0' },
  ),
);

function report(leases: readonly Lease[], agents: readonly Lease[], nodes: readonly Node[] = []): StatusReport {
  return statusReport({
    services: [web],
    allServices: [web],
    presence: agents,
    controlPlane: { leases: [...leases, ...agents], slices: [], answers: new Map() },
    pools: undefined,
    nodes,
    now,
  });
}

const shown = (of: StatusReport, wide = false): string => renderStatus(of, { wide, color: false, now });

describe('status where every node announces by BGP', () => {
  const agents = ['n1', 'n2', 'n3'].map((node) => agent(node, true));

  it('names the nodes that tell routers of an address, and no owner', () => {
    const all = report(
      [
        vipLease(true),
        speaker('n3', [VIP, SERVICE]),
        speaker('n1', [VIP, SERVICE, '10.77.0.102']),
        speaker('n2', [SERVICE]),
      ],
      agents,
    );
    expect(all.controlPlane).toMatchObject({ everyNode: true, announcedBy: ['n1', 'n3'], holder: 'n2' });
    expect(all.controlPlane).not.toHaveProperty('owner');
    expect(all.services[0]).toMatchObject({ everyNode: true, announcedBy: ['n1', 'n2', 'n3'] });
    expect(all.services[0]).not.toHaveProperty('owner');
    expect(all.problems).toEqual([]);
    expect(shown(all)).toMatch(/^CONTROL-PLANE-VIP +ANNOUNCED-BY +STATE.*\n10\.90\.0\.100 +n1,n3 +live/m);
    expect(shown(all)).toMatch(/^NAMESPACE +NAME +ADDRESS +ANNOUNCED-BY.*\ndefault +web +10\.77\.0\.101 +n1,n2,n3 /m);
  });

  it('counts nobody that is gone, although its record is read for minutes', () => {
    const leases = [vipLease(true), ...['n1', 'n2', 'n3'].map((node) => speaker(node, [VIP]))];
    const silent = agent('n2', true, '2026-01-01T00:09:00.000000Z');
    const lost: Node = {
      metadata: { name: 'n3' },
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'Unknown',
            reason: 'NodeStatusUnknown',
            message: '',
            lastTransitionTime: '2026-01-01T00:09:59.500Z',
          },
        ],
      },
    };
    const of = report(leases, [agent('n1', true), silent], [lost]);
    expect(of.controlPlane).toMatchObject({ announcedBy: ['n1'] });
    expect(of.bgp?.map(({ node }) => node)).toEqual(['n1']);
    // One that has said something since is there.
    const back = report([...leases, speaker('n3', [VIP], '2026-01-01T00:09:59.800000Z')].slice(1), [], [lost]);
    expect(back.bgp?.map(({ node }) => node)).toContain('n3');
  });

  it('says that nobody announces the VIP, whoever holds the Lease', () => {
    const none = report([vipLease(true), speaker('n1', []), speaker('n2', [])], agents);
    expect(none.controlPlane).toMatchObject({ announcedBy: [] });
    expect(none.problems).toMatchObject([{ what: 'control-plane VIP', reason: 'NotAnnounced' }]);
    expect(shown(none)).toMatch(/^10\.90\.0\.100 +- +none/m);
  });

  it('shortens a long list, and knows it in full', () => {
    const names = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'];
    const of = report([vipLease(true), ...names.map((node) => speaker(node, [VIP]))], agents);
    expect(shown(of)).toMatch(/n1,n2,n3 and 3 more/);
    expect(shown(of, true)).toContain(names.join());
    expect(of.controlPlane?.announcedBy).toEqual(names);
  });

  it('does not guess where an agent says nothing of it, or it is not by BGP', () => {
    for (const leases of [[speaker('n1', [VIP]), speaker('n2', undefined)], []]) {
      const of = report([vipLease(true), ...leases], agents);
      expect(of.controlPlane).not.toHaveProperty('announcedBy');
      expect(of.controlPlane).not.toHaveProperty('owner');
      expect(shown(of)).toMatch(/^10\.90\.0\.100 +every node +live/m);
      expect(shown(of)).toMatch(/^default +web +10\.77\.0\.101 +every node/m);
    }
  });
});

describe('status where the owner alone announces by BGP', () => {
  it('names the owner', () => {
    const of = report([vipLease(false), speaker('n2', [VIP]), speaker('n1', [SERVICE])], [agent('n1', false)]);
    expect(of.controlPlane).toMatchObject({ owner: 'n2', announcedBy: ['n2'], everyNode: false });
    expect(of.services[0]).toMatchObject({ owner: 'n1', announcedBy: ['n1'] });
    expect(shown(of)).toMatch(/^CONTROL-PLANE-VIP +OWNER/m);
  });
});

describe('the addresses on a record', () => {
  it('are written as ranges: a thousand of a pool are one', () => {
    const many = Array.from({ length: 1000 }, (_, i) => fromBigInt(0x0a5a0001n + BigInt(i), 4));
    const announced = spansOf([ip('fd90::1'), ...many, ip('10.80.0.1'), ip('fd90::2')]);
    const written = writeBgpRecord({ peers: [], problems: [], announced });
    expect(JSON.parse(Object.values(written)[0] ?? '')).toMatchObject({
      announced: ['10.80.0.1-10.80.0.1', '10.90.0.1-10.90.3.232', 'fd90::1-fd90::2'],
    });
    expect(readBgpRecord({ metadata: { name: 'kubevip-bgp-n1', annotations: written } })?.announced).toEqual(announced);
  });
});
