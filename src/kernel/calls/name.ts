import { MAX_NAME_BYTES } from '../program/header-page.js';
import { Errno, failure } from '../errors.js';
import { HOST_BYTES } from '../host-memory.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import { again } from '../memory/map-vmo.js';
import { isName, type ExpectedContent, type NameList, type PublishOutcome } from '../names.js';
import { hasNoHandle, newHandle, vmoOf } from './arguments.js';
import type { CallContext, CallResult, KernelCall } from './call.js';
import { lookedUp, nameArgument } from './name-argument.js';
import { SteppedCall, hashed, takeStep } from './stepped-call.js';

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
  const { pending, store } = context;
  if (!pending.work) {
    const name = nameArgument(context, address, Errno.EINVAL);
    if (typeof name === 'bigint') return name;
    if (!isName(name)) return failure(Errno.EINVAL);
    const [vmo, before] = [vmoOf(context, handle), vmoOf(context, expected)];
    if (!vmo && BigInt.asIntN(64, handle) !== NOTHING) return failure(Errno.EBADF);
    const instead = BigInt.asIntN(64, expected);
    if (!before && instead !== NOTHING && instead !== ANYTHING) return failure(Errno.EBADF);
    const [held, heldBefore] = [vmo && again(store, vmo), before && again(store, before)];
    const publication = { name, vmo: held, handle, before: instead === ANYTHING ? 'anything' : heldBefore, expected };
    pending.work = new SteppedCall(publish(context, publication as Publication), [held, heldBefore]);
  }
  const step = takeStep(pending.work as SteppedCall<PublishOutcome>, context);
  if (typeof step === 'number') return failure(step);
  return typeof step === 'string' ? step : ANSWERS[step.value];
}

/** What name_publish was told: VMOs, and the handles that they had then. */
interface Publication {
  readonly name: string;
  readonly vmo: VmoHandle | undefined;
  readonly handle: bigint;
  readonly before: ExpectedContent;
  readonly expected: bigint;
}

function* publish(context: CallContext, publication: Publication): Steps<PublishOutcome, number> {
  const { name, vmo, handle, before, expected } = publication;
  if (vmo) yield* hashed(context, handle, vmo);
  if (before && before !== 'anything') yield* hashed(context, expected, before);
  if (vmo) context.hostMemory.require(HOST_BYTES.name);
  context.kernel.work.add(PUBLISH_EFFORT);
  return yield* context.names.publishInSteps(name, vmo, before);
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
  pending.work ??= new SteppedCall(names.listInSteps(first, most));
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
