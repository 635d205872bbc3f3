/**
 * A Multiboot kernel in 32-bit protected mode that runs cases of code one after the other, each from the same state, and sends a
 * line about how each ended: the vector of the gate that was called, its error code, EAX, and CS of the code that called it.
 * Cases that complete call INT 80h. It runs on a Board and in qemu-system alike.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { runInQemu } from './qemu.js';

/** Selectors of its GDT. */
export const SELECTORS = {
  ...{ code: 0x08, data: 0x10, userCode: 0x1b, userData: 0x23, task: 0x28, ldt: 0x30, code16: 0x38, data16: 0x40 },
  ...{ small: 0x48, expandDown: 0x50, readOnly: 0x58, executeOnly: 0x60, absent: 0x68, conforming: 0x70, gate: 0x78 },
  ...{ otherTask: 0x80, taskGate: 0x88, absentCode: 0x90, level1Code: 0x98, level1Data: 0xa1, gate16: 0xa8 },
  ...{ faultTask: 0xb0, offset: 0xb8, smallCode: 0xc0, task16: 0xc8, beyond: 0xd8 },
} as const;

/** Descriptors. The bases of tables and the offsets of gates are filled in when the kernel runs. */
const DESCRIPTORS = [
  ...['0', '0x00cf9b000000ffff', '0x00cf93000000ffff', '0x00cffb000000ffff', '0x00cff3000000ffff'],
  // 28: TSS, 30: LDT, which is the GDT, 38: 16-bit code, 40: 16-bit data
  ...['0x0000890000000067', '0x0000820000000087', '0x00009b000000ffff', '0x000093000000ffff'],
  // 48: data of 256 bytes, 50: data that expands down to 1000h, 58: read-only, 60: execute-only, 68: not present
  ...['0x00409300000000ff', '0x0040970000000fff', '0x00cf91000000ffff', '0x00cf99000000ffff', '0x00cf13000000ffff'],
  // 70: conforming code, 78: call gate of DPL 3 with two parameters, 80: a TSS, 88: task gate, 90: code that is not present
  ...['0x00cf9f000000ffff', '0x0000ec0200080000', '0x0000890000000067', '0x0000e50000800000', '0x00cf1b000000ffff'],
  // 98, a1: code and data of level 1, a8: call gate of 16 bits, b0: a TSS, b8: data at 12345h
  ...['0x00cfbb000000ffff', '0x00cfb3000000ffff', '0x0000e40000080000', '0x0000890000000067', '0x004093012345ffff'],
  // c0: code of 2 MiB, c8: a TSS of 16 bits
  ...['0x00c09b00000001ff', '0x000081000000002b', '0'],
];

/** Where tables lie whose descriptors get their bases when the kernel runs. */
const BASES = [
  ['tss', SELECTORS.task],
  ['other_tss', SELECTORS.otherTask],
  ['fault_tss', SELECTORS.faultTask],
  ['tss16', SELECTORS.task16],
  ['gdt', SELECTORS.ldt],
] as const;

const GATES = 0x81;
const DONE = 0x80;
const ERROR_CODES = [8, 10, 11, 12, 13, 14, 17];
const LOAD_AT = 0x10_0000;

/** Where code of 16 bits lies in low memory: the stubs of the interrupt vector table, and that of cases. */
const LOW_CODE = 0x7000;
const CODE_16 = 0x9000;
/** Where real-address mode leaves a vector, and EAX before it. */
const REAL_VECTOR = 0x6ff4;

/** A case that runs code in real-address mode, with a stack, and all segments at 0. Vectors have no error codes there. */
export const inRealMode = (code: string): string =>
  `mov esi, offset real@; jmp enter_real; real@:; .code16; ${code}; int ${DONE}; .code32`;

/** Segments of virtual-8086 mode. */
export const VIRTUAL = { code: CODE_16 >> 4, stack: 0x500, data: 0xa00 } as const;

