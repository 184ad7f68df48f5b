import { describe, expect, it } from 'vitest';
import { createNamePublisher } from '../../../src/exposure/naming/publisher.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { decodeMessage, encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, MDNS_PORT, message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { resolveName } from '../../../src/workflows/resolve-name.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLan } from '../../support/fake-network.ts';
import { fixedEntropy } from '../../support/mdns-segment.ts';

const V4 = { ip: ip('10.77.0.50'), prefixLength: 24 };
const V6 = { ip: ip('fd77::50'), prefixLength: 64 };

function lan(addresses: readonly { ip: Ip; prefixLength: number }[] = [V4, V6]) {
  const clock = createFakeClock();
  const net = createFakeLan(clock);
  const laptop = net.host({ name: 'laptop', mac: '02:00:00:00:00:50' as Mac, addresses });
  const publish = async (ips: readonly string[]): Promise<void> => {
    const { network } = net.host({
      name: 'n1',
      mac: '02:00:00:00:00:11' as Mac,
      addresses: [
        { ip: ip('10.77.0.11'), prefixLength: 24 },
        { ip: ip('fd77::11'), prefixLength: 64 },
      ],
    });
    createNamePublisher({ network, clock, entropy: fixedEntropy(0) }).ensure({
      service: 'default/web',
      hosts: ['web.local'],
      ips: ips.map((text) => ip(text)),
      link: 'eth0',
      instance: 'web',
      ports: [],
      verified: ['web.local'],
    });
    await clock.advanceAsync(10_000);
  };
  /** A host that answers every question with what it likes, from where it likes. */
  const answerWith = async (
    answers: (id: number) => { id: number; records: ResourceRecord[] },
    from = { ip: '10.77.0.60', port: MDNS_PORT },
  ): Promise<void> => {
    const address = { ip: ip(from.ip), prefixLength: 24 };
    const { network } = net.host({ name: 'other', mac: '02:00:00:00:00:60' as Mac, addresses: [address] });
    const ear = await network.openDatagrams({
      family: 4,
      localPort: MDNS_PORT,
      join: [MDNS_GROUP_V4],
      onDatagram: (datagram) => {
        const { id, records } = answers(decodeMessage(datagram.data).id);
        mouth.send(encodeMessage(message('response', { id, answers: records })), datagram.from);
      },
      onError: (error) => expect.unreachable(error.message),
    });
    const mouth =
      from.port === MDNS_PORT
        ? ear
        : await network.openDatagrams({
            family: 4,
            localPort: from.port,
            onDatagram: () => undefined,
            onError: (error) => expect.unreachable(error.message),
          });
  };
  const resolve = async (entropy = fixedEntropy(0)) => {
    const began = clock.now();
    let took = Number.POSITIVE_INFINITY;
    const done = resolveName('Web.local', { network: laptop.network, clock, entropy, timeout: 2000 });
    const [ips] = await Promise.all([done.finally(() => (took = clock.now() - began)), clock.advanceAsync(5000)]);
    return { ips, took, open: laptop.open().datagrams };
  };
  return { clock, publish, answerWith, resolve };
}

const a = (data: string): ResourceRecord => ({ name: 'web.local', type: 'A', ttl: 10, flush: false, data: ip(data) });

describe('resolveName', () => {
  it('gives the addresses of both families at once', async () => {
    const { publish, resolve } = lan();
    await publish(['10.77.0.101', 'fd77::101']);
    expect(await resolve()).toEqual({ ips: ['10.77.0.101', 'fd77::101'], took: 0, open: 0 });
  });

  it.each([[['10.77.0.101']], [['fd77::101']]])('does not wait for a family that there is not: %j', async (ips) => {
    const { publish, resolve } = lan();
    await publish(ips);
    expect(await resolve()).toMatchObject({ ips, took: 0 });
  });

  it('asks in the only family there is, and learns of both', async () => {
    const { publish, resolve } = lan([V6]);
    await publish(['10.77.0.101', 'fd77::101']);
    expect(await resolve()).toMatchObject({ ips: ['10.77.0.101', 'fd77::101'] });
  });

  it('waits a moment for the other family of a host that never says what it lacks', async () => {
    const { answerWith, resolve } = lan();
    await answerWith((id) => ({ id, records: [a('10.77.0.60')] }));
    expect(await resolve()).toMatchObject({ ips: ['10.77.0.60'], took: 250 });
  });

  it('finds nobody when nobody answers, and says when nobody could be asked', async () => {
    expect(await lan().resolve()).toEqual({ ips: [], took: 2000, open: 0 });
    expect(await lan([{ ip: ip('fe80::1'), prefixLength: 64 }]).resolve()).toMatchObject({ ips: undefined });
  });

  it('believes no answer to another question, from another port, or from off the link (cache poisoning)', async () => {
    const poison = [a('192.0.2.66')];
    const attempts: Parameters<ReturnType<typeof lan>['answerWith']>[] = [
      [(id) => ({ id: id ^ 1, records: poison })],
      [(id) => ({ id, records: poison }), { ip: '10.77.0.60', port: 4444 }],
      [(id) => ({ id, records: poison }), { ip: '198.51.100.6', port: MDNS_PORT }],
    ];
    for (const attempt of attempts) {
      const { answerWith, resolve } = lan();
      await answerWith(...attempt);
      expect(await resolve()).toMatchObject({ ips: [] });
    }
  });
});
