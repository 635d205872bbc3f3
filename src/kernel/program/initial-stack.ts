import { PAGE_SIZE } from '../../bits.js';
import type { ThreadLocalTemplate } from './elf.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';

/*
 * The top of a main stack as a program finds it: psABI for x86-64, 3.4.1 "Initial Stack and Register State" and 3.4.3
 * "Auxiliary Vector"; thread-local storage is variant II of "ELF Handling For Thread-Local Storage", 3.
 *
 *     top
 *          the thread control block: its own address, and zeros              <- fs, aligned as PT_TLS asks
 *          the thread-local block: its template, and zeros
 *          the strings of argv
 *          AT_NULL ... auxiliary vector
 *          NULL: the environment is empty
 *          NULL, argv[argc - 1] ... argv[0]
 *          argc                                                              <- rsp, 16-byte aligned
 */
const STACK_ALIGNMENT = 16;
/** Room for what compilers expect in a thread control block, such as the stack protector's canary at fs:28h. */
const CONTROL_BLOCK_BYTES = 64;

export const AT_NULL = 0;
export const AT_PHDR = 3;
export const AT_PHENT = 4;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_BASE = 7;
export const AT_ENTRY = 9;

const PROGRAM_HEADER_BYTES = 56;

/** What goes onto the stack. */
export interface InitialStackOptions {
  /** One past the last byte of the stack; a multiple of 4096. */
  readonly top: LinearAddress;
  /** Each argument's bytes, without the zero behind it. */
  readonly argv: readonly Uint8Array[];
  readonly programHeaders: { readonly address: LinearAddress; readonly count: number } | undefined;
  /** What was added to the addresses in the file: `loadBase`. */
  readonly base: bigint;
  readonly entry: LinearAddress;
  readonly threadLocal: ThreadLocalTemplate | undefined;
}

/** Bytes of the stack that are not zero, and where the registers are to point. */
export interface InitialStack {
  readonly rsp: LinearAddress;
  readonly argv: LinearAddress;
  /** The base of FS; 0 where there is no thread-local storage. */
  readonly threadPointer: LinearAddress;
  /** Where the thread-local template is to be copied. */
  readonly threadLocalStart: LinearAddress;
  readonly pieces: readonly { readonly address: LinearAddress; readonly bytes: Uint8Array }[];
}

/** Where the thread-local block of a thread lies. */
export interface ThreadLocalPlace {
  /** The base of FS. */
  readonly threadPointer: LinearAddress;
  /** Where the template is to be copied. */
  readonly start: LinearAddress;
  /** The thread control block's first word. */
  readonly selfPointer: Uint8Array;
}

/** The place of a thread-local block at the top of a stack. */
export function placeThreadLocal(top: LinearAddress, threadLocal: ThreadLocalTemplate): ThreadLocalPlace {
  const alignment = Math.max(threadLocal.alignment, CONTROL_BLOCK_BYTES);
  const threadPointer = alignDown(top - CONTROL_BLOCK_BYTES, alignment);
  const start = threadPointer - threadLocalSpan(threadLocal);
  return { threadPointer, start, selfPointer: selfPointer(threadPointer) };
}

/** At most as many bytes as a thread-local block takes of a stack, with what alignment costs. */
export function threadLocalBytes(threadLocal: ThreadLocalTemplate | undefined): number {
  return threadLocal ? threadLocal.memorySize + 2 * threadLocal.alignment + 2 * CONTROL_BLOCK_BYTES : 0;
}

export function initialStack(options: InitialStackOptions): InitialStack {
  const { top, argv, threadLocal } = options;
  const place = threadLocal && placeThreadLocal(top, threadLocal);
  const threadLocalStart = place?.start ?? top;
  const stringBytes = argv.reduce((total, argument) => total + argument.length + 1, 0);
  const strings = threadLocalStart - stringBytes;
  const vector = auxiliaryVector(options);
  const words = 1 + argv.length + 1 + 1 + vector.length;
  const rsp = alignDown(strings - words * 8, STACK_ALIGNMENT);
  const bytes = new Uint8Array(threadLocalStart - rsp);
  const view = new DataView(bytes.buffer);
  const put = (word: number, value: bigint): void => view.setBigUint64(word * 8, value, true);
  put(0, BigInt(argv.length));
  let string = strings;
  argv.forEach((argument, index) => {
    put(1 + index, toLinear(string));
    bytes.set(argument, string - rsp);
    string += argument.length + 1;
  });
  vector.forEach((value, index) => put(1 + argv.length + 1 + 1 + index, value));
  const pieces: { address: LinearAddress; bytes: Uint8Array }[] = [{ address: rsp, bytes }];
  if (place) pieces.push({ address: place.threadPointer, bytes: place.selfPointer });
  return { rsp, argv: rsp + 8, threadPointer: place?.threadPointer ?? 0, threadLocalStart, pieces };
}

/** At most as many bytes as `initialStack` takes: what must fit into the stack before it is made. */
export function initialStackBytes(argv: readonly Uint8Array[], threadLocal: ThreadLocalTemplate | undefined): number {
  const strings = argv.reduce((total, argument) => total + argument.length + 1 + 8, 0);
  return strings + threadLocalBytes(threadLocal) + PAGE_SIZE;
}

/** Tags, each followed by its value. */
function auxiliaryVector({ programHeaders, base, entry }: InitialStackOptions): bigint[] {
  const vector: bigint[] = [];
  const add = (tag: number, value: bigint): unknown => vector.push(BigInt(tag), value);
  if (programHeaders) {
    add(AT_PHDR, toLinear(programHeaders.address));
    add(AT_PHENT, BigInt(PROGRAM_HEADER_BYTES));
    add(AT_PHNUM, BigInt(programHeaders.count));
  }
  add(AT_PAGESZ, BigInt(PAGE_SIZE));
  add(AT_BASE, base);
  add(AT_ENTRY, toLinear(entry));
  add(AT_NULL, 0n);
  return vector;
}

/**
 * How far below the thread pointer the thread-local block starts: as the linker counts, which rounds the end of the
 * template up to its alignment.
 */
function threadLocalSpan({ address, memorySize, alignment }: ThreadLocalTemplate): number {
  return Math.ceil((address + memorySize) / alignment) * alignment - address;
}

function selfPointer(address: LinearAddress): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, toLinear(address), true);
  return bytes;
}

function alignDown(address: LinearAddress, alignment: number): LinearAddress {
  return address - (address % alignment);
}
