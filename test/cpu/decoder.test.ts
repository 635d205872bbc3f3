import { basename } from 'node:path';
import { closeSync, existsSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { Code, Decoder as Judge, DecoderOptions, Instruction as Judged } from 'iced-x86';
import t, { type Test } from 'tap';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { DecodeFailure, Instruction } from '../../src/cpu/decode/instruction.js';
import { OPCODES } from '../../src/cpu/meaning/opcodes/index.js';
import type { CodeSize, Row } from '../../src/cpu/decode/row.js';
import { DEFAULT_MODEL } from '../../src/cpu/state/model.js';
import { encodeForm } from '../support/encode.js';
import { Random } from '../support/random.js';
import { writeDecodedBinaries, type DecodedBinary } from '../support/decoded-binaries.js';
import { seedOf, volume } from '../support/volume.js';
import { beyondReason, difference, format } from './iced.js';

const SEED = seedOf(20240612);

t.setTimeout(0);
/** Random strings of bytes, in rounds of 50,000: for 64-bit mode, and for each of 32-bit and 16-bit code. */
const ROUNDS = volume(10, 40);
const ROUNDS_OUTSIDE_64 = volume(2, 40);
const MODES = [64, 32, 16] as const;
const decoders = new Map(MODES.map((mode) => [mode, new Decoder(DEFAULT_MODEL, mode)]));
const decoder = decoders.get(64)!;

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text.split(' '), (byte) => parseInt(byte, 16));
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];

/** An instruction in short: `ADD/64 r3/64 ds:[r0+r1*4+16]/64 general32`, or what failed. */
function show(text: string, limit = Infinity, mode: CodeSize = 64): string {
  const bytes = bytesOf(text);
  const result = decoders.get(mode)!.decode(bytes, 0, Math.min(bytes.length, limit));
  if (typeof result === 'string') return result;
  const { form, length } = result;
  const prefix = `${form.lock ? 'LOCK ' : ''}${form.repeat === 'none' ? '' : form.repeat + ' '}`;
  const address = form.addressWidth === mode ? '' : ` a${form.addressWidth}`;
  const tail = length === bytes.length ? '' : ` (${length} bytes)`;
  return [`${prefix}${form.row.mnemonic}/${form.width}`, ...showOperands(result)].join(' ') + address + tail;
}

function showOperands(instruction: Instruction): string[] {
  const { form, reg, immediate, immediate2 } = instruction;
  return form.operands.map((operand, i) => {
    switch (operand.kind) {
      case 'mmx':
        return `mm${typeof operand.field === 'number' ? operand.field : instruction[operand.field]}`;
      case 'gpr':
      case 'xmm': {
        const number = typeof operand.field === 'number' ? operand.field : instruction[operand.field];
        if (operand.kind === 'xmm') return `${operand.width === 256 ? 'y' : 'x'}${number}/${operand.width}`;
        return number >= 16 ? HIGH_BYTES[number - 16]! : `r${number}/${operand.width}`;
      }
      case 'memory':
        return `${showAddress(instruction)}/${operand.width}${operand.aligned ? ' aligned' : ''} ${operand.shape}`;
      case 'immediate':
        return `#${i > 0 && form.dest.kind === 'immediate' ? immediate2 : immediate}`;
      case 'relative':
        return `rip+${immediate}`;
      case 'segment':
        return SEGMENTS[reg]!;
      default:
        return `${operand.kind}${reg}`;
    }
  });
}

function showAddress({ base, index, scale, displacement, ripRelative, segment }: Instruction): string {
  const parts = ripRelative ? ['rip'] : base >= 0 ? [`r${base}`] : [];
  if (index >= 0) parts.push(`r${index}*${1 << scale}`);
  return `${SEGMENTS[segment]}:[${[...parts, displacement].join('+')}]`;
}

/** Each line: bytes, what they are in code of `mode` bits. */
function shows(t: Test, lines: string, mode: CodeSize = 64): void {
  for (const line of lines.trim().split('\n')) {
    const [bytes, expected] = line.split('=').map((part) => part.trim());
    t.equal(show(bytes!, Infinity, mode), expected, `${bytes} is ${expected}`);
  }
}

