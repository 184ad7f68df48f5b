/** The tunnels of a cluster as its Secret has them at the moment. What of it cannot be used says why, never what is in it. */
import { failed, pending, ready, type Decision } from '../../../model/decision.ts';
import { prefixOf } from '../../../model/cidr.ts';
import type { Ip } from '../../../model/ip.ts';
import { createListeners } from '../listeners.ts';
import type { Tunnel, TunnelBook } from './port.ts';
import { readTunnels, type TunnelList } from './secret.ts';

/** Texts of the Secret's key; `absent`: no such Secret, `keyless`: none in it. */
export type SecretText = { readonly text: string } | 'absent' | 'keyless';

const NOTHING: TunnelList = { tunnels: [], problems: [] };

export class SecretBook implements TunnelBook {
  /** For people: `Secret kube-system/wireguard`. */
  readonly #name: string;
  readonly #changed = createListeners<undefined>();
  #list: TunnelList = NOTHING;
  #why: string;
  #isKnown = false;

  constructor(name: string) {
    this.#name = name;
    this.#why = `${name} has not been read yet`;
  }

  /** What the Secret says now. A text that cannot be read at all leaves everything as it was. */
  say(secret: SecretText): void {
    if (secret === 'absent') this.#take(NOTHING, `there is no ${this.#name}`);
    else if (secret === 'keyless') this.#take(NOTHING, `${this.#name} has no key tunnels`);
    else {
      const { tunnels, problems } = readTunnels(secret.text);
      const isUnreadable = problems.some(({ whole }) => whole);
      const list = isUnreadable
        ? { tunnels: this.#list.tunnels, problems }
        : { tunnels: tunnels.map((tunnel) => this.#unchanged(tunnel) ?? tunnel), problems };
      this.#take(list, '');
    }
  }

  /** It could not be read. Only told while it never was: what is known counts. */
  trouble(message: string): void {
    if (!this.#isKnown) this.#why = `${this.#name} cannot be read: ${message}`;
  }

  get tunnels(): readonly Tunnel[] {
    return this.#list.tunnels;
  }

  /** For the log; each names tunnel and field. */
  get problems(): readonly string[] {
    const whole = this.#isKnown && this.#why !== '' ? [this.#why] : [];
    return [...whole, ...this.#list.problems.map(({ message }) => `${this.#name}: ${message}`)];
  }

  of(ip: Ip): Decision<Tunnel> {
    if (!this.#isKnown) return pending('TunnelsUnknown', `${ip} is not announced: ${this.#why}`);
    const tunnel = this.#list.tunnels.find((one) => one.ip === ip);
    if (tunnel) return ready(tunnel, 'TunnelKnown', `tunnel ${tunnel.name} is for ${ip}`);
    const wrong = this.#list.problems.find((one) => one.ip === ip && one.harmless !== true);
    if (wrong) return failed('TunnelWrong', `${ip} is not announced: ${this.#name}: ${wrong.message}`);
    return failed('NoTunnel', `${ip} is not announced: ${this.#noTunnel()}`);
  }

  onChange(callback: () => void): () => void {
    return this.#changed.add(callback);
  }

  #noTunnel(): string {
    if (this.#why !== '') return this.#why;
    const known = this.#list.tunnels.map(({ name, ip }) => `${name} ${ip}`);
    // One whose address cannot be read may have been meant for it.
    const others = this.#list.problems.filter((one) => one.ip === undefined && one.harmless !== true);
    const all = [...known, ...others.map(({ message }) => message)];
    return `no tunnel of ${this.#name} has it as its vip${all.length === 0 ? '' : ` (there is ${all.join('; ')})`}`;
  }

  #take(list: TunnelList, why: string): void {
    this.#list = list;
    this.#why = why;
    this.#isKnown = true;
    this.#changed.tell(undefined);
  }

  /** The same object as before, so that nobody takes it for another. */
  #unchanged(tunnel: Tunnel): Tunnel | undefined {
    return this.#list.tunnels.find((before) => isSame(before, tunnel));
  }
}

function isSame(a: Tunnel, b: Tunnel): boolean {
  const plain = (tunnel: Tunnel): string =>
    JSON.stringify({ ...tunnel, allowedIps: tunnel.allowedIps.map(prefixOf), privateKey: '', presharedKey: '' });
  const hasSamePreshared =
    a.presharedKey === undefined ? b.presharedKey === undefined : a.presharedKey.equals(b.presharedKey);
  return plain(a) === plain(b) && a.privateKey.equals(b.privateKey) && hasSamePreshared;
}
