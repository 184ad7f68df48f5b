/**
 * Spreads new connections to the VIP over all API servers that are ready, from the node that has the VIP, by rules in its
 * kernel. Level-triggered: what is held, who there is and who is ready lead to the same look at what the rules should be.
 */
import { off, pending, ready, type Decision } from '../../../model/decision.ts';
import { familyOf, hostPort, type Family, type Ip } from '../../../model/ip.ts';
import type { Clock, Milliseconds, Timer } from '../../../model/time.ts';
import { BackendHealth } from './backend.ts';
import type { ApiBackend, BackendProbes, Spread, SpreadTable } from './port.ts';

/** Rules in the kernel run out by themselves, and a firewall may flush them: while there are any they are set again. */
const AGAIN: Milliseconds = 5000;
const RETRY: Milliseconds = 1000;

const NOT_HERE = off('NotOwner', 'another node has the VIP, or none');

export interface BalancerOptions {
  readonly clock: Clock;
  readonly probes: BackendProbes;
  readonly table: SpreadTable;
  /** Where the VIP is balanced. */
  readonly port: number;
  /** Of this node's own API server. */
  readonly herePort: number;
  /** How often API servers are asked. */
  readonly interval: Milliseconds;
  readonly candidates: () => readonly ApiBackend[];
  /** Whether this node passes on packets of others that come by the link. */
  readonly forwards: (family: Family, link: string) => boolean;
  /** `state` has changed. */
  readonly onChange: () => void;
  /** The rules could not be set; tried again. */
  readonly onError: (error: unknown) => void;
}

export interface HeldVip {
  readonly ip: Ip;
  /** Interface it is announced on, by name. */
  readonly link: string;
}

export class Balancer {
  readonly #options: BalancerOptions;
  readonly #backends = new Map<string, BackendHealth>();
  #held: readonly HeldVip[] = [];
  #state: Decision<readonly ApiBackend[]> = NOT_HERE;
  /** Names of those that were ready when the rules were last set. */
  #serving: ReadonlySet<string> = new Set();
  /** In the kernel, as far as is known; undefined: nobody knows. */
  #applied: string | undefined;
  #setAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #changed = false;
  #stopped = false;

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Over which API servers connections are spread. */
  get state(): Decision<readonly ApiBackend[]> {
    return this.#state;
  }

