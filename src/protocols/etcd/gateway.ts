/**
 * What an election asks of etcd and what it answers, as etcd's JSON gateway has it (`/v3`, etcd 3.4 and later): the
 * messages of its gRPC API with bytes in base64, and numbers of 64 bits as text. A field that is zero is left out.
 */
import { DecodeError } from '../../model/errors.ts';
import type { Milliseconds } from '../../model/time.ts';
import { candidateKey, candidateRange, type Candidate, type LeaseId } from './candidates.ts';

/** A POST. */
export interface GatewayRequest {
  readonly path: string;
  readonly body: unknown;
}

/** @param ttl in whole seconds. etcd grants more where it is less than an election of its own takes. */
export function grantLease(ttl: number): GatewayRequest {
  return { path: '/v3/lease/grant', body: { TTL: String(ttl) } };
}

export function renewLease(lease: LeaseId): GatewayRequest {
  return { path: '/v3/lease/keepalive', body: { ID: lease } };
}

/** Deletes the keys of the lease, too. */
export function revokeLease(lease: LeaseId): GatewayRequest {
  return { path: '/v3/lease/revoke', body: { ID: lease } };
}

export function askLease(lease: LeaseId): GatewayRequest {
  return { path: '/v3/lease/timetolive', body: { ID: lease } };
}

/** Makes the key unless it is there: said twice it is the same candidate, in the same place. */
export function enterElection(election: string, lease: LeaseId, id: string): GatewayRequest {
  const key = base64(candidateKey(election, lease));
  return {
    path: '/v3/kv/txn',
    body: {
      compare: [{ target: 'CREATE', result: 'EQUAL', key, create_revision: '0' }],
      success: [{ request_put: { key, value: base64(id), lease } }],
    },
  };
}

/** As a majority of the members has it now. */
export function listCandidates(election: string): GatewayRequest {
  return { path: '/v3/kv/range', body: rangeOf(election) };
}

/** A stream without end: something in it means that the candidates have changed. */
export function watchCandidates(election: string): GatewayRequest {
  return { path: '/v3/watch', body: { create_request: rangeOf(election) } };
}

/** @returns the lease and how long it is good for. @throws DecodeError */
export function readGrant(answer: unknown): { readonly lease: LeaseId; readonly ttl: Milliseconds } {
  const { ID, TTL, error } = fieldsOf(answer);
  if (typeof error === 'string' && error !== '') throw new DecodeError(`etcd granted no lease: ${error.slice(0, 200)}`);
  return { lease: leaseOf(ID), ttl: Number(int64(TTL)) * 1000 };
}

/** How long the lease is good for from when this was asked; undefined: it is gone. @throws DecodeError */
export function readRenewal(answer: unknown): Milliseconds | undefined {
  const { result } = fieldsOf(answer);
  const ttl = Number(int64(fieldsOf(result)['TTL'] ?? '0'));
  return ttl > 0 ? ttl * 1000 : undefined;
}

/** When the lease was renewed, to the second, and for how long. */
export interface LeaseAge {
  /** How long ago. */
  readonly age: Milliseconds;
  readonly ttl: Milliseconds;
}

/** @returns undefined: the lease is gone. @throws DecodeError */
export function readLeaseAge(answer: unknown): LeaseAge | undefined {
  const { TTL, grantedTTL } = fieldsOf(answer);
  const [left, granted] = [int64(TTL ?? '0'), int64(grantedTTL ?? '0')];
  return left >= 0n && granted > 0n ? { age: Number(granted - left) * 1000, ttl: Number(granted) * 1000 } : undefined;
}

/** @throws DecodeError */
export function readCandidates(answer: unknown): readonly Candidate[] {
  const { kvs = [] } = fieldsOf(answer);
  if (!Array.isArray(kvs)) throw new DecodeError('etcd’s keys are no list');
  return kvs.map((kv: unknown) => {
    const { lease = '0', value = '', create_revision } = fieldsOf(kv);
    return { lease: leaseOf(lease), id: textOf(value), since: int64(create_revision) };
  });
}

/**
 * What a message of the stream means. `created`: from here on nothing is missed. `ended`: by etcd, with its reason; nothing
 * more comes.
 * @throws DecodeError
 */
export function readWatch(message: unknown): { readonly kind: 'created' | 'changed' | 'ended'; readonly why?: string } {
  const { result, error } = fieldsOf(message);
  if (error !== undefined) {
    const { message: why } = fieldsOf(error);
    return { kind: 'ended', why: typeof why === 'string' ? why.slice(0, 200) : 'no reason given' };
  }
  const { created, canceled, cancel_reason } = fieldsOf(result);
  if (canceled === true)
    return { kind: 'ended', why: typeof cancel_reason === 'string' ? cancel_reason.slice(0, 200) : 'cancelled' };
  return { kind: created === true ? 'created' : 'changed' };
}

/** Why etcd refuses: its gRPC status and words. Undefined where an answer is not one of the gateway. */
export function readRefusal(answer: unknown): { readonly code: number; readonly message: string } | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { code, message } = answer as Readonly<Record<string, unknown>>;
  return typeof code === 'number' && typeof message === 'string' ? { code, message: message.slice(0, 200) } : undefined;
}

/** gRPC: the lease is not there. */
export const NOT_FOUND = 5;

function rangeOf(election: string): Readonly<Record<string, string>> {
  const [from, to] = candidateRange(election);
  return { key: base64(from), range_end: base64(to) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DecodeError('etcd’s answer is no object');
  return value as Readonly<Record<string, unknown>>;
}

function int64(value: unknown): bigint {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text)) throw new DecodeError('etcd’s answer lacks a number');
  return BigInt(text);
}

function leaseOf(value: unknown): LeaseId {
  return String(int64(value)) as LeaseId;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new DecodeError('etcd’s answer lacks a text');
  return Buffer.from(value, 'base64').toString('utf8');
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
