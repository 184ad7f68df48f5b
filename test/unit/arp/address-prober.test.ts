import { describe, expect, it } from 'vitest';
import { createAddressProber } from '../../../src/exposure/address/prober.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { parseMac } from '../../../src/model/mac.ts';
import type { Dialect } from '../../../src/protocols/acd/dialect.ts';
import { ARP } from '../../../src/protocols/arp/dialect.ts';
import { NDP } from '../../../src/protocols/ndp/dialect.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLan } from '../../support/fake-network.ts';

const USER_MAC = parseMac('02:00:00:00:00:50')!;

const FAMILIES: readonly { name: string; dialect: Dialect<unknown>; subnet: (host: number) => Ip }[] = [
  { name: 'IPv4', dialect: ARP, subnet: (host) => ip(`10.77.0.${host}`) },
  { name: 'IPv6', dialect: NDP, subnet: (host) => ip(`2001:db8:77::${host}`) },
];

describe.each(FAMILIES)('asking the LAN for an $name address', ({ dialect, subnet }) => {
  const [USED, FREE] = [subnet(50), subnet(51)];

  function createWorld() {
    const clock = createFakeClock();
    const lan = createFakeLan(clock);
    const node = lan.host({ name: 'n1', mac: parseMac('02:00:00:00:00:01')!, addresses: [] });
    const user = lan.host({ name: 'lap', mac: USER_MAC, addresses: [{ ip: USED, prefixLength: 24 }] });
    const socket = user.network.openFrames({ link: user.network.links()[0]!, ...dialect.hears }, (data) => {
      const answer = dialect.answer(USER_MAC, dialect.decode(data));
      if (answer?.ip === USED) socket.send(dialect.encode(answer.frame));
    });
    const entropy = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0.5 };
    const prober = createAddressProber({ network: node.network, clock, entropy });
    return { clock, lan, node, prober };
  }

  it('gives the MAC of who has it, as soon as that answers', async () => {
    const { clock, prober } = createWorld();
    const answer = prober.probe(USED, 'eth0');
    await clock.advanceAsync(0);
    expect(await answer).toBe(USER_MAC);
    expect(clock.now()).toBe(0);
  });

  it('calls an address free after three unanswered probes, and closes its socket', async () => {
    const { clock, lan, node, prober } = createWorld();
    const answer = prober.probe(FREE, 'eth0');
    await clock.advanceAsync(1000);
    expect(await answer).toBeUndefined();
    expect(lan.sent.map(({ at }) => at)).toEqual([0, 55, 110]);
    expect(node.open().frames).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('asks again when a probe or its answer is lost', async () => {
    const { clock, lan, prober } = createWorld();
    lan.drop(({ at }) => at < 100);
    const answer = prober.probe(USED, 'eth0');
    await clock.advanceAsync(1000);
    expect(await answer).toBe(USER_MAC);
  });

  it('probes many at a time over one socket', async () => {
    const { clock, node, prober } = createWorld();
    const asked = [USED, FREE, subnet(52)];
    const answers = Promise.all(asked.map((address) => prober.probe(address, 'eth0')));
    expect(node.open().frames).toBe(1);
    await clock.advanceAsync(1000);
    expect(await answers).toEqual([USER_MAC, undefined, undefined]);
    expect(node.open().frames).toBe(0);
  });

  it('can be called off', async () => {
    const { clock, node, prober } = createWorld();
    const controller = new AbortController();
    const answer = prober.probe(FREE, 'eth0', controller.signal);
    await clock.advanceAsync(10);
    controller.abort(new Error('never mind'));
    await expect(answer).rejects.toThrow('never mind');
    expect(node.open().frames).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('says what is wrong with the link', async () => {
    const { node, prober } = createWorld();
    await expect(prober.probe(FREE, 'eth1')).rejects.toMatchObject({ code: 'NO_LINK' });
    node.setLink({ up: false });
    await expect(prober.probe(FREE, 'eth0')).rejects.toMatchObject({ code: 'NO_LINK' });
  });
});
