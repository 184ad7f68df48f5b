import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEgress } from '../../../src/exposure/egress/egress.ts';
import type { Egress } from '../../../src/exposure/egress/port.ts';
import { egressOf, type EgressWorld } from '../../../src/exposure/egress/rules.ts';
import { readEgress } from '../../../src/exposure/egress/wish.ts';
import { egressObstacle, egressWanted } from '../../../src/agent/egress.ts';
import { refusalsOf } from '../../../src/agent/refusals.ts';
import { readConfig } from '../../../src/agent/config.ts';
import { egressScript } from '../../../src/linux/egress-script.ts';
import { parseCidr } from '../../../src/model/cidr.ts';
import type { Service } from '../../../src/model/kubernetes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { servedService, sliceOf } from '../../support/service-world.ts';

const [VIP, VIP6] = ['10.77.0.200', '2001:db8:77::200'];
const annotated = (annotations: Record<string, string>, name = 'web', ips = [VIP]): Service => {
  const service = servedService(name, ips);
  return {
    ...service,
    metadata: { ...service.metadata, annotations: { ...service.metadata.annotations, ...annotations } },
  };
};
const ON = { 'kube-vip.io/egress': 'true' };
const PODS = sliceOf('web', [
  ['10.88.11.3', 'n1', { ready: false }],
  ['10.88.11.2', 'n1'],
  ['10.88.12.2', 'n2'],
]);
const of = (services: Service[], world: Partial<EgressWorld> = {}): Egress =>
  egressOf({ node: 'n1', services, slices: [PODS], nodes: [], networks: [], holds: () => true, ...world });

describe('what annotations ask for', () => {
  const reading = (annotations: Record<string, string>) => readEgress(annotated(annotations));

  it('is egress by kube-vip’s key and by ours, and by nothing else', () => {
    expect(reading(ON).state).toBe('wanted');
    expect(reading({ 'kubevip.dev/egress': 'true' }).state).toBe('wanted');
    expect(reading({ 'kube-vip.io/egress': 'false', 'kube-vip.io/egress-destination-ports': 'x' }).state).toBe('off');
  });

  it('is refused as a whole where a part is wrong, and each wrong part is named', () => {
    const wrong = reading({
      ...ON,
      'kube-vip.io/egress-destination-ports': 'tcp:80,udp:,tcp:70000',
      'kube-vip.io/egress-denied-networks': '10.0.0.0/8, ten',
    });
    expect(wrong).toEqual({
      state: 'invalid',
      message: expect.stringMatching(/"udp:" is not a port.*"tcp:70000" is not.*"ten" is not a network/) as string,
    });
    expect(refusalsOf(annotated({ ...ON, 'kube-vip.io/egress-allowed-networks': '10/8' }), undefined)).toEqual([
      { reason: 'EgressRefused', note: expect.stringContaining('"10/8"') as string },
    ]);
  });

  it('is refused where it cannot be, and said so to who asks for it', () => {
    const told = (env: Record<string, string>, withNodes = true, annotations: Record<string, string> = ON) =>
      refusalsOf(
        annotated(annotations),
        egressObstacle(readConfig(env, 'n1'), withNodes ? { nodes: {} as never } : {}),
      ).map(({ note }) => note);
    expect(told({})).toEqual([]);
    expect(told({ bgp_enable: 'true', bgp_as: '65000', bgp_routerid: '10.0.0.1' })).toEqual([
      expect.stringContaining('svc_election=true'),
    ]);
    expect(told({}, false)).toEqual([expect.stringContaining('egress_podcidr')]);
    expect(told({}, false, {})).toEqual([]);
    expect(told({ egress_podcidr: '10.0.0.0/16' }, false)).toEqual([]);
  });

  it('is read or refused, whatever it is', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9:./,]*$/));
    const keys = ['destination-ports', 'allowed-networks', 'denied-networks', 'detect-api-server'];
    const record = fc.dictionary(fc.constantFrom(...keys.map((key) => `kube-vip.io/egress-${key}`)), text);
    fc.assert(
      fc.property(record, (annotations) => {
        expect(['wanted', 'invalid']).toContain(reading({ ...annotations, ...ON }).state);
      }),
    );
  });
});

