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
/**
 * What compilers expect in a thread control block: its own address at 0, and at 28h the word that -fstack-protector puts
 * below return addresses.
 */
const CONTROL_BLOCK_BYTES = 64;
const CANARY_OFFSET = 0x28;
/** A program without thread-local storage has a control block all the same. */
const NO_THREAD_LOCAL: ThreadLocalTemplate = { address: 0, fileSize: 0, memorySize: 0, alignment: 1 };

export const AT_NULL = 0;
export const AT_PHDR = 3;
export const AT_PHENT = 4;
export const AT_PHNUM = 5;
export const AT_PAGESZ = 6;
export const AT_BASE = 7;
export const AT_ENTRY = 9;

export const PROGRAM_HEADER_BYTES = 56;

/** What goes onto the stack. */
export interface InitialStackOptions {
  /** One past the last byte of the stack; a multiple of 4096. */
  readonly top: LinearAddress;
  /** Each argument's bytes, without the terminating zero. */
  readonly argv: readonly Uint8Array[];
  readonly programHeaders: { readonly address: LinearAddress; readonly count: number } | undefined;
  /** What was added to the addresses in the file: `loadBase`. */
  readonly base: bigint;
  readonly entry: LinearAddress;
  readonly threadLocal: ThreadLocalTemplate | undefined;
  /** The word at fs:28h: `canaryOf`. */
  readonly canary: bigint;
}

/** Bytes of the stack that are not zero, and where the registers are to point. */
export interface InitialStack {
  readonly rsp: LinearAddress;
  readonly argv: LinearAddress;
  /** The base of FS. */
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
  /** The thread control block, up to its last byte that is not 0. */
  readonly controlBlock: Uint8Array;
}

/** The place of a thread-local block at the top of a stack. */
export function placeThreadLocal(
  top: LinearAddress,
  threadLocal: ThreadLocalTemplate = NO_THREAD_LOCAL,
  canary: bigint,
): ThreadLocalPlace {
  const alignment = Math.max(threadLocal.alignment, CONTROL_BLOCK_BYTES);
  const threadPointer = alignDown(top - CONTROL_BLOCK_BYTES, alignment);
  const start = threadPointer - threadLocalSpan(threadLocal);
  return { threadPointer, start, controlBlock: controlBlock(threadPointer, canary) };
}

/** At most as many bytes as a thread-local block takes of a stack, with what alignment costs. */
export function threadLocalBytes(threadLocal: ThreadLocalTemplate = NO_THREAD_LOCAL): number {
  return threadLocal.memorySize + 2 * threadLocal.alignment + 2 * CONTROL_BLOCK_BYTES;
}

/**
 * The word that -fstack-protector guards return addresses with in the threads of a process: not the same in all programs,
 * and the same in every run. Its first byte is 0, so that no string that runs over its buffer writes it.
 */
export function canaryOf(imageId: string, pid: number): bigint {
  const seed = BigInt(`0x${imageId.slice(0, 16)}`) + BigInt(pid) * 0x9e37_79b9_7f4a_7c15n;
  return BigInt.asUintN(64, seed) & ~0xffn;
}

export function initialStack(options: InitialStackOptions): InitialStack {
  const { top, argv, threadLocal, canary } = options;
  const place = placeThreadLocal(top, threadLocal, canary);
  const threadLocalStart = place.start;
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
  const pieces = [
    { address: rsp, bytes },
    { address: place.threadPointer, bytes: place.controlBlock },
  ];
  return { rsp, argv: rsp + 8, threadPointer: place.threadPointer, threadLocalStart, pieces };
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

function controlBlock(address: LinearAddress, canary: bigint): Uint8Array {
  const bytes = new Uint8Array(CANARY_OFFSET + 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, toLinear(address), true);
  view.setBigUint64(CANARY_OFFSET, canary, true);
  return bytes;
}

function alignDown(address: LinearAddress, alignment: number): LinearAddress {
  return address - (address % alignment);
}
