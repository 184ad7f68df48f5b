/** A balancer with a clock that stands still, API servers that are as the test says, and a kernel that remembers. */
import { Balancer } from '../../src/exposure/control-plane/balance/balancer.ts';
import type { ApiBackend, BackendAnswer, Spread } from '../../src/exposure/control-plane/balance/port.ts';
import { ip, type Family, type Ip } from '../../src/model/ip.ts';
import { pause } from '../../src/model/time.ts';
import { createFakeClock } from './fake-clock.ts';

export const HERE: ApiBackend = { ip: ip('10.77.0.11'), port: 6443, here: true };
export const SECOND: ApiBackend = { ip: ip('10.77.0.12'), port: 6443, here: false };
export const THIRD: ApiBackend = { ip: ip('10.77.0.13'), port: 6443, here: false };
export const VIP = { ip: ip('10.77.0.240'), link: 'eth0' };

export interface Cut {
  readonly vips: readonly Ip[];
  readonly to?: readonly Ip[];
  /** How many ports the rules spread when it came. */
  readonly rules: number;
}

export type BalanceWorld = ReturnType<typeof createBalanceWorld>;

export function createBalanceWorld({ port = 6443, herePort = 6443, interval = 1000 } = {}) {
  const clock = createFakeClock();
  const answers = new Map<Ip, BackendAnswer>();
  const takesConnections = new Map<Ip, boolean>();
  /** Connections that answers came by and that stand, by address. */
  const standing = new Map<Ip, Set<() => void>>();
  const asked: { readonly ip: Ip; readonly at: number }[] = [];
  const cuts: Cut[] = [];
  const errors: unknown[] = [];
  const told: string[] = [];
  /** How many API servers were said to have connections, and how many the rules named then. */
  const toldOf: { readonly told: number; readonly inKernel: number }[] = [];
  const answerTakes = new Map<Ip, number>();
  const world = {
    candidates: [HERE, SECOND, THIRD] as readonly ApiBackend[],
    forwarding: new Set<Family>([4, 6]),
    kernel: [] as readonly Spread[],
    sets: 0,
    refuses: false,
    /** Milliseconds that the kernel takes for the rules. */
    setTakes: 0,
  };
  const balancer = new Balancer({
    clock,
    port,
    herePort,
    interval,
    candidates: () => world.candidates,
    forwards: (family) => world.forwarding.has(family),
    probes: {
      ask: async ({ ip: address }, _timeout, onLost) => {
        asked.push({ ip: address, at: clock.now() });
        await Promise.resolve();
        const takes = answerTakes.get(address) ?? 0;
        if (takes > 0) await pause(clock, takes);
        const answer = answers.get(address) ?? { state: 'ready' };
        const open = standing.get(address) ?? new Set();
        standing.set(address, open);
        if (answer.state === 'ready') open.add(onLost);
        return { answer, release: () => void open.delete(onLost) };
      },
      answers: async ({ ip: address }) => {
        await Promise.resolve();
        return takesConnections.get(address) ?? true;
      },
    },
    table: {
      set: async (spreads) => {
        await (world.setTakes > 0 ? pause(clock, world.setTakes) : Promise.resolve());
        if (world.refuses) throw new Error('nft says no');
        world.sets++;
        world.kernel = spreads;
      },
      cut: (vips, _port, to) => cuts.push({ vips, rules: world.kernel.length, ...(to === undefined ? {} : { to }) }),
    },
    onChange: () => {
      told.push(balancer.state.reason);
      if (balancer.state.state === 'ready')
        toldOf.push({
          told: balancer.state.value.length,
          inKernel: world.kernel.flatMap(({ inside }) => inside).length,
        });
    },
    onError: (error) => errors.push(error),
  });
  return Object.assign(world, {
    balancer,
    clock,
    asked,
    cuts,
    errors,
    told,
    toldOf,
    answersAfter: ({ ip: address }: ApiBackend, takes: number) => void answerTakes.set(address, takes),
    answer: ({ ip: address }: ApiBackend, answer: BackendAnswer) => void answers.set(address, answer),
    takes: ({ ip: address }: ApiBackend, takes: boolean) => void takesConnections.set(address, takes),
    /** Connections that stand. */
    standing: ({ ip: address }: ApiBackend) => standing.get(address)?.size ?? 0,
    /** The server's end of them is gone. */
    drop: ({ ip: address }: ApiBackend) => {
      const open = standing.get(address) ?? new Set();
      standing.delete(address);
      for (const lost of open) lost();
    },
    outside: () => world.kernel.flatMap((spread) => spread.outside.map((one) => one.ip)),
    inside: () => world.kernel.flatMap((spread) => spread.inside.map((one) => one.ip)),
  });
}