t.test('operand sizes: REX.W takes precedence over 66h, which takes precedence over the default', async (t) => {
  shows(
    t,
    `
    01 d8                           = ADD/32 r0/32 r3/32
    66 01 d8                        = ADD/16 r0/16 r3/16
    48 01 d8                        = ADD/64 r0/64 r3/64
    66 48 01 d8                     = ADD/64 r0/64 r3/64
    00 d8                           = ADD/8 r0/8 r3/8
    50                              = PUSH/64 r0/64
    66 50                           = PUSH/16 r0/16
    66 48 50                        = PUSH/64 r0/64
    ff d0                           = CALL/64 r0/64
    66 ff d0                        = CALL/64 r0/64
    6a ff                           = PUSH/64 #-1
    66 6a ff                        = PUSH/16 #-1
    68 ff ff ff ff                  = PUSH/64 #-1
    66 68 ff ff                     = PUSH/16 #-1
    b8 ff ff ff ff                  = MOV/32 r0/32 #4294967295
    66 b8 ff ff                     = MOV/16 r0/16 #65535
    48 b8 ff ff ff ff ff ff ff ff   = MOV/64 r0/64 #18446744073709551615
    48 c7 c0 ff ff ff ff            = MOV/64 r0/64 #-1
    66 05 ff ff                     = ADD/16 r0/16 #-1
    83 c0 80                        = ADD/32 r0/32 #-128
    c1 e0 ff                        = SHL/32 r0/32 #255
    c8 34 12 ff                     = ENTER/64 #4660 #255
    c2 ff ff                        = RET/64 #65535
    f3 66 0f b8 c1                  = POPCNT/16 r0/16 r1/16
    66 f2 0f 38 f1 c1               = CRC32/16 r0/32 r1/16
    f2 48 0f 38 f0 c1               = CRC32/64 r0/64 r1/8
    66 0f 6e c1                     = MOVD/32 x0/128 r1/32
    66 48 0f 6e c1                  = MOVQ/64 x0/128 r1/64
    66 f3 48 0f 2a c1               = CVTSI2SS/64 x0/32 r1/64
    66 f3 0f 2a c1                  = CVTSI2SS/32 x0/32 r1/32
    48 0f 28 c1                     = MOVAPS/32 x0/128 x1/128
    `,
  );
});

t.test('near branches take 32-bit distances, regardless of 66h', async (t) => {
  shows(
    t,
    `
    eb fe                           = JMP/64 rip+-2
    e9 00 00 00 80                  = JMP/64 rip+-2147483648
    66 e9 00 00 00 80               = JMP/64 rip+-2147483648
    66 0f 84 01 00 00 00            = JE/64 rip+1
    66 e8 01 00 00 00               = CALL/64 rip+1
    67 e3 00                        = JRCXZ/64 rip+0 a32
    67 e2 00                        = LOOP/64 rip+0 a32
    67 74 00                        = JE/64 rip+0
    `,
  );
});

t.test('REX is effective only directly before the opcode; of several, the last one', async (t) => {
  shows(
    t,
    `
    48 66 01 d8                     = ADD/16 r0/16 r3/16
    48 2e 01 d8                     = ADD/32 r0/32 r3/32
    48 40 01 d8                     = ADD/32 r0/32 r3/32
    4d 01 d8                        = ADD/64 r8/64 r11/64
    41 50                           = PUSH/64 r8/64
    41 90                           = XCHG/32 r8/32 r0/32
    90                              = NOP/32
    48 90                           = NOP/64
    f3 90                           = PAUSE/32
    f3 41 90                        = XCHG/32 r8/32 r0/32
    44 8e c0                        = MOV/32 es r0/16
    `,
  );
});

t.test('byte registers are AH to BH without REX', async (t) => {
  shows(
    t,
    `
    88 e7                           = MOV/8 bh ah
    40 88 e7                        = MOV/8 r7/8 r4/8
    b7 01                           = MOV/8 bh #1
    41 b7 01                        = MOV/8 r15/8 #1
    0f b6 e7                        = MOVZX/32 r4/32 bh
    40 0f b6 e7                     = MOVZX/32 r4/32 r7/8
    88 24 24                        = MOV/8 ss:[r4+0]/8 base ah
    `,
  );
});

