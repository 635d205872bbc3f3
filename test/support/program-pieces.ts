/** Pieces of random programs: flags set and read in every way, groups of accesses, floats, loops, calls. */
import { PAGE_SIZE } from '../../src/bits.js';
import { RAX, RCX, RSP } from '../../src/cpu/state/layout.js';
import { DATA, STACK, STACK_BYTES } from './bare-machine.js';
import { CODE_BYTES, NOP, type Piece, type ProgramBuilder } from './program-builder.js';

/** RAX RCX RDX RBX RBP RSI RDI. */
const REGISTERS = [0, 1, 2, 3, 5, 6, 7];
/** Nothing, REX.W, 66, REX.WRB: 32, 64, 16 bits, and 64 with R8 to R15. */
const PREFIXES: readonly (readonly number[])[] = [[], [0x48], [0x66], [0x4d]];
/** Where programs that jump far keep a stack pointer. */
const SAVED_RSP = DATA + 0x20n;

const modRM = (reg: number, rm: number): number => 0xc0 | ((reg & 7) << 3) | (rm & 7);

/** An instruction that sets flags, none of which faults. */
const setFlags: Piece = (b) => {
  const { random } = b;
  const prefix = random.pick(PREFIXES);
  const register = (): number => random.pick(REGISTERS);
  const both = modRM(register(), register());
  const group = (opcode: number, operation: number, ...immediate: number[]): void =>
    b.put(...prefix, opcode, modRM(operation, register()), ...immediate);
  switch (random.below(16)) {
    case 0:
    case 1:
      return b.put(...prefix, 0x01 | (8 * random.below(8)), both);
    case 2:
      return b.put(0x08 * random.below(8), both);
    case 3:
      return group(0x83, random.below(8), random.below(256));
    case 4:
      return group(random.pick([0xff, 0xff, 0xfe]), random.below(2));
    case 5:
      return group(random.pick([0xf7, 0xf6]), 3);
    case 6:
      return group(random.pick([0xd1, 0xd3, 0xd0, 0xd2]), random.below(8));
    case 7:
      return group(
        random.pick([0xc1, 0xc0]),
        random.below(8),
        random.pick([0, 1, 7, 8, 31, 32, 33, 63, random.below(256)]),
      );
    case 8:
      return b.put(...prefix, 0x0f, random.pick([0xa4, 0xac]), both, random.below(70));
    case 9:
      return b.put(...prefix, 0x0f, random.pick([0xa5, 0xad]), both);
    case 10:
      return random.chance(2) ? b.put(...prefix, 0x0f, 0xaf, both) : group(0xf7, 4 + random.below(2));
    case 11:
      return b.put(...prefix, 0x0f, random.pick([0xa3, 0xab, 0xb3, 0xbb, 0xbc, 0xbd, 0xb1, 0xc1]), both);
    case 12:
      return b.put(...prefix, 0x0f, 0xba, modRM(4 + random.below(4), register()), random.below(256));
    case 13:
      return b.put(random.pick([0xf8, 0xf9, 0xf5, 0x9e]));
    case 14:
      return b.put(...random.pick([[0x66], []]), 0x0f, random.pick([0x2e, 0x2f]), both);
    default:
      return b.put(...prefix, 0x85, both);
  }
};

/** An instruction that reads some or all of them. */
const readFlags: Piece = (b) => {
  const { random } = b;
  const condition = random.below(16);
  const register = (): number => random.pick(REGISTERS);
  switch (random.below(8)) {
    case 0:
      return b.put(0x0f, 0x90 | condition, modRM(0, register()));
    case 1:
      return b.put(...random.pick(PREFIXES), 0x0f, 0x40 | condition, modRM(register(), register()));
    case 2:
      return b.put(...random.pick(PREFIXES), random.pick([0x11, 0x19]), modRM(register(), register()));
    case 3:
      return b.put(...random.pick(PREFIXES), 0x83, modRM(random.pick([2, 3]), register()), random.below(256));
    case 4:
      return b.put(...random.pick(PREFIXES), random.pick([0xd1, 0xd3]), modRM(random.pick([2, 3]), register()));
    case 5:
      return b.put(0x9f);
    case 6:
      return b.put(0x9c, 0x58 | register());
    default:
      // Jcc over an instruction that sets them anew, perhaps.
      return within(b.branchAhead([0x0f, 0x80 | condition]), () => random.pick([setFlags, keepFlags])(b));
  }
};