/** A case that runs code in virtual-8086 mode; it ends by INT3, which IOPL does not forbid. */
export const inVirtualMode = (ioPrivilege: 0 | 3, code: string): string =>
  `mov byte ptr [idt + ${3 * 8 + 5}], 0xee; mov esi, offset virtual@; call copy_low; ` +
  `push 0; push 0; push ${VIRTUAL.data}; push ${VIRTUAL.data}; push ${VIRTUAL.stack}; push 0x1000; ` +
  `push ${0x2_0002 | (ioPrivilege << 12)}; push ${VIRTUAL.code}; push 0; xor eax, eax; xor ecx, ecx; iretd; ` +
  `virtual@:; .code16; ${code}; int3; .code32`;

/** The source of the kernel. */
const source = (cases: readonly string[]): string => `
.intel_syntax noprefix
.code32
.section .text
header:
  .long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)
  .long header, header, 0, bss_end, start
start:
  cli
  cld
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
next_case:
  mov esp, offset kernel_stack
  mov ebx, cs:case_number
  cmp ebx, ${cases.length}
  jae finish
  call reset
  jmp dword ptr [ebx * 4 + case_table]
finish:
  mov al, 0
  out 0xf4, al
  hlt

reset:
  pop ebp
  mov eax, 0x11
  mov cr0, eax
  xor eax, eax
  mov cr3, eax
  mov cr4, eax
  mov esi, offset gdt_master
  mov edi, offset gdt
  mov ecx, ${DESCRIPTORS.length * 2}
  rep movsd
  lgdt cs:gdt_pointer
  lidt cs:idt_pointer
  mov eax, ${SELECTORS.data}
  mov ds, eax
  mov es, eax
  mov ss, eax
  mov fs, eax
  mov gs, eax
  jmp ${SELECTORS.code}:1f
1:
${BASES.map(([label, selector]) => `mov eax, offset ${label}\nmov ecx, ${selector}\ncall set_base`).join('\n')}
  mov eax, offset gate_target
  mov ecx, ${SELECTORS.gate}
  call set_gate_offset
  mov eax, offset tss_master
  mov esi, eax
  mov edi, offset tss
  mov ecx, 26
  rep movsd
  mov edi, offset other_tss
  mov ecx, 78
  xor eax, eax
  rep stosd
  mov edi, offset idt
  mov ebx, offset stubs
  mov ecx, ${GATES}
1:
  mov word ptr [edi], bx
  mov word ptr [edi + 2], ${SELECTORS.code}
  mov word ptr [edi + 4], 0x8e00
  mov eax, ebx
  shr eax, 16
  mov word ptr [edi + 6], ax
  add edi, 8
  add ebx, 16
  dec ecx
  jnz 1b
  mov byte ptr [idt + ${DONE} * 8 + 5], 0xee
  mov eax, ${SELECTORS.task}
  ltr ax
  xor eax, eax
  lldt ax
  mov dr7, eax
  mov edi, offset scratch
  mov ecx, 64
  rep stosd
  push 2
  popfd
  mov esp, offset case_stack
  mov ebx, case_number
  xor eax, eax
  xor ecx, ecx
  xor edx, edx
  xor esi, esi
  xor edi, edi
  push ebp
  xor ebp, ebp
  ret

/* Sets the base of the descriptor at ECX to EAX. */
set_base:
  mov word ptr [gdt + ecx + 2], ax
  push eax
  shr eax, 16
  mov byte ptr [gdt + ecx + 4], al
  mov byte ptr [gdt + ecx + 7], ah
  pop eax
  ret
set_gate_offset:
  mov word ptr [gdt + ecx], ax
  push eax
  shr eax, 16
  mov word ptr [gdt + ecx + 6], ax
  pop eax
  ret

/* Page tables that map the first 4 MiB, twice: at 0, for CPL 3 as well, and at 40000000h, by 32-bit paging and by PAE paging. */
identity_tables:
  mov edi, offset tables
  mov ecx, 6 * 1024
  xor eax, eax
  rep stosd
  mov eax, offset page_table + 7
  mov directory, eax
  mov [directory + 0x400], eax
  mov edi, offset page_table
  mov eax, 7
  mov ecx, 1024
1:
  stosd
  add eax, 0x1000
  dec ecx
  jnz 1b
  mov eax, offset pae_directory + 1
  mov pointers, eax
  mov [pointers + 8], eax
  mov edi, offset pae_directory
  mov eax, offset pae_table + 7
  mov [edi], eax
  add eax, 0x1000
  mov [edi + 8], eax
  mov edi, offset pae_table
  mov eax, 7
  mov ecx, 1024
1:
  mov [edi], eax
  mov dword ptr [edi + 4], 0
  add edi, 8
  add eax, 0x1000
  dec ecx
  jnz 1b
  ret


.balign 16
stubs:
${Array.from({ length: GATES }, (_, vector) => `${ERROR_CODES.includes(vector) ? '' : 'push 0\n'}push ${vector}\njmp ended\n.balign 16`).join('\n')}
.balign 16
ended:
  push eax
  mov eax, ${SELECTORS.data}
  mov ds, eax
  mov es, eax
  pop eax
  mov case_eax, eax
  pop eax
  mov case_vector, eax
  pop eax
  mov case_error, eax
  pop eax
  pop eax
  movzx eax, ax
  mov case_cs, eax
report:
  mov eax, ${SELECTORS.data}
  mov ds, eax
  mov ss, eax
  mov esp, offset kernel_stack
  mov eax, case_vector
  call send_number
  mov eax, case_error
  call send_number
  mov eax, case_eax
  call send_number
  mov eax, case_cs
  call send_number
  mov al, 10
  call send
  inc dword ptr case_number
  jmp next_case

send_number:
  mov ebx, eax
  mov ecx, 8
1:
  rol ebx, 4
  mov eax, ebx
  and eax, 15
  add al, 0x30
  cmp al, 0x3a
  jb 2f
  add al, 0x27
2:
  call send
  dec ecx
  jnz 1b
  mov al, 32
send:
  mov ah, al
  mov dx, 0x3fd
1:
  in al, dx
  test al, 0x20
  jz 1b
  mov al, ah
  mov dx, 0x3f8
  out dx, al
  ret

/* Where the call gate leads: leaves the two parameters, one on top of the other, in EAX. */
gate_target:
  mov eax, [esp + 8]
  shl eax, 16
  mov ax, [esp + 12]
  int ${DONE}

/* Copies code at ESI to where code of 16 bits runs. */
copy_low:
  mov edi, ${CODE_16}
  mov ecx, 128
  rep movsb
  ret

/* Runs code at ESI in real-address mode. */
enter_real:
  call copy_low
  mov esi, offset low_code
  mov edi, ${LOW_CODE}
  mov ecx, 0x900
  rep movsb
  xor edi, edi
  mov eax, ${LOW_CODE}
  mov ecx, 256
1:
  stosd
  add eax, 8
  dec ecx
  jnz 1b
  lidt real_idt_pointer
  mov esp, 0x6f00
  jmp ${SELECTORS.code16}:${LOW_CODE + 0x800}


.balign 64
low_code:
.code16
${Array.from({ length: 256 }, (_, vector) => `push ${vector}\njmp .Lreal_ended\n.balign 8`).join('\n')}
.Lenter_real:
  mov ax, ${SELECTORS.data16}
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  jmp 0:${LOW_CODE + 0x840}
.balign 64
.Lreal:
  xor eax, eax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  xor ebx, ebx
  xor ecx, ecx
  xor edx, edx
  xor esi, esi
  xor edi, edi
  xor ebp, ebp
  jmp 0:${CODE_16}
.Lreal_ended:
  pop cs:[${REAL_VECTOR}]
.Lleave_real:
  mov cs:[${REAL_VECTOR} - 4], eax
  mov eax, cr0
  or al, 1
  mov cr0, eax
  .att_syntax
  ljmpl $${SELECTORS.code}, $left_real
  .intel_syntax noprefix
.code32

left_real:
  mov eax, ${SELECTORS.data}
  mov ds, eax
  mov es, eax
  mov eax, ${REAL_VECTOR} - 4
  mov eax, [eax]
  mov case_eax, eax
  mov eax, ${REAL_VECTOR}
  movzx eax, word ptr [eax]
  mov case_vector, eax
  xor eax, eax
  mov case_error, eax
  mov case_cs, eax
  jmp report

${cases.map((code, number) => `case${number}:\n${code.replaceAll(/\s*;\s*/g, '\n').replaceAll('@', String(number))}\nint ${DONE}\n.balign 16`).join('\n')}

.balign 16
.section .data
case_table: .long ${cases.map((_, number) => `case${number}`).join(', ')}
gdt_master: .quad ${DESCRIPTORS.join(', ')}
tss_master:
  .long 0, kernel_stack, ${SELECTORS.data}, level1_stack, ${SELECTORS.level1Data}
  .skip 104 - 20 - 2
  .word 104
gdt_pointer:
  .word ${DESCRIPTORS.length * 8 - 1}
  .long gdt
real_idt_pointer:
  .word 0x3ff
  .long 0
idt_pointer:
  .word ${GATES * 8 - 1}
  .long idt

.section .bss
.balign 4096
tables:
directory: .skip 4096
page_table: .skip 4096
pae_directory: .skip 4096
pae_table: .skip 8192
pointers: .skip 4096
scratch: .skip 4096
.balign 16
gdt: .skip ${DESCRIPTORS.length * 8}
idt: .skip ${GATES * 8}
tss: .skip 104
other_tss: .skip 104
fault_tss: .skip 104
tss16: .skip 104
case_number: .skip 4
case_vector: .skip 4
case_error: .skip 4
case_eax: .skip 4
case_cs: .skip 4
.skip 4096
level1_stack:
.skip 4096
kernel_stack:
.skip 4096
case_stack:
.skip 4096
user_stack:
bss_end:
`;