t.test('addresses: ModRM, SIB, displacements', async (t) => {
  shows(
    t,
    `
    8b 00                           = MOV/32 r0/32 ds:[r0+0]/32 base
    8b 40 80                        = MOV/32 r0/32 ds:[r0+-128]/32 base
    8b 80 00 00 00 80               = MOV/32 r0/32 ds:[r0+-2147483648]/32 base
    8b 05 10 00 00 00               = MOV/32 r0/32 ds:[rip+16]/32 base
    41 8b 05 10 00 00 00            = MOV/32 r0/32 ds:[rip+16]/32 base
    67 8b 05 10 00 00 00            = MOV/32 r0/32 ds:[rip+16]/32 general a32
    8b 45 00                        = MOV/32 r0/32 ss:[r5+0]/32 base
    41 8b 45 00                     = MOV/32 r0/32 ds:[r13+0]/32 base
    8b 04 24                        = MOV/32 r0/32 ss:[r4+0]/32 base
    41 8b 04 24                     = MOV/32 r0/32 ds:[r12+0]/32 base
    8b 04 c8                        = MOV/32 r0/32 ds:[r0+r1*8+0]/32 index
    42 8b 04 20                     = MOV/32 r0/32 ds:[r0+r12*1+0]/32 index
    8b 04 e0                        = MOV/32 r0/32 ds:[r0+0]/32 base
    8b 04 25 ff ff ff ff            = MOV/32 r0/32 ds:[-1]/32 base
    41 8b 04 25 ff ff ff ff         = MOV/32 r0/32 ds:[-1]/32 base
    8b 04 8d 04 00 00 00            = MOV/32 r0/32 ds:[r1*4+4]/32 index
    8b 04 2c                        = MOV/32 r0/32 ss:[r4+r5*1+0]/32 index
    8b 44 25 01                     = MOV/32 r0/32 ss:[r5+1]/32 base
    43 8b 44 25 01                  = MOV/32 r0/32 ds:[r13+r12*1+1]/32 index
    67 8b 04 c8                     = MOV/32 r0/32 ds:[r0+r1*8+0]/32 general a32
    a1 ff ff ff ff ff ff ff ff      = MOV/32 r0/32 ds:[18446744073709551615]/32 base
    67 a1 ff ff ff ff               = MOV/32 r0/32 ds:[4294967295]/32 general a32
    64 a2 00 00 00 00 00 00 00 00   = MOV/8 fs:[0]/8 general r0/8
    0f 28 00                        = MOVAPS/32 x0/128 ds:[r0+0]/128 aligned base
    0f 10 00                        = MOVUPS/32 x0/128 ds:[r0+0]/128 base
    48 0f c7 08                     = CMPXCHG16B/64 ds:[r0+0]/128 aligned base
    8c 00                           = MOV/32 ds:[r0+0]/16 base es
    8c c0                           = MOV/32 r0/32 es
    0f c4 00 01                     = PINSRW/32 mm0 ds:[r0+0]/16 base #1
    41 0f 6f c1                     = MOVQ/32 mm0 mm1
    45 0f 6f ff                     = MOVQ/32 mm7 mm7
    66 0f c4 00 01                  = PINSRW/32 x0/128 ds:[r0+0]/16 base #1
    66 0f c4 c0 01                  = PINSRW/32 x0/128 r0/32 #1
    `,
  );
});

t.test('of the segment overrides, only FS and GS have an effect, and the last one wins', async (t) => {
  shows(
    t,
    `
    64 8b 00                        = MOV/32 r0/32 fs:[r0+0]/32 general
    65 8b 45 00                     = MOV/32 r0/32 gs:[r5+0]/32 general
    64 65 8b 00                     = MOV/32 r0/32 gs:[r0+0]/32 general
    64 3e 8b 00                     = MOV/32 r0/32 fs:[r0+0]/32 general
    3e 8b 45 00                     = MOV/32 r0/32 ss:[r5+0]/32 base
    36 8b 00                        = MOV/32 r0/32 ds:[r0+0]/32 base
    26 2e 8b 00                     = MOV/32 r0/32 ds:[r0+0]/32 base
    `,
  );
  const strings = decoder.decode(bytesOf('65 a4'), 0, 2);
  t.match(strings, { segment: 5 }, 'string instructions take one too');
});

t.test('mandatory prefixes: the last of F2h and F3h takes precedence over 66h', async (t) => {
  shows(
    t,
    `
    0f 58 c1                        = ADDPS/32 x0/128 x1/128
    66 0f 58 c1                     = ADDPD/32 x0/128 x1/128
    f3 0f 58 c1                     = ADDSS/32 x0/32 x1/32
    f2 0f 58 c1                     = ADDSD/32 x0/64 x1/64
    66 f3 0f 58 c1                  = ADDSS/32 x0/32 x1/32
    f2 f3 0f 58 c1                  = ADDSS/32 x0/32 x1/32
    f3 f2 0f 58 c1                  = ADDSD/32 x0/64 x1/64
    0f bc c1                        = BSF/32 r0/32 r1/32
    f3 0f bc c1                     = TZCNT/32 r0/32 r1/32
    f2 0f bc c1                     = BSF/32 r0/32 r1/32
    f3 0f 01 c1                     = UD
    66 0f 38 f0 00                  = MOVBE/16 r0/16 ds:[r0+0]/16 base
    f3 0f 38 f0 00                  = UD
    66 0f 38 f6 c1                  = ADCX/32 r0/32 r1/32
    66 f3 0f 38 f6 c1               = ADOX/32 r0/32 r1/32
    0f 38 f6 c1                     = UD
    `,
  );
});

t.test('REP repeats string instructions and is ignored elsewhere', async (t) => {
  shows(
    t,
    `
    a4                              = MOVS/8
    f3 a4                           = rep MOVS/8
    f2 a5                           = rep MOVS/32
    f3 48 a5                        = rep MOVS/64
    67 f3 66 ab                     = rep STOS/16 a32
    f3 a6                           = repe CMPS/8
    f2 ae                           = repne SCAS/8
    f3 f2 ae                        = repne SCAS/8
    f3 c3                           = RET/64
    f2 01 d8                        = ADD/32 r0/32 r3/32
    `,
  );
});

