/** Tells when links come, go, or change in what decides which addresses a node can have. */
import { familyOf } from '../model/ip.ts';
import type { Link, Network } from '../model/wire.ts';

/**
 * The kernel reports every address that is refreshed, many times a second; names, states and subnets of links change
 * hardly ever. @returns the way to stop.
 */
export function watchLinks(network: Pick<Network, 'links' | 'onChange'>, changed: () => void): () => void {
  let before = shapeOf(network.links());
  return network.onChange(() => {
    const now = shapeOf(network.links());
    if (now === before) return;
    before = now;
    changed();
  });
}

function shapeOf(links: readonly Link[]): string {
  const shapes = links.map(({ name, index, up, addresses }) => {
    const subnets = addresses.flatMap(({ ip, prefixLength }) =>
      prefixLength === (familyOf(ip) === 4 ? 32 : 128) ? [] : [`${ip}/${prefixLength}`],
    );
    return [name, index, up, ...subnets.sort()].join(' ');
  });
  return shapes.join('\n');
}
