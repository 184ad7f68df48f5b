/** Keeps the machine process of one node running, and tells it again what is wanted when it comes back. */
import { spawn, type ChildProcess } from 'node:child_process';
import { program } from '../cluster-daemons.ts';
import { inNetns } from '../exec.ts';
import { netnsOf, type LabPaths } from '../layout.ts';
import { netnsExists } from '../netns.ts';
import { isPoweredOff } from '../state.ts';
import type { FromMachine, PodToRun, ToMachine } from './messages.ts';

/** How often to look whether a node has its power back. */
const POWER_CHECK_MS = 50;
/** Pause before a machine process that ended although its node has power is started again. */
const RESTART_MS = 200;

export interface MachineEvents {
  /** The node has come up or gone silent. */
  readonly onPower: (on: boolean) => void;
  /** The pods that serve, by uid. */
  readonly onRunning: (uids: ReadonlySet<string>) => void;
  readonly onProblem: (message: string) => void;
}

export class MachineClient {
  readonly #paths: LabPaths;
  readonly #node: string;
  readonly #events: MachineEvents;
  #child: ChildProcess | undefined;
  #connected = false;
  #pods: readonly PodToRun[] = [];
  #ruleset = '';
  #sent: { pods: string; ruleset: string } = { pods: '', ruleset: '' };
  #stopped = false;

  constructor(paths: LabPaths, node: string, events: MachineEvents) {
    this.#paths = paths;
    this.#node = node;
    this.#events = events;
  }

  start(): void {
    if (this.#stopped) return;
    if (isPoweredOff(this.#paths, this.#node) || !netnsExists(netnsOf(this.#paths, this.#node))) {
      setTimeout(() => this.start(), POWER_CHECK_MS);
      return;
    }
    const argv = [...program('lab/cluster/machine'), this.#node];
    const [command = '', ...args] = inNetns(netnsOf(this.#paths, this.#node), argv);
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    child.on('message', (message: FromMachine) => this.#hear(message));
    child.on('error', (error) => this.#events.onProblem(`${this.#node}: ${error.message}`));
    child.on('exit', () => this.#ended());
  }

  stop(): void {
    this.#stopped = true;
    this.#child?.disconnect();
  }

  /** What shall run; told when it differs from what the machine was told before. */
  setPods(pods: readonly PodToRun[]): void {
    this.#pods = pods;
    this.#tell();
  }

  /** The ruleset that shall hold; told when it differs. */
  setRules(ruleset: string): void {
    this.#ruleset = ruleset;
    this.#tell();
  }

  #tell(): void {
    if (!this.#connected) return;
    const pods = JSON.stringify(this.#pods);
    if (pods !== this.#sent.pods) this.#send({ type: 'pods', pods: this.#pods });
    if (this.#ruleset !== '' && this.#ruleset !== this.#sent.ruleset)
      this.#send({ type: 'rules', ruleset: this.#ruleset });
    this.#sent = { pods, ruleset: this.#ruleset };
  }

  #send(message: ToMachine): void {
    // A machine that goes away while we speak is seen by its exit.
    this.#child?.send(message, () => undefined);
  }

  #hear(message: FromMachine): void {
    switch (message.type) {
      case 'hello':
        this.#connected = true;
        this.#sent = { pods: '', ruleset: '' };
        this.#events.onPower(true);
        this.#tell();
        break;
      case 'running':
        this.#events.onRunning(new Set(message.uids));
        break;
      case 'problem':
        this.#events.onProblem(`${this.#node}: ${message.message}`);
        break;
    }
  }

  #ended(): void {
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#child = undefined;
    if (wasConnected) this.#events.onPower(false);
    if (this.#stopped) return;
    setTimeout(() => this.start(), isPoweredOff(this.#paths, this.#node) ? POWER_CHECK_MS : RESTART_MS);
  }
}
