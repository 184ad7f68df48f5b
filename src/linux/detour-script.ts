/** The rules for detours, in the language of nft(8). */
import type { Backend, Detour } from '../exposure/endpoints/port.ts';
import { familyOf, type Family } from '../model/ip.ts';
import { atOnce, type Steps } from '../model/portions.ts';

/** What is different between the families. */
interface Words {
  readonly name: 'ip' | 'ip6';
  readonly addressType: 'ipv4_addr' | 'ipv6_addr';
}

const WORDS: Readonly<Record<Family, Words>> = {
  4: { name: 'ip', addressType: 'ipv4_addr' },
  6: { name: 'ip6', addressType: 'ipv6_addr' },
};
/** Of the rules in the kernel, unless they are set again; as nft writes it. */
export const LIFETIME = '20s';

/** Any number: with the same one every node sends a client to the same pod. */
const MASQUERADE = 'masquerade fully-random';
const SEED = '0x6b766970';

/**
 * Replaces the tables called `table`, in the families ip and ip6, in one transaction. A family without detours has no
 * table afterwards.
 *
 * The chains stand one step ahead of kube-proxy's, in whatever mode that runs: of the chains for NAT at one hook the
 * first that changes a connection is the last that is asked. What matches nothing here goes on to kube-proxy. Chains
 * for NAT see only the first packet of a connection, so connections live on when the tables go.
 *
 * What is in the maps lasts for {@link LIFETIME} only, so that nothing is led astray by an agent that is gone itself.
 */
export function detourScript(table: string, detours: readonly Detour[]): string {
  return atOnce(writeDetours(table, detours));
}

/** The same, a detour a step. */
export function* writeDetours(table: string, detours: readonly Detour[]): Steps<string> {
  const lines = [clearDetours(table)];
  for (const family of [4, 6] as const) {
    const own = detours.filter(({ address }) => familyOf(address) === family);
    lines.push(...(yield* tableLines(WORDS[family], table, own)));
  }
  return [...lines, ''].join('\n');
}

/** Removes the tables; none there is not an error. */
export function clearDetours(table: string): string {
  // Made first, since deleting a table that does not exist fails.
  return (['ip', 'ip6'] as const)
    .map((family) => `table ${family} ${table}\ndelete table ${family} ${table}`)
    .join('\n');
}

function* tableLines(words: Words, table: string, detours: readonly Detour[]): Steps<string[]> {
  if (detours.length === 0) return [];
  const chains = new Chains(words);
  const outside: string[] = [];
  const inside: string[] = [];
  for (const detour of detours) {
    yield;
    for (const [elements, pods] of [
      [outside, detour.outside],
      [inside, detour.inside],
    ] as const)
      if (pods.length > 0) elements.push(`${matchOf(detour)} : goto ${chains.name(detour, pods)}`);
  }
  const masqueraded = detours
    .filter(({ masquerade }) => masquerade)
    .flatMap(({ address, protocol, outside: pods }) =>
      pods.map(({ ip, port }) => `${address} . ${protocol.toLowerCase()} . ${ip} . ${port}`),
    );
  const pods = detours.flatMap((detour) => detour.outside.map(({ ip }) => ip));
  const type = words.addressType;
  const port = `${type} . inet_proto . inet_service`;
  const key = `${words.name} daddr . meta l4proto . th dport`;
  // nft knows no type for the port that a connection was made to, so it is told by the pod that it leads to.
  const led = `ct original ${words.name} daddr . meta l4proto . ${words.name} daddr . th dport`;
  return [
    `table ${words.name} ${table} {`,
    ...chains.lines(),
    ...collection('map outside', `${port} : verdict`, outside, LIFETIME),
    ...collection('map inside', `${port} : verdict`, inside, LIFETIME),
    ...collection(
      'set addresses',
      type,
      detours.map(({ address }) => address),
    ),
    ...collection('set masqueraded', `${type} . inet_proto . ${type} . inet_service`, masqueraded),
    ...collection(
      'set hairpins',
      `${type} . ${type}`,
      pods.map((ip) => `${ip} . ${ip}`),
    ),
    'chain prerouting {',
    'type nat hook prerouting priority -101; policy accept;',
    `${key} vmap @outside`,
    '}',
    'chain output {',
    'type nat hook output priority -101; policy accept;',
    `${key} vmap @inside`,
    '}',
    'chain postrouting {',
    'type nat hook postrouting priority 99; policy accept;',
    `ct status dnat ${led} @masqueraded ${MASQUERADE}`,
    // The node itself comes from the very address that it goes to, when that is on it.
    `ct status dnat ct original ${words.name} daddr @addresses fib saddr type local ${MASQUERADE}`,
    // A pod that is led to itself would answer itself past this node.
    `ct status dnat ct original ${words.name} daddr @addresses ${words.name} saddr . ${words.name} daddr @hairpins ${MASQUERADE}`,
    '}',
    '}',
  ];
}

/** Ports with the same pods share a chain: many Services in front of one Deployment are the usual case. */
class Chains {
  readonly #words: Words;
  readonly #names = new Map<string, string>();

  constructor(words: Words) {
    this.#words = words;
  }

  name(detour: Detour, backends: readonly Backend[]): string {
    const rule = this.#rule(detour, backends);
    const name = this.#names.get(rule) ?? `pods-${this.#names.size}`;
    this.#names.set(rule, name);
    return name;
  }

  lines(): string[] {
    return [...this.#names].flatMap(([rule, name]) => [`chain ${name} {`, rule, '}']);
  }

  #rule({ protocol, sticky, sources }: Detour, backends: readonly Backend[]): string {
    const { name } = this.#words;
    const from = sources.length === 0 ? '' : `${name} saddr { ${sources.join(', ')} } `;
    const choices = backends.map(({ ip, port }, i) => `${i} : ${ip} . ${port}`).join(', ');
    const pick = sticky
      ? `jhash ${name} saddr mod ${backends.length} seed ${SEED}`
      : `numgen random mod ${backends.length}`;
    return `${from}meta l4proto ${protocol.toLowerCase()} dnat ${name} to ${pick} map { ${choices} }`;
  }
}

function collection(head: string, type: string, elements: readonly string[], lifetime?: string): string[] {
  const content = elements.length === 0 ? [] : [`elements = { ${[...new Set(elements)].join(', ')} }`];
  const lasts = lifetime === undefined ? [] : [`flags timeout`, `timeout ${lifetime}`];
  return [`${head} {`, `type ${type}`, ...lasts, ...content, '}'];
}

function matchOf({ address, protocol, port }: Detour): string {
  return `${address} . ${protocol.toLowerCase()} . ${port}`;
}
