import { describe, expect, it } from 'vitest';
import { createNamePublisher } from '../../../src/exposure/naming/publisher.ts';
import { toConditions } from '../../../src/exposure/status/conditions.ts';
import { Reporter } from '../../../src/exposure/status/reporter.ts';
import { off } from '../../../src/model/decision.ts';
import { ip } from '../../../src/model/ip.ts';
import type { Mac } from '../../../src/model/mac.ts';
import { encodeMessage } from '../../../src/protocols/mdns/codec.ts';
import { MDNS_GROUP_V4, message, type ResourceRecord } from '../../../src/protocols/mdns/message.ts';
import { service } from '../../support/exposure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeLan } from '../../support/fake-network.ts';
import { nameRequest } from '../../support/mdns-lan.ts';
import { fixedEntropy } from '../../support/mdns-segment.ts';

/** A Service `web` with a name, from its publisher to its Events, and a host on the LAN that says it has the name. */
async function lan() {
  const clock = createFakeClock();
  const net = createFakeLan(clock);
  const host = (name: string, number: number) =>
    net.host({
      name,
      mac: `02:00:00:00:00:${number}` as Mac,
      addresses: [{ ip: ip(`10.77.0.${number}`), prefixLength: 24 }],
    });
  const publisher = createNamePublisher({ network: host('n1', 11).network, clock, entropy: fixedEntropy(0) });
  const events: string[] = [];
  let web = service('web');
  let writes = 0;
  const reporter = new Reporter({
    writer: {
      patch: (_, { conditions = [] }) => {
        writes++;
        web = { ...web, metadata: { ...web.metadata, resourceVersion: `${writes}` }, status: { conditions } };
        return Promise.resolve();
      },
    },
    events: { record: (_, type, reason) => void events.push(`${type} ${reason}`) },
    clock,
    onError: (_, text) => expect.unreachable(text),
    onChange: () => undefined,
  });
  const none = off('NotAskedFor', '');
  const reconcile = (): void => {
    const name = publisher.ensure(nameRequest('web'));
    const stages = { address: none, owner: none, announcement: none, router: none, name };
    reporter.report(web, toConditions(web, stages, clock.wall()));
  };
  publisher.onChange(reconcile);
  const rival = await host('rival', 50).network.openDatagrams({
    family: 4,
    localPort: 5353,
    onDatagram: () => undefined,
    onError: (error) => expect.unreachable(error.message),
  });
  const record: ResourceRecord = { name: 'web.local', type: 'A', ttl: 120, flush: true, data: ip('10.77.0.50') };
  const object = (names = ['web.local']): void => {
    const answers = names.map((name) => ({ ...record, name }));
    rival.send(encodeMessage(message('response', { answers })), { ip: MDNS_GROUP_V4, port: 5353 });
  };
  return { clock, events, reconcile, object, writes: () => writes };
}

describe('the Events of a name', () => {
  it('tell a renaming once, however often the Service is looked at', async () => {
    const { clock, events, reconcile, object } = await lan();
    reconcile();
    await clock.advanceAsync(100);
    object();
    for (let i = 0; i < 50; i++) {
      await clock.advanceAsync(100);
      reconcile();
    }
    expect(events).toEqual(['Normal NameConflictRenamed']);
  });

  it('are none, and nothing is written, while a published name is only disputed', async () => {
    const { clock, events, reconcile, object, writes } = await lan();
    reconcile();
    await clock.advanceAsync(10_000);
    expect(events).toEqual(['Normal NamePublished']);
    const before = writes();
    for (let i = 0; i < 10; i++) {
      object();
      await clock.advanceAsync(2000);
    }
    expect(events).toEqual(['Normal NamePublished']);
    expect(writes()).toBe(before);
  });

  it('warn that a name is contested, seldom while it lasts, and tell when it is over', async () => {
    const { clock, events, reconcile, object } = await lan();
    reconcile();
    await clock.advanceAsync(10_000);
    const all = ['web.local', ...Array.from({ length: 200 }, (_, i) => `web-${i + 2}.local`)];
    for (let i = 0; i < 600; i++) {
      object(all);
      await clock.advanceAsync(100);
    }
    expect(events.filter((event) => event === 'Warning NameContested').length).toBeGreaterThan(0);
    expect(events.length).toBeLessThan(20);
    await clock.advanceAsync(10_000);
    expect(events.at(-1)).toBe('Normal NameConflictRenamed');
  });
});
