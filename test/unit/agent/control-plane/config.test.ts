import { describe, expect, it } from 'vitest';
import { settingsOfArguments } from '../../../../src/agent/arguments.ts';
import { readConfig } from '../../../../src/agent/config.ts';

describe('the settings of the control-plane VIP', () => {
  it('are kube-vip’s, and leave Services to another agent unless asked', () => {
    const { controlPlane, servicesEnabled } = readConfig(
      {
        cp_enable: 'true',
        address: '192.168.0.40',
        port: '6443',
        vip_arp: 'true',
        vip_leaderelection: 'true',
        vip_leasename: 'plndr-cp-lock',
        vip_interface: 'eth0',
        vip_subnet: '32',
        dns_mode: 'first',
        cp_namespace: 'kube-system',
        kubevip_cluster_name: 'home',
      },
      'n1',
    );
    expect(servicesEnabled).toBe(false);
    expect(controlPlane).toMatchObject({
      vip: { addresses: ['192.168.0.40'] },
      port: 6443,
      lease: { name: 'plndr-cp-lock', namespace: 'kube-system', annotations: {} },
      link: 'eth0',
      health: { period: 1000, timeout: 3000, threshold: 3 },
      cluster: 'home',
    });
  });

  it('spread the VIP over the API servers as kube-vip’s lb_* say, each accepted', () => {
    const balance = (env: Readonly<Record<string, string>>) =>
      readConfig({ cp_enable: 'true', address: '192.168.0.40', ...env }, 'n1').controlPlane?.balance;
    expect(balance({ lb_port: '6443', lb_fwdmethod: 'local' })).toBeUndefined();
    expect(balance({ lb_enable: 'true', port: '7443' })).toEqual({ port: 7443, interval: 1000 });
    expect(
      balance({ lb_enable: 'true', lb_port: '443', lb_fwdmethod: 'masquerade', backend_health_check_interval: '5' }),
    ).toEqual({ port: 443, interval: 5000 });
    for (const method of ['local', 'tunnel', 'directroute', 'bypass'])
      expect(balance({ lb_enable: 'true', lb_fwdmethod: method })?.remark).toContain(
        `lb_fwdmethod=${method} is a way of IPVS`,
      );
  });

  it('need cp_enable', () => {
    const config = readConfig({ address: '192.168.0.40' }, 'n1');
    expect(config.controlPlane).toBeUndefined();
    expect(config.servicesEnabled).toBe(true);
  });

  it('can be together with those of Services', () => {
    const config = readConfig({ cp_enable: 'true', svc_enable: 'true', address: 'fd00::10' }, 'n1');
    expect(config.servicesEnabled).toBe(true);
    expect(config.controlPlane?.vip).toEqual({ addresses: ['fd00::10'] });
  });

  it.each([
    [{ address: '10.0.0.5,fd00::5' }, { addresses: ['10.0.0.5', 'fd00::5'] }],
    [{ vip_address: '10.0.0.5' }, { addresses: ['10.0.0.5'] }],
    [
      { address: 'API.example.com.', dns_mode: 'dual' },
      { name: 'api.example.com', mode: 'dual' },
    ],
    [
      { address: 'api.home.lan', vip_ddns: 'true', dhcp_mode: 'ipv4' },
      { name: 'api.home.lan', hostname: 'api', families: [4] },
    ],
    [
      { address: 'api.home.lan', vip_ddns: 'true', dhcp_mode: 'ipv6' },
      { name: 'api.home.lan', hostname: 'api', families: [6] },
    ],
    [
      { address: 'api.home.lan', vip_ddns: 'true', dns_mode: 'dual' },
      { name: 'api.home.lan', hostname: 'api', families: [4, 6] },
    ],
    [
      { address: 'api.home.lan', vip_ddns: 'true' },
      { name: 'api.home.lan', hostname: 'api', families: [4] },
    ],
    [
      { address: 'api.home.lan', dhcp_mode: 'dual', dns_mode: 'dual' },
      { name: 'api.home.lan', mode: 'dual' },
    ],
  ])('take %o', (env, vip) => {
    expect(readConfig({ cp_enable: 'true', ...env }, 'n1').controlPlane?.vip).toEqual(vip);
  });

  it('take a Lease of another namespace', () => {
    const { controlPlane } = readConfig({ cp_enable: 'true', address: '10.0.0.5', vip_leasename: 'ops/api' }, 'n1');
    expect(controlPlane?.lease).toMatchObject({ name: 'api', namespace: 'ops' });
  });

  it.each([
    [{}, /address: .*missing/],
    [{ address: '10.0.0.5,10.0.0.6' }, /two addresses of one family/],
    [{ address: '10.0.0.300' }, /address: "10.0.0.300"/],
    [{ address: 'a.example.com,b.example.com' }, /neither/],
    [{ address: '10.0.0.5', vip_subnet: '129' }, /vip_subnet/],
    [{ address: '10.0.0.5', vip_leasename: 'a/b/c' }, /vip_leasename/],
    [{ address: '10.0.0.5', vip_leaseannotations: '[1]' }, /vip_leaseannotations/],
    [{ address: '10.0.0.5', kubernetes_addr: '127.0.0.1' }, /kubernetes_addr/],
    [{ address: '10.0.0.5', port: '70000' }, /port/],
    [{ address: '10.0.0.5', kubevip_cluster_name: 'My Home' }, /kubevip_cluster_name/],
    [{ address: '10.0.0.5', dns_mode: 'any' }, /dns_mode/],
    [{ address: '10.0.0.5', vip_ddns: 'true' }, /vip_ddns .* DNS name/],
    [{ address: 'api.home.lan', vip_ddns: 'true', dhcp_mode: 'both' }, /dhcp_mode/],
    [{ address: '10.0.0.5', lb_fwdmethod: 'nat' }, /lb_fwdmethod/],
    [{ address: '10.0.0.5', lb_port: '70000' }, /lb_port/],
    [{ address: '10.0.0.5', backend_health_check_interval: '0' }, /backend_health_check_interval/],
  ])('refuse %o by name', (env, message) => {
    expect(() => readConfig({ cp_enable: 'true', ...env }, 'n1')).toThrow(message);
  });
});

