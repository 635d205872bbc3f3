import { PAGE_SIZE } from '../../../bits.js';
import {
  AT_BASE,
  AT_ENTRY,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  PROGRAM_HEADER_BYTES,
} from '../../program/initial-stack.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { ProcessCredentials } from '../files/credentials.js';

/*
 * The top of the stack of a Linux program: psABI for x86-64, 3.4.1 and 3.4.3, and fs/binfmt_elf.c, create_elf_tables.
 *
 *     end
 *          8 zero bytes
 *          the path of the image
 *          the strings of the environment, of argv
 *          "x86_64", 16 random bytes
 *          AT_NULL ... auxiliary vector
 *          NULL, the environment
 *          NULL, argv
 *          argc                                      <- rsp, 16-byte aligned
 */

/* include/uapi/linux/auxvec.h */
const AT_FLAGS = 8;
const AT_UID = 11;
const AT_EUID = 12;
const AT_GID = 13;
const AT_EGID = 14;
const AT_PLATFORM = 15;
const AT_HWCAP = 16;
const AT_CLKTCK = 17;
const AT_SECURE = 23;
const AT_RANDOM = 25;
const AT_HWCAP2 = 26;
const AT_EXECFN = 31;

const CLOCK_TICKS = 100;
const RANDOM_BYTES = 16;
const STACK_ALIGNMENT = 16;
const END_BYTES = 8;

/** The user and group that a program starts with. */
export type ProgramUser = Pick<ProcessCredentials, 'user' | 'realUser' | 'group' | 'realGroup'>;

/** What a Linux program is started with. All addresses are as the program sees them. */
export interface LinuxStackOptions {
  /** One past the last byte of the stack; a multiple of 4096. */
  readonly top: LinearAddress;
  readonly path: Uint8Array;
  readonly argv: readonly Uint8Array[];
  readonly environment: readonly Uint8Array[];
  readonly programHeaders: { readonly address: bigint; readonly count: number } | undefined;
  /** Where the dynamic linker is loaded; 0 without one. */
  readonly base: bigint;
  /** That of the image, not of its dynamic linker. */
  readonly entry: bigint;
  /** CPUID.1:EDX. */
  readonly features: number;
  readonly user: ProgramUser;
  /** 16 bytes. */
  readonly random: Uint8Array;
}

/** Bytes from rsp to the end of the stack. */
export interface LinuxStack {
  readonly rsp: LinearAddress;
  /** The auxiliary vector alone. */
  readonly auxiliary: Uint8Array;
  readonly bytes: Uint8Array;
}

/** At most as many bytes as the top of the stack takes. */
export function linuxStackBytes(argv: readonly Uint8Array[], environment: readonly Uint8Array[]): number {
  const strings = [...argv, ...environment].reduce((total, { length }) => total + length + 1 + 8, 0);
  return strings + 2 * PAGE_SIZE;
}

export function linuxStack(options: LinuxStackOptions): LinuxStack {
  const { top, path, argv, environment, random } = options;
  const area = new Strings(top - END_BYTES);
  const execfn = area.push(path);
  const environmentAt = [...environment].reverse().map((one) => area.push(one));
  environmentAt.reverse();
  const argvAt = [...argv].reverse().map((one) => area.push(one));
  argvAt.reverse();
  const platform = area.push(new TextEncoder().encode('x86_64'));
  const randomAt = area.pushBytes(random.subarray(0, RANDOM_BYTES));
  const vector = auxiliaryVector(options, { execfn, platform, random: randomAt });
  const auxiliary = vector.flatMap(([tag, value]) => [BigInt(tag), BigInt.asUintN(64, value)]);
  const words = [BigInt(argv.length), ...argvAt.map(BigInt), 0n, ...environmentAt.map(BigInt), 0n, ...auxiliary];
  const unaligned = area.address - words.length * 8;
  const rsp = unaligned - (unaligned % STACK_ALIGNMENT);
  const bytes = new Uint8Array(top - rsp);
  bytes.set(bytesOfWords(words));
  for (const { address, content } of area.pieces) bytes.set(content, address - rsp);
  return { rsp, auxiliary: bytesOfWords(auxiliary), bytes };
}

function bytesOfWords(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  return bytes;
}

/** Strings that are laid one below the other. */
class Strings {
  readonly pieces: { readonly address: LinearAddress; readonly content: Uint8Array }[] = [];

  constructor(public address: LinearAddress) {}

  /** With a zero behind it. */
  push(text: Uint8Array): LinearAddress {
    this.address -= 1;
    return this.pushBytes(text);
  }

  pushBytes(content: Uint8Array): LinearAddress {
    this.address -= content.length;
    this.pieces.push({ address: this.address, content });
    return this.address;
  }
}

function auxiliaryVector(
  { programHeaders, base, entry, features, user }: LinuxStackOptions,
  at: { readonly execfn: number; readonly platform: number; readonly random: number },
): (readonly [tag: number, value: bigint])[] {
  return [
    [AT_HWCAP, BigInt(features >>> 0)],
    [AT_PAGESZ, BigInt(PAGE_SIZE)],
    [AT_CLKTCK, BigInt(CLOCK_TICKS)],
    ...(programHeaders
      ? ([
          [AT_PHDR, programHeaders.address],
          [AT_PHENT, BigInt(PROGRAM_HEADER_BYTES)],
          [AT_PHNUM, BigInt(programHeaders.count)],
        ] as const)
      : []),
    [AT_BASE, base],
    [AT_FLAGS, 0n],
    [AT_ENTRY, entry],
    [AT_UID, BigInt(user.realUser)],
    [AT_EUID, BigInt(user.user)],
    [AT_GID, BigInt(user.realGroup)],
    [AT_EGID, BigInt(user.group)],
    [AT_SECURE, user.realUser === user.user && user.realGroup === user.group ? 0n : 1n],
    [AT_RANDOM, BigInt(at.random)],
    [AT_HWCAP2, 0n],
    [AT_EXECFN, BigInt(at.execfn)],
    [AT_PLATFORM, BigInt(at.platform)],
    [AT_NULL, 0n],
  ];
}
