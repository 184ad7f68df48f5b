/** Where a list in pages goes on: at which state of the cluster, and after which object. */
import { badRequest } from '../errors.ts';
import { isObject } from '../json.ts';

export interface ContinueToken {
  readonly revision: number;
  /** Storage key of the last object given. */
  readonly after: string;
}

export function encodeContinue({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'kubevip.dev/v1', rv: revision, start: after })).toString('base64url');
}

/** @throws ApiError 400 */
export function decodeContinue(text: string): ContinueToken {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (isObject(value) && typeof value['rv'] === 'number' && typeof value['start'] === 'string') {
      return { revision: value['rv'], after: value['start'] };
    }
  } catch {
    // Answered below, as any other text that is no token.
  }
  throw badRequest('continue key is not valid');
}