t.test('LOCK requires certain instructions with a memory destination, else #UD', async (t) => {
  shows(
    t,
    `
    f0 01 18                        = LOCK ADD/32 ds:[r0+0]/32 base r3/32
    f0 01 d8                        = UD
    f0 03 18                        = UD
    f0 39 18                        = UD
    f0 87 04 c8                     = LOCK XCHG/32 ds:[r0+r1*8+0]/32 index r0/32
    64 f0 0f c7 08                  = LOCK CMPXCHG8B/32 fs:[r0+0]/64 general
    f0 8b 00                        = UD
    f0 90                           = UD
    f0 a4                           = UD
    f0 a3 00 00 00 00 00 00 00 00   = UD
    f0 0f ba 20 01                  = UD
    f0 0f ba 28 01                  = LOCK BTS/32 ds:[r0+0]/32 base #1
    `,
  );
});

t.test('VEX: inverted register bits; no REX, 66h, F2h, F3h or LOCK before it; vvvv 1111 where unused', async (t) => {
  shows(
    t,
    `
    c4 e2 70 f2 c2                  = ANDN/32 r0/32 r1/32 r2/32
    c4 42 b0 f2 c2                  = ANDN/64 r8/64 r9/64 r10/64
    c4 a2 70 f2 04 20               = ANDN/32 r0/32 r1/32 ds:[r0+r12*1+0]/32 index
    64 67 c4 e2 70 f2 00            = ANDN/32 r0/32 r1/32 fs:[r0+0]/32 general a32
    c4 e2 74 f2 c2                  = UD
    c4 e2 71 f2 c2                  = UD
    c4 e2 f8 f3 d8                  = BLSI/64 r0/64 r0/64
    c4 e2 78 f3 e0                  = UD
    c4 e3 7b f0 c1 07               = RORX/32 r0/32 r1/32 #7
    c4 e3 73 f0 c1 07               = UD
    40 c4 e2 70 f2 c2               = UD
    66 c4 e2 70 f2 c2               = UD
    f3 c4 e2 70 f2 c2               = UD
    f2 c4 e2 70 f2 c2               = UD
    f0 c4 e2 70 f2 00               = UD
    c5 f8 28 c1                     = VMOVAPS/32 x0/128 x1/128
    c5 fc 28 c1                     = VMOVAPS/32 y0/256 y1/256
    c5 f4 58 c2                     = VADDPS/32 y0/256 y1/256 y2/256
    c5 f4 28 c2                     = UD
    c5 fc 28 00                     = VMOVAPS/32 y0/256 ds:[r0+0]/256 aligned base
    c5 f6 58 c2                     = VADDSS/32 x0/32 x1/32 x2/32
    c5 fc 12 c1                     = UD
    c4 e3 75 4a c2 f0               = VBLENDVPS/32 y0/256 y1/256 y2/256 y15/256
    c4 e3 75 4a c2 3f               = VBLENDVPS/32 y0/256 y1/256 y2/256 y3/256
    c4 e3 f5 4a c2 30               = UD
    c5 f8 77                        = VZEROUPPER/32
    c5 fc 77                        = VZEROALL/32
    c4 e0 70 f2 c2                  = UD
    `,
  );
});

t.test('ModRM may require memory, require a register, allow either, or extend the opcode', async (t) => {
  shows(
    t,
    `
    8d 00                           = LEA/32 r0/32 ds:[r0+0]/0 base
    8d c0                           = UD
    0f 12 c1                        = MOVHLPS/32 x0/128 x1/128
    0f 12 01                        = MOVLPS/32 x0/128 ds:[r1+0]/64 base
    0f 01 c1                        = VMCALL/32
    0f 01 c2                        = UD
    8f c0                           = POP/64 r0/64
    8f c8                           = UD
    ff f8                           = UD
    8e c8                           = UD
    8e f0                           = UD
    8c f0                           = UD
    0f 20 c0                        = MOV/64 r0/64 control0
    44 0f 20 c0                     = MOV/64 r0/64 control8
    0f 22 00                        = MOV/64 control0 r0/64
    0f 20 c8                        = UD
    0f 21 e0                        = MOV/64 r0/64 debug4
    44 0f 21 c0                     = UD
    62 f1 7c 48 58 c1               = UD
    06                              = UD
    0f ff c1                        = UD0/32 r0/32 r1/32
    `,
  );
});

