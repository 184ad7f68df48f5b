/** The ports of the Service, from what was asked for and what the pods have. */
import { KubevipError } from '../../model/errors.ts';
import type { ContainerPort, Protocol, Service, ServicePort } from '../../model/kubernetes.ts';
import { named, type Backend } from './backend.ts';
import { usage, type PortWish } from './request.ts';

/**
 * Ports with a usual meaning get its name, so that they are found on the LAN by type (DNS-SD). Names of the IANA
 * registry, as far as they fit a port's name.
 */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  'TCP/22': 'ssh',
  'TCP/80': 'http',
  'TCP/443': 'https',
  'TCP/445': 'smb',
  'TCP/631': 'ipp',
  'TCP/1883': 'mqtt',
  'TCP/8080': 'http',
};

/**
 * Ports for a Service that is made or changed for a workload. Ports the Service has already keep their node port.
 * @throws KubevipError NO_PORT, PORT_NOT_IN_TARGET, DUPLICATE_PORT
 */
export function servicePorts(
  wishes: readonly PortWish[],
  backend: Backend,
  existing: Service | undefined,
): ServicePort[] {
  if (wishes.length === 0) {
    const declared = backend.ports.map(({ containerPort }) => containerPort).join(', ');
    throw usage(
      'NO_PORT',
      `which port of ${named(backend.target)}?`,
      declared === '' ? 'Give --port.' : `Give --port; its pods have ${declared}.`,
    );
  }
  const taken = new Set(wishes.flatMap(({ name }) => name ?? []));
  const ports = wishes.map((wish) => servicePort(wish, backend, wishes.length > 1, taken));
  const keys = ports.map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`);
  const names = ports.map(({ name }) => name).filter((name) => name !== undefined);
  const twice = [...keys, ...names].find((key, i, all) => all.indexOf(key) !== i);
  if (twice !== undefined)
    throw usage('DUPLICATE_PORT', `--port: ${twice} is there twice`, 'Each port once; names with NAME=PORT.');
  return ports.map((port) => {
    const before = existing?.spec.ports?.find(
      (one) => one.port === port.port && (one.protocol ?? 'TCP') === port.protocol,
    );
    return before?.nodePort === undefined ? port : { ...port, nodePort: before.nodePort };
  });
}

function servicePort(wish: PortWish, backend: Backend, several: boolean, taken: Set<string>): ServicePort {
  const target = wish.targetPort ?? wish.port;
  const container = backend.ports.find(
    (port) => protocolOf(port) === wish.protocol && (port.containerPort === target || port.name === target),
  );
  if (container === undefined && (backend.ports.length > 0 || typeof target === 'string'))
    throw notInTarget(wish, target, backend);
  const name = wish.name ?? portName(wish, container, several, taken);
  return { ...(name === undefined ? {} : { name }), port: wish.port, targetPort: target, protocol: wish.protocol };
}

/** The best name that no other port has; a single port may do without. */
function portName(
  { protocol, port }: PortWish,
  container: ContainerPort | undefined,
  several: boolean,
  taken: Set<string>,
): string | undefined {
  const plain = several ? `${protocol.toLowerCase()}-${port}` : undefined;
  const name = [WELL_KNOWN[`${protocol}/${port}`], container?.name, plain].find(
    (candidate) => candidate !== undefined && !taken.has(candidate),
  );
  if (name !== undefined) taken.add(name);
  return name;
}

function notInTarget(wish: PortWish, target: number | string, backend: Backend): KubevipError {
  const have = backend.ports.map(describePort).join(', ');
  const other = backend.ports.find((port) => protocolOf(port) === wish.protocol) ?? backend.ports[0];
  return new KubevipError(
    `port ${target}${wish.protocol === 'TCP' ? '' : `/${wish.protocol}`} is not a port of ${named(backend.target)}, which has ${have === '' ? 'none with a name' : have}`,
    {
      code: 'PORT_NOT_IN_TARGET',
      hints:
        other === undefined
          ? ['Give a number.']
          : [`--port ${wish.port} --target-port ${other.containerPort} leads port ${wish.port} to it.`],
    },
  );
}

/** For a Service that has its ports: those asked for must be among them. @throws KubevipError PORT_NOT_IN_TARGET */
export function checkOwnPorts(wishes: readonly PortWish[], service: Service): void {
  const own = service.spec.ports ?? [];
  for (const { port, protocol } of wishes) {
    if (own.some((one) => one.port === port && (one.protocol ?? 'TCP') === protocol)) continue;
    const have = own.map((one) => `${one.port}/${one.protocol ?? 'TCP'}`).join(', ');
    throw new KubevipError(
      `port ${port}/${protocol} is not a port of service ${service.metadata.name}, which has ${have || 'none'}`,
      {
        code: 'PORT_NOT_IN_TARGET',
        hints: ['A Service is exposed with the ports it has; change those in the Service itself.'],
      },
    );
  }
}

function describePort(port: ContainerPort): string {
  const protocol = protocolOf(port);
  const number = `${port.containerPort}${protocol === 'TCP' ? '' : `/${protocol}`}`;
  return port.name === undefined ? number : `${number} (${port.name})`;
}

function protocolOf({ protocol }: ContainerPort): Protocol {
  return protocol ?? 'TCP';
}
