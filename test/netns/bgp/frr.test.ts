import { createFrr } from '../../support/bgp/frr.ts';
import { interop } from './interop.ts';

interop('FRR', createFrr, {
  bfd: /^up$/,
  extendedNextHop: true,
  wrongAs: /Bad Peer AS/,
  toldWrongAs: /Bad Peer AS/,
  farewell: /new disks/,
  expired: /Hold Timer Expired/,
});