describe('egress', () => {
  it('is for every pod of the Service on the node that owns the address, ready or not', () => {
    expect(of([annotated(ON)]).rules).toEqual([
      { address: VIP, pods: ['10.88.11.2', '10.88.11.3'], ports: [], allowed: [], denied: [], cuts: false },
    ]);
    expect(of([annotated(ON)], { holds: () => false })).toEqual({ rules: [], inside: [] });
    expect(of([annotated(ON)], { node: 'n3' }).rules).toEqual([]);
    expect(of([servedService('web', [VIP])]).rules).toEqual([]);
  });

  it('is in each family by an address of that family, with the limits of that family', () => {
    const six = sliceOf('web', [['fd88:11::2', 'n1']]);
    const limits = {
      'kube-vip.io/egress-destination-ports': 'tcp:443, udp:53, 8080',
      'kube-vip.io/egress-denied-networks': '10.1.0.0/16,10.1.2.0/24,192.168.1.7,fd00::/8',
    };
    const both = annotated({ ...ON, ...limits }, 'web', [VIP, VIP6]);
    expect(
      of([both], { slices: [PODS, six] }).rules.map(({ address, pods, denied }) => [address, pods, denied]),
    ).toEqual([
      [VIP, ['10.88.11.2', '10.88.11.3'], ['10.1.0.0/16', '192.168.1.7/32']],
      [VIP6, ['fd88:11::2'], ['fd00::/8']],
    ]);
    const only4 = annotated({ ...ON, 'kube-vip.io/egress-allowed-networks': '10.0.0.0/8' }, 'web', [VIP, VIP6]);
    expect(of([only4], { slices: [PODS, six] }).rules.map(({ address }) => address)).toEqual([VIP]);
  });

  it('gives a pod of two Services the address of the first', () => {
    const slices = [PODS, sliceOf('api', [['10.88.11.2', 'n1']])];
    const [api, web] = [annotated(ON, 'api', ['10.77.0.201']), annotated(ON)];
    for (const services of [
      [web, api],
      [api, web],
    ])
      expect(of(services, { slices }).rules.map(({ address, pods }) => [address, pods])).toEqual([
        ['10.77.0.201', ['10.88.11.2']],
        [VIP, ['10.88.11.3']],
      ]);
  });

  it('leaves the cluster alone: networks of Nodes and of settings, pods beside them, API servers if asked', () => {
    const node = {
      metadata: { name: 'n2' },
      spec: { podCIDR: '10.88.11.0/24', podCIDRs: ['10.88.11.0/24'] },
      status: { addresses: [{ type: 'InternalIP', address: '10.77.0.12' }] },
    };
    const others = sliceOf('other', [
      ['10.12.0.9', 'n2'],
      ['10.77.0.12', 'n2'],
      ['203.0.113.9', undefined],
    ]);
    const api = sliceOf('kubernetes', [['10.77.0.11', undefined]]);
    const networks = [parseCidr('10.96.0.0/12')!, parseCidr('10.96.0.0/16')!];
    const asks = annotated({ ...ON, 'kube-vip.io/egress-detect-api-server': 'true' });
    const egress = of([asks], { slices: [PODS, others, api], nodes: [node], networks });
    expect(egress.inside).toEqual(['10.96.0.0/12', '10.88.11.0/24', '10.12.0.9', '10.88.12.2']);
    expect(egress.rules[0]?.denied).toEqual(['10.77.0.11/32']);
  });

  it('takes the networks of its settings, and names what is none', () => {
    const { egressInside } = readConfig({ egress_podcidr: '10.0.0.0/16, fd00::/48' }, 'n1');
    expect(egressInside.pods.map(({ prefixLength }) => prefixLength)).toEqual([16, 48]);
    expect(() => readConfig({ egress_servicecidr: '10.96.0.0' }, 'n1')).toThrow(/egress_servicecidr: "10.96.0.0"/);
  });
});

