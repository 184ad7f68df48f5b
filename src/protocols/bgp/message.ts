/** The five messages of BGP-4, whole. */
import { MESSAGE } from './codes.ts';
import { frame, type Frame } from './framing.ts';
import { decodeNotification, encodeNotification, type Notification } from './notification.ts';
import { decodeOpen, encodeOpen, type Open } from './open.ts';
import { decodeRouteRefresh, encodeRouteRefresh, type RouteRefresh } from './route-refresh.ts';
import { decodeUpdate, encodeUpdate, type Update } from './update.ts';

export type Message = Open | Update | Notification | RouteRefresh | { readonly kind: 'keepalive' };

/** Header included. @param as4 whether both sides know long AS numbers; matters for UPDATE alone. */
export function encodeMessage(message: Message, as4 = true): Uint8Array {
  switch (message.kind) {
    case 'open':
      return frame(MESSAGE.open, encodeOpen(message));
    case 'update':
      return frame(MESSAGE.update, encodeUpdate(message, as4));
    case 'notification':
      return frame(MESSAGE.notification, encodeNotification(message));
    case 'keepalive':
      return frame(MESSAGE.keepalive);
    case 'route-refresh':
      return frame(MESSAGE.routeRefresh, encodeRouteRefresh(message));
  }
}

/** @param frame as framing gave it, its length checked. @throws BgpDecodeError, which says how to answer. */
export function decodeMessage({ type, body }: Frame, as4 = true): Message {
  switch (type) {
    case MESSAGE.open:
      return decodeOpen(body);
    case MESSAGE.update:
      return decodeUpdate(body, as4);
    case MESSAGE.notification:
      return decodeNotification(body);
    case MESSAGE.routeRefresh:
      return decodeRouteRefresh(body);
    default:
      return { kind: 'keepalive' };
  }
}
