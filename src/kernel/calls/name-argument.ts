import { Errno, failure } from '../errors.js';
import { MAX_NAME_BYTES } from '../program/header-page.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { CallContext } from './call.js';
import { STEPPED_FIELDS, STEPPED_OPTIONS, SteppedCall } from './stepped-call.js';
import type { NameProgress } from '../names.js';
import { schema, value, type Schema } from '../../state/schema.js';
import type { Steps } from '../../vmo/steps.js';

/**
 * The name at an address that a program gives: 1 to 63 bytes of UTF-8 and a zero byte. Otherwise an error: EFAULT if it
 * cannot be read in full, `otherwise` if it is not a valid name.
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
  const work = (context.pending.work ??= new LookupCall(name));
  return (work as LookupCall).take(context);
}

/** A call that looks a name up. */
class LookupCall extends SteppedCall<VmoHandle | undefined> {
  static readonly state: Schema = schema(
    'lookup call',
    LookupCall,
    { ...STEPPED_FIELDS, progress: value, name: value },
    STEPPED_OPTIONS,
  );

  private readonly progress: NameProgress = { steps: 0 };

  constructor(private readonly name: string) {
    super();
  }

  protected steps({ names }: CallContext): Steps<VmoHandle | undefined, number> {
    return names.lookupInSteps(this.name, this.progress);
  }
}
