/** The Secret with the tunnels as a part of the agent: read, followed, and what is wrong with it told. */
import { SecretBook } from '../../exposure/announcement/tunnel/book.ts';
import type { TunnelBook } from '../../exposure/announcement/tunnel/port.ts';
import { createWatcher, type Watcher } from '../../kube/watcher/watcher.ts';
import { createSystemClock } from '../../linux/clock.ts';
import { systemEntropy } from '../../linux/entropy.ts';
import { createTunnelDevices } from '../../linux/tunnel-devices.ts';
import { TUNNEL_SECRET, TUNNEL_SECRET_KEY } from '../../manifests/names.ts';
import { messageOf } from '../../model/errors.ts';
import { hostPort } from '../../model/ip.ts';
import type { Secret } from '../../model/kubernetes.ts';
import type { Milliseconds, Timer } from '../../model/time.ts';
import type { AgentConfig } from '../config.ts';
import { createDistinctLog } from '../distinct-log.ts';
import type { DumpSection } from '../dump.ts';
import type { Health } from '../http.ts';
import type { Logger } from '../log.ts';
import { ownCluster } from '../own-cluster.ts';
import type { Part } from '../services.ts';

/** A kubeconfig that is not there yet. */
const RETRY: Milliseconds = 1000;

export class WireguardPart implements Part {
  readonly #config: AgentConfig;
  readonly #log: Logger;
  readonly #clock = createSystemClock();
  readonly #book: SecretBook;
  readonly #trouble: (topic: string, error: unknown) => void;
  readonly #told = new Set<string>();
  #timer: Timer | undefined;
  #close: (() => void) | undefined;

  constructor(config: AgentConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#book = new SecretBook(`Secret ${config.namespace}/${TUNNEL_SECRET}`);
    this.#trouble = createDistinctLog(log, undefined, 'warn');
    this.#book.onChange(() => this.#tell());
  }

  get tunnels(): TunnelBook {
    return this.#book;
  }

  start(): void {
    const { netns } = this.#config;
    const devices = createTunnelDevices({ instance: 'services', ...(netns === undefined ? {} : { netns }) });
    const obstacle = devices.obstacle();
    if (obstacle === undefined) this.#log.info({}, `tunnels by ${devices.means}`);
    else this.#log.warn({}, obstacle);
    this.#connect();
  }

  stop(): Promise<void> {
    this.#timer?.cancel();
    this.#close?.();
    return Promise.resolve();
  }

  health(): Health {
    return {};
  }

  failovers(): readonly never[] {
    return [];
  }

  dump(): readonly DumpSection[] {
    const lines = this.#book.tunnels.map(
      ({ name, ip, endpoint, listenPort, publicKey }) =>
        `${name}: ${ip} by ${hostPort(endpoint.host, endpoint.port)} from UDP port ${listenPort}, public key ${publicKey}`,
    );
    return [{ title: 'WIREGUARD', lines: [...lines, ...this.#book.problems] }];
  }

  #connect(): void {
    try {
      this.#close = this.#follow();
    } catch (error) {
      this.#trouble('the tunnels', error);
      this.#book.trouble(messageOf(error));
      this.#timer = this.#clock.after(RETRY, () => this.#connect());
    }
  }

  #follow(): () => void {
    const { namespace } = this.#config;
    const cluster = ownCluster(this.#config);
    const watcher: Watcher<Secret> = createWatcher<Secret>({
      resource: cluster.resource('Secret'),
      selection: { namespace, fieldSelector: `metadata.name=${TUNNEL_SECRET}` },
      clock: this.#clock,
      entropy: systemEntropy,
      onError: (error) => {
        this.#trouble(`watching Secret ${namespace}/${TUNNEL_SECRET}`, error);
        this.#book.trouble(messageOf(error));
      },
    });
    const key = `${namespace}/${TUNNEL_SECRET}`;
    let stopped = false;
    let stop = (): void => undefined;
    const look = (): void => {
      const secret = watcher.store.get(key);
      const text = secret?.data?.[TUNNEL_SECRET_KEY];
      if (text !== undefined) this.#book.say({ text: Buffer.from(text, 'base64').toString('utf8') });
      else this.#book.say(secret ? 'keyless' : 'absent');
    };
    watcher.start();
    void watcher.synced.then((synced) => {
      if (stopped || !synced) return;
      look();
      stop = watcher.onChange((changed) => {
        if (changed === key) look();
      });
    });
    return () => {
      stopped = true;
      stop();
      watcher.stop();
      cluster.close();
    };
  }

  #tell(): void {
    const { tunnels, problems } = this.#book;
    this.#log.info(
      { tunnels: tunnels.map(({ name, ip }) => `${name} for ${ip}`) },
      'the Secret with the tunnels was read',
    );
    const news = problems.filter((problem) => !this.#told.has(problem));
    this.#told.clear();
    for (const problem of problems) this.#told.add(problem);
    for (const problem of news) this.#log.warn({}, problem);
  }
}
