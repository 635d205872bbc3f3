import { MAX_NAME_BYTES } from '../program/header-page.js';
import { Errno, failure } from '../errors.js';
import { HOST_BYTES } from '../host-memory.js';
import type { Steps } from '../../vmo/steps.js';
import { isName, type NameList, type NameProgress, type PublishOutcome } from '../names.js';
import { hasNoHandle, newHandle, vmoOf } from './arguments.js';
import type { CallContext, CallResult, KernelCall } from './call.js';
import { lookedUp, nameArgument } from './name-argument.js';
import { Hashing, STEPPED_FIELDS, STEPPED_OPTIONS, StandingCall, SteppedCall, takeStep } from './stepped-call.js';
import { schema, value, type Schema } from '../../state/schema.js';

/** `char[64]` of a name_list: the name, and zeros. */
export const NAME_ENTRY_BYTES = MAX_NAME_BYTES + 1;

/** Names that a call lists at most; the cursor that it returns says that there are more. */
const NAMES_IN_CALL = 16384;
/** What a publication takes in a name space that keeps it in memory. */
const PUBLISH_EFFORT = 16;
/** Names that take a unit of effort to be listed. */
const NAMES_PER_EFFORT = 4;

/** Instead of a handle, as signed numbers: no VMO, any VMO or none. */
const NOTHING = -1n;
const ANYTHING = -2n;

const ANSWERS: Readonly<Record<PublishOutcome, bigint>> = {
  done: 0n,
  changed: failure(Errno.EAGAIN),
  'read-only': failure(Errno.EINVAL),
};

function nameLookup(context: CallContext, address: bigint): CallResult {
  const name = nameArgument(context, address, Errno.ENOENT);
  if (typeof name === 'bigint') return name;
  const found = lookedUp(context, name);
  if (typeof found === 'string') return found;
  const { value: vmo } = found;
  if (!vmo) return failure(Errno.ENOENT);
  if (hasNoHandle(context)) vmo.close();
  return newHandle(context, () => vmo);
}

/** The VMO, and the one that is expected, are hashed in parts, and saved in parts where names are durable. */
function namePublish(context: CallContext, address: bigint, handle: bigint, expected: bigint): CallResult {
  const { pending } = context;
  if (!pending.work) {
    const name = nameArgument(context, address, Errno.EINVAL);
    if (typeof name === 'bigint') return name;
    if (!isName(name)) return failure(Errno.EINVAL);
    const [vmo, before] = [vmoOf(context, handle), vmoOf(context, expected)];
    if (!vmo && BigInt.asIntN(64, handle) !== NOTHING) return failure(Errno.EBADF);
    const instead = BigInt.asIntN(64, expected);
    if (!before && instead !== NOTHING && instead !== ANYTHING) return failure(Errno.EBADF);
    pending.work = new PublishCall(name, {
      vmo: vmo && new Hashing(context, handle, vmo),
      before: before && new Hashing(context, expected, before),
      isAnything: instead === ANYTHING,
    });
  }
  const step = takeStep(pending.work as SteppedCall<PublishOutcome>, context);
  if (typeof step === 'number') return failure(step);
  return typeof step === 'string' ? step : ANSWERS[step.value];
}

/** What name_publish was told: what the name is to stand for, and what it must stand for. */
interface Publication {
  /** Undefined for no VMO. */
  readonly vmo: Hashing | undefined;
  readonly before: Hashing | undefined;
  /** Whether it does not matter what the name stands for. */
  readonly isAnything: boolean;
}

/** Hashes the VMOs of a publication, and publishes. */
class PublishCall extends SteppedCall<PublishOutcome> {
  static readonly state: Schema = schema(
    'publish call',
    PublishCall,
    {
      ...STEPPED_FIELDS,
      isHashed: value,
      progress: value,
      name: value,
      publication: value,
    },
    STEPPED_OPTIONS,
  );

  private isHashed = false;
  private readonly progress: NameProgress = { steps: 0 };

  constructor(
    private readonly name: string,
    private readonly publication: Publication,
  ) {
    super();
  }

  protected *steps(context: CallContext): Steps<PublishOutcome, number> {
    const { vmo, before, isAnything } = this.publication;
    if (!this.isHashed) {
      if (vmo) yield* vmo.steps(context);
      if (before) yield* before.steps(context);
      if (vmo) context.hostMemory.require(HOST_BYTES.name);
      context.kernel.work.add(PUBLISH_EFFORT);
      this.isHashed = true;
    }
    const expected = isAnything ? 'anything' : before?.held;
    return yield* context.names.publishInSteps(this.name, vmo?.held, expected, this.progress);
  }

  override close(): void {
    super.close();
    this.publication.vmo?.close();
    this.publication.before?.close();
  }
}

/**
 * The cursor is how many names come before: all there are, ascending. Those of a host are looked through while the machine
 * stands still.
 */
function nameList(context: CallContext, buffer: bigint, count: bigint, cursor: bigint): CallResult {
  const { memory, pending, names, kernel } = context;
  const start = memory.locate(buffer, count * BigInt(NAME_ENTRY_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const [first, most] = [Number(cursor), Math.min(Number(count), NAMES_IN_CALL)];
  pending.work ??= new StandingCall(names.listInSteps(first, most));
  const step = (pending.work as SteppedCall<NameList>).take(context);
  if (typeof step === 'string') return step;
  const { names: found, total } = step.value;
  // One entry more, all zeros, where there is room: the reader knows where the names end.
  const entries = new Uint8Array((found.length < Number(count) ? found.length + 1 : found.length) * NAME_ENTRY_BYTES);
  found.forEach((name, index) => entries.set(new TextEncoder().encode(name), index * NAME_ENTRY_BYTES));
  kernel.charge({ effort: found.length / NAMES_PER_EFFORT });
  memory.write(start, entries);
  const next = first + found.length;
  return next < total ? BigInt(next) : 0n;
}

export const NAME_CALLS: readonly KernelCall[] = [
  { number: 48, name: 'name_lookup', parameters: ['name'], perform: nameLookup },
  { number: 49, name: 'name_publish', parameters: ['name', 'handle', 'expected'], perform: namePublish },
  { number: 50, name: 'name_list', parameters: ['names', 'n', 'cursor'], perform: nameList },
];
