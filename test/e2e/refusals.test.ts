import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONDITION, KEY } from '../../src/model/annotations.ts';
import { eventually, startLab, type TestLab } from '../support/e2e.ts';

/** A LAN without DHCP whose router opens no ports: what can go wrong for a person is said, and nothing stays behind. */
let lab: TestLab;
let clean: string;

beforeAll(async () => {
  lab = await startLab({ nodes: 1, dhcp: { enabled: false }, upnp: { igd: false, natPmp: false, pcp: false } });
  await lab.deployment('web', 1);
  await lab.running(1);
  clean = await lab.leftovers();
}, 120_000);
afterAll(async () => await lab[Symbol.asyncDispose]());

const services = async (): Promise<string[]> =>
  (await lab.cluster.resource('Service').list({ namespace: 'default' })).items
    .map(({ metadata }) => metadata.name)
    .filter((name) => name !== 'kubernetes');

describe('expose where it cannot work', () => {
  it('without a DHCP server says so long before the time is up, and takes the Service back', async () => {
    const line = ['expose', 'deployment/web', '--port', '80', '--dhcp', '--timeout', '10m'];
    const { code, stderr } = await lab.kubevip(...line);
    expect(code).toBe(1);
    expect(stderr).toMatch(/stage address has failed for 1\d s: NoDhcpServer: .*eth0/);
    expect(stderr).toContain('* Is DHCP on in the router?');
    expect(await eventually(services, (names) => names.length === 0)).toEqual([]);
    expect(await lab.leftovers()).toBe(clean);
  });

  it('without a pool and without --dhcp says both ways out before anything is written', async () => {
    const { code, stderr } = await lab.kubevip('expose', 'deployment/web', '--port', '80');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/--dhcp/);
    expect(stderr).toMatch(/ConfigMap|pool/);
    expect(await services()).toEqual([]);
  });

  it('behind a router that opens no ports keeps the address and says what is missing', async () => {
    await lab.pools({ 'range-global': '10.77.0.200-10.77.0.200' });
    const { code, stdout, stderr } = await lab.kubevip(
      'expose',
      'deployment/web',
      '--port',
      '80',
      '--router',
      '8080',
      '--timeout',
      '20s',
    );
    expect(code).toBe(6);
    expect(stderr + stdout).toMatch(/NoPortMappingService|UPnP/);
    expect(await lab.curl('laptop', 'http://10.77.0.200/')).toMatch(/web/);
    const service = await lab.cluster.resource('Service').get({ name: 'web', namespace: 'default' });
    expect(service.status?.conditions?.find(({ type }) => type === CONDITION.router)).toMatchObject({
      status: 'False',
    });
    expect(service.metadata.annotations?.[KEY.routerMappings]).toBeUndefined();
  });

  it('says that the pool is exhausted, then gives the address to whom waited', async () => {
    await lab.cluster.resource('Service').create({
      metadata: { name: 'second', namespace: 'default' },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    const condition = async (): Promise<string> =>
      (await lab.cluster.resource('Service').get({ name: 'second', namespace: 'default' })).status?.conditions?.find(
        ({ type }) => type === CONDITION.address,
      )?.reason ?? '';
    expect(await eventually(condition, (reason) => reason === 'PoolExhausted')).toBe('PoolExhausted');
    const { code } = await lab.kubevip('unexpose', 'web');
    expect(code).toBe(0);
    expect(await eventually(condition, (reason) => reason === 'AddressAssigned', 60)).toBe('AddressAssigned');
    await lab.cluster.resource('Service').delete({ name: 'second', namespace: 'default' });
    expect(
      await eventually(
        () => lab.leftovers(),
        (text) => text === clean,
      ),
    ).toBe(clean);
  });
});
