/** Frames recorded from real programs in a network namespace. Runs of zero bytes are written as their count: `(64)`. */

export function bytesOf(text: string): Uint8Array {
  const hex = text.replaceAll(/\((\d+)\)/g, (_, count: string) => '00'.repeat(Number(count)));
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** ISC dhclient 4.4.3, without the broadcast flag. */
export const DHCLIENT_DISCOVER = bytesOf(
  'ffffffffffff02770000000c080045100148000000008011399600000000ffffffff0044004301344afb01010600' +
    '7c68c975(20)02770000000c(202)638253633501010c0677616c6e75743707011c02030f060cff(39)',
);

/** ISC dhclient 4.4.3. */
export const DHCLIENT_REQUEST = bytesOf(
  'ffffffffffff02770000000c080045100148000000008011399600000000ffffffff004400430134de7d01010600' +
    '7c68c975(20)02770000000c(202)6382536335010336040a4d000b32040a4d00bd0c0677616c6e75743707011c' +
    '02030f060cff(27)',
);

/** ISC dhclient 4.4.3. */
export const DHCLIENT_RELEASE = bytesOf(
  '02770000000b02770000000c0800450001485be740004011c90d0a4d000c0a4d000b00440043013415f601010600' +
    '64fbf458000000000a4d00bd(12)02770000000c(202)6382536335010736040a4d000b0c0677616c6e7574ff' +
    '(42)',
);

/** dnsmasq 2.90, unicast to an address that is not in use yet. */
export const DNSMASQ_OFFER = bytesOf(
  '02770000000c02770000000b080045c0014903b6000040115fcd0a4d000b0a4d00bd00430044013516a802010600' +
    '7c68c975(8)0a4d00bd0a4d00090000000002770000000c(10)746674702e6c616e(56)7078656c696e75782e30' +
    '(118)6382536335010236040a4d000b3304000000783a040000003c3b04000000690104ffffff001c040a4d00ff' +
    '03040a4d000b0f036c616e06080a4d000109090909ff',
);

/** dnsmasq 2.90, broadcast; its UDP checksum was left to a network card that is not there. */
export const DNSMASQ_ACK = bytesOf(
  'ffffffffffff02770000000b080045c00149a34300004011cb490a4d000bffffffff0043004401350b9e02010600' +
    '87125bab00008000000000000a4d006c0a4d000900000000422467cb7be9(10)746674702e6c616e(56)7078656c' +
    '696e75782e30(118)6382536335010536040a4d000b3304000000783a040000003c3b04000000690104ffffff00' +
    '1c040a4d00ff03040a4d000b0f036c616e06080a4d000109090909ff',
);

/** dnsmasq 2.90, refusing an address of another network. */
export const DNSMASQ_NAK = bytesOf(
  'ffffffffffff02770000000b080045c00148a34a00004011cb430a4d000bffffffff0043004401340b9d02010600' +
    'c07425d4000080(17)422467cb7be9(202)6382536335010636040a4d000b380d77726f6e672061646472657373' +
    'ff(35)',
);
