/**
 * Leads traffic for our addresses past pods on dead nodes, on every node: until Kubernetes has found out by itself,
 * kube-proxy would go on to send a share of all connections there. While nobody is dead there are no rules.
 */
import { messageOf } from '../../model/errors.ts';
import type { EndpointSlice, Service } from '../../model/kubernetes.ts';
import { inPortions } from '../../model/portions.ts';
import type { Clock, Milliseconds, Timer } from '../../model/time.ts';
import { Deaths } from './deaths.ts';
import { findDetours, nodesStillListed } from './detours.ts';
import type { Detour, DetourTable } from './port.ts';

/** Changes come in bursts. */
const TOGETHER: Milliseconds = 5;
/** Rules in the kernel run out by themselves, and a firewall may flush them: while there are any they are set again. */
const AGAIN: Milliseconds = 5000;
const RETRY: Milliseconds = 1000;
/** Services looked at in one go. */
const PORTION = 32;

export interface EndpointStageOptions {
  /** This node. */
  readonly node: string;
  readonly clock: Clock;
  readonly table: DetourTable;
  readonly services: () => Iterable<Service>;
  readonly slices: () => Iterable<EndpointSlice>;
  /** Nodes whose agent fell silent without a good-bye. */
  readonly lostNodes: () => readonly string[];
  /** Whether the API server has given a sign of life of late. */
  readonly inContact: () => boolean;
  /** For the log: which nodes are avoided now, and for how many ports. */
  readonly onChange?: (nodes: readonly string[], ports: number) => void;
  /** The rules could not be set; tried again. */
  readonly onError?: (error: unknown) => void;
}

export class EndpointStage {
  readonly #options: EndpointStageOptions;
  readonly #deaths = new Deaths();
  /** The kernel holds no rules, as far as is known. */
  #isEmpty = false;
  /** Nobody was lost, and there are no rules. */
  #idle = false;
  #told = '[]';
  /** Why the kernel did not take the rules, while it does not. */
  #problem: string | undefined;
  #timer: Timer | undefined;
  /** When the timer is due. */
  #due: Milliseconds = Number.POSITIVE_INFINITY;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(options: EndpointStageOptions) {
    this.#options = options;
  }

  /** Takes away what an earlier run left. */
  start(): void {
    this.#by(0);
  }

  /** A Service, an EndpointSlice or the life of a node has changed. Cheap while nobody is dead. */
  changed(): void {
    if (!this.#idle || this.#options.lostNodes().length > 0) this.#by(TOGETHER);
  }

  /** Leaves no rule. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#working;
    await this.#apply([]);
  }

  #by(delay: Milliseconds): void {
    const due = this.#options.clock.now() + delay;
    if (this.#stopped || due >= this.#due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#options.clock.after(delay, () => {
      this.#due = Number.POSITIVE_INFINITY;
      // Whoever is at work looks again at the end.
      this.#working ??= this.#work().finally(() => (this.#working = undefined));
    });
  }

  async #work(): Promise<void> {
    const { node, clock, services, slices, lostNodes, inContact, onChange } = this.#options;
    const lost = lostNodes();
    const listed = nodesStillListed(slices(), lost);
    const dead = this.#deaths.update({ lost, listed, inContact: inContact(), now: clock.now() });
    const steps = findDetours({ node, services: [...services()], slices: [...slices()], dead });
    const wanted = await inPortions(steps, PORTION, () => new Promise((resolve) => clock.after(0, resolve)));
    const done = (wanted.length === 0 && this.#isEmpty) || (await this.#apply(wanted));
    const told = JSON.stringify(wanted.length === 0 ? [] : [[...dead], wanted.length]);
    if (done && told !== this.#told) onChange?.(wanted.length === 0 ? [] : [...dead], wanted.length);
    if (done) this.#told = told;
    this.#idle = done && lost.length === 0;
    if (!this.#idle) this.#by(done || wanted.length === 0 ? AGAIN : RETRY);
  }

  async #apply(wanted: readonly Detour[]): Promise<boolean> {
    this.#isEmpty = false;
    try {
      await this.#options.table.set(wanted);
    } catch (error) {
      // Tried again and again, told once.
      if (messageOf(error) !== this.#problem) this.#options.onError?.(error);
      this.#problem = messageOf(error);
      return false;
    }
    this.#problem = undefined;
    this.#isEmpty = wanted.length === 0;
    return true;
  }
}
