/** Every check, in the order in which a person would mend things. */
import { root } from './checks/root.ts';
import type { Check } from './request.ts';

export const CHECKS: readonly Check[] = [root];
