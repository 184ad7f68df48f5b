/** What agents put into the kernel, and the state of the network. */
import type { Link } from '../../model/wire.ts';

export interface Kernel {
  links(): readonly Link[];
  /** What agents of ours have left, for people: `address 192.168.1.40 on eth0`, `table inet kubevip`. */
  traces(): Promise<readonly string[]>;
  /** Takes it away. */
  removeTraces(): Promise<void>;
}
