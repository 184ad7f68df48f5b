/** Beside the pipeline: all frames of one interface copied to another one. */
import type { Link } from '../../model/wire.ts';

export interface Copying {
  readonly from: Pick<Link, 'name' | 'index'>;
  readonly to: Pick<Link, 'name' | 'index'>;
}

/** The kernel's rules, marked as ours. */
export interface MirrorTable {
  /**
   * What is to be copied; undefined: nothing, and nothing of it stays in the kernel. Copying ends by itself unless it is set
   * again: with the same that is cheap, and puts back what was flushed.
   */
  set(copying: Copying | undefined): Promise<void>;
}
