import { CS, SS } from './layout.js';

/**
 * The segment descriptors that a selector can name. A BD0 machine has no descriptor table in guest memory: apart from
 * null there are only the two segments that its threads start with (design/bd0-os.md "How a program starts"), both for
 * CPL 3.
 */
export interface Descriptor {
  /** With RPL 0. */
  readonly selector: number;
  /** Type, S, DPL, P, AVL, L, D and G at their positions in the descriptor's second doubleword, as LAR returns them. */
  readonly accessRights: number;
  /** In bytes, after scaling by G, as LSL returns it. */
  readonly limit: number;
}

/** Bits of the type field, at their position in the access rights. SDM Vol. 3A table 3-1. */
const TYPE_CODE = 1 << 11;
/** Writable for a data segment, readable for a code segment. */
const TYPE_WRITABLE_OR_READABLE = 1 << 9;

export const DESCRIPTORS: readonly Descriptor[] = [
  /* 64-bit code, execute/read, accessed, DPL 3. */
  { selector: 0x30, accessRights: 0x00af_fb00, limit: 0xffff_ffff },
  /* Data, read/write, accessed, DPL 3. */
  { selector: 0x28, accessRights: 0x00cf_f300, limit: 0xffff_ffff },
];

/** RPL, the requested privilege level, in the low bits of a selector. SDM Vol. 3A 3.4.2 "Segment Selectors". */
export const RPL_MASK = 3;

export function isCode(descriptor: Descriptor): boolean {
  return (descriptor.accessRights & TYPE_CODE) !== 0;
}

export function isReadable(descriptor: Descriptor): boolean {
  return !isCode(descriptor) || (descriptor.accessRights & TYPE_WRITABLE_OR_READABLE) !== 0;
}

export function isWritable(descriptor: Descriptor): boolean {
  return !isCode(descriptor) && (descriptor.accessRights & TYPE_WRITABLE_OR_READABLE) !== 0;
}

/** The descriptor that a selector names, whatever its RPL. */
export function findDescriptor(selector: number): Descriptor | undefined {
  return DESCRIPTORS.find((descriptor) => descriptor.selector === (selector & ~RPL_MASK));
}

/**
 * The error code of the #GP that MOV, LSS, LFS, LGS or POP raise for this selector at CPL 3, or `undefined` if the
 * segment register accepts it. CS is never loaded this way. SDM Vol. 2B "MOV", Vol. 3A 5.7 "Privilege Level Checking
 * When Loading the SS Register".
 */
export function segmentLoadError(segment: number, selector: number): number | undefined {
  if (segment === CS) throw new Error('CS is loaded by far transfers only');
  const isNull = (selector & ~RPL_MASK) === 0;
  if (isNull) return segment === SS ? 0 : undefined;
  const errorCode = selector & ~RPL_MASK;
  const descriptor = findDescriptor(selector);
  if (!descriptor) return errorCode;
  const loads = segment === SS ? isWritable(descriptor) && (selector & RPL_MASK) === 3 : isReadable(descriptor);
  return loads ? undefined : errorCode;
}