/** MOV, LEA, NOT, BSWAP: between a setter and its reader. */
const keepFlags: Piece = (b) => {
  const { random } = b;
  const both = modRM(random.pick(REGISTERS), random.pick(REGISTERS));
  switch (random.below(4)) {
    case 0:
      return b.put(0x48, 0x89, both);
    case 1:
      return b.put(0x8d, 0x44, 0x08 | random.pick([3, 5, 6, 7]), random.below(256));
    case 2:
      return b.put(0xf7, modRM(2, random.pick(REGISTERS)));
    default:
      return b.put(0x48, 0x0f, 0xc8 | random.pick(REGISTERS));
  }
};

function within(branch: { land: () => void }, body: () => void): void {
  body();
  branch.land();
}

/** Two ways with setters of their own, which meet at a reader. */
const diamond: Piece = (b) => {
  const { random } = b;
  setFlags(b);
  const other = b.branchAhead([0x0f, 0x80 | random.below(16)]);
  random.pick([setFlags, keepFlags, accessGroup])(b);
  const merge = b.branchAhead([0xe9]);
  within(other, () => {});
  random.pick([setFlags, keepFlags, readFlags])(b);
  merge.land();
  if (random.chance(2)) keepFlags(b);
  readFlags(b);
};

/** Accesses of all sizes off one base, and what ends such a group: another base, a branch, a push. */
const accessGroup: Piece = (b) => {
  const { random } = b;
  const base = random.pick([3, 5, 6]);
  const index = random.chance(4) ? RCX : undefined;
  b.load(base, b.address());
  if (index !== undefined) b.load(index, BigInt(random.below(8)));
  const step = random.pick([1, 2, 4, 8, 16]);
  let displacement = random.below(64) - 32;
  for (let i = random.below(8); i >= 0; i--) {
    if (random.chance(10)) changeGroup(b, base);
    // On one of two ways only.
    if (random.chance(12))
      within(b.branchAhead([0x0f, 0x80 | random.below(16)]), () => random.pick([changeGroup, moveBase])(b, base));
    access(b, base, index, displacement);
    displacement = random.chance(4) ? random.below(256) - 128 : ((displacement + step) << 24) >> 24;
  }
};

const REGISTER_FOR_DATA = [0, 2, 7];
/** MOV, ADD, SUB, CMP, XCHG of 8 to 64 bits; MOVUPS, MOVSD, MOVQ, MOVDQU and more: the bytes before ModRM. */
const ACCESSES: readonly (readonly number[])[] = [
  ...[[0x8b], [0x8b], [0x89], [0x89], [0x8a], [0x88], [0x03], [0x01], [0x29], [0x3b], [0x39], [0x87]],
  ...[
    [0x48, 0x8b],
    [0x48, 0x8b],
    [0x48, 0x89],
    [0x48, 0x89],
    [0x48, 0x01],
    [0x48, 0x03],
    [0x66, 0x89],
    [0x66, 0x8b],
  ],
  ...[
    [0x0f, 0x10],
    [0x0f, 0x11],
    [0xf2, 0x0f, 0x10],
    [0xf2, 0x0f, 0x11],
    [0xf3, 0x0f, 0x7e],
    [0x66, 0x0f, 0xd6],
  ],
  ...[
    [0x0f, 0xb6],
    [0x48, 0x0f, 0xbf],
    [0x48, 0x63],
    [0xf0, 0x48, 0x0f, 0xc1],
    [0xff],
    [0xf3, 0x0f, 0x6f],
    [0xf3, 0x0f, 0x7f],
  ],
];

function access(b: ProgramBuilder, base: number, index: number | undefined, displacement: number): void {
  const { random } = b;
  const opcode = random.pick(ACCESSES);
  // FF /0 and /1 are INC and DEC; /6 is PUSH.
  const register = opcode.at(-1) === 0xff ? random.pick([0, 1, 6]) : random.pick(REGISTER_FOR_DATA);
  if (index === undefined) b.put(...opcode, 0x40 | (register << 3) | base, displacement & 0xff);
  else b.put(...opcode, 0x44 | (register << 3), (random.below(4) << 6) | (index << 3) | base, displacement & 0xff);
}

/** What a group of accesses must mind. */
function changeGroup(b: ProgramBuilder, base: number): void {
  const { random } = b;
  switch (random.below(6)) {
    case 0:
    case 1:
      return moveBase(b, base);
    case 2:
      return b.load(base, b.address());
    case 3:
      return b.put(0x50 | random.pick(REGISTERS));
    case 4:
      return readFlags(b);
    default:
      return setFlags(b);
  }
}

