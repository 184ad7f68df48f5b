/** The networks that Services get their cluster addresses from. */
import { randomInt } from 'node:crypto';
import { contains, parseCidr, type Cidr, type Range } from '../../../../model/cidr.ts';
import { EXIT, KubevipError } from '../../../../model/errors.ts';
import { fromBigInt, type Ip } from '../../../../model/ip.ts';

export type IpFamily = 'IPv4' | 'IPv6';

/**
 * `10.96.0.0/16`, or one of each family: `10.96.0.0/16,fd00:96::/108`.
 * @throws KubevipError SERVICE_RANGE
 */
export function parseServiceRanges(text: string): Cidr[] {
  const ranges = text.split(',').map((part) => parseCidr(part) ?? refuse(text));
  const [first, second] = ranges;
  if (ranges.length > 2 || first?.family === second?.family || ranges.some((range) => sizeOf(usable(range)) < 1n)) {
    refuse(text);
  }
  return ranges;
}

function refuse(text: string): never {
  throw new KubevipError(`${JSON.stringify(text)} is no range for Services`, {
    code: 'SERVICE_RANGE',
    exit: EXIT.usage,
    hints: ['write one range such as 10.96.0.0/16, or one of each family with a comma between, the first one first'],
  });
}

/** Of what is known to be an address. */
export function familyOfAddress(text: string): IpFamily {
  return text.includes(':') ? 'IPv6' : 'IPv4';
}

export function familyOfRange({ family }: Range): IpFamily {
  return `IPv${family}`;
}

/** Whether a Service can have the address. */
export function takeable(range: Range, ip: Ip): boolean {
  return contains(usable(range), ip);
}

/** Without the address of the network itself, and the broadcast address where there is such a thing. */
function usable({ family, first, last }: Range): Range {
  return { family, first: first + 1n, last: family === 4 ? last - 1n : last };
}

/** The first address of a Service network: that of the API server itself. */
export function firstAddress(range: Range): Ip {
  return fromBigInt(usable(range).first, range.family);
}

/** Any address that is not taken; the lowest ones, which clients name themselves, only when there is no other. */
export function freeAddress(range: Range, taken: ReadonlySet<string>): Ip | undefined {
  const { family, first, last } = usable(range);
  const size = last - first + 1n;
  const lowest = leftToClients(sizeOf(range));
  const free = (from: bigint, count: bigint, start: bigint): Ip | undefined => {
    // One more than are taken are enough to meet one that is free.
    for (let step = 0n; step < count && step <= BigInt(taken.size); step++) {
      const address = fromBigInt(first + from + ((start + step) % count), family);
      if (!taken.has(address)) return address;
    }
    return undefined;
  };
  const others = size - lowest;
  return free(lowest, others, randomBelow(others)) ?? free(0n, lowest, 0n);
}

function sizeOf({ first, last }: Range): bigint {
  return last - first + 1n;
}

/** A sixteenth of the range, at least 16 and at most 256 addresses. */
function leftToClients(size: bigint): bigint {
  if (size <= 16n) return 0n;
  const part = size / 16n;
  return part < 16n ? 16n : part > 256n ? 256n : part;
}

function randomBelow(limit: bigint): bigint {
  const most = 2n ** 47n;
  return BigInt(randomInt(Number(limit < most ? limit : most)));
}
