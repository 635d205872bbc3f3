/** What an instruction is that this CPU does not have: the extension of x86-64 that it belongs to, or a call of Linux. */

/* Prefixes. SDM Vol. 2A 2.1.1 "Instruction Prefixes", 2.3 "VEX", 2.7 "EVEX" */
const LEGACY_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const OPERAND_SIZE = 0x66;

const LINUX_CALLS: readonly (readonly number[])[] = [
  [0x0f, 0x05], // SYSCALL
  [0x0f, 0x34], // SYSENTER
  [0xcd, 0x80], // INT 80h
];

/** True where the instruction is how a Linux program calls its kernel. */
export function isLinuxCall(code: Uint8Array): boolean {
  return LINUX_CALLS.some(([first, second]) => code[0] === first && code[1] === second);
}

/** The extension that an undecodable instruction belongs to, such as `AVX`, by its prefixes and opcode map. */
export function extensionOf(code: Uint8Array): string | undefined {
  let at = 0;
  const prefixes = new Set<number>();
  while (LEGACY_PREFIXES.includes(code[at] ?? 0)) prefixes.add(code[at++]!);
  if (((code[at] ?? 0) & 0xf0) === 0x40) at++; // REX
  const [opcode, second, third] = [code[at], code[at + 1], code[at + 2]];
  if (opcode === undefined) return undefined;
  if (opcode === 0x62) return 'AVX-512';
  if (opcode === 0xc5) return 'AVX';
  if (opcode === 0xc4) return vexExtension((second ?? 0) & 0x1f, code[at + 3]);
  if (opcode >= 0xd8 && opcode <= 0xdf) return 'x87';
  if (opcode !== 0x0f || second === undefined) return undefined;
  if (second === 0x38) return third === undefined ? undefined : map38(third, prefixes);
  if (second === 0x3a) return third === undefined ? undefined : map3a(third);
  return twoByteExtension(second, third, prefixes);
}

/** The three-byte VEX prefix: AVX, except that general registers are BMI's. SDM Vol. 2A table 2-9 */
function vexExtension(map: number, opcode: number | undefined): string {
  if (map === 2 && opcode !== undefined) {
    if (opcode === 0xf5 || opcode === 0xf6) return 'BMI2';
    if (opcode === 0xf2 || opcode === 0xf3) return 'BMI1';
    if (opcode === 0xf7) return 'BMI1 or BMI2';
    if (opcode >= 0x96 && opcode <= 0xbf) return 'FMA';
    if (opcode === 0x13) return 'F16C';
  }
  if (map === 3 && opcode === 0xf0) return 'BMI2';
  if (map === 3 && opcode === 0x1d) return 'F16C';
  return 'AVX';
}

/** Opcodes 0F 38. SDM Vol. 2D table A-4 */
function map38(opcode: number, prefixes: ReadonlySet<number>): string | undefined {
  if (opcode <= 0x0b || (opcode >= 0x1c && opcode <= 0x1e)) return 'SSSE3';
  if (opcode === 0xf0 || opcode === 0xf1) return prefixes.has(0xf2) ? 'SSE4.2' : 'MOVBE';
  if (opcode === 0x37) return 'SSE4.2';
  if (opcode >= 0x10 && opcode <= 0x41) return 'SSE4.1';
  if (opcode >= 0xc8 && opcode <= 0xcd) return 'SHA';
  if (opcode === 0xcf) return 'GFNI';
  if (opcode >= 0xdb && opcode <= 0xdf) return 'AES';
  return opcode === 0xf6 && (prefixes.has(OPERAND_SIZE) || prefixes.has(0xf3)) ? 'ADX' : undefined;
}

/** Opcodes 0F 3A. SDM Vol. 2D table A-5 */
function map3a(opcode: number): string | undefined {
  if (opcode === 0x0f) return 'SSSE3';
  if (opcode === 0x44) return 'PCLMULQDQ';
  if (opcode >= 0x60 && opcode <= 0x63) return 'SSE4.2';
  if (opcode === 0xcc) return 'SHA';
  if (opcode === 0xce || opcode === 0xcf) return 'GFNI';
  if (opcode === 0xdf) return 'AES';
  return opcode >= 0x08 && opcode <= 0x42 ? 'SSE4.1' : undefined;
}

/** Opcodes 0F. SDM Vol. 2D table A-3 */
function twoByteExtension(
  opcode: number,
  modrm: number | undefined,
  prefixes: ReadonlySet<number>,
): string | undefined {
  const repeats = prefixes.has(0xf3);
  if (opcode === 0x0f) return '3DNow!';
  if (opcode === 0xb8 && repeats) return 'POPCNT';
  if (opcode === 0xbd && repeats) return 'LZCNT';
  if (opcode === 0xbc && repeats) return 'BMI1';
  if (prefixes.has(0xf2) && (opcode === 0x7c || opcode === 0x7d || opcode === 0xd0 || opcode === 0xf0)) return 'SSE3';
  if (prefixes.has(OPERAND_SIZE) && (opcode === 0x7c || opcode === 0x7d || opcode === 0xd0)) return 'SSE3';
  if ((repeats && (opcode === 0x12 || opcode === 0x16)) || (prefixes.has(0xf2) && opcode === 0x12)) return 'SSE3';
  if (opcode === 0x01 && (modrm === 0xc8 || modrm === 0xc9)) return 'MONITOR';
  const isMmx =
    prefixes.size === 0 &&
    ((opcode >= 0x60 && opcode <= 0x7f && opcode !== 0x78 && opcode !== 0x79) || (opcode >= 0xd1 && opcode !== 0xff));
  return isMmx ? 'MMX' : undefined;
}