/** ADD or SUB of a constant, LEA: a little, or to another page. */
function moveBase(b: ProgramBuilder, base: number): void {
  const { random } = b;
  if (random.chance(2)) return b.put(0x48, 0x83, modRM(random.pick([0, 5]), base), random.below(128));
  if (random.chance(2)) return b.put(0x48, 0x8d, 0x40 | (base << 3) | base, random.below(256));
  b.put(0x48, 0x81, modRM(random.pick([0, 5]), base));
  b.putWord(4, BigInt(random.pick([64, PAGE_SIZE, PAGE_SIZE + 8, 2 * PAGE_SIZE])));
}

/** A loop that goes through memory: its base is loaded before, and moved somewhere between its accesses. */
const walk: Piece = (b) => {
  const { random } = b;
  const base = random.pick([3, 5, 6]);
  b.load(base, b.address());
  if (random.chance(2)) access(b, base, undefined, random.below(64));
  // MOV R8D, count
  b.put(0x41, 0xb8);
  b.putWord(4, BigInt(1 + random.below(6)));
  const start = b.position;
  const accesses = 1 + random.below(5);
  const moves = random.below(accesses + 1);
  for (let i = 0; i < accesses; i++) {
    if (i === moves) moveBase(b, base);
    access(b, base, undefined, random.pick([0, 8, 16, 24, 32, random.below(128)]));
  }
  if (moves === accesses) moveBase(b, base);
  if (random.chance(3)) setFlags(b);
  b.put(0x41, 0xff, 0xc8);
  b.branchTo([0x0f, 0x85], start);
};

/** Scalars, vectors, conversions, comparisons whose flags are read. */
const floats: Piece = (b) => {
  const { random } = b;
  const both = modRM(random.below(8), random.below(8));
  const scalar = random.pick([0xf2, 0xf3]);
  switch (random.below(8)) {
    case 0:
    case 1:
      return b.put(scalar, 0x0f, random.pick([0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0x5f, 0x5a]), both);
    case 2:
      return b.put(...random.pick([[], [0x66]]), 0x0f, random.pick([0x58, 0x59, 0x5c, 0x54, 0x57, 0x14, 0x28]), both);
    case 3:
      b.put(0x66, 0x0f, random.pick([0x2e, 0x2f]), both);
      return readFlags(b);
    case 4:
      return b.put(scalar, 0x48, 0x0f, 0x2a, modRM(random.below(8), random.pick(REGISTERS)));
    case 5:
      return b.put(scalar, 0x48, 0x0f, random.pick([0x2c, 0x2d]), modRM(random.pick(REGISTERS), random.below(8)));
    case 6:
      return b.put(0x66, 0x0f, random.pick([0xfe, 0xef, 0xdb, 0xeb, 0xd4, 0xf4, 0x62, 0x76, 0x66, 0xfa]), both);
    default:
      return b.put(0x66, 0x48, 0x0f, random.pick([0x6e, 0x7e]), modRM(random.below(8), random.pick(REGISTERS)));
  }
};

/** #UD, #DE, #GP, #BP, #AC's and #PF's causes: some each time, some now and then. */
export const raise: Piece = (b) => {
  const { random } = b;
  switch (random.below(8)) {
    case 0:
      return b.put(0x0f, 0x0b);
    case 1:
      // AND ECX, 3; XOR EDX, EDX; DIV ECX
      return b.put(0x83, 0xe1, 3, 0x31, 0xd2, 0xf7, 0xf1);
    case 2:
      return b.put(random.pick([0x48, NOP]), 0x99, 0xf7, 0xf8 | random.pick([1, 3, 6]));
    case 3:
      return b.put(random.pick([0xf4, 0xcc, 0xfa]));
    case 4:
      b.load(3, random.pick([0n, 1n << 47n, (1n << 47n) - 4n, DATA + BigInt(8 * PAGE_SIZE) - 4n]));
      return b.put(0x48, random.pick([0x8b, 0x89, 0x01]), 0x03);
    case 5:
      b.load(3, b.address());
      return b.put(0x0f, random.pick([0x28, 0x29]), 0x03);
    case 6:
      b.load(RSP, random.pick([0n, STACK, STACK + 4n, STACK + BigInt(STACK_BYTES)]));
      return b.put(random.pick([0x50, 0x58, 0x9c]));
    default:
      return b.put(0x62 + random.below(3), random.below(256));
  }
};

/** A counted loop, of which some have loops within, ways out in the midst, a second way back, or a way in that is no other loop's. */
const countedLoop: Piece = (b) => loopOf(b, 3);

