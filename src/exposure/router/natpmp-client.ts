/** Mappings by NAT-PMP (RFC 6886). */
import type { Ip } from '../../model/ip.ts';
import type { Milliseconds } from '../../model/time.ts';
import {
  NATPMP_SERVER_PORT,
  decodeNatPmpResponse,
  encodeNatPmpRequest,
  type NatPmpRequest,
  type NatPmpResponse,
} from '../../protocols/natpmp/message.ts';
import { NATPMP_RESULT, natPmpResultText } from '../../protocols/natpmp/result.ts';
import { natPmpSchedule } from '../../protocols/natpmp/schedule.ts';
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

export interface NatPmpClientOptions extends RouterIo {
  readonly gateway: Ip;
  readonly link: string;
  readonly heard: EpochHeard;
  /** Pauses between sendings; the default lasts 3.75 s: the gateway is on this LAN, but may be slow. */
  readonly pauses?: readonly number[];
}

type MapRequest = Extract<NatPmpRequest, { kind: 'map' }>;

export function createNatPmpClient(options: NatPmpClientOptions): RouterClient {
  const { gateway, link, heard } = options;
  const pauses = options.pauses ?? natPmpSchedule(4);

  const request = async (
    message: NatPmpRequest,
    source: Ip,
    signal?: AbortSignal,
  ): Promise<Answered<NatPmpResponse>> => {
    const answer = await ask(
      options,
      {
        link,
        source,
        to: { ip: gateway, port: NATPMP_SERVER_PORT },
        payload: encodeNatPmpRequest(message),
        pauses,
        decode: (data) => {
          const response = decodeNatPmpResponse(data);
          return answers(response, message) ? response : undefined;
        },
      },
      signal,
    );
    // The epoch of something that speaks another version is none of this one.
    if (answer.kind === 'answer' && answer.value.kind !== 'unsupported') heard('nat-pmp', answer.value.epoch);
    return answer;
  };

  /** External port and lifetime 0 delete (§3.4). */
  const remove = (port: Pick<MapRequest, 'protocol' | 'internalPort'>, source: Ip, signal?: AbortSignal) => {
    const { protocol, internalPort } = port;
    return request({ kind: 'map', protocol, internalPort, externalPort: 0, lifetime: 0 }, source, signal);
  };

  /** A slow router may have opened another port by now, which nobody would ever close. */
  const unanswered = async (answer: Unreachable, port: MappingAsk, signal?: AbortSignal): Promise<MapAnswer> => {
    if (port.known || answer.local) return answer;
    const removed = await remove(port, port.source, signal);
    return removed.kind === 'answer' ? NOT_IN_TIME : answer;
  };

  return {
    method: 'nat-pmp',
    gateway,

    async map(port, signal): Promise<MapAnswer> {
      const { protocol, internalPort, externalPort, source } = port;
      // As with PCP: a mapping of our own under another number may stand in the way, once.
      for (let attempt = 0; attempt < 2; attempt++) {
        const lifetime = leaseSeconds(port.lifetime);
        const answer = await request({ kind: 'map', protocol, internalPort, externalPort, lifetime }, source, signal);
        if (answer.kind !== 'answer') return unanswered(answer, port, signal);
        const response = answer.value;
        if (response.result !== NATPMP_RESULT.success || response.kind !== 'map') return refused(response.result);
        const granted = response.mapping;
        if (granted?.lifetime === 0) return FOR_NO_TIME;
        if (granted?.externalPort === externalPort)
          return { kind: 'mapped', record: recordOf(port, gateway, granted.lifetime * 1000) };
        const removed = await remove(port, source, signal);
        if (removed.kind !== 'answer') return removed;
      }
      return { kind: 'taken' };
    },

    find: () => Promise.resolve({ kind: 'unknown' }),
    list: () => Promise.resolve(undefined),

    async unmap(record, source, signal) {
      if (record.internalIp !== source) return onlyItself(record.internalIp);
      const answer = await remove(record, source, signal);
      if (answer.kind !== 'answer') return answer;
      return answer.value.result === NATPMP_RESULT.success ? { kind: 'gone' } : refused(answer.value.result);
    },

    async check(source, signal) {
      const answer = await request({ kind: 'address' }, source, signal);
      if (answer.kind !== 'answer') return answer;
      if (answer.value.kind === 'unsupported') return unreachable(`${gateway} does not speak NAT-PMP`);
      const externalIp = answer.value.kind === 'address' ? answer.value.externalIp : undefined;
      return { kind: 'alive', ...(externalIp === undefined || externalIp === '0.0.0.0' ? {} : { externalIp }) };
    },
  };
}

function answers(response: NatPmpResponse, request: NatPmpRequest): boolean {
  if (response.kind === 'unsupported') return true;
  if (response.kind !== 'map' || request.kind !== 'map') return response.kind === request.kind;
  return (
    response.protocol === request.protocol &&
    (response.mapping === undefined || response.mapping.internalPort === request.internalPort)
  );
}

function recordOf(port: MappingAsk, gateway: Ip, lifetime: Milliseconds): Mapped['record'] {
  const { protocol, internalPort, externalPort, source } = port;
  return { protocol, internalPort, externalPort, internalIp: source, method: 'nat-pmp', gateway, lifetime };
}

function refused(result: number): Refused {
  const { name, words } = natPmpResultText(result);
  return { kind: 'refused', code: `${result} ${name}`, words };
}
