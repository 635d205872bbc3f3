/**
 * Loops whose code or control flow changes while they are hot; they test how code is identified and where calls return
 * to.
 */
import { PAGE_SIZE } from '../../../src/bits.js';
import { R8, RAX, RBX, RCX, RSI, RSP } from '../../../src/cpu/state/layout.js';
import { ACCESSED, PRESENT, WRITABLE } from '../../../src/mmu/entry.js';
import { assemble } from '../../support/assemble.js';
import { ALIAS_DISTANCE, CODE, CODE_FRAME, CODE_PAGES, DATA, PAGE_TABLE, type Machines } from './machines.js';
import type { Scenario } from './scenarios.js';

const PAGE = BigInt(PAGE_SIZE);
/** Iterations of every loop, which RCX or R12D counts. */
const ROUNDS = 40n;
const SUM_OF_ROUNDS = (ROUNDS * (ROUNDS + 1n)) / 2n;

const SYMBOLS = `
  .set CODE, ${CODE}
  .set PAGE, ${PAGE_SIZE}
  .set DATA, ${DATA}
  .set ROUNDS, ${ROUNDS}
  .set TABLE, ${PAGE_TABLE}
  .set PTE_CODE, ${PAGE_TABLE + ((CODE >> 12n) & 511n) * 8n}
  .set PTE_DATA, ${PAGE_TABLE + ((DATA >> 12n) & 511n) * 8n}
`;

type Rest = Pick<Scenario, 'events' | 'result'> & Partial<Scenario>;

/** A scenario in assembly, placed at CODE; it starts at `start`, offset 0 by default. */
function scenario(name: string, source: string, rest: Rest): Scenario {
  const code = assemble(`${SYMBOLS}\n${source}`);
  if (code.length > CODE_PAGES * PAGE_SIZE) throw new Error(`${name}: ${code.length} bytes of code`);
  return { name, code: { 0: [...code] }, ...rest, gpr: { [RSP]: DATA + 2n * PAGE, ...rest.gpr } };
}

const change =
  (linear: bigint, set: number, clear = 0) =>
  (machines: Machines): void =>
    machines.writeEntry(linear, (entry) => (entry | BigInt(set)) & ~BigInt(clear));

/** Maps the second code page to one of the frames of the code, and goes to the first. */
function mapSecondPage(frame: number): (machines: Machines) => void {
  const physical = BigInt((CODE_FRAME + frame) * PAGE_SIZE);
  return (machines) => {
    machines.writeEntry(CODE + PAGE, (entry) => (entry & ~0xf_f000n) | physical | BigInt(PRESENT), true);
    machines.goTo(CODE);
  };
}

/** As `mapSecondPage`; and the first page loses its A bit. */
function mapCallee(frame: number): (machines: Machines) => void {
  return (machines) => {
    machines.writeEntry(CODE, (entry) => entry & ~BigInt(ACCESSED), true);
    mapSecondPage(frame)(machines);
  };
}