t.test('32-bit code: 66h and 67h give 16 bits, every override counts, and there is no REX', async (t) => {
  shows(
    t,
    `
    01 d8                           = ADD/32 r0/32 r3/32
    66 01 d8                        = ADD/16 r0/16 r3/16
    48                              = DEC/32 r0/32
    66 47                           = INC/16 r7/16
    50                              = PUSH/32 r0/32
    66 50                           = PUSH/16 r0/16
    06                              = PUSH/32
    60                              = PUSHA/32
    66 61                           = POPA/16
    8b 05 10 00 00 00               = MOV/32 r0/32 ds:[16]/32 general
    67 8b 06 10 80                  = MOV/32 r0/32 ds:[-32752]/32 general a16
    2e 8b 44 24 01                  = MOV/32 r0/32 cs:[r4+1]/32 general
    8b 44 24 01                     = MOV/32 r0/32 ss:[r4+1]/32 general
    64 26 8b 00                     = MOV/32 r0/32 es:[r0+0]/32 general
    a1 ff ff ff ff                  = MOV/32 r0/32 ds:[4294967295]/32 general
    67 a0 34 12                     = MOV/8 r0/8 ds:[4660]/8 general a16
    e8 fe ff ff ff                  = CALL/32 rip+-2
    66 e8 fe ff                     = CALL/16 rip+-2
    67 e2 fe                        = LOOP/32 rip+-2 a16
    ea 78 56 34 12 bc 9a            = JMP/32 #305419896 #39612
    66 9a 34 12 78 56               = CALL/16 #4660 #22136
    c4 00                           = LES/32 r0/32 ds:[r0+0]/0 general
    c4 e2 70 f2 c2                  = ANDN/32 r0/32 r1/32 r2/32
    c4 c2 b0 f2 c2                  = ANDN/32 r0/32 r1/32 r2/32
    c5 f4 58 c2                     = VADDPS/32 y0/256 y1/256 y2/256
    c4                              = end
    62 00                           = BOUND/32 r0/32 ds:[r0+0]/0 general
    62 c0                           = UD
    63 c8                           = ARPL/32 r0/16 r1/16
    82 c0 ff                        = ADD/8 r0/8 #255
    d4 0a                           = AAM/32 #10
    d6                              = SALC/32
    0f 20 d8                        = MOV/32 r0/32 control3
    0f 05                           = SYSCALL/32
    0f 01 f8                        = UD
    f3 a4                           = rep MOVS/8
    67 f3 a5                        = rep MOVS/32 a16
    f0 01 18                        = LOCK ADD/32 ds:[r0+0]/32 general r3/32
    f0 01 d8                        = UD
    `,
    32,
  );
});

t.test('16-bit code: 66h and 67h give 32 bits; addresses of BX, BP, SI and DI', async (t) => {
  shows(
    t,
    `
    01 d8                           = ADD/16 r0/16 r3/16
    66 01 d8                        = ADD/32 r0/32 r3/32
    40                              = INC/16 r0/16
    8b 00                           = MOV/16 r0/16 ds:[r3+r6*1+0]/16 general
    8b 01                           = MOV/16 r0/16 ds:[r3+r7*1+0]/16 general
    8b 02                           = MOV/16 r0/16 ss:[r5+r6*1+0]/16 general
    8b 43 80                        = MOV/16 r0/16 ss:[r5+r7*1+-128]/16 general
    8b 84 00 80                     = MOV/16 r0/16 ds:[r6+-32768]/16 general
    8b 05                           = MOV/16 r0/16 ds:[r7+0]/16 general
    8b 06 34 12                     = MOV/16 r0/16 ds:[4660]/16 general
    8b 46 00                        = MOV/16 r0/16 ss:[r5+0]/16 general
    8b 07                           = MOV/16 r0/16 ds:[r3+0]/16 general
    66 67 8b 04 c8                  = MOV/32 r0/32 ds:[r0+r1*8+0]/32 general a32
    a1 34 12                        = MOV/16 r0/16 ds:[4660]/16 general
    67 a1 78 56 34 12               = MOV/16 r0/16 ds:[305419896]/16 general a32
    b8 34 12                        = MOV/16 r0/16 #4660
    66 b8 78 56 34 12               = MOV/32 r0/32 #305419896
    e9 fe ff                        = JMP/16 rip+-2
    66 e9 fe ff ff ff               = JMP/32 rip+-2
    ea 34 12 78 56                  = JMP/16 #4660 #22136
    e3 fe                           = JRCXZ/16 rip+-2
    67 e3 fe                        = JRCXZ/16 rip+-2 a32
    c8 34 12 01                     = ENTER/16 #4660 #1
    0f 22 c0                        = MOV/32 control0 r0/32
    c4 e2 79 92 04 00               = UD
    67 c4 e2 69 92 04 08            = VGATHERDPS/32 x0/128 ds:[r0+0]/32 general x2/128 x1/128 a32
    `,
    16,
  );
});

