/** How one Service stands when its later stages are reached. */
import { off, type Decision } from '../model/decision.ts';
import type { Ip } from '../model/ip.ts';
import type { Service } from '../model/kubernetes.ts';
import type { AssignedAddress } from './address/port.ts';
import type { Announced } from './announcement/port.ts';
import type { Intent } from './intent/port.ts';
import type { Owner } from './ownership/port.ts';

export interface Standing {
  readonly service: Service;
  readonly intent: Intent;
  /** What stands on the Service. */
  readonly assigned: AssignedAddress | undefined;
  /** What it shall have. */
  readonly address: Decision<AssignedAddress>;
  readonly owner: Decision<Owner>;
  readonly announced: Decision<Announced>;
  /** Of each of its addresses: they may have come to different nodes. */
  readonly ownerOf: (ip: Ip) => Decision<Owner>;
}

export const NOT_OWNER = off('NotOwner', 'another node owns the address');
export const NOT_HERE = off('NotHere', 'other nodes announce the address');
