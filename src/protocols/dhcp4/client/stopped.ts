/** STOPPED: says nothing and hears nothing until it is started again; entered by release and by stop. */
import { STAY, type Entered } from './state.ts';

export function enterStopped(): Entered {
  return {
    outputs: [],
    state: { name: 'STOPPED', deadline: () => undefined, tick: () => STAY, receive: () => STAY },
  };
}
