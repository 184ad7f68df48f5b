/** Ownership that another one does the work of: what a wrapper does not change goes through. */
import type { Decision } from '../../../model/decision.ts';
import type { Ip } from '../../../model/ip.ts';
import type { Owner, Takeover } from '../port.ts';
import type { HeartbeatOwnership } from './options.ts';

export class ForwardingOwnership implements HeartbeatOwnership {
  protected readonly inner: HeartbeatOwnership;

  constructor(inner: HeartbeatOwnership) {
    this.inner = inner;
  }

  async start(): Promise<void> {
    await this.inner.start();
  }

  async stop(): Promise<void> {
    await this.inner.stop();
  }

  ensure(address: Ip, eligible: readonly string[]): Decision<Owner> {
    return this.inner.ensure(address, eligible);
  }

  release(address: Ip): Decision {
    return this.inner.release(address);
  }

  doubt(address: Ip): void {
    this.inner.doubt(address);
  }

  answers(address: Ip): boolean {
    return this.inner.answers(address);
  }

  async handOver(): Promise<void> {
    await this.inner.handOver();
  }

  setDraining(draining: boolean): void {
    this.inner.setDraining(draining);
  }

  get isSure(): boolean {
    return this.inner.isSure;
  }

  liveNodes(): readonly string[] {
    return this.inner.liveNodes();
  }

  lostNodes(): readonly string[] {
    return this.inner.lostNodes();
  }

  holds(address: Ip): boolean {
    return this.inner.holds(address);
  }

  recordedHolder(address: Ip): string | undefined {
    return this.inner.recordedHolder(address);
  }

  onChange(callback: (address: Ip | undefined) => void): () => void {
    return this.inner.onChange(callback);
  }

  onTakeover(callback: (takeover: Takeover) => void): () => void {
    return this.inner.onTakeover(callback);
  }
}
