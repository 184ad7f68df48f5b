import type { Decision } from '../../model/decision.ts';
import type { Owner } from './port.ts';

/** Whether this node owns the address. */
export function isMine(owner: Decision<Owner>): boolean {
  return owner.state === 'ready' && owner.value.mine;
}
