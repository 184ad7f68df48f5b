/** What an agent with heartbeats does beside reconciling: it remembers, says whom it does not hear, and hands over. */
import type { ClaimedAddress } from '../exposure/claims.ts';
import type { Ip } from '../model/ip.ts';
import type { Milliseconds, Timer } from '../model/time.ts';
import type { Parts } from './parts.ts';
import { Remembered } from './remembered.ts';

export interface HeartbeatLifeOptions {
  readonly parts: Parts;
  /** What Services want, once they are known. */
  readonly claimed: () => readonly ClaimedAddress[];
  /** May be called again. */
  readonly startOwnership: () => Promise<void>;
}

/** Who hears nobody for this long is alone: then the kernel may answer for its addresses. */
const ALONE_AFTER: Milliseconds = 10_000;
/** Without an API server for this long an agent that starts goes by what it remembers. */
const NO_SERVER: Milliseconds = 3000;
/** What is under way at an address that was handed over is served until then. */
const UNDER_WAY: Milliseconds = 600;

const STRANGER = {
  lease: (node: string) =>
    `the agent on ${node} elects through Leases and this one by heartbeats: set kubevip_election alike; until then what it has is left to it`,
  unheard: (node: string) =>
    `the agent on ${node} is alive and its heartbeats are not heard (a firewall before UDP port kubevip_heartbeat_port?): what it has is left to it`,
} as const;

/** Without heartbeats hardly anything of it does anything. */
export class HeartbeatLife {
  readonly #options: HeartbeatLifeOptions;
  readonly #stops: (() => void)[] = [];
  /** While no Service can be asked for. */
  #remembered: Remembered | undefined;
  #servicesKnown = false;
  #aloneTimer: Timer | undefined;
  #told = '';

  constructor(options: HeartbeatLifeOptions) {
    this.#options = options;
  }

  /** Heartbeats need no API server: what was served in the last run is served again when none answers. */
  begin(): void {
    const { parts, claimed } = this.#options;
    const { heartbeats, clock, config, watchers } = parts;
    if (!heartbeats) return;
    const { memory, remembered, record, keys } = heartbeats;
    heartbeats.start();
    this.#stops.push(
      keys.onChange(() => memory?.changed()),
      record.onStrangers(() => this.#tellStrangers()),
    );
    if (config.rules.withdraw) return memory?.forget();
    const before = remembered?.wanted ?? [];
    memory?.keep(() => ({
      ...(keys.material ? { key: keys.material } : {}),
      peers: heartbeats.peers(),
      // Before the Services are known nothing better is known than what the last run knew.
      wanted: this.#servicesKnown ? claimed() : before,
    }));
    const wait = clock.after(NO_SERVER, () => this.#serveRemembered(before));
    this.#stops.push(() => wait.cancel());
    void watchers.services.synced.then(() => wait.cancel());
  }

  /** Takes care of an address of which no Service is known yet. @returns whether it is one. */
  settles(ip: Ip): boolean {
    if (this.#remembered?.has(ip) !== true) return false;
    this.#remembered.look(ip);
    return true;
  }

  /** The nodes with a live agent are others. */
  liveChanged(): void {
    const { clock, heartbeats, stages } = this.#options.parts;
    const isAlone = (): boolean => stages.ownership.liveNodes().length <= 1;
    this.#aloneTimer?.cancel();
    // Heartbeats tell within a moment that others are gone, and as soon that they are back: that is waited for a while.
    if (isAlone() && heartbeats) {
      this.#aloneTimer = clock.after(ALONE_AFTER, () => stages.announcement.setAlone(isAlone()));
    } else stages.announcement.setAlone(isAlone());
    this.changed();
    this.#remembered?.look();
  }

  /** What is to be remembered may be something else. */
  changed(): void {
    this.#options.parts.heartbeats?.memory?.changed();
  }

  /** From now on only they count. */
  servicesKnown(): void {
    this.#servicesKnown = true;
    this.#forget();
  }

  /** Make before break, as long as there is somebody to hand over to. */
  async handOver(isHolding: boolean): Promise<void> {
    const { clock, stages } = this.#options.parts;
    const { ownership } = stages;
    if (!ownership.handOver || ownership.liveNodes().length <= 1 || !isHolding) return;
    await ownership.handOver();
    await new Promise<void>((resolve) => clock.after(UNDER_WAY, resolve));
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#aloneTimer?.cancel();
    this.#forget();
  }

  #serveRemembered(addresses: readonly ClaimedAddress[]): void {
    const { parts, startOwnership } = this.#options;
    if (addresses.length === 0) return;
    parts.log.warn({ addresses: addresses.length }, 'no API server answers: what was served in the last run is served');
    const { ownership, announcement } = parts.stages;
    const remembered = new Remembered({ addresses, ownership, announcement });
    this.#remembered = remembered;
    void startOwnership().then(() => remembered.look());
    remembered.look();
  }

  #forget(): void {
    const claimed = new Set(this.#options.claimed().map(({ ip }) => ip));
    this.#remembered?.end((ip) => claimed.has(ip));
    this.#remembered = undefined;
  }

  #tellStrangers(): void {
    const { heartbeats, log, events } = this.#options.parts;
    const strangers = heartbeats?.record.strangers() ?? [];
    const news = strangers.map(({ node, kind }) => `${node} ${kind}`).join();
    if (news === this.#told) return;
    this.#told = news;
    for (const { node, kind } of strangers) {
      const note = STRANGER[kind](node);
      log.warn({ other: node }, note);
      const lease = heartbeats?.presenceOf(node);
      if (lease) events.record(lease, 'Warning', 'AgentNotHeard', note);
    }
  }
}
