/** Routers that are to be told of addresses take calls of BGP from this machine, and are who they are taken for. */
import { isLinkLocal } from '../../../model/ip.ts';
import { MESSAGE } from '../../../protocols/bgp/codes.ts';
import { BgpDecodeError } from '../../../protocols/bgp/error.ts';
import { createFramer, type Frame } from '../../../protocols/bgp/framing.ts';
import { asnOf, decodeOpen } from '../../../protocols/bgp/open.ts';
import { error, fine, warn, type Finding } from '../finding.ts';
import type { Check, PreflightRequest } from '../request.ts';

type Routers = NonNullable<PreflightRequest['bgp']>;

export const bgpPeers: Check = {
  id: 'bgp-peer',
  run: async ({ machine, request }) => {
    if (request.bgp === undefined) return [];
    const { as, peers, password, sourceIp, sourceLink } = request.bgp;
    // Of an interface there is no address yet, and a link-local one is only found by who listens there.
    const reachable = peers.flatMap(({ at, ...rest }) =>
      at === undefined || isLinkLocal(at.ip) ? [] : [{ ...rest, ip: at.ip }],
    );
    return await Promise.all(
      reachable.map(async ({ ip, port, as: theirs }): Promise<Finding> => {
        if (password !== undefined && password.text === undefined)
          return fine('bgp-peer', `the router ${ip} has a password for calls, which this machine gets when it joins`);
        const greeting = await machine.bgpGreeting(ip, {
          port,
          ...(password?.text === undefined ? {} : { password: password.text }),
          ...(sourceIp === undefined ? {} : { sourceIp }),
          ...(sourceLink === undefined ? {} : { sourceLink }),
        });
        if (greeting.state === 'unreachable') return unreachable(ip, port, greeting.message, request.bgp as Routers);
        const said = greeting.state === 'answers' && greeting.said ? firstMessage(greeting.said) : undefined;
        if (greeting.state === 'closes' || said?.type === MESSAGE.notification) {
          return warn('bgp-neighbor', {
            what: `the router ${ip} hangs up when BGP calls it on port ${port}`,
            why: 'Routers do that with machines that are no neighbours of theirs.',
            remedy: `make this machine a neighbour there, in AS ${as}; in FRR: neighbor ADDRESS remote-as ${as}`,
          });
        }
        const found = said?.type === MESSAGE.open ? asOf(said) : undefined;
        if (found !== undefined && found !== theirs) {
          return error('bgp-as', {
            what: `the router ${ip} says that it is in AS ${found}, and --bgp-peer has AS ${theirs} for it`,
            why: 'The agents would end every session with it at once (Bad Peer AS).',
            remedy: `--bgp-peer with AS ${found} behind the address, if that is the router which is meant`,
          });
        }
        return fine('bgp-peer', `the router ${ip} takes calls of BGP`);
      }),
    );
  },
};

function unreachable(ip: string, port: number, message: string, { as, password }: Routers): Finding {
  return error('bgp-peer', {
    what: `the router ${ip} does not take calls of BGP on port ${port}: ${message}`,
    why: 'Nobody beyond it would find the addresses of the cluster.',
    remedy: `${remedyFor(message, password !== undefined)}; this machine is to be a neighbour there, in AS ${as}`,
  });
}

function remedyFor(message: string, hasPassword: boolean): string {
  if (/ECONNREFUSED/.test(message)) return 'switch BGP on there, or name the port where it listens (ADDRESS:AS:::PORT)';
  if (message !== 'no answer') return 'give this machine a way to the router, or correct its address';
  return hasPassword
    ? 'see that the router can be reached (ping), and compare the password of --bgp-password-file with what it has for this machine: calls signed otherwise are dropped'
    : 'see that the router can be reached (ping) and nothing drops TCP port 179; if it wants a password, which drops calls without one, give it by --bgp-password-file FILE';
}

/** Undefined: what was said is no message of BGP, or not all of one. */
function firstMessage(said: Uint8Array): Frame | undefined {
  return quietly(() => createFramer().push(said).next().value ?? undefined);
}

function asOf({ body }: Frame): number | undefined {
  return quietly(() => asnOf(decodeOpen(body)));
}

function quietly<T>(decode: () => T | undefined): T | undefined {
  try {
    return decode();
  } catch (problem) {
    if (problem instanceof BgpDecodeError) return undefined;
    throw problem;
  }
}