describe('what the agent knows', () => {
  const seen = (objects: readonly unknown[], isSynced = true) =>
    ({ isSynced, store: { list: () => objects } }) as never;
  const wanted = (env: Record<string, string>, synced: boolean, withNodes = true) =>
    egressWanted(
      readConfig(env, 'n1'),
      {
        services: seen([annotated(ON)]),
        endpointSlices: seen([PODS]),
        ...(withNodes ? { nodes: seen([], synced) } : {}),
      },
      () => true,
    );

  it('is waited for, unless the networks of pods are told', () => {
    expect(wanted({}, false)).toBeUndefined();
    expect(wanted({}, true)?.rules).toHaveLength(1);
    expect(wanted({}, false, false)?.rules).toEqual([]);
    expect(wanted({ egress_podcidr: '10.88.0.0/16' }, false, false)?.rules).toHaveLength(1);
    expect(wanted({ egress_podcidr: '10.88.0.0/16' }, false)).toMatchObject({ rules: [{}], inside: ['10.88.0.0/16'] });
  });

  it('comes to nothing where every node announces, and when all is taken back', () => {
    expect(wanted({ vip_routingtable: 'true' }, true)?.rules).toEqual([]);
    expect(wanted({ vip_routingtable: 'true', svc_election: 'true' }, true)?.rules).toHaveLength(1);
    expect(wanted({ svc_withdraw: 'true' }, true)?.rules).toEqual([]);
  });
});

describe('the rules', () => {
  it('are none in a family without pods', () => {
    const script = egressScript('t', of([annotated(ON)]));
    expect(script).toContain('table ip t {');
    expect(script).not.toContain('table ip6 t {');
    expect(egressScript('t', { rules: [], inside: [] })).not.toContain('{');
  });

  it('are set again before they run out, follow what is wanted, and are gone at the end', async () => {
    const clock = createFakeClock();
    const sets: number[] = [];
    let wanted: Egress | undefined;
    const egress = createEgress({
      clock,
      table: { set: ({ rules }) => Promise.resolve(sets.push(rules.length)).then(() => undefined) },
      wanted: () => wanted,
    });
    egress.start();
    await clock.advanceAsync(2000);
    expect(sets).toEqual([]);
    wanted = { rules: [], inside: [] };
    await clock.advanceAsync(30_000);
    // What an earlier run left, and nothing more.
    expect(sets).toEqual([0]);
    wanted = of([annotated(ON)]);
    egress.changed();
    await clock.advanceAsync(10);
    for (let i = 0; i < 50; i++) egress.changed();
    await clock.advanceAsync(10);
    expect(sets).toEqual([0, 1]);
    await clock.advanceAsync(6000);
    expect(sets.length).toBeGreaterThanOrEqual(4);
    await egress.stop();
    expect(sets.at(-1)).toBe(0);
  });

  it('are tried again where the kernel refuses', async () => {
    const clock = createFakeClock();
    const told: string[] = [];
    let refuses = true;
    let set = 0;
    const take = () => Promise.resolve(set++).then(() => undefined);
    const egress = createEgress({
      clock,
      table: { set: () => (refuses ? Promise.reject(new Error('no nft')) : take()) },
      wanted: () => of([annotated(ON)]),
      onError: (error) => told.push(String(error)),
    });
    egress.start();
    await clock.advanceAsync(5000);
    expect([told, set]).toEqual([['Error: no nft'], 0]);
    refuses = false;
    await clock.advanceAsync(1500);
    expect(set).toBe(1);
  });
});
