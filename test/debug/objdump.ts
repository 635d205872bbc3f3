/** GNU objdump as judge of the instruction texts. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { requireCommand } from '../support/guest-programs.js';

/** What objdump says of the instruction at an address. */
export interface Judged {
  readonly rip: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
}

requireCommand('objdump', 'binutils');

const COMMON = ['-M', 'intel', '--wide', '--insn-width=15'];
const RAW = ['-D', '-b', 'binary', '-m', 'i386:x86-64'];

/** The instructions of the executable sections of an ELF file. */
export function disassembleFile(path: string): Judged[] {
  return judge(['-d', ...COMMON, path]);
}

/** The instructions of bare bytes at address 0, by way of a file that is made at `path`. */
export function disassembleBytes(bytes: Uint8Array, path: string): Judged[] {
  writeFileSync(path, bytes);
  return judge([...RAW, '--disassemble-zeroes', ...COMMON, path]);
}

function judge(options: readonly string[]): Judged[] {
  const { status, stdout, stderr } = spawnSync('objdump', options, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(stderr);
  const lines = stdout.matchAll(/^ *([0-9a-f]+):\t([0-9a-f ]+?) *\t(.*)$/gm);
  return Array.from(lines, ([, rip, bytes, text]) => ({
    rip: BigInt(`0x${rip}`),
    bytes: Uint8Array.from(bytes!.split(' '), (byte) => parseInt(byte, 16)),
    text: text!,
  }));
}

/** `-0x10` is 0xfffffffffffffff0, or 32 bits of it. */
function absolute(_: string, segment: string | undefined, file: string, displacement: string): string {
  const value = displacement.startsWith('-') ? -BigInt(displacement.slice(1)) : BigInt(displacement);
  return `${segment ?? 'ds:'}0x${BigInt.asUintN(file === 'e' ? 32 : 64, value).toString(16)}`;
}

type Replacement = string | ((match: string, ...groups: string[]) => string);

/** What objdump shows of the encoding, and nothing decoded knows, as it changes nothing; and what it writes otherwise. */
const REPLACED: readonly (readonly [what: string, pattern: RegExp, replacement: Replacement])[] = [
  ['prefixes that change nothing', /\b(rex(\.[wrxb]+)?|data16|[cdes]s|notrack|bnd) /g, ''],
  ['REP of what does not repeat', /^repz ret/, 'ret'],
  ['a displacement of 0', /(?<=\[[^\]+]+(\+[^\]+*]+\*[1248])?)\+0x0\]/g, ']'],
  ['an index that is none, beside a base', /\+[re]iz\*[1248]/g, ''],
  ['an index that is none, alone', /([d-g]s:)?\[([re])iz\*[1248]\+?(-?0x[0-9a-f]+)\]/g, absolute],
  ['an address beyond 32 bits', /(?<=\[eip.*# 0x)ffffffff(?=.)/g, ''],
  ['the target of a branch without 0x', /^((?:[a-z]*call|j[a-z]+|loop[a-z]*) )(?=[0-9a-f]+$)(?!0x)/, '$10x'],
  ['the target of an address without 0x', /# (?!0x)/, '# 0x'],
];

/** In lower case, one space where there are more, without symbols and what shows of the encoding only. */
export function normalized(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/ <.*?>/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return REPLACED.reduce((rest, [, pattern, by]) => rest.replace(pattern, by as string), plain);
}

/** Where the formatter differs from objdump, knowingly: `ours | theirs`. */
export const DIFFERENCES: readonly (readonly [why: string, pattern: RegExp])[] = [
  ['far pointers of REX.W have 64 bits of offset here, as Intel has them', /tbyte ptr .* \| .*fword ptr /],
  ['hints are NOPs here, known or reserved', /^nop .* \| (addr32 )?(bnd|cldemote|prefetch)/],
  ['so is what CET has made of one', /^nop .* \| (endbr(32|64)|rdssp[dq])/],
  ['prefetches of a register are NOPs', /^prefetch\w+ \w+ \| (nop |prefetchw \(bad\))/],
  ['MOVMSKPS and the like write 32 bits', /^v?p?movmskp?[sdb] e?[a-z0-9]+,.* \| v?p?movmskp?[sdb] r/],
  [
    'MOVSXD reads as many bits as it writes',
    /^movsxd (\w+),(word ptr .*|\w+) \| movsxd \1,(dword ptr|e[a-z]+$|r\d+d$)/,
  ],
  ['objdump does not know the second encodings of x87', /^(fstp|fstpnce|fxch|fcom|fcomp) st\(\d\) \| \(bad\)$/],
  ['objdump tells which processors knew an instruction', /^(fn\w+) \| \1 ?\(\d+ only\)$/],
  ['FWAIT is apart from its REX', /^fwait \| rex/],
  ['WBINVD takes any prefix', /^wbinvd \| \(bad\)$/],
  ['L of a scalar is ignored', /^vmovs[sd] xmm.* \| vmovs[sd] ymm/],
  // Two immediates in 256, so that no sample is sure to have one.
  ['objdump names products by 2 and 3 as by 10h and 11h (seldom)', /^v?pclmulqdq .*,0x[23] \| v?pclmul(lq|hq)hqdq /],
  ['the register of a fence is ignored', /^[lms]fence \| .*\(bad\)/],
];