/** Created on demand, since they need an assembler. */
export function hotScenarios(): Scenario[] {
  return [
    scenario(
      'each round changes the instruction right behind the store',
      `  mov ecx, ROUNDS
      1: mov byte ptr [rip + 2f + 2], cl
      2: add eax, 0
         dec ecx
         jnz 1b
         vmcall`,
      { events: ['vmcall'], result: { [RAX]: SUM_OF_ROUNDS, [RCX]: 0n }, ticks: 4 * Number(ROUNDS) + 2 },
    ),
    scenario(
      'each round changes an instruction that it has run, and one that it will run after a call',
      `  mov ecx, ROUNDS
      1: add eax, 0
         inc byte ptr [rip + 1b + 2]
         call 3f
      2: add esi, 0
         dec ecx
         jnz 1b
         vmcall
      3: inc byte ptr [rip + 2b + 2]
         ret`,
      { events: ['vmcall'], result: { [RAX]: SUM_OF_ROUNDS - ROUNDS, [RSI]: SUM_OF_ROUNDS } },
    ),
    scenario(
      'a jump comes and goes where two NOPs stand, right behind the store',
      `  mov r12d, ROUNDS
      1: mov edx, 0x9090
         mov ecx, 0x03eb
         test r12d, 1
         cmovnz edx, ecx
         mov word ptr [rip + 2f], dx
      2: nop
         nop
         add eax, 5
         inc esi
         dec r12d
         jnz 1b
         vmcall`,
      { events: ['vmcall'], result: { [RAX]: (ROUNDS / 2n) * 5n, [RSI]: ROUNDS } },
    ),
    scenario(
      'a store in the callee changes where the caller goes on',
      `  mov ecx, ROUNDS
      1: call 3f
      2: add eax, 0
         dec ecx
         jnz 1b
         vmcall
      3: mov byte ptr [rip + 2b + 2], cl
         ret`,
      { events: ['vmcall'], result: { [RAX]: SUM_OF_ROUNDS } },
    ),
    scenario(
      'one frame runs at two linear addresses, and is changed through each in turns',
      `  mov ecx, ROUNDS
      1: mov byte ptr [rip + f + 1], cl
         call f
         add esi, eax
         call rbx
         add esi, eax
         inc byte ptr [rbx + 1]
         call f
         add esi, eax
         call rbx
         add esi, eax
         dec ecx
         jnz 1b
         vmcall
         .org PAGE + 100
      f: mov eax, 0
         ret`,
      {
        gpr: { [RBX]: CODE + ALIAS_DISTANCE + PAGE + 100n },
        events: ['vmcall'],
        result: { [RSI]: 4n * SUM_OF_ROUNDS + 2n * ROUNDS },
      },
    ),
    scenario(
      'a loop that has taken a function of another page in, which is mapped elsewhere, and back',
      `start:
         mov ecx, 4 * ROUNDS
      1: call f
         dec ecx
         jnz 1b
         vmcall
         .org PAGE
      f: add eax, 1
         ret
         .org 2 * PAGE
         add eax, 0x10000
         ret`,
      {
        events: ['vmcall', 'vmcall', 'vmcall', 'vmcall'],
        between: [2, 1, 2].map((frame) => mapCallee(frame)),
        result: { [RAX]: 8n * ROUNDS * 0x1_0001n, [RCX]: 0n },
      },
    ),
    scenario(
      'a function that begins with a jump is mapped to two frames in turns, and changed in the one that is not mapped',
      `start:
         mov ecx, 2
      1: call f
         dec ecx
         jnz 1b
         vmcall
         .org PAGE
      f: jmp g
         .org PAGE + 64
      g: add eax, 1
         ret
         .org 2 * PAGE
         jmp h
         .org 2 * PAGE + 96
      h: add eax, 0x100
         ret`,
      {
        events: ['vmcall', 'vmcall', 'vmcall', 'vmcall', 'vmcall'],
        between: [
          mapSecondPage(2),
          mapSecondPage(1),
          mapSecondPage(2),
          (machines) => {
            // The jump leads to another one, which leads back.
            machines.writeCode(PAGE_SIZE, Uint8Array.of(0xeb, 0x0e));
            machines.writeCode(PAGE_SIZE + 16, Uint8Array.of(0x83, 0xc0, 0x10, 0xeb, 0x2b));
            mapSecondPage(1)(machines);
          },
        ],
        result: { [RAX]: 2n + 0x200n + 2n + 0x200n + 2n * 0x11n, [RCX]: 0n },
      },
    ),
    scenario(
      'a function is changed while it is not mapped',
      `start:
         mov ecx, 40
      1: call f
         dec ecx
         jnz 1b
      2: vmcall
         .org 32
         vmcall
         .org PAGE
      f: add eax, 1
         ret`,
      {
        events: ['vmcall', 'vmcall', 'vmcall'],
        between: [
          (machines) => {
            machines.writeEntry(CODE + PAGE, (entry) => entry & ~BigInt(PRESENT), true);
            machines.goTo(CODE + 32n);
          },
          (machines) => {
            machines.writeCode(PAGE_SIZE + 2, Uint8Array.of(2));
            mapSecondPage(1)(machines);
          },
        ],
        result: { [RAX]: 40n + 80n, [RCX]: 0n },
      },
    ),
    scenario(
      'a page of code is mapped to two frames in turns',
      `  mov ecx, ROUNDS
      1: call f
         add esi, eax
         xor dword ptr [PTE_CODE + 8], 0x3000
         dec ecx
         jnz 1b
         vmcall
         .org PAGE
      f: mov eax, 5
         ret
         .org 2 * PAGE
         mov eax, 9
         ret`,
      { events: ['vmcall'], result: { [RSI]: (ROUNDS / 2n) * 14n } },
    ),
    scenario(
      'the page that runs maps itself to another frame, and goes on there',
      `  mov ecx, ROUNDS
         jmp g
         .org PAGE
      g: xor dword ptr [PTE_CODE + 8], 0x3000
         add eax, 1
         dec ecx
         jnz g
         vmcall
         .org 2 * PAGE
         xor dword ptr [PTE_CODE + 8], 0x3000
         add eax, 3
         dec ecx
         jnz 2 * PAGE
         vmcall`,
      { events: ['vmcall'], result: { [RAX]: (ROUNDS / 2n) * 4n } },
    ),
    scenario(
      'an instruction across two pages, whose second page changes and is mapped elsewhere in turns',
      `  mov ecx, ROUNDS
         jmp 1f
         .org PAGE - 2
      1: .byte 0x05, 1, 0, 0, 0
         inc byte ptr [CODE + PAGE]
         xor dword ptr [PTE_CODE + 8], 0x3000
         dec ecx
         jnz 1b
         vmcall
         .org 2 * PAGE
         .byte 0, 0x10, 0
         inc byte ptr [CODE + PAGE]
         xor dword ptr [PTE_CODE + 8], 0x3000
         dec ecx
         jnz 2 * PAGE - 2
         vmcall`,
      {
        events: ['vmcall'],
        // Immediates 1 + 256 k on one frame, 100001h + 256 k on the other, k from 0 to 19.
        result: { [RAX]: 20n * 1n + 190n * 256n + 20n * 0x10_0001n + 190n * 256n },
      },
    ),
    scenario(
      'the second page of an instruction goes while the loop is hot',
      `  mov ecx, ROUNDS
         jmp 1f
         .org PAGE - 40
      1: cmp ecx, 7
         jne 2f
         and byte ptr [PTE_CODE + 8], 0xfe
         .org PAGE - 2, 0x90
      2: .byte 0x05, 1, 0, 0, 0
         dec ecx
         jnz 1b
         vmcall`,
      {
        events: ['fault #PF 0x14 0x401000', 'vmcall'],
        between: [change(CODE + PAGE, PRESENT)],
        result: { [RAX]: ROUNDS },
      },
    ),
    scenario(
      'a callee moves its return address over an instruction, every other time',
      `  mov ecx, ROUNDS
      1: call f
         inc eax
         dec ecx
         jnz 1b
         vmcall
      f: mov edx, ecx
         and edx, 1
         add edx, edx
         add [rsp], rdx
         ret`,
      { events: ['vmcall'], result: { [RAX]: ROUNDS / 2n, [RSP]: DATA + 2n * PAGE } },
    ),
    scenario(
      'out of three calls at once, to where the stack was kept',
      `  mov ecx, ROUNDS
      1: mov [DATA], rsp
         call f
         add eax, 100
      2: dec ecx
         jnz 1b
         vmcall
      f: call g
         ret
      g: call h
         ret
      h: add eax, 3
         test cl, 1
         jz 3f
         ret
      3: mov rsp, [DATA]
         jmp 2b`,
      { events: ['vmcall'], result: { [RAX]: ROUNDS * 3n + (ROUNDS / 2n) * 100n, [RSP]: DATA + 2n * PAGE } },
    ),
    scenario(
      'returns to where nobody called, and calls that nobody returns from',
      `  mov ecx, ROUNDS
      1: lea rax, [rip + 2f]
         push rax
         ret
         ud2
      2: call 3f
         ud2
      3: pop rdx
         call 4f
         inc esi
         dec ecx
         jnz 1b
         vmcall
      4: add r8d, 2
         pop rdx
         push rdx
         ret
         .org 200
         ret`,
      { events: ['vmcall'], result: { [RSI]: ROUNDS, [R8]: 2n * ROUNDS, [RSP]: DATA + 2n * PAGE } },
    ),
    scenario(
      'a function returns over its caller to the one before',
      `  mov ecx, ROUNDS
      1: call f
         dec ecx
         jnz 1b
         vmcall
      f: call g
         add eax, 1000
         ret
      g: add eax, 1
         test cl, 3
         jnz 2f
         ret
      2: add rsp, 8
         ret`,
      { events: ['vmcall'], result: { [RAX]: ROUNDS + (ROUNDS / 4n) * 1000n } },
    ),
    scenario(
      'the bytes of one instruction are run as two others in between',
      `  mov ecx, ROUNDS
         lea rbx, [rip + 2f + 1]
      1: test cl, 1
         jz 2f
         jmp rbx
      2: test eax, 0x90c6ff90       /* from its second byte on: NOP; INC ESI; NOP */
         dec ecx
         jnz 1b
         vmcall`,
      { events: ['vmcall'], result: { [RSI]: ROUNDS / 2n } },
    ),
    scenario(
      'a call in a deep recursion finds that the stack may not be written, and goes on once it may',
      `  mov ecx, 300
         mov rsp, DATA + 3 * PAGE + 600
         call f
         vmcall
      f: dec ecx
         jz 1f
         call f
      1: inc eax
         ret`,
      {
        events: ['fault #PF 0x7 0x482ff8', 'vmcall'],
        between: [change(DATA + 2n * PAGE, WRITABLE)],
        result: { [RAX]: 300n, [RSP]: DATA + 3n * PAGE + 600n },
      },
    ),
    scenario(
      'of three neighbouring stores the last may not be made: the first two have been, and it is made later',
      `  mov ecx, ROUNDS
         mov ebx, DATA + 2 * PAGE - 8 * (ROUNDS + 1)
      1: mov [rbx], rcx
         mov [rbx + 8], rcx
         mov [rbx + 16], rcx
         add rbx, 8
         dec ecx
         jnz 1b
         mov rax, [DATA + 2 * PAGE - 8]
         mov rsi, [DATA + 2 * PAGE]
         vmcall`,
      {
        events: ['fault #PF 0x7 0x482000', 'vmcall'],
        between: [change(DATA + 2n * PAGE, WRITABLE)],
        result: { [RAX]: 1n, [RSI]: 1n, [RCX]: 0n },
      },
    ),
    scenario(
      'a pointer that was good before the loop walks out of what is mapped',
      `  mov ebx, DATA
         mov rax, [rbx]
         mov ecx, ROUNDS
      1: add rsi, [rbx]
         add rbx, PAGE / 4
         inc r8d
         dec ecx
         jnz 1b
         vmcall`,
      { events: ['fault #PF 0x4 0x484000'], result: { [RBX]: DATA + 4n * PAGE, [R8]: 16n } },
    ),
    scenario(
      'a pointer that was good on both ways to here, and is another one on one of them',
      `  mov ecx, ROUNDS
      1: mov ebx, DATA
         mov rax, [rbx]
         cmp ecx, 3
         jne 2f
         add rbx, 8 * PAGE
      2: mov rdx, [rbx]
         inc r8d
         dec ecx
         jnz 1b
         vmcall`,
      { events: ['fault #PF 0x4 0x488000'], result: { [RBX]: DATA + 8n * PAGE, [R8]: ROUNDS - 3n } },
    ),
    scenario(
      'a push and a callee that moves RSP between two accesses to the stack',
      `  mov ecx, ROUNDS
      1: push rcx
         mov rax, [rsp]
         call f
         mov rdx, [rsp]
         add rsi, rdx
         mov rsp, DATA + 2 * PAGE
         dec ecx
         jnz 1b
         vmcall
      f: pop rdx
         sub rsp, 16
         mov [rsp], rcx
         cmp ecx, 2
         jne 2f
         sub rsp, 4 * PAGE
      2: jmp rdx`,
      { events: ['fault #PF 0x4 0x47dfe8'], result: { [RSI]: SUM_OF_ROUNDS - 3n, [RCX]: 2n } },
    ),
    scenario(
      'data that is mapped elsewhere between two neighbouring loads',
      `  mov ecx, ROUNDS
         mov ebx, DATA
         mov dword ptr [rbx + 8], 1
         mov dword ptr [rbx + PAGE + 8], 100
      1: mov eax, [rbx + 8]
         xor dword ptr [PTE_DATA], 0x7000
         add esi, eax
         mov edx, [rbx + 8]
         add esi, edx
         dec ecx
         jnz 1b
         vmcall`,
      { events: ['vmcall'], result: { [RSI]: ROUNDS * 101n } },
    ),
    scenario(
      'a page that forbids writing between two neighbouring stores',
      `  mov ecx, ROUNDS
         mov ebx, DATA
      1: inc dword ptr [rbx]
         cmp ecx, 5
         jne 2f
         and byte ptr [PTE_DATA], 0xfd
      2: inc dword ptr [rbx + 4]
         dec ecx
         jnz 1b
         mov rax, [rbx]
         vmcall`,
      {
        events: ['fault #PF 0x7 0x480004', 'vmcall'],
        between: [change(DATA, WRITABLE)],
        result: { [RAX]: (ROUNDS << 32n) | ROUNDS },
      },
    ),
  ];
}