t.test('more than 15 bytes are #GP, whatever they are; bytes missing before that give an end', async (t) => {
  const padded = (count: number, rest: string): string => [...Array<string>(count).fill('66'), rest].join(' ');
  t.equal(show(padded(14, '90')), 'NOP/16');
  t.equal(show(padded(15, '90')), 'GP');
  t.equal(show(padded(15, '06')), 'GP');
  t.equal(show(padded(14, '06')), 'UD');
  t.equal(show(padded(9, '01 80 00 00 00')), 'end');
  t.equal(show(padded(10, '01 80 00 00 00 00')), 'GP');
  t.equal(show(padded(9, '01 80 00 00 00 00')), 'ADD/16 ds:[r0+0]/16 base r0/16');
  t.equal(show(padded(14, '90'), 14), 'end');
  t.equal(show(padded(15, '90'), 15), 'GP');
  t.equal(show('0f', 1), 'end');
  t.equal(show('c4 e2', 2), 'end');
  t.equal(show('06', 0), 'end');
});

t.test('an instruction needs all of its bytes and depends on no others', async (t) => {
  const random = new Random(SEED);
  const wrong: string[] = [];
  for (const decoder of decoders.values())
    for (const form of decoder.forms) {
      const { bytes, instruction } = encodeForm(decoder, form, random);
      const surrounded = new Uint8Array(40).fill(random.below(256));
      surrounded.set(bytes, 7);
      const cut = random.below(bytes.length);
      const whole = decoder.decode(surrounded, 7, 7 + bytes.length);
      if (print(whole) !== print(instruction)) wrong.push(`${hexOf(bytes)} is not the same among other bytes`);
      if (decoder.decode(surrounded, 7, 7 + cut) !== 'end') wrong.push(`${hexOf(bytes)} cut to ${cut} bytes is no end`);
    }
  t.strictSame(wrong.slice(0, 10), []);
});

function print(result: Instruction | DecodeFailure): string {
  return JSON.stringify(result, (key, value: unknown) =>
    key === 'form' || typeof value === 'bigint' ? `${value}` : value,
  );
}

/** How decoder and iced-x86 compare on a stretch of bytes. */
class Comparison {
  readonly disagreements: string[] = [];
  agreedValid = 0;
  agreedInvalid = 0;
  /** Rows that had instructions. */
  readonly rows = new Set<Row>();
  /** Instructions beyond this CPU, by reason. */
  readonly beyond = new Map<string, number>();
  private readonly judged = new Judged();
  private readonly decoder: Decoder;

  constructor(readonly mode: CodeSize = 64) {
    this.decoder = decoders.get(mode)!;
  }

  /** Judges the instruction at `offset`, where iced-x86 has its position. Gives its length, 0 where it is invalid. */
  judge(judge: Judge, bytes: Uint8Array, offset: number): number {
    const { judged } = this;
    const rip = judge.ip;
    judge.decodeOut(judged);
    const length = judged.code === Code.INVALID ? 0 : judged.length;
    const ours = this.decoder.decode(bytes, offset, bytes.length);
    if (typeof ours === 'string') {
      if (length === 0) this.agreedInvalid++;
      else this.countBeyond(ours, hexOf(bytes.subarray(offset, offset + length)));
    } else if (length !== ours.length) {
      const name = `${ours.form.row.encoding} ${ours.form.row.mnemonic}`;
      this.disagree(bytes, offset, `${ours.length} bytes (${name}), not ${length}`);
    } else {
      this.agreedValid++;
      this.rows.add(ours.form.row);
      const differs = difference(ours, judged, rip);
      if (differs !== undefined) this.disagree(bytes, offset, differs);
    }
    return length;
  }

