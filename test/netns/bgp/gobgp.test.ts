import { createGobgp } from '../../support/bgp/gobgp.ts';
import { interop } from './interop.ts';

interop('GoBGP', (options) => createGobgp({ ...options, apiPort: 50_000 + options.port }), {
  extendedNextHop: false,
  wrongAs: /bad peer as|as number mismatch/i,
  // It counts what it is told, and says no more of it.
  toldWrongAs: /Notifications: +\d+ +[1-9]/,
  farewell: /new disks/,
  expired: /hold timer expired/i,
});
