/**
 * That a router has been told of the virtual IP. By BGP the address stands on this machine itself, so the API answers
 * there whether anybody else finds it or not: only the sessions of the agent tell.
 */
import type { BgpPeering } from '../../manifests/bgp.ts';
import { BGP_SECRET, NAMESPACE } from '../../manifests/names.ts';
import { BGP_LEASE_PREFIX, readBgpRecord, type BgpRecord } from '../../model/bgp-record.ts';
import { EXIT, KubevipError, messageOf } from '../../model/errors.ts';
import type { Lease } from '../../model/kubernetes.ts';
import { pause, type Milliseconds } from '../../model/time.ts';
import { bgpOf } from '../bgp-config.ts';
import type { BootstrapConfig } from '../config.ts';
import type { Step } from '../engine/step.ts';
import type { NodeFacts } from '../kubeadm/documents.ts';
import { askApi, VERIFY_TIMEOUT, withLocalApi, type Settings, type StepParts } from './parts.ts';

/** The agent calls routers once it knows all addresses, after 30 s in any case, and says 2 s later how it went. */
const PATIENCE: Milliseconds = 90_000;
const RETRY: Milliseconds = 1000;
/** Clocks of one machine: only what is under way. */
const SLACK: Milliseconds = 1000;

/** @param notice what is to be known of the sessions beforehand, in a sentence. */
export function routersStep(parts: StepParts, settings: Settings, { nodeName }: NodeFacts, notice?: string): Step {
  const record = async (config: BootstrapConfig, signal?: AbortSignal): Promise<BgpRecord | undefined> => {
    const ref = { kind: 'Lease', name: `${BGP_LEASE_PREFIX}${nodeName}`, namespace: NAMESPACE };
    const call = { timeoutMs: VERIFY_TIMEOUT, ...(signal === undefined ? {} : { signal }) };
    const lease = await withLocalApi(parts, config, async (api) => api.find(ref, call));
    return lease === undefined ? undefined : fresh(lease, parts.clock.wall());
  };
  return {
    id: 'routers',
    title: 'see that a router knows the way',
    explain:
      'Where the cluster announces by BGP: waits until the agent has told a router of the virtual IP, and says what ' +
      `keeps it from that.${notice === undefined ? '' : ` ${notice}`}`,
    verify: async () => {
      const config = await settings();
      if (bgpOf(config) === undefined) return 'done';
      return askApi(async () => (toldBy(await record(config)).length > 0 ? 'done' : 'not'));
    },
    run: async ({ progress, signal }) => {
      const config = await settings();
      const bgp = bgpOf(config);
      if (bgp === undefined) return;
      const until = parts.clock.now() + PATIENCE;
      let said = '';
      while (!signal.aborted) {
        // An API server that does not answer for a moment is asked again.
        const found = await record(config, signal).catch((error: unknown) => messageOf(error));
        const told = typeof found === 'string' ? [] : toldBy(found);
        if (told.length > 0) {
          progress(`${told.join(', ')} ${told.length === 1 ? 'knows' : 'know'} the way`);
          return;
        }
        const trouble = typeof found === 'string' ? found : troubleOf(found);
        if (parts.clock.now() >= until) throw untold(bgp, trouble);
        if (trouble !== said) progress((said = trouble));
        await pause(parts.clock, RETRY, signal);
      }
      signal.throwIfAborted();
    },
    undo: () => Promise.resolve(),
  };
}

/** What the agent of an earlier run said does not count. */
function fresh(lease: Lease, now: Date): BgpRecord | undefined {
  const { renewTime = '', leaseDurationSeconds = 0 } = lease.spec ?? {};
  const lasts = Date.parse(renewTime) + leaseDurationSeconds * 1000 + SLACK;
  return lasts > now.getTime() ? readBgpRecord(lease) : undefined;
}

/** Routers with a session that have been told of something. */
function toldBy(record: BgpRecord | undefined): readonly string[] {
  const told = record?.peers.filter(({ state, routes }) => state === 'Established' && routes > 0) ?? [];
  return told.map(({ peer }) => peer);
}

function troubleOf(record: BgpRecord | undefined): string {
  if (record === undefined) return 'the agent has not said yet how its BGP sessions are';
  const sessions = record.peers.map(({ peer, state, problem }) =>
    state === 'Established' ? `${peer} is told of nothing yet` : `${peer} is ${state}${problem ? ` (${problem})` : ''}`,
  );
  const all = [...sessions, ...record.problems];
  return all.length === 0 ? 'the agent calls no router yet' : all.join('; ');
}

function untold({ as, peers }: BgpPeering, trouble: string): KubevipError {
  return new KubevipError(`the control plane is up, but no router knows the way to its virtual IP: ${trouble}`, {
    code: 'ROUTERS_SILENT',
    exit: EXIT.timeout,
    hints: [
      `Make this machine a BGP neighbour of ${peers.join(', ')} there, in AS ${as} (--bgp-as); docs/guides/bgp.md has the lines for FRR. The same command goes on then, with corrected flags too.`,
      `Where they want a password: --bgp-password-file FILE, or the Secret ${BGP_SECRET} in ${NAMESPACE}, under the address of the router.`,
    ],
  });
}
