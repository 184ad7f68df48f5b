/** UPDATE (RFC 4271 §4.3, RFC 4760): routes that are gone, and routes that are there with what is said of them. */
import { familyOf, type Family } from '../../model/ip.ts';
import { decodeAttributes, type Fault, type Reach } from './attribute-decoding.ts';
import { encodeAttributes, encodeMpReach, encodeMpUnreach } from './attribute-encoding.ts';
import type { PathAttributes } from './attributes.ts';
import { concat } from '../../model/bytes.ts';
import { Reader, u16 } from './bytes.ts';
import { ATTRIBUTE, ERROR, UPDATE_ERROR } from './codes.ts';
import { BgpDecodeError } from './error.ts';
import { nlriOf, readNlri, type Nlri } from './prefix.ts';

export interface Update {
  readonly kind: 'update';
  readonly withdrawn: readonly Nlri[];
  /** All with the same attributes. */
  readonly announced: readonly Reach[];
  readonly attributes: PathAttributes;
  /** Everything of this family has been said (RFC 4724 §2). */
  readonly endOfRib?: Family;
  /** What was wrong and did not cost the session. With a `treat-as-withdraw` nothing is `announced`. */
  readonly faults: readonly Fault[];
}

export function endOfRib(family: Family): Update {
  return { kind: 'update', withdrawn: [], announced: [], attributes: {}, endOfRib: family, faults: [] };
}

/**
 * IPv4 routes with an IPv4 next hop go into the fields of RFC 4271, all others into multiprotocol attributes, which
 * come first (RFC 7606 §5.1).
 * @throws RangeError for more than one family in the same field.
 */
export function encodeUpdate(update: Update, as4: boolean): Uint8Array {
  const { withdrawn, announced, attributes } = update;
  const classic = announced.filter((reach) => isClassic(reach));
  const multi = announced.filter((reach) => !isClassic(reach));
  const gone4 = withdrawn.filter(({ family }) => family === 4);
  const gone6 = withdrawn.filter(({ family }) => family === 6);
  if ([classic, multi, gone4, gone6].some(({ length }) => length > 1)) throw new RangeError('one field, two lists');
  const [reach] = multi;
  const unreach = update.endOfRib === 6 ? nlriOf(6, []) : gone6[0];
  const list = concat(
    reach === undefined ? [] : encodeMpReach(reach, reach.nextHops),
    unreach === undefined ? [] : encodeMpUnreach(unreach),
    encodeAttributes(attributes, classic[0]?.nextHops[0], as4),
  );
  const gone = gone4[0]?.bytes ?? [];
  return concat(u16(gone.length), gone, u16(list.length), list, classic[0]?.bytes ?? []);
}

/**
 * @param body behind the header.
 * @param as4 whether both sides know long AS numbers.
 * @throws BgpDecodeError for what costs the session (RFC 4271 §6.3 as RFC 7606 has it).
 */
export function decodeUpdate(body: Uint8Array, as4: boolean): Update {
  const reader = new Reader(body, () => reset(UPDATE_ERROR.malformedAttributeList, 'lengths that do not fit UPDATE'));
  const gone = nlri(reader.take(reader.u16()));
  const list = reader.take(reader.u16());
  const there = nlri(reader.rest());
  const { attributes, nextHop, reach, unreach, types, faults } = decodeAttributes(list, as4);

  const announced: Reach[] = [];
  if (there.count > 0) announced.push({ ...there, nextHops: nextHop === undefined ? [] : [nextHop] });
  if (reach !== undefined && reach.count > 0) announced.push(reach);
  const missing: Fault[] = announced.length === 0 ? [] : missingIn(types, there.count > 0);
  const withdrawn = [gone, unreach].filter((each) => each !== undefined && each.count > 0) as Nlri[];
  const all = { kind: 'update' as const, attributes, faults: [...faults, ...missing] };
  if (all.faults.some(({ action }) => action === 'treat-as-withdraw')) {
    const treated = announced.map(({ family, count, bytes }): Nlri => ({ family, count, bytes }));
    return { ...all, withdrawn: [...withdrawn, ...treated], announced: [] };
  }
  const silent = announced.length === 0 && withdrawn.length === 0;
  if (silent && body.length === 4) return { ...all, withdrawn, announced, endOfRib: 4 };
  const onlyUnreach = types.size === 1 && types.has(ATTRIBUTE.mpUnreach) && unreach?.family === 6;
  if (silent && onlyUnreach) return { ...all, withdrawn, announced, endOfRib: 6 };
  return { ...all, withdrawn, announced };
}

function isClassic({ family, nextHops }: Reach): boolean {
  return family === 4 && nextHops[0] !== undefined && familyOf(nextHops[0]) === 4;
}

function nlri(bytes: Uint8Array): Nlri {
  const read = readNlri(bytes, 4);
  if (typeof read === 'string') throw reset(UPDATE_ERROR.invalidNetwork, read);
  return read;
}

function missingIn(types: ReadonlySet<number>, needsNextHop: boolean): Fault[] {
  const needed = [ATTRIBUTE.origin, ATTRIBUTE.asPath, ...(needsNextHop ? [ATTRIBUTE.nextHop] : [])];
  return needed
    .filter((type) => !types.has(type))
    .map((type) => ({ action: 'treat-as-withdraw', message: `mandatory attribute ${type} is missing` }));
}

function reset(subcode: number, message: string): BgpDecodeError {
  return new BgpDecodeError(ERROR.update, subcode, message);
}
