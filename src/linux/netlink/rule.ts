/** Rules of policy routing by mark, as rtnetlink(7) has them (linux/fib_rules.h). */
import { concat } from '../../model/bytes.ts';
import type { Family } from '../../model/ip.ts';
import { AF } from '../constants.ts';
import { attribute, decodeAttributes, viewOf, type NetlinkMessage } from './message.ts';
import { u32 } from './links.ts';

export const RTM_RULE = { NEW: 32, DEL: 33, GET: 34 } as const;
const FRA = { PRIORITY: 6, FWMARK: 10, TABLE: 15, FWMASK: 16, PROTOCOL: 21 } as const;
const TO_TABLE = 1;

export interface MarkRule {
  readonly family: Family;
  readonly priority: number;
  readonly mark: number;
  readonly table: number;
  /** Who made it. */
  readonly protocol: number;
}

export function ruleBody({ family, priority, mark, table, protocol }: MarkRule): Uint8Array {
  return concat(
    Uint8Array.of(family === 4 ? AF.INET : AF.INET6, 0, 0, 0, 0, 0, 0, TO_TABLE, 0, 0, 0, 0),
    attribute(FRA.PRIORITY, u32(priority)),
    attribute(FRA.FWMARK, u32(mark)),
    attribute(FRA.FWMASK, u32(0xffffffff)),
    attribute(FRA.TABLE, u32(table)),
    attribute(FRA.PROTOCOL, Uint8Array.of(protocol)),
  );
}

/** Body of a request for all rules of a family. */
export function allRules(family: Family): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = family === 4 ? AF.INET : AF.INET6;
  return body;
}

/** Undefined for a rule that goes by anything but a mark. */
export function decodeRule({ body }: NetlinkMessage): MarkRule | undefined {
  if (body.length < 12) return undefined;
  const attributes = decodeAttributes(body.subarray(12));
  const number = (type: number): number | undefined => {
    const value = attributes.get(type);
    return value?.length === 4 ? viewOf(value).getUint32(0, true) : undefined;
  };
  const mark = number(FRA.FWMARK);
  if (mark === undefined) return undefined;
  return {
    family: body[0] === AF.INET6 ? 6 : 4,
    priority: number(FRA.PRIORITY) ?? 0,
    mark,
    table: number(FRA.TABLE) ?? body[4] ?? 0,
    protocol: attributes.get(FRA.PROTOCOL)?.[0] ?? 0,
  };
}
