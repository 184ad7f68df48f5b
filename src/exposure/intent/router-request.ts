/** Which router ports a Service asks for: our annotation with ports of choice, or kube-vip's `forwardUPNP`. */
import { KEY } from '../../model/annotations.ts';
import { failed, type NotReady } from '../../model/decision.ts';
import type { Service } from '../../model/kubernetes.ts';
import { parseGoDuration } from '../../model/time.ts';
import { annotation } from './annotation.ts';
import type { IntentPort, RouterRequest } from './port.ts';

/** kube-vip's default; refreshed at half of it. */
const DEFAULT_LIFETIME = 3_600_000;

/** Every port under its own number, by IPv6 only: nothing is asked of the IPv4 side of the router. */
const PINHOLE = 'pinhole';

/** Undefined: nothing asked for. */
export function readRouterRequest(
  service: Service,
  ports: readonly IntentPort[],
): RouterRequest | NotReady | undefined {
  const own = annotation(service, KEY.router);
  const wanted = own ?? (annotation(service, KEY.forwardUPnP) === 'true' ? 'true' : undefined);
  if (wanted === undefined || wanted === 'false') return undefined;

  const lifetimeText = annotation(service, KEY.upnpLeaseDuration);
  const lifetime = lifetimeText === undefined ? DEFAULT_LIFETIME : parseGoDuration(lifetimeText);
  if (lifetime === undefined) {
    return failed(
      'InvalidAnnotation',
      `${KEY.upnpLeaseDuration}: ${JSON.stringify(lifetimeText)} is not a duration like 1h or 30m`,
    );
  }

  const chosen: RouterRequest['ports'][number][] = [];
  for (const item of wanted === 'true' || wanted === PINHOLE
    ? ports.map((port) => `${port.port}=${port.port}`)
    : wanted.split(',')) {
    const match = /^(?:([^=]+)=)?(\d{1,5})$/.exec(item.trim());
    const externalPort = Number(match?.[2]);
    if (!match || externalPort < 1 || externalPort > 65535) {
      return failed(
        'InvalidAnnotation',
        `${KEY.router}: ${JSON.stringify(item)} is not PORT or NAME=PORT with a port from 1 to 65535`,
      );
    }
    const selector = match[1];
    if (selector === undefined && ports.length !== 1) {
      return failed(
        'InvalidAnnotation',
        `${KEY.router}: the Service has ${ports.length} ports, so say which: NAME=${externalPort}`,
      );
    }
    const targets =
      selector === undefined ? ports : ports.filter((port) => port.name === selector || String(port.port) === selector);
    if (targets.length === 0) return failed('InvalidAnnotation', `${KEY.router}: the Service has no port ${selector}`);
    for (const { protocol, port } of targets) {
      if (protocol === 'SCTP')
        return failed('InvalidAnnotation', `${KEY.router}: routers forward TCP and UDP, not SCTP`);
      chosen.push({ protocol, internalPort: port, externalPort });
    }
  }
  return { ports: dedupe(chosen), lifetime, ...(wanted === PINHOLE ? { families: [6] } : {}) };
}

/** A port number may stand twice (`53=53` for TCP and UDP selects both, each time). */
function dedupe(ports: RouterRequest['ports'][number][]): RouterRequest['ports'] {
  return [
    ...new Map(ports.map((port) => [`${port.protocol}/${port.internalPort}/${port.externalPort}`, port])).values(),
  ];
}
