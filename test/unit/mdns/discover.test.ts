import { describe, expect, it } from 'vitest';
import { createNamePublisher } from '../../../src/exposure/naming/publisher.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, message } from '../../../src/protocols/mdns/message.ts';
import { pointerRecords } from '../../../src/protocols/mdns/publication.ts';
import { discover, type DiscoveredService, type DiscoverOptions } from '../../../src/workflows/discover.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLan } from '../../support/fake-network.ts';
import { fixedEntropy } from '../../support/mdns-segment.ts';

function lan() {
  const clock = createFakeClock();
  const net = createFakeLan(clock);
  const host = (name: string, number: number) =>
    net.host({
      name,
      mac: `02:00:00:00:00:${number}` as Mac,
      addresses: [{ ip: ip(`10.77.0.${number}`), prefixLength: 24 }],
    });
  const laptop = host('laptop', 50);
  const publish = (name: string, type: string, number: number): void => {
    const { network } = host(name, number);
    const publisher = createNamePublisher({ network, clock, entropy: fixedEntropy(0) });
    publisher.ensure({
      service: `default/${name}`,
      hosts: [`${name}.local`],
      ips: [ip(`10.77.0.1${number}`)],
      link: 'eth0',
      instance: name,
      ports: [{ type, port: 80, txt: { path: '/' } }],
      verified: [`${name}.local`],
    });
  };
  /** Runs a search to its end, noting when each was found. */
  const search = async (options: Partial<DiscoverOptions> = {}, advance = 5000) => {
    const found: { at: number; service: DiscoveredService }[] = [];
    const began = clock.now();
    const wanted = { network: laptop.network, clock, entropy: fixedEntropy(0), timeoutMs: 3000, ...options };
    const done = (async () => {
      for await (const service of discover(wanted)) found.push({ at: clock.now() - began, service });
    })();
    await Promise.all([done, clock.advanceAsync(advance)]);
    return found;
  };
  return { clock, net, host, laptop, publish, search };
}

describe('discover', () => {
  it('finds services of every type, resolved, long before its time is over', async () => {
    const { clock, publish, search } = lan();
    publish('web', '_http._tcp', 11);
    publish('files', '_smb._tcp', 12);
    await clock.advanceAsync(60_000);
    const found = await search();
    expect(found.map(({ service }) => service)).toEqual(
      expect.arrayContaining([
        {
          instance: 'web',
          type: '_http._tcp',
          host: 'web.local',
          port: 80,
          addresses: ['10.77.0.111'],
          txt: { path: '/' },
          link: 'eth0',
        },
        expect.objectContaining({ instance: 'files', type: '_smb._tcp', addresses: ['10.77.0.112'] }),
      ]),
    );
    expect(found).toHaveLength(2);
    expect(Math.max(...found.map(({ at }) => at))).toBeLessThan(500);
  });

  it('looks only for the types asked for', async () => {
    const { clock, publish, search } = lan();
    publish('web', '_http._tcp', 11);
    publish('files', '_smb._tcp', 12);
    await clock.advanceAsync(60_000);
    const found = await search({ types: ['_smb._tcp'] });
    expect(found.map(({ service }) => service.instance)).toEqual(['files']);
  });

  it('gives what is announced but cannot be resolved at the end, as such', async () => {
    const { host, clock, search } = lan();
    const { network } = host('ghost', 13);
    const socket = await network.openDatagrams({
      family: 4,
      localPort: 5353,
      onDatagram: () => undefined,
      onError: (error) => expect.unreachable(error.message),
    });
    clock.after(100, () =>
      socket.send(
        encodeMessage(message('response', { answers: pointerRecords('ghost._http._tcp.local', '_http._tcp') })),
        { ip: MDNS_GROUP_V4, port: 5353 },
      ),
    );
    const found = await search();
    expect(found).toEqual([
      {
        at: expect.any(Number) as number,
        service: { instance: 'ghost', type: '_http._tcp', addresses: [], txt: {}, link: 'eth0' },
      },
    ]);
    expect(found[0]?.at).toBeGreaterThanOrEqual(3000);
  });

  it('leaves nothing open, and ends at once when told to', async () => {
    const { laptop, clock, search } = lan();
    const stop = new AbortController();
    clock.after(500, () => stop.abort());
    expect(await search({ signal: stop.signal }, 500)).toEqual([]);
    expect(laptop.open().datagrams).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('says which interface it cannot look on', async () => {
    const { laptop, search } = lan();
    await expect(search({ link: 'wlan0' })).rejects.toThrow('nothing to look on: interface wlan0 does not exist');
    laptop.setLink({ up: false });
    await expect(search()).rejects.toThrow('no network interface is up and has an address');
  });
});
