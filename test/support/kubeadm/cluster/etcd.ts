/** The members of one etcd cluster: who votes, who learns, who reaches whom, and whether that is enough. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivate } from '../../../../src/lab/apiserver/files.ts';
import type { Peer } from './messages.ts';

export interface MemberRecord {
  readonly id: string;
  /** Empty until it has started. */
  name: string;
  readonly peerUrl: string;
  clientUrl: string;
  learner: boolean;
}

interface Live {
  readonly node: string;
  readonly since: number;
  reach: ReadonlySet<string>;
}

/** How long a learner needs to be in step with the leader. */
const LEARNING_MS = 300;

/** An etcd error, in its words. */
export class EtcdError extends Error {}

export class EtcdCluster {
  readonly id: string;
  readonly #file: string;
  readonly #members: MemberRecord[];
  readonly #live = new Map<string, Live>();
  readonly #changed: () => void;

  /** @param folder where it is kept; the members are read from there */
  constructor(id: string, folder: string, changed: () => void) {
    this.id = id;
    this.#file = join(folder, 'members.json');
    this.#members = existsSync(this.#file) ? (JSON.parse(readFileSync(this.#file, 'utf8')) as MemberRecord[]) : [];
    this.#changed = changed;
  }

  get members(): readonly MemberRecord[] {
    return this.#members;
  }

  isLive(id: string): boolean {
    return this.#live.has(id);
  }

  member(id: string): MemberRecord | undefined {
    return this.#members.find((member) => member.id === id);
  }

  /** Before anybody else is there. */
  found(name: string, peerUrl: string): MemberRecord {
    const member = { id: newId(), name, peerUrl, clientUrl: '', learner: false };
    this.#members.push(member);
    this.#save();
    return member;
  }

  /** A process of this member runs on a node. */
  start(id: string, node: string, name: string, clientUrl: string): void {
    const member = this.member(id);
    if (member === undefined) return;
    member.name = name;
    member.clientUrl = clientUrl;
    this.#live.set(id, { node, since: performance.now(), reach: new Set() });
    this.#save();
  }

  stop(id: string): void {
    this.#live.delete(id);
    this.#changed();
  }

  setReach(id: string, reach: readonly string[]): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    live.reach = new Set(reach);
    this.#changed();
  }

  /** Whom a member has to try to reach. */
  peersOf(id: string): Peer[] {
    return this.#members
      .filter((member) => member.id !== id)
      .map(({ id: member, peerUrl }) => {
        const { hostname, port } = new URL(peerUrl);
        return { member, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
      });
  }

  /** May this member answer: it votes, and reaches more than half of those that vote, itself among them. */
  hasQuorum(id: string): boolean {
    const own = this.#live.get(id);
    if (own === undefined || this.member(id)?.learner !== false) return false;
    const voters = this.#members.filter(({ learner }) => !learner);
    const reached = voters.filter(
      (member) => member.id === id || (own.reach.has(member.id) && this.#live.get(member.id)?.reach.has(id) === true),
    );
    return reached.length * 2 > voters.length;
  }

  /** Of the etcd on this node. */
  memberOn(node: string): MemberRecord | undefined {
    return this.#members.find(({ id }) => this.#live.get(id)?.node === node);
  }

  /** @param by the member that is asked @throws EtcdError */
  add(by: string, peerUrl: string, learner: boolean): void {
    this.#requireQuorum(by);
    if (this.#members.some((member) => member.peerUrl === peerUrl)) return;
    if (learner && this.#members.some((member) => member.learner)) {
      throw new EtcdError('etcdserver: too many learner members in cluster');
    }
    // A voter that has not started counts against the quorum from this moment: that is what learners are for.
    this.#members.push({ id: newId(), name: '', peerUrl, clientUrl: '', learner });
    this.#save();
  }

  /** @throws EtcdError */
  promote(by: string, id: string): void {
    this.#requireQuorum(by);
    const member = this.member(id);
    if (member === undefined) throw new EtcdError('etcdserver: member not found');
    if (!member.learner) throw new EtcdError('etcdserver: can only promote a learner member');
    const live = this.#live.get(id);
    if (live === undefined || performance.now() - live.since < LEARNING_MS) {
      throw new EtcdError('etcdserver: can only promote a learner member which is in sync with leader');
    }
    member.learner = false;
    this.#save();
  }

  /** @throws EtcdError */
  remove(by: string, id: string): void {
    this.#requireQuorum(by);
    const index = this.#members.findIndex((member) => member.id === id);
    if (index < 0) throw new EtcdError('etcdserver: member not found');
    this.#members.splice(index, 1);
    this.#save();
  }

  #requireQuorum(by: string): void {
    if (this.member(by)?.learner === true) throw new EtcdError('etcdserver: rpc not supported for learner');
    if (!this.hasQuorum(by)) throw new EtcdError('etcdserver: request timed out');
  }

  #save(): void {
    writePrivate(this.#file, JSON.stringify(this.#members));
    this.#changed();
  }
}

function newId(): string {
  return randomBytes(8).toString('hex');
}
