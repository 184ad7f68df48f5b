/** Node ports of Services: numbers that no other Service has, whatever its protocols. */
import { randomInt } from 'node:crypto';
import { internalError, invalid, invalidValue } from '../../errors.ts';
import { numberAt, objectsAt, stringAt, type JsonObject } from '../../json.ts';
import { nameOf, specOf, type ApiObject } from '../../object.ts';
import type { ServiceNetwork } from '../resource.ts';
import { mayHaveNodePorts, needsHealthCheckPort, needsNodePorts } from './defaults.ts';

/** @throws ApiError 422 for a number that is taken or out of range, 500 when nothing is left. */
export function allocateNodePorts(
  object: ApiObject,
  old: ApiObject | undefined,
  others: readonly JsonObject[],
  range: ServiceNetwork['nodePorts'],
): void {
  const spec = specOf(object);
  const before = old === undefined ? {} : specOf(old);
  const pool = createPool(range, others.flatMap(numbersOf));
  const take = (index: number, port: number): void => {
    const why = pool.take(port);
    if (why === undefined) return;
    const error = invalidValue(`spec.ports[${index}].nodePort`, port, why);
    throw invalid({ group: '', kind: 'Service' }, nameOf(object), [error]);
  };
  keepNodePorts(spec, before);
  if (mayHaveNodePorts(spec)) {
    if (old === undefined) givePorts(spec, pool, take);
    else changePorts(spec, before, pool, take);
  }
  giveHealthCheckPort(spec, before, pool);
}

interface Pool {
  /** Takes a number. @returns why not, if not. */
  take(port: number): string | undefined;
  /** Any number; the lowest ones, which clients name themselves, only when there is no other. */
  any(): number;
}

/** As many of the lowest ports as the real server leaves alone as long as it can. */
const LEFT_TO_CLIENTS = 128;

function createPool({ first, last }: ServiceNetwork['nodePorts'], used: readonly number[]): Pool {
  const taken = new Set(used);
  const count = last - first + 1;
  const lowest = Math.min(LEFT_TO_CLIENTS, Math.floor(count / 32));
  return {
    take(port) {
      if (port < first || port > last) {
        return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
      }
      if (taken.has(port)) return 'provided port is already allocated';
      taken.add(port);
      return undefined;
    },
    any() {
      const others = count - lowest;
      const start = randomInt(others);
      for (let step = 0; step < count; step++) {
        const port = first + (step < others ? lowest + ((start + step) % others) : step - others);
        if (taken.has(port)) continue;
        taken.add(port);
        return port;
      }
      throw internalError('failed to allocate a nodePort: range is full');
    },
  };
}

function numbersOf(spec: JsonObject): number[] {
  return [...portNumbers(spec), ...(needsHealthCheckPort(spec) ? [numberAt(spec, 'healthCheckNodePort') ?? 0] : [])];
}

function portNumbers(spec: JsonObject): number[] {
  return objectsAt(spec, 'ports').flatMap((port) => numberAt(port, 'nodePort') ?? []);
}

/** A client that sends its own manifest again, without node ports, keeps those it was given for ports of the name. */
function keepNodePorts(spec: JsonObject, before: JsonObject): void {
  if (needsNodePorts(spec) && needsNodePorts(before)) {
    const [now, had] = [portNumbers(spec), portNumbers(before)];
    for (const port of objectsAt(spec, 'ports')) {
      if (port['nodePort'] !== undefined) continue;
      const same = objectsAt(before, 'ports').find((other) => stringAt(other, 'name') === stringAt(port, 'name'));
      const kept = same === undefined ? undefined : numberAt(same, 'nodePort');
      if (kept !== undefined && !(now.includes(kept) && had.includes(kept))) port['nodePort'] = kept;
    }
  }
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(before)) {
    const kept = numberAt(before, 'healthCheckNodePort');
    if (kept !== undefined) spec['healthCheckNodePort'] ??= kept;
  }
}

/** Ports of one number share their node port, so that a name server has the same for TCP and UDP. */
function givePorts(spec: JsonObject, pool: Pool, take: (index: number, port: number) => void): void {
  const ports = objectsAt(spec, 'ports');
  const given = new Map<number, number>();
  for (const [index, port] of ports.entries()) {
    const wanted = numberAt(port, 'nodePort');
    if (wanted === undefined && !needsNodePorts(spec)) continue;
    const number = numberAt(port, 'port') ?? 0;
    const shared = given.get(number);
    if (shared === undefined) {
      const named = ports.find((other) => other['port'] === port['port'] && other['nodePort'] !== undefined);
      const chosen = named === undefined ? undefined : numberAt(named, 'nodePort');
      if (chosen !== undefined) take(index, chosen);
      port['nodePort'] = chosen ?? pool.any();
      given.set(number, numberAt(port, 'nodePort') ?? 0);
    } else if (wanted === undefined) {
      port['nodePort'] = shared;
    } else if (wanted !== shared) {
      take(index, wanted);
    }
  }
}

/** What the Service has it may give to another of its ports. */
function changePorts(
  spec: JsonObject,
  before: JsonObject,
  pool: Pool,
  take: (index: number, port: number) => void,
): void {
  const own = new Set(portNumbers(before));
  numbersOf(before).forEach((port) => pool.take(port));
  for (const [index, port] of objectsAt(spec, 'ports').entries()) {
    const wanted = numberAt(port, 'nodePort');
    if (wanted === undefined) {
      if (needsNodePorts(spec)) port['nodePort'] = pool.any();
    } else if (!own.has(wanted)) {
      take(index, wanted);
      own.add(wanted);
    }
  }
}

function giveHealthCheckPort(spec: JsonObject, before: JsonObject, pool: Pool): void {
  if (!needsHealthCheckPort(spec) || needsHealthCheckPort(before)) return;
  const wanted = numberAt(spec, 'healthCheckNodePort');
  if (wanted === undefined) {
    spec['healthCheckNodePort'] = pool.any();
    return;
  }
  const why = pool.take(wanted);
  // An error of the server's own, where for other ports it is one of the client.
  if (why !== undefined) throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${why}`);
}
