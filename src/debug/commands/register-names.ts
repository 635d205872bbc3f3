import { SCALAR_REGISTERS, type RegisterName, type ScalarRegister } from '../target.js';

/** Names of registers as people type them, besides those of the port. */
const ALIASES: Readonly<Record<string, ScalarRegister>> = {
  ...{ pc: 'rip', sp: 'rsp', fp: 'rbp', eflags: 'rflags', fs_base: 'fsBase', gs_base: 'gsBase' },
};

/** General registers and rip, in the order in which they are shown. */
export const SHOWN_REGISTERS: readonly ScalarRegister[] = [
  ...(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip'] as const),
];

/** The register of 64 bits or less that has a name; undefined if there is none. */
export function scalarNamed(name: string): ScalarRegister | undefined {
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : SCALAR_REGISTERS.find((scalar) => scalar === name);
}

/** The register that has a name; undefined if there is none. */
export function registerNamed(name: string): RegisterName | undefined {
  return /^(xmm([0-9]|1[0-5])|ymm([0-9]|1[0-5])h)$/.test(name) ? (name as RegisterName) : scalarNamed(name);
}

/** The name of a register as it is shown: `fs_base`. */
export function shownName(name: ScalarRegister): string {
  return name.replace('Base', '_base');
}

/** The flags that are set, by their names in the SDM: `CF ZF`. */
export function flagsText(rflags: bigint): string {
  const names = Object.entries({ CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, IF: 9, DF: 10, OF: 11 });
  return names.flatMap(([name, bit]) => ((rflags >> BigInt(bit)) & 1n ? [name] : [])).join(' ');
}
