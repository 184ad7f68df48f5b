/** Mappings by PCP (RFC 6887). */
import { familyOf, ip, type Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import { decodePcpResponse, encodePcpRequest } from '../../protocols/pcp/codec.ts';
import {
  PCP_OPCODE,
  PCP_PROTOCOL,
  PCP_SERVER_PORT,
  type PcpOption,
  type PcpRequest,
  type PcpResponse,
} from '../../protocols/pcp/message.ts';
import { PCP_RESULT, pcpResultText, pcpRetryAfter } from '../../protocols/pcp/result.ts';
import {
  FOR_NO_TIME,
  NOT_IN_TIME,
  onlyItself,
  type EpochHeard,
  type MapAnswer,
  type Mapped,
  type MappingAsk,
  type Refused,
  type RouterClient,
  type Unreachable,
} from './client.ts';
import { ask, unreachable, type Answered, type RouterIo } from './exchange.ts';
import { leaseSeconds } from './lifetime.ts';
import { pcpNonce } from './nonce.ts';

export interface PcpClientOptions extends RouterIo {
  readonly gateway: Ip;
  readonly link: string;
  readonly heard: EpochHeard;
  /** Pauses between sendings. */
  readonly pauses?: readonly number[];
}

/**
 * RFC 6887 §8.1.1 begins with 3 s, for servers further away. This one is on the LAN, but takes the longer for each
 * request the more mappings it has (miniupnpd: 100 ms at thirty), does one after the other, and does again whatever is
 * sent again: with less patience a busy one would have the more to do.
 */
const PATIENT: readonly Milliseconds[] = [1000, 2000, 2000];

const NO_OPTION: readonly number[] = [
  PCP_RESULT.unsupportedOption,
  PCP_RESULT.malformedOption,
  PCP_RESULT.malformedRequest,
];

/** A deletion needs no resources: miniupnpd says so when there is nothing to delete. */
const GONE: readonly number[] = [PCP_RESULT.success, PCP_RESULT.noResources];

export function createPcpClient(options: PcpClientOptions): RouterClient {
  const { gateway, link, heard } = options;
  const pauses = options.pauses ?? PATIENT;

  const request = async (message: PcpRequest, signal?: AbortSignal): Promise<Answered<PcpResponse>> => {
    const answer = await ask(
      options,
      {
        link,
        source: message.clientIp,
        to: { ip: gateway, port: PCP_SERVER_PORT },
        payload: encodePcpRequest(message),
        pauses,
        decode: (data) => {
          const response = decodePcpResponse(data);
          return response.opcode === 'version' || answers(response, message) ? response : undefined;
        },
      },
      signal,
    );
    if (answer.kind !== 'answer') return answer;
    const response = answer.value;
    if (response.opcode === 'version') return unreachable(`${gateway} speaks PCP no more`);
    heard('pcp', response.epoch);
    return { kind: 'answer', value: response };
  };

  const mapRequest = (
    port: Pick<MappingAsk, 'protocol' | 'internalPort' | 'externalPort' | 'source'>,
    nonce: Uint8Array,
    lifetime: number,
    list: readonly PcpOption[] = [],
  ): PcpRequest => ({
    opcode: PCP_OPCODE.map,
    lifetime,
    clientIp: port.source,
    map: {
      nonce,
      protocol: PCP_PROTOCOL[port.protocol],
      internalPort: port.internalPort,
      externalPort: port.externalPort,
      externalIp: ip(familyOf(port.source) === 4 ? '0.0.0.0' : '::'),
    },
    options: list,
  });

  /** One MAP for exactly this port; servers that do not know PREFER_FAILURE are asked without. */
  const exactly = async (port: MappingAsk, signal?: AbortSignal): Promise<Answered<PcpResponse>> => {
    const nonce = pcpNonce(port.uid, port);
    const lifetime = leaseSeconds(port.lifetime);
    const first = await request(mapRequest(port, nonce, lifetime, [{ kind: 'prefer-failure' }]), signal);
    if (first.kind !== 'answer' || !NO_OPTION.includes(first.value.result)) return first;
    return request(mapRequest(port, nonce, lifetime), signal);
  };

  const remove = (port: MappingAsk, nonce: Uint8Array, signal?: AbortSignal) =>
    request(mapRequest({ ...port, externalPort: 0 }, nonce, 0), signal);

  /** A slow router may have opened another port by now, which nobody would ever close. */
  const unanswered = async (answer: Unreachable, port: MappingAsk, signal?: AbortSignal): Promise<MapAnswer> => {
    if (port.known || answer.local) return answer;
    const removed = await remove(port, pcpNonce(port.uid, port), signal);
    return removed.kind === 'answer' ? NOT_IN_TIME : answer;
  };

  return {
    method: 'pcp',
    gateway,

    async map(port, signal): Promise<MapAnswer> {
      // The second time is for a mapping of our own that stands in the way: the server has one for each internal
      // port, and goes on with its external port whatever is asked.
      for (let attempt = 0; attempt < 2; attempt++) {
        const answer = await exactly(port, signal);
        if (answer.kind !== 'answer') return unanswered(answer, port, signal);
        const { result, map, lifetime } = answer.value;
        if (result === PCP_RESULT.success && lifetime === 0) return FOR_NO_TIME;
        if (result === PCP_RESULT.success && map?.externalPort === port.externalPort)
          return { kind: 'mapped', record: recordOf(port, gateway, map.externalIp, lifetime * 1000) };
        if (result !== PCP_RESULT.success && result !== PCP_RESULT.cannotProvideExternal) return refused(answer.value);
        const removed = await remove(port, pcpNonce(port.uid, port), signal);
        if (removed.kind !== 'answer') return removed;
      }
      return { kind: 'taken' };
    },

    find: () => Promise.resolve({ kind: 'unknown' }),
    list: () => Promise.resolve(undefined),

    async unmap(record, source, signal) {
      if (record.internalIp !== source) return onlyItself(record.internalIp);
      const nonce = record.nonce === undefined ? undefined : Uint8Array.from(Buffer.from(record.nonce, 'hex'));
      if (nonce?.length !== 12) return unreachable('the record lacks the nonce of the mapping');
      const answer = await request(mapRequest({ ...record, externalPort: 0, source }, nonce, 0), signal);
      if (answer.kind !== 'answer') return answer;
      if (GONE.includes(answer.value.result)) return { kind: 'gone' };
      if (familyOf(source) === 4) return refused(answer.value);
      // miniupnpd forgets with the first refresh whose a pinhole is; its life it still makes as short as it may be.
      const shortened = await request(mapRequest({ ...record, source }, nonce, 1), signal);
      const { result, lifetime } = shortened.kind === 'answer' ? shortened.value : answer.value;
      const until = result === PCP_RESULT.success ? { expiresIn: lifetime * 1000 } : {};
      return { ...refused(answer.value), ...until };
    },

    async check(source, signal) {
      const announce = { opcode: PCP_OPCODE.announce, lifetime: 0, clientIp: source, options: [] };
      const answer = await request(announce, signal);
      return answer.kind === 'answer' ? { kind: 'alive' } : answer;
    },
  };
}

/** Whether the response belongs to the request; a failed one may lack the mapping. */
function answers(response: PcpResponse, { opcode, map }: PcpRequest): boolean {
  if (response.opcode !== opcode) return false;
  if (!map || !response.map) return true;
  return (
    response.map.protocol === map.protocol &&
    response.map.internalPort === map.internalPort &&
    Buffer.from(response.map.nonce).equals(map.nonce)
  );
}

function recordOf(port: MappingAsk, gateway: Ip, externalIp: Ip, lifetime: Milliseconds): Mapped['record'] {
  const { protocol, internalPort, externalPort, source } = port;
  const unspecified = externalIp === '0.0.0.0' || externalIp === '::';
  // A firewall changes no address, and some servers of one say none.
  const outer = unspecified && familyOf(source) === 6 ? source : unspecified ? undefined : externalIp;
  return {
    protocol,
    internalPort,
    externalPort,
    internalIp: source,
    method: 'pcp',
    gateway,
    lifetime,
    ...(outer === undefined ? {} : { externalIp: outer }),
    nonce: Buffer.from(pcpNonce(port.uid, port)).toString('hex'),
  };
}

function refused({ result, lifetime }: PcpResponse): Refused {
  const { name, words } = pcpResultText(result);
  return { kind: 'refused', code: `${result} ${name}`, words, retryAfter: pcpRetryAfter(lifetime) * 1000 };
}
