/** Waits for file descriptors in Node's own event loop. */
import koffi from 'koffi';

export interface Watch {
  close(): void;
}

export interface Watcher {
  /**
   * Calls back whenever the descriptor can be read; level-triggered, so read until nothing is left. Also called when
   * the descriptor has an error to be collected. What `onReadable` throws becomes an uncaught exception. Does not keep
   * the process alive.
   */
  readable(fd: number, onReadable: () => void): Watch;
  /** Calls back when a connection has come about or failed. Keeps the process alive: somebody waits for it. */
  writable(fd: number, onWritable: () => void): Watch;
}

/** How koffi really calls back; its own types leave the status out. */
type PollCallback = (status: number) => void;

/** Of all watchers: each with a listener of its own for the end of the process would be one too many before long. */
const open = new Set<Watch>();

/** A frame that arrives while Node tears itself down would call into a JavaScript that is gone, and abort. */
function closeAll(): void {
  for (const watch of [...open]) watch.close();
}

export function createWatcher(): Watcher {
  const start = (event: 'readable' | 'writable', fd: number, onEvent: () => void, keepAlive: boolean): Watch => {
    const callback: PollCallback = (status) => {
      if (!open.has(watch)) return;
      try {
        onEvent();
      } catch (error) {
        // Thrown here it would surface in whatever native call comes next.
        process.nextTick(() => {
          throw error;
        });
      }
      // libuv ends a poll whose descriptor reports an error (a packet socket does when its link goes down).
      if (status < 0 && open.has(watch)) handle.start({ [event]: true }, callback as never);
    };
    const handle = koffi.node.poll(fd, { [event]: true }, callback as never);
    if (!keepAlive) handle.unref();
    // Held by `open`, this keeps the handle referenced: a collected handle goes silent.
    const watch: Watch = {
      close: () => {
        if (!open.delete(watch)) return;
        handle.close();
        if (open.size === 0) process.off('exit', closeAll);
      },
    };
    if (open.size === 0) process.on('exit', closeAll);
    open.add(watch);
    return watch;
  };

  return {
    readable: (fd, onReadable) => start('readable', fd, onReadable, false),
    writable: (fd, onWritable) => start('writable', fd, onWritable, true),
  };
}
