import { describe, expect, it } from 'vitest';
import { parseBootstrapConfig } from '../../../src/cluster/config.ts';
import { planInit, runInit, type FinishedInit } from '../../../src/workflows/bootstrap/init.ts';
import { bootstrapMachine, Disk } from '../../support/bootstrap-machine.ts';

const FILE = '/root/router-password';
const SECRET = 'Secret/kube-system/kubevip-bgp';
const CONFIG = parseBootstrapConfig(
  {
    controlPlane: {
      vip: '10.9.0.1',
      bgpPeers: ['10.0.0.1:65001', '[fd00::1]:65001', '10.0.0.1:65001:::1790'],
      bgpPasswordFile: FILE,
    },
  },
  'init',
  { name: 'the test' },
);

async function init(disk: Disk): Promise<FinishedInit> {
  const machine = bootstrapMachine(disk);
  const steps = runInit(await planInit(machine, CONFIG), machine, {
    signal: new AbortController().signal,
    withCode: false,
  });
  for (;;) {
    const next = await steps.next();
    if (next.done === true) return next.value;
  }
}

function secretOf(disk: Disk): object | undefined {
  return (disk.objects.get(SECRET) as { readonly data?: object } | undefined)?.data;
}

describe('the password of routers', () => {
  it.each([
    ['no file', undefined, /--bgp-password-file .*router-password is not there/],
    ['an empty one', '\n', /is empty/],
    ['one with more in it', 'geheim\nund mehr\n', /has more than one line/],
    ['one that TCP MD5 does not take', 'x'.repeat(81), /81 bytes, and TCP MD5 takes 80/],
  ])('is refused before anything is changed: %s', async (_what, content, message) => {
    const disk = new Disk();
    if (content !== undefined) disk.files.set(FILE, content);
    await expect(init(disk)).rejects.toMatchObject({ code: 'BAD_PASSWORD_FILE', exit: 2 });
    await expect(init(disk)).rejects.toThrow(message);
    await expect(init(disk)).rejects.not.toThrow(/geheim/);
    expect([...new Set(disk.calls)]).toEqual(['version -o short']);
  });

  it('goes into the Secret under each address, and nowhere else', async () => {
    const disk = new Disk();
    disk.files.set(FILE, 'geheim\n');
    sessions(disk);
    const { result } = await init(disk);
    expect(result.ran).toContain('bgp-password');
    const password = Buffer.from('geheim').toString('base64');
    expect(secretOf(disk)).toEqual({ '10.0.0.1': password, 'fd00--1': password });
    for (const [path, text] of disk.files) if (path !== FILE) expect(text, path).not.toContain('geheim');
    expect(disk.argv.join(' ')).not.toContain('geheim');
  });

  it('may change, and its file may go once it is in the cluster', async () => {
    const disk = new Disk();
    disk.files.set(FILE, 'geheim');
    sessions(disk);
    await init(disk);
    disk.files.set(FILE, 'geheimer');
    expect((await init(disk)).result.ran).toEqual(['bgp-password']);
    expect(secretOf(disk)).toMatchObject({ '10.0.0.1': Buffer.from('geheimer').toString('base64') });
    disk.files.delete(FILE);
    expect((await init(disk)).result.ran).toEqual([]);
  });
});

/** What the agent of the machine says of its sessions. */
function sessions(disk: Disk): void {
  const peers = [{ peer: '10.0.0.1', as: 65001, state: 'Established', since: '2026-01-01T00:00:00Z', routes: 1 }];
  disk.objects.set('Lease/kube-system/kubevip-bgp-n1', {
    metadata: {
      name: 'kubevip-bgp-n1',
      namespace: 'kube-system',
      annotations: { 'kubevip.dev/bgp': JSON.stringify({ peers, problems: [] }) },
    },
    spec: { renewTime: '2026-01-01T00:00:00.000000Z', leaseDurationSeconds: 150 },
  } as never);
}