function loopOf(b: ProgramBuilder, depth: number): void {
  const { random } = b;
  const counter = 12 + depth;
  const body = (): void => {
    for (let i = random.below(3); i >= 0; i--)
      if (depth > 1 && random.chance(4)) loopOf(b, depth - 1);
      else random.pick([setFlags, readFlags, keepFlags, diamond, accessGroup, callFunction, floats])(b);
  };
  // MOV r32, count
  b.put(0x41, 0xb8 | (counter & 7));
  b.putWord(4, BigInt(1 + random.below(random.pick([3, 8]))));
  const into = random.chance(4) ? b.branchAhead([0x0f, 0x80 | random.below(16)]) : undefined;
  const start = b.position;
  body();
  const out = random.chance(4) ? b.branchAhead([0x0f, 0x80 | random.below(16)]) : undefined;
  into?.land();
  body();
  const decrement = [0x41, 0xff, 0xc8 | (counter & 7)];
  if (random.chance(5)) {
    // A second way back, with a count of its own: DEC; JZ over it; JP start.
    b.put(...decrement);
    within(b.branchAhead([0x0f, 0x84]), () => b.branchTo([0x0f, 0x80 | random.pick([0xa, 0xb])], start));
  }
  b.put(...decrement);
  b.branchTo([0x0f, random.pick([0x85, 0x85, 0x8f])], start);
  out?.land();
}

/** CALL of a function, directly, through a register or through memory. */
const callFunction: Piece = (b) => {
  const { random, functions } = b;
  if (functions.length === 0) return setFlags(b);
  const target = random.pick(functions);
  if (!random.chance(5)) return b.branchTo([0xe8], target);
  const address = BigInt.asUintN(64, b.base + BigInt(target));
  b.load(RAX, address);
  if (random.chance(2)) return b.put(0xff, 0xd0);
  b.put(0x50, 0xff, 0x14, 0x24);
  // ADD RSP, 8
  b.put(0x48, 0x83, 0xc4, 8);
};

/** How a function ends: mostly as it should. */
function endFunction(b: ProgramBuilder): void {
  const { random } = b;
  switch (random.below(16)) {
    case 0:
      // The caller's next instruction, or the one after it: ADD qword [RSP], n
      return b.put(0x48, 0x83, 0x04, 0x24, random.below(6), 0xc3);
    case 1:
      return b.put(0x58, 0xff, 0xe0);
    case 2:
      // To the caller's caller.
      return b.put(0x48, 0x83, 0xc4, 8, 0xc3);
    case 3:
      b.loadBlock(RAX);
      return b.put(0x48, 0x89, 0x04, 0x24, 0xc3);
    case 4:
      return b.put(0xc2, random.pick([0, 8, 16]), 0);
    case 5:
      return jumpFar(b);
    case 6:
      return b.put(0xf3, 0xc3);
    default:
      return b.put(0xc3);
  }
}

/** As setjmp and longjmp: the stack pointer that was kept, and a jump out of whatever called. */
function jumpFar(b: ProgramBuilder): void {
  b.load(RAX, SAVED_RSP);
  b.put(0x48, 0x8b, 0x20);
  b.branch([0xe9], 4);
}

const keepStack: Piece = (b) => {
  b.load(RAX, SAVED_RSP);
  b.put(0x48, 0x89, 0x20);
};

/** Places a few functions, short ones that may be inlined, ones that call others or themselves. */
export function placeFunctions(b: ProgramBuilder, pieces: readonly Piece[]): void {
  const { random } = b;
  for (let count = random.below(random.pick([1, 4, 8])); count > 0 && b.position < CODE_BYTES / 2; count--) {
    if (random.chance(4)) b.skipTo(b.position + random.below(PAGE_SIZE));
    const start = b.position;
    const saves = random.chance(3) ? random.pick([3, 5, 6]) : undefined;
    if (saves !== undefined) b.put(0x50 | saves);
    if (random.chance(5)) {
      // DEC R13D; JS to the end; CALL itself
      b.put(0x41, 0xff, 0xcd);
      within(b.branchAhead([0x0f, 0x88]), () => b.branchTo([0xe8], start));
    }
    for (let i = random.below(4); i > 0; i--)
      random.pick([setFlags, readFlags, keepFlags, accessGroup, callFunction, random.pick(pieces)])(b);
    if (saves !== undefined) b.put(0x58 | saves);
    endFunction(b);
    b.functions.push(start);
  }
}

export const FLAG_PIECES: readonly Piece[] = [setFlags, setFlags, readFlags, readFlags, keepFlags, diamond];
export const GROUP_PIECES: readonly Piece[] = [accessGroup, accessGroup, walk];
export const FLOAT_PIECES: readonly Piece[] = [floats, floats];
export const CONTROL_PIECES: readonly Piece[] = [countedLoop, callFunction, callFunction, diamond, keepStack];
