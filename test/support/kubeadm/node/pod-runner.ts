/** Keeps the containers of pods running: starts, restarts with growing pauses, asks them how they are. */
import { request } from 'node:http';
import { isAlive } from '../../../../src/lab/process.ts';
import { at, text, type Doc } from '../cli/config.ts';
import { runningContainers, startContainer, stopContainer, type ContainerSpec, type Running } from './containers.ts';
import { containerOf, nameOf, namespaceOf } from './pod.ts';

/** 10 s up to 5 minutes in the real one. */
const RESTART_MS = { first: 300, most: 5000 };
const GRACE_SECONDS = 30;

export interface PodState {
  readonly running: boolean;
  readonly ready: boolean;
  readonly restarts: number;
  readonly problem: string;
}

interface Slot {
  readonly pod: Doc;
  readonly key: string;
  process: Running | undefined;
  restarts: number;
  notBefore: number;
  ready: boolean;
  failures: number;
  nextProbe: number;
  probing: boolean;
  problem: string;
}

export class PodRunner {
  readonly #slots = new Map<string, Slot>();
  readonly #specOf: (pod: Doc, id: string) => Promise<ContainerSpec>;
  readonly #starting = new Set<string>();

  constructor(specOf: (pod: Doc, id: string) => Promise<ContainerSpec>) {
    this.#specOf = specOf;
  }

  state(key: string): PodState | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    const running = slot.process !== undefined && isAlive(slot.process);
    return { running, ready: running && slot.ready, restarts: slot.restarts, problem: slot.problem };
  }

  /** @param wanted by a key that changes with the pod */
  async sync(wanted: ReadonlyMap<string, Doc>): Promise<void> {
    for (const [key, slot] of this.#slots) {
      if (wanted.has(key)) continue;
      this.#slots.delete(key);
      if (slot.process !== undefined) await stopContainer(slot.process, graceOf(slot.pod));
    }
    const ids = new Set([...wanted].map(([key, pod]) => idOf(key, pod)));
    // Of pods that went while no kubelet ran.
    for (const orphan of runningContainers()) {
      if (!ids.has(orphan.id) && ![...this.#slots.values()].some(({ process }) => process?.id === orphan.id)) {
        await stopContainer(orphan, 2000);
      }
    }
    for (const [key, pod] of wanted) {
      const slot = this.#slots.get(key) ?? this.#adopt(key, pod);
      this.#keep(slot);
      this.#probe(slot);
    }
  }

  #adopt(key: string, pod: Doc): Slot {
    const slot: Slot = {
      pod,
      key,
      process: runningContainers().find(({ id }) => id === idOf(key, pod)),
      restarts: 0,
      notBefore: 0,
      ready: false,
      failures: 0,
      nextProbe: 0,
      probing: false,
      problem: '',
    };
    this.#slots.set(key, slot);
    return slot;
  }

  #keep(slot: Slot): void {
    const now = performance.now();
    if ((slot.process !== undefined && isAlive(slot.process)) || this.#starting.has(slot.key)) return;
    if (slot.process !== undefined) {
      // It has ended by itself.
      slot.process = undefined;
      slot.ready = false;
      slot.notBefore = now + Math.min(RESTART_MS.first * 2 ** Math.min(slot.restarts, 6), RESTART_MS.most);
      slot.restarts++;
    }
    if (now < slot.notBefore) return;
    this.#starting.add(slot.key);
    this.#specOf(slot.pod, idOf(slot.key, slot.pod))
      .then((spec) => {
        if (!this.#slots.has(slot.key)) return;
        slot.process = startContainer(spec);
        slot.problem = '';
      })
      .catch((error: unknown) => {
        slot.problem = (error as Error).message;
        slot.notBefore = performance.now() + RESTART_MS.first;
      })
      .finally(() => this.#starting.delete(slot.key));
  }

  /** Without a probe it is ready as soon as it runs. */
  #probe(slot: Slot): void {
    const container = containerOf(slot.pod);
    const readiness = at(container, 'readinessProbe') as Doc | undefined;
    if (readiness === undefined) {
      slot.ready = true;
      return;
    }
    const now = performance.now();
    if (slot.probing || now < slot.nextProbe) return;
    slot.probing = true;
    slot.nextProbe = now + 500;
    const liveness = at(container, 'livenessProbe') as Doc | undefined;
    Promise.all([probe(readiness), liveness === undefined ? Promise.resolve(true) : probe(liveness)])
      .then(([ready, alive]) => {
        slot.ready = ready;
        slot.failures = alive ? 0 : slot.failures + 1;
      })
      .catch(() => undefined)
      .finally(() => (slot.probing = false));
  }
}

function idOf(key: string, pod: Doc): string {
  return `${namespaceOf(pod)}_${nameOf(pod)}_${key.replace(/[^\w.-]/g, '').slice(-12)}`;
}

function graceOf(pod: Doc): number {
  return Number(text(pod, 'spec.terminationGracePeriodSeconds', String(GRACE_SECONDS))) * 1000;
}

async function probe(spec: Doc): Promise<boolean> {
  const path = text(spec, 'httpGet.path');
  if (path === '') return true;
  const options = { host: text(spec, 'httpGet.host', '127.0.0.1'), port: Number(text(spec, 'httpGet.port')), path };
  return await new Promise<boolean>((resolve) => {
    const asked = request({ ...options, timeout: 3000, agent: false }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 400);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