  report(t: Test): void {
    t.strictSame(this.disagreements.slice(0, 20), []);
    const reasons = [...this.beyond].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${reason} ${count}`);
    t.comment(
      `${this.mode} bits: ${this.agreedValid} valid in both, ${this.agreedInvalid} invalid in both; skipped: ${reasons.join('; ')}`,
    );
  }

  private countBeyond(failure: string, hex: string): void {
    const reason = failure === 'UD' ? beyondReason(this.judged) : undefined;
    if (reason === undefined) this.disagreements.push(`${hex}: ${failure}, not ${format(this.judged)}`);
    else this.beyond.set(reason, (this.beyond.get(reason) ?? 0) + 1);
  }

  private disagree(bytes: Uint8Array, offset: number, what: string): void {
    this.disagreements.push(`${hexOf(bytes.subarray(offset, offset + 16))}: ${what}: ${format(this.judged)}`);
  }
}

const STRING_BYTES = 16;
/** Of the code of a binary; that of the smallest, libz, has some 25,000. */
const FEWEST_INSTRUCTIONS = 10_000;

/** Judges strings of 16 bytes that stand one behind the other. */
function judgeStrings(comparison: Comparison, bytes: Uint8Array): void {
  const judge = new Judge(comparison.mode, bytes, DecoderOptions.None);
  for (let at = 0; at + STRING_BYTES <= bytes.length; at += STRING_BYTES) {
    judge.position = at;
    judge.ip = BigInt(at);
    comparison.judge(judge, bytes, at);
  }
  judge.free();
}

const PREFIX_SETS = ['', '66', 'f3', 'f2', '66 f3', '66 f2'];
const LEGACY_ESCAPES = ['', '0f', '0f 38', '0f 3a'];
/** ModRM with every reg and mod, and rm 0 and 4; with mod 3 every rm. */
const SOME_MODRM = Array.from({ length: 256 }, (_, modRM) => modRM).filter(
  (modRM) => modRM >= 0xc0 || (modRM & 3) === 0,
);

/** ModRM with every reg, in memory with rm 4 (SIB where there is one), and registers of which none has the number of another. */
const FEW_MODRM = SOME_MODRM.filter((modRM) => (modRM < 0x40 ? (modRM & 7) === 4 : modRM >= 0xc0));
const IS_LONG = volume(0, 1) === 1;

/** Every opcode of every map, with each mandatory prefix, REX.W and, for VEX, L, and some ModRM bytes. */
function* opcodeStarts(mode: CodeSize): Generator<number[]> {
  for (const prefixes of PREFIX_SETS)
    for (const rex of mode === 64 ? [[0x40], [0x48]] : [[]])
      for (const escape of LEGACY_ESCAPES) yield [...toBytes(prefixes), ...rex, ...toBytes(escape)];
  for (const map of [1, 2, 3]) for (let wLpp = 0; wLpp < 16; wLpp++) yield [0xc4, 0xe0 | map, vexByte(wLpp)];
  // Gathers need three different registers, and SIB.
  for (let wLpp = 0; wLpp < 16; wLpp++) yield [...(mode === 16 ? [0x67] : []), 0xc4, 0xe2, vexByte(wLpp) ^ 0x10];
}

const toBytes = (text: string): number[] => (text === '' ? [] : [...bytesOf(text)]);
/** WvvvvLpp with vvvv 1111. */
const vexByte = (wLpp: number): number => ((wLpp & 8) << 4) | 0x78 | (wLpp & 7);

for (const mode of MODES)
  t.test(`${mode} bits: iced-x86 agrees on every opcode, and every row is covered`, async (t) => {
    const comparison = new Comparison(mode);
    const modRMs = mode === 64 || IS_LONG ? SOME_MODRM : FEW_MODRM;
    for (const start of opcodeStarts(mode)) {
      const bytes = new Uint8Array(256 * modRMs.length * STRING_BYTES);
      let at = 0;
      for (let opcode = 0; opcode < 256; opcode++)
        for (const modRM of modRMs) {
          bytes.set(start, at);
          bytes.set([opcode, modRM], at + start.length);
          at += STRING_BYTES;
        }
      judgeStrings(comparison, bytes);
    }
    comparison.report(t);
    const rows = OPCODES.filter(({ modes }) => modes.includes(mode));
    t.strictSame(
      rows.filter((row) => !comparison.rows.has(row)).map(({ encoding, mnemonic }) => `${encoding} ${mnemonic}`),
      [],
    );
  });

const LEGACY_PREFIXES = bytesOf('26 2e 36 3e 64 65 66 67 f0 f2 f3');
const OPCODE_STARTS = ['0f', '0f', '0f 38', '0f 3a', 'c5', 'c4', 'c4'].map(bytesOf);

const MOST_PREFIXES = 6;

/** Half of the strings are random, half begin with 0 to 6 prefixes and an escape, so that all opcode maps are met often. */
function fillStrings(bytes: Uint8Array, random: Random, mode: CodeSize): void {
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) words[i] = random.next();
  for (let start = 0; start < bytes.length; start += 2 * STRING_BYTES) {
    let at = start;
    // None is as likely as any number of them.
    const prefixes = random.chance(2) ? 0 : 1 + random.below(MOST_PREFIXES);
    while (at < start + prefixes) bytes[at++] = LEGACY_PREFIXES[random.below(LEGACY_PREFIXES.length)]!;
    if (mode === 64 && random.chance(3)) bytes[at++] = 0x40 | random.below(16);
    if (random.chance(4)) continue;
    const escape = random.pick(OPCODE_STARTS);
    bytes.set(escape, at);
    at += escape.length;
    if (escape[0] === 0xc4) bytes[at] = (bytes[at]! & 0xe0) | (1 + random.below(3));
    // Outside 64-bit mode others are LES and LDS.
    if (mode !== 64 && escape[0]! >= 0xc4 && random.chance(2)) bytes[at]! |= 0xc0;
  }
}

for (const mode of MODES)
  t.test(`${mode} bits: iced-x86 agrees on validity, length, mnemonic and operands of random bytes`, async (t) => {
    const random = new Random(SEED);
    const comparison = new Comparison(mode);
    const bytes = new Uint8Array(50_000 * STRING_BYTES);
    const rounds = mode === 64 ? ROUNDS : ROUNDS_OUTSIDE_64;
    for (let round = 0; round < rounds; round++) {
      fillStrings(bytes, random, mode);
      judgeStrings(comparison, bytes);
    }
    comparison.report(t);
    t.ok(comparison.agreedValid > rounds * 5000, 'and the sample has enough instructions');
  });

interface Section {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** The executable sections of an ELF64 file. ELF-64 Object File Format, "Sections". */
function executableSections(path: string): Section[] {
  const file = readFileSync(path);
  const [table, size, count] = [Number(file.readBigUInt64LE(40)), file.readUInt16LE(58), file.readUInt16LE(60)];
  return Array.from({ length: count }, (_, i) => table + i * size)
    .filter((at) => file.readUInt32LE(at + 4) === 1 && (file.readUInt32LE(at + 8) & 4) !== 0)
    .map((at) => {
      const offset = Number(file.readBigUInt64LE(at + 24));
      const length = Number(file.readBigUInt64LE(at + 32));
      return { address: file.readBigUInt64LE(at + 16), bytes: Uint8Array.from(file.subarray(offset, offset + length)) };
    });
}

const LIBRARIES = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/usr/lib'];
const OPENBLAS = '/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0';
const LIBRARY_NAMES = [
  ...['libc.so.6', 'libstdc++.so.6', 'libcrypto.so.3', 'libm.so.6', 'libsodium.so.23', 'libx264.so.164', 'libvpx.so.7'],
  ...['libavcodec.so.59', 'libx265.so.199', 'libdav1d.so.6', 'libaom.so.3', 'libgmp.so.10', 'libgcrypt.so.20'],
  ...['libopus.so.0', 'libsqlite3.so.0', 'libjpeg.so.62', 'libpng16.so.16', 'libz.so.1'],
];
const PROGRAM_NAMES = ['bash', 'perl', 'git', 'python3', 'ld', 'as', 'gdb', 'openssl', 'tar', 'busybox'];
const CANDIDATES = [
  ...LIBRARY_NAMES.slice(0, 3).map((name) => LIBRARIES.map((folder) => `${folder}/${name}`)),
  ...PROGRAM_NAMES.map((name) => [`/usr/bin/${name}`]),
  ...LIBRARY_NAMES.slice(3).map((name) => LIBRARIES.map((folder) => `${folder}/${name}`)),
  [OPENBLAS],
];

/** Binaries that are decoded, of those that the machine has: five in `npm test`, all in `npm run test:long`. */
const FEWEST_BINARIES = 5;
const MOST_BINARIES = volume(FEWEST_BINARIES, CANDIDATES.length);

/** Different ELF64 binaries of this machine. */
function binaries(): string[] {
  const found = CANDIDATES.flatMap((paths) => paths.filter(existsSync).slice(0, 1)).map((path) => realpathSync(path));
  return [...new Set(found)].filter(isElf64).slice(0, MOST_BINARIES);
}

/** ELFCLASS64 and EM_X86_64. */
function isElf64(path: string): boolean {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    return (
      readSync(file, header) === 20 && header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[18] === 62
    );
  } finally {
    closeSync(file);
  }
}

/** Compares all code of a binary. */
function compareBinary(path: string): Comparison {
  const comparison = new Comparison();
  for (const { address, bytes } of executableSections(path)) {
    const judge = new Judge(64, bytes, DecoderOptions.None);
    judge.ip = address;
    // Where iced-x86 finds nothing, data lies between the code: one byte on, and again.
    for (let at = 0; at + STRING_BYTES <= bytes.length;) {
      judge.position = at;
      judge.ip = address + BigInt(at);
      at += comparison.judge(judge, bytes, at) || 1;
    }
    judge.free();
  }
  return comparison;
}

const found = binaries();
const missing = found.length < FEWEST_BINARIES && `needs five ELF64 binaries for x86-64, found ${found.length}`;

t.test('iced-x86 agrees on every instruction of real binaries', { skip: missing }, async (t) => {
  const decoded: DecodedBinary[] = [];
  for (const path of found) {
    const comparison = compareBinary(path);
    t.comment(path);
    comparison.report(t);
    t.ok(comparison.agreedValid > FEWEST_INSTRUCTIONS, `${path} has enough instructions`);
    const { agreedValid, beyond } = comparison;
    decoded.push({ name: basename(path), agreed: agreedValid, beyond: Object.fromEntries([...beyond].sort()) });
  }
  if (process.env['BD0_WRITE_TABLES'] === '1' && found.length > FEWEST_BINARIES)
    writeDecodedBinaries({ date: new Date().toISOString().slice(0, 10), binaries: decoded });
});
