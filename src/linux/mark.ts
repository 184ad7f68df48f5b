/** How things we put on a node are told from those of others. */

/**
 * IFA_PROTO of our addresses (shown as `proto 0x4b` by ip(8)). The kernel uses 1 to 3 itself and leaves the rest to
 * programs; 0x4b is `K`.
 */
export const OWN_PROTOCOL = 0x4b;

/** End of the label of our IPv4 addresses where the kernel keeps no protocol (before 5.18). */
export const OWN_LABEL = ':kv';

/** nftables tables of ours, in the families arp and inet. */
export const OWN_TABLE = 'kubevip';
