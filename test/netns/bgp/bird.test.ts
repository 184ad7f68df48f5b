import { createBird } from '../../support/bgp/bird.ts';
import { interop } from './interop.ts';

interop('BIRD', createBird, {
  bfd: /^Up$/,
  extendedNextHop: true,
  wrongAs: /Bad peer AS/,
  toldWrongAs: /Bad peer AS/,
  farewell: /new disks/,
  expired: /Hold timer expired/,
});
