/** `kube-vip.io/serviceVLAN`: the VLAN that a Service's addresses are in, by the name of its interface. */
import { KEY } from '../../model/annotations.ts';
import type { Service } from '../../model/kubernetes.ts';
import { annotation } from '../intent/annotation.ts';
import type { Vlan } from './port.ts';

/** IFNAMSIZ of the kernel, without the 0 at its end. */
const LONGEST_NAME = 15;

/** `eth0.200`; undefined when it is none. */
export function parseVlan(name: string): Vlan | undefined {
  const match = /^([^\s/]+)\.(\d{1,4})$/.exec(name);
  const id = Number(match?.[2]);
  if (!match || name.length > LONGEST_NAME || id < 1 || id > 4094) return undefined;
  return { name, parent: match[1] ?? '', id };
}

/** Undefined: the Service says nothing of a VLAN. */
export function vlanAnnotation(service: Service): string | undefined {
  return annotation(service, KEY.serviceVLAN);
}