describe('an election in etcd', () => {
  const etcdOf = (env: Readonly<Record<string, string>>) =>
    readConfig({ cp_enable: 'true', address: '192.168.0.40', ...env }, 'n1').controlPlane?.etcd;

  it('is asked for by kube-vip’s arguments, and has kube-vip’s name', () => {
    const args = settingsOfArguments([
      'manager',
      '--leaderElectionType=etcd',
      '--etcdCACert=/pki/ca.crt',
      '--etcdCert=/pki/server.crt',
      '--etcdKey=/pki/server.key',
      '--etcdEndpoints=127.0.0.1:2379,https://[fd00::2]:12379, https://etcd.lan',
    ]);
    expect(etcdOf(args)).toEqual({
      election: 'kube-system-plndr-cp-lock',
      endpoints: [
        { secure: true, host: '127.0.0.1', port: 2379 },
        { secure: true, host: 'fd00::2', port: 12379 },
        { secure: true, host: 'etcd.lan', port: 2379 },
      ],
      tls: { caFile: '/pki/ca.crt', certFile: '/pki/server.crt', keyFile: '/pki/server.key' },
    });
    expect(etcdOf({ ...args, vip_leasename: 'lan/lock' })?.election).toBe('lan-lock');
    expect(etcdOf({ ...args, vip_leasename: 'lock', cp_namespace: 'edge' })?.election).toBe('edge-lock');
  });

  it('needs no certificates where etcd does not', () => {
    expect(etcdOf({ leaderElectionType: 'etcd', etcdEndpoints: '127.0.0.1:2379' })).toMatchObject({
      endpoints: [{ secure: false, host: '127.0.0.1', port: 2379 }],
      tls: {},
    });
    expect(etcdOf({ leaderElectionType: 'kubernetes' })).toBeUndefined();
  });

  it('leaves the election of Services as it is', () => {
    const env = { leaderElectionType: 'etcd', etcdEndpoints: 'e:1', svc_enable: 'true', kubevip_election: 'lease' };
    const config = readConfig({ cp_enable: 'true', address: '192.168.0.40', ...env }, 'n1');
    expect(config.election.kind).toBe('lease');
    expect(config.controlPlane?.etcd).toBeDefined();
  });

  it.each([
    [{ leaderElectionType: 'raft' }, /leaderElectionType/],
    [{ leaderElectionType: 'etcd' }, /^etcdEndpoints is missing/],
    [{ leaderElectionType: 'etcd', etcdEndpoints: '10.0.0.1:2379,ftp://x' }, /^etcdEndpoints "ftp:\/\/x" is neither/],
    [{ leaderElectionType: 'etcd', etcdEndpoints: '10.0.0.1:99999' }, /^etcdEndpoints "10.0.0.1:99999"/],
    [{ leaderElectionType: 'etcd', etcdEndpoints: 'e:1', etcdKey: '/k' }, /^etcdKey without etcdCert/],
    [
      { leaderElectionType: 'etcd', etcdEndpoints: 'e:1', etcdCACert: 'ca.crt' },
      /^etcdCACert "ca.crt" is not an absolute/,
    ],
    [
      { leaderElectionType: 'etcd', etcdEndpoints: 'http://e:1', etcdCACert: '/ca' },
      /^etcdCACert means nothing to http/,
    ],
    [{ etcdEndpoints: 'e:1' }, /^etcdEndpoints means nothing without leaderElectionType=etcd/],
    [{ leaderElectionType: 'etcd', etcdEndpoints: 'e:1', cp_enable: 'false' }, /cp_enable=true is missing/],
  ])('%o is refused', (env, message) => {
    expect(() => etcdOf(env)).toThrow(message);
  });
});
