import { describe, expect, it } from 'vitest';
import { chooseAddresses, createVipAddresses } from '../../../src/exposure/control-plane/vip-addresses.ts';
import { ip, type Ip } from '../../../src/model/ip.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createControlPlanes } from '../../support/control-planes.ts';

const [A, B, C6, D6] = [ip('10.0.0.5'), ip('10.0.0.6'), ip('fd00::5'), ip('fd00::6')];

describe('the addresses of a name', () => {
  it.each([
    ['first', [C6, A, B], [C6]],
    ['ipv4', [C6, A, B], [A]],
    ['ipv6', [A, B, C6], [C6]],
    ['dual', [C6, B, A, D6], [B, C6]],
    ['ipv4', [C6], []],
    ['dual', [A], [A]],
  ] as const)('with dns_mode=%s of %j are %j', (mode, answer, chosen) => {
    expect(chooseAddresses(answer, mode, [])).toEqual(chosen);
  });

  it('stay the same while name servers turn their answers round', () => {
    expect(chooseAddresses([B, A], 'first', [A])).toEqual([A]);
    expect(chooseAddresses([D6, B, C6, A], 'dual', [A, C6])).toEqual([A, C6]);
  });

  const world = (answers: () => readonly Ip[]) => {
    const clock = createFakeClock();
    let changes = 0;
    const addresses = createVipAddresses({
      request: { name: 'api.example.com', mode: 'first' },
      clock,
      onChange: () => changes++,
      lookUp: () => {
        const answer = answers();
        return answer.length === 0 ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(answer);
      },
    });
    addresses.start();
    return { clock, addresses, changes: () => changes };
  };

  it('are asked for until there are some, and again every 3 s', async () => {
    let answer: readonly Ip[] = [];
    const { clock, addresses, changes } = world(() => answer);
    await clock.advanceAsync(10_000);
    expect(addresses.current).toMatchObject({ state: 'pending', reason: 'NameNotResolved' });
    expect(addresses.current.message).toContain('ENOTFOUND');
    answer = [A];
    await clock.advanceAsync(3000);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [A] });
    const told = changes();
    await clock.advanceAsync(60_000);
    expect(changes()).toBe(told);
  });

  it('are kept while the name server is silent', async () => {
    let answer: readonly Ip[] = [A];
    const { clock, addresses } = world(() => answer);
    await clock.advanceAsync(100);
    answer = [];
    await clock.advanceAsync(3_600_000);
    expect(addresses.current).toMatchObject({ state: 'ready', value: [A] });
  });

  it('are followed, and the former ones stay for a minute', async () => {
    let answer: readonly Ip[] = [A];
    const { clock, addresses } = world(() => answer);
    await clock.advanceAsync(100);
    answer = [B];
    await clock.advanceAsync(3000);
    expect(addresses.current).toMatchObject({ value: [B] });
    expect(addresses.former).toEqual([A]);
    await clock.advanceAsync(63_000);
    expect(addresses.former).toEqual([]);
  });
});

describe('a VIP by name', () => {
  it('moves with its name, on the node that has it', async () => {
    let answer: readonly Ip[] = [A];
    const world = await createControlPlanes({
      request: { name: 'api.example.com', mode: 'first' },
      lookUp: () => Promise.resolve(answer),
    });
    const [owner = ''] = world.having(A);
    expect(owner).not.toBe('');
    answer = [B];
    await world.clock.advanceAsync(4000);
    expect(world.having(B)).toEqual([owner]);
    expect(world.having(A)).toEqual([owner]);
    await world.clock.advanceAsync(64_000);
    expect(world.having(A)).toEqual([]);
    expect(world.having(B)).toEqual([owner]);
  });

  it('is held by nobody before its name can be resolved', async () => {
    const world = await createControlPlanes({
      request: { name: 'api.example.com', mode: 'first' },
      lookUp: () => Promise.reject(new Error('EAI_AGAIN')),
    });
    expect(world.holder()).toBeUndefined();
    expect(world.node('a').controlPlane.state.addresses.reason).toBe('NameNotResolved');
  });
});
