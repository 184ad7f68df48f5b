/** Waits for file descriptors in Node's own event loop. */
import koffi from 'koffi';

export interface Watch {
  close(): void;
}

/** How koffi really calls back; its own types leave the status out. */
type PollCallback = (status: number) => void;

/**
 * Calls back whenever the descriptor can be read; level-triggered, so read until nothing is left. Also called when
 * the descriptor has an error to be collected. What `onReadable` throws becomes an uncaught exception. Does not keep
 * the process alive.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  return watch(fd, { readable: true }, onReadable, false);
}

/** Calls back when a connection has come about or failed. Keeps the process alive: somebody waits for it. */
export function watchWritable(fd: number, onWritable: () => void): Watch {
  return watch(fd, { writable: true }, onWritable, true);
}

function watch(
  fd: number,
  events: { readonly readable?: boolean; readonly writable?: boolean },
  onEvent: () => void,
  keepAlive: boolean,
): Watch {
  const state = { open: true };
  const callback: PollCallback = (status) => {
    if (!state.open) return;
    try {
      onEvent();
    } catch (error) {
      // Thrown here it would surface in whatever native call comes next.
      process.nextTick(() => {
        throw error;
      });
    }
    // libuv ends a poll whose descriptor reports an error (a packet socket does when its link goes down).
    if (status < 0 && isOpen(state)) handle.start({ ...events }, callback as never);
  };
  const handle = koffi.node.poll(fd, { ...events }, callback as never);
  if (!keepAlive) handle.unref();
  return {
    // This closure, held by whoever may close, keeps the handle referenced: a collected handle goes silent.
    close: () => {
      if (!state.open) return;
      state.open = false;
      handle.close();
    },
  };
}

/** Asked anew: callbacks close watches, which the compiler cannot see. */
function isOpen(state: { readonly open: boolean }): boolean {
  return state.open;
}
