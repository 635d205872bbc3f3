import { Errno, failure } from '../errors.js';
import { MAX_NAME_BYTES } from '../header-page.js';
import type { CallContext } from './call.js';

/**
 * A name that a program gives by its address: 1 to 63 bytes of UTF-8 and a zero byte. Where it is none, the error: EFAULT
 * where not all of it can be read, `otherwise` for one that no name is like.
 */
export function nameArgument(context: CallContext, address: bigint, otherwise: Errno): string | bigint {
  const bytes = context.memory.readString(address, MAX_NAME_BYTES);
  if (bytes === undefined) return failure(Errno.EFAULT);
  if (bytes === 'too long' || bytes.length === 0) return failure(otherwise);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return failure(otherwise);
  }
}
