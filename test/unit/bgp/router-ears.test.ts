import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRouterEars } from '../../../src/exposure/bgp/router-ears.ts';
import { ip, ipToBytes } from '../../../src/model/ip.ts';
import type { FrameHandler } from '../../../src/model/wire.ts';
import { checksumOf, wordSum } from '../../../src/protocols/internet-checksum.ts';
import { routerAdvertisement, routerIn, routerSolicitation, ROUTER_TYPE } from '../../../src/protocols/ndp/router.ts';
import { LINK, MAC } from '../../support/exposure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const ROUTER = ip('fe80::1');

/** An advertisement as a router sends it, without options. */
function advertisement(source = ROUTER, hopLimit = 255): Uint8Array {
  const frame = new Uint8Array(14 + 40 + 16);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x86dd);
  view.setUint8(14, 0x60);
  view.setUint16(18, 16);
  frame.set([58, hopLimit], 20);
  frame.set(ipToBytes(source), 22);
  frame.set(ipToBytes(ip('ff02::1')), 38);
  view.setUint8(54, 134);
  view.setUint16(60, 1800);
  view.setUint16(56, checksumOf(wordSum(frame.subarray(22, 54)) + 16 + 58 + wordSum(frame.subarray(54))));
  return frame;
}

describe('Router Advertisements', () => {
  it('say where the router is', () => expect(routerIn(advertisement())).toBe(ROUTER));

  it.each([
    ['from beyond the link', advertisement(ROUTER, 254)],
    ['from an address that is not link-local', advertisement(ip('2001:db8::1'))],
    ['cut off', advertisement().subarray(0, 60)],
    ['with a wrong checksum', advertisement().map((byte, at) => (at === 60 ? byte ^ 1 : byte))],
    ['that are solicitations', routerSolicitation(MAC, ROUTER)],
  ])('%s say nothing', (_, frame) => expect(routerIn(frame)).toBeUndefined());

  it('are a value or nothing, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(69), fc.nat(255), (random, at, byte) => {
        routerIn(random);
        routerIn(advertisement().map((one, place) => (place === at ? byte : one)));
      }),
    );
  });

  it('are asked for by a solicitation with a right checksum', () => {
    const frame = routerSolicitation(MAC, ROUTER);
    const sum = wordSum(frame.subarray(22, 54)) + 16 + 58 + wordSum(frame.subarray(54));
    expect(checksumOf(sum)).toBe(0);
    expect(frame[54]).toBe(133);
  });
});

describe('an advertisement of our own', () => {
  const frame = routerAdvertisement(MAC, ROUTER);

  it('goes to all nodes of the link, with a right checksum, and offers no way out', () => {
    expect(checksumOf(wordSum(frame.subarray(22, 54)) + frame.length - 54 + 58 + wordSum(frame.subarray(54)))).toBe(0);
    expect(frame[54]).toBe(ROUTER_TYPE.advertisement);
    expect([...frame.subarray(38, 54)]).toEqual([...ipToBytes(ip('ff02::1'))]);
    // Hop limit, flags and lifetime.
    expect([...frame.subarray(58, 62)]).toEqual([0, 0, 0, 0]);
  });

  it('is known to another agent, which is not to take it for its router', () => {
    expect(routerIn(frame)).toBeUndefined();
    const other = frame.slice();
    other[frame.length - 1] = 0;
    new DataView(other.buffer).setUint16(56, 0);
    const sum = wordSum(other.subarray(22, 54)) + other.length - 54 + 58 + wordSum(other.subarray(54));
    new DataView(other.buffer).setUint16(56, checksumOf(sum));
    expect(routerIn(other)).toBe(ROUTER);
  });
});

describe('peers that are named by their interface', () => {
  function world() {
    const clock = createFakeClock();
    const sent: Uint8Array[] = [];
    let hear: FrameHandler = () => undefined;
    let open = 0;
    let changes = 0;
    let inUse: string | undefined;
    let links = [{ ...LINK, addresses: [...LINK.addresses, { ip: ip('fe80::11'), prefixLength: 64 }] }];
    const ears = createRouterEars({
      clock,
      onChange: () => changes++,
      isInUse: (router, link) => router === inUse && link === 'eth0',
      network: {
        links: () => links,
        openFrames: (_, onFrame) => {
          open++;
          hear = onFrame;
          return { send: (frame) => void sent.push(frame), join: () => undefined, close: () => (open -= 1) };
        },
      },
    });
    return {
      ears,
      clock,
      sent,
      hear: (frame: Uint8Array) => hear(frame),
      open: () => open,
      changes: () => changes,
      use: (router: string | undefined) => (inUse = router),
      setLinks: (next: typeof links) => (links = next),
    };
  }

  it('are asked for until they are heard, and told of this node for as long as they are its peers', () => {
    const { ears, clock, sent, hear, changes } = world();
    ears.listenOn(['eth0']);
    const kinds = (): (number | undefined)[] => sent.splice(0).map((frame) => frame[54]);
    clock.advance(6000);
    expect(kinds()).toEqual([134, 133, 134, 133, 134, 133]);
    expect(ears.routerOn('eth0')).toBeUndefined();
    hear(advertisement());
    hear(advertisement());
    expect(ears.routerOn('eth0')).toBe(ROUTER);
    expect(changes()).toBe(1);
    // It may begin anew, and then waits to be told who this node is.
    clock.advance(60_000);
    expect(kinds()).toEqual([134, 134, 134, 134, 134, 134]);
    hear(advertisement(ip('fe80::2')));
    expect(ears.routerOn('eth0')).toBe('fe80::2');
  });

  it('are not left for another router on the link while they are spoken with', () => {
    const { ears, hear, use, changes } = world();
    const other = ip('fe80::2');
    ears.listenOn(['eth0']);
    hear(advertisement());
    use(ROUTER);
    hear(advertisement(other));
    expect(ears.routerOn('eth0')).toBe(ROUTER);
    expect(changes()).toBe(1);
    use(undefined);
    hear(advertisement(other));
    expect(ears.routerOn('eth0')).toBe(other);
  });

  it('are forgotten with the interface, or when nobody asks for them any more', () => {
    const { ears, clock, hear, open, setLinks } = world();
    ears.listenOn(['eth0', 'eth9']);
    hear(advertisement());
    setLinks([{ ...LINK, index: 7, addresses: [] }]);
    ears.listenOn(['eth0']);
    expect(ears.routerOn('eth0')).toBeUndefined();
    ears.listenOn([]);
    expect(open()).toBe(0);
    expect(clock.pending()).toBe(0);
  });
});