  /** Each known API server while the VIP is here, how it is, and whether the kernel leads connections there. */
  get backends(): readonly { readonly backend: ApiBackend; readonly state: Decision; readonly isServing: boolean }[] {
    return [...this.#backends].map(([name, { backend, state }]) => ({
      ...{ backend, state },
      isServing: this.#serving.has(name),
    }));
  }

  /** Takes away what an earlier run left. @param vips that it may have had */
  start(vips: readonly Ip[]): void {
    this.#options.table.cut(vips, this.#options.port);
    this.#review();
  }

  /** Which addresses of the VIP are on this node. */
  hold(held: readonly HeldVip[]): void {
    const gone = this.#held.filter(({ ip }) => !held.some((one) => one.ip === ip)).map(({ ip }) => ip);
    this.#held = [...held];
    this.#look();
    // They go on at another node, which knows nothing of them; here they would stand for days.
    if (gone.length > 0) void this.#settled().then(() => this.#options.table.cut(gone, this.#options.port));
  }

  /** The API servers that there are may have changed. */
  candidatesChanged(): void {
    this.#look();
  }

  /** A node may have died: all are asked at once. */
  doubt(): void {
    for (const backend of this.#backends.values()) backend.doubt();
  }

  /** Leaves nothing in the kernel. Never rejects. */
  async stop(): Promise<void> {
    const held = this.#held.map(({ ip }) => ip);
    this.#stopped = true;
    this.#held = [];
    this.#timer?.cancel();
    this.#forgetAll();
    await this.#working;
    await this.#apply([]);
    this.#options.table.cut(held, this.#options.port);
  }

  /** Who is asked: only while the VIP is here. */
  #look(): void {
    const { clock, probes, interval, candidates } = this.#options;
    if (this.#stopped) return;
    if (this.#held.length === 0) this.#forgetAll();
    else {
      const wanted = new Map(candidates().map((one) => [nameOf(one), one]));
      for (const [name, known] of [...this.#backends]) {
        if (wanted.has(name)) continue;
        known.stop();
        this.#backends.delete(name);
      }
      for (const [name, backend] of wanted) {
        if (this.#backends.has(name)) continue;
        const onDeath = (): void => this.#died(backend);
        const health = { backend, clock, probes, interval, onDeath, onChange: () => this.#review() };
        this.#backends.set(name, new BackendHealth(health));
      }
    }
    this.#review();
  }

  #forgetAll(): void {
    for (const backend of this.#backends.values()) backend.stop();
    this.#backends.clear();
  }

  /** Only what is led elsewhere by then: connections must find the new rules. */
  #died({ ip, here }: ApiBackend): void {
    if (here) return;
    const vips = this.#held.map((one) => one.ip).filter((vip) => familyOf(vip) === familyOf(ip));
    this.#review();
    void this.#settled().then(() => this.#options.table.cut(vips, this.#options.port, [ip]));
  }

  async #settled(): Promise<void> {
    await this.#working;
  }

  #review(): void {
    this.#changed = true;
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // What changed after the last look and before this moment.
      if (this.#changed) this.#review();
      else if (!this.#stopped) this.#timer = this.#options.clock.after(this.#rest(), () => this.#review());
    });
  }

  #rest(): Milliseconds {
    return this.#applied === undefined ? RETRY : AGAIN;
  }

  async #work(): Promise<void> {
    while (this.#changed && !this.#stopped) {
      this.#changed = false;
      const spreads = this.#wanted();
      const done = await this.#apply(spreads);
      // What came meanwhile is not in the kernel yet, and is not to be told of as if it were.
      if (!done || !this.#hasChanged()) this.#tell(spreads, done);
      if (!done) return;
    }
  }

  #hasChanged(): boolean {
    return this.#changed;
  }

  #wanted(): Spread[] {
    return ([4, 6] as const).flatMap((family) => {
      const held = this.#held.filter(({ ip }) => familyOf(ip) === family);
      const own = [...this.#backends.values()].filter(({ backend }) => familyOf(backend.ip) === family);
      const alive = own.filter(({ state }) => state.state === 'ready').map(({ backend }) => backend);
      return held.length === 0 ? [] : (this.#spread(family, held, own, alive) ?? []);
    });
  }

  #spread(
    family: Family,
    held: readonly HeldVip[],
    own: readonly BackendHealth[],
    alive: readonly ApiBackend[],
  ): Spread | undefined {
    const { port, herePort, forwards } = this.#options;
    const here = own.find(({ backend }) => backend.here)?.backend;
    // Without any that serves the own one is the best guess: who asks is told at once.
    const lastResort: ApiBackend = here ?? { ip: held[0]?.ip ?? ('' as Ip), port: herePort, here: true };
    const inside = alive.length > 0 ? alive : [lastResort];
    const passes = held.every(({ link }) => forwards(family, link));
    const outside = passes || !inside.some(isElsewhere) ? inside : [lastResort];
    // What arrives stays here by itself.
    const isNothing = (backends: readonly ApiBackend[]): boolean => port === herePort && !backends.some(isElsewhere);
    if (isNothing(inside) && isNothing(outside)) return undefined;
    return {
      family,
      vips: held.map(({ ip }) => ip),
      port,
      herePort,
      outside: isNothing(outside) ? [] : outside,
      inside: isNothing(inside) ? [] : inside,
    };
  }

  /** @returns whether the kernel has them. Never rejects. */
  async #apply(spreads: readonly Spread[]): Promise<boolean> {
    const { clock, table, onError } = this.#options;
    const text = JSON.stringify(spreads);
    const fresh = spreads.length === 0 || clock.now() - this.#setAt < AGAIN;
    if (text === this.#applied && fresh) return true;
    try {
      await table.set(spreads);
      this.#applied = text;
      this.#setAt = clock.now();
      return true;
    } catch (error) {
      this.#applied = undefined;
      onError(error);
      return false;
    }
  }

  #tell(spreads: readonly Spread[], done: boolean): void {
    const next = this.#describe(spreads, done);
    if (done) {
      const alive = [...this.#backends].filter(([, { state }]) => state.state === 'ready');
      this.#serving = new Set(this.#held.length === 0 ? [] : alive.map(([name]) => name));
    }
    const same = next.state === this.#state.state && next.message === this.#state.message;
    this.#state = next;
    if (!same && !this.#stopped) this.#options.onChange();
  }

  #describe(spreads: readonly Spread[], done: boolean): Decision<readonly ApiBackend[]> {
    if (this.#held.length === 0) return NOT_HERE;
    if (!done)
      return pending('RulesNotSet', 'the rules that spread the VIP are not in the kernel; it is at this node alone');
    const alive = [...this.#backends.values()].filter(({ state }) => state.state === 'ready');
    const names = alive.map(({ backend }) => hostPort(backend.ip, backend.port)).join(', ');
    const unasked = [...this.#backends.values()].some(({ state }) => state.state === 'pending');
    if (alive.length === 0 && unasked)
      return pending('ApiServersNotAsked', 'the API servers have not been asked yet: this node’s own has the VIP');
    if (alive.length === 0) return pending('NoApiServerReady', 'no API server is ready: this node’s own has the VIP');
    const stays = spreads.find(({ outside, inside }) => inside.some(isElsewhere) && !outside.some(isElsewhere));
    if (stays)
      return pending(
        'NotForwarding',
        `this node does not forward IPv${stays.family} packets (sysctl ${SYSCTL[stays.family]}=1 makes it): clients of the VIP get its own API server`,
      );
    return ready(
      alive.map(({ backend }) => backend),
      'Balanced',
      `connections to the VIP are spread over ${names}`,
    );
  }
}

const SYSCTL: Readonly<Record<Family, string>> = {
  4: 'net.ipv4.ip_forward',
  6: 'net.ipv6.conf.all.forwarding',
};

function isElsewhere({ here }: ApiBackend): boolean {
  return !here;
}

function nameOf({ ip, port, here }: ApiBackend): string {
  return `${ip} ${port} ${here ? 'here' : ''}`;
}
