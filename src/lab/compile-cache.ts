/**
 * Loaded before the lab's own programs (`node --import`): keeps compiled code from one lab to the next, which halves the
 * time they need to start. Node writes its cache when a process exits; in a lab most are killed, so it is written here.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const WRITE_AFTER_MS = 3000;

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/kubevip-lab', import.meta.url)));
setTimeout(flushCompileCache, WRITE_AFTER_MS).unref();
