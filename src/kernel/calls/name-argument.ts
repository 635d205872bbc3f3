import { Errno, failure } from '../errors.js';
import { MAX_NAME_BYTES } from '../program/header-page.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { CallContext } from './call.js';
import { SteppedCall } from './stepped-call.js';

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

/**
 * The VMO of a name, in an object, by a new handle; where it takes long to find, what the call is to answer until it is
 * made again.
 */
export function lookedUp(context: CallContext, name: string): ReturnType<SteppedCall<VmoHandle | undefined>['take']> {
  const work = (context.pending.work ??= new SteppedCall(context.names.lookupInSteps(name)));
  return (work as SteppedCall<VmoHandle | undefined>).take(context);
}
