import { createGobgp } from '../../support/bgp/gobgp.ts';
import { interop } from './interop.ts';

interop('GoBGP', (options) => createGobgp({ ...options, apiPort: 50_000 + options.port }), {
  extendedNextHop: false,
  wrongAs: /bad peer as|as number mismatch/i,
  farewell: /new disks/,
  expired: /hold timer expired/i,
});