/** How a case ended: the vector of the gate that was called, its error code, EAX, and CS of the code that called it. */
export interface ModeOutcome {
  readonly vector: number;
  readonly errorCode: number;
  readonly eax: number;
  readonly cs: number;
}

export const DONE_VECTOR = DONE;

/** Assembles the kernel that runs cases. */
export function modeKernel(cases: readonly string[]): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'bd0-modes-'));
  try {
    const output = join(directory, 'kernel');
    const link = `-Wl,-m,elf_i386,-Ttext=0x${LOAD_AT.toString(16)},--entry=0,--oformat=binary,--build-id=none`;
    execFileSync('gcc', ['-m32', '-nostdlib', '-static', link, '-x', 'assembler-with-cpp', '-o', output, '-'], {
      input: source(cases),
    });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const MEMORY_BYTES = 8 * 2 ** 20;
const MOST_TICKS = 20_000_000;

/** Runs the kernel on a Board. Throws if it does not end by itself. */
export function runModes(kernel: Uint8Array, engine: Engine): ModeOutcome[] {
  const sent: number[] = [];
  const board = new Board({ memoryBytes: MEMORY_BYTES, engine, send: (byte) => sent.push(byte) });
  boot(board, { name: 'modes', kernel, commandLine: '' });
  const event = board.run(MOST_TICKS);
  const outcomes = outcomesIn(String.fromCharCode(...sent));
  if (event.kind !== 'exit') throw new Error(`case ${outcomes.length} ended the run: ${JSON.stringify(event)}`);
  return outcomes;
}

/** Runs the kernel in qemu-system; cases after one that resets the machine are missing. */
export function runModesInQemu(kernel: Uint8Array): ModeOutcome[] {
  return outcomesIn(runInQemu(kernel, 8, 'qemu64,-apic,+smap'));
}

function outcomesIn(text: string): ModeOutcome[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [vector, errorCode, eax, cs] = line.split(' ').map((word) => parseInt(word, 16));
      return { vector: vector!, errorCode: errorCode!, eax: eax!, cs: cs! };
    });
}
