/** What the native oracle must not run: it reaches Linux or the hypervisor, or answers with what those make up. */

import { INT3 } from './layout.js';

/** Instructions of which no case is ever run, with the reason: every encoding of theirs is refused. */
export const NEVER_RUN: Readonly<Record<string, string>> = {
  SYSCALL: 'a system call of Linux',
  SYSENTER: 'a system call of Linux',
  VMCALL: 'calls the hypervisor',
  SGDT: 'Linux emulates it',
  SIDT: 'Linux emulates it',
  SLDT: 'Linux emulates it',
  SMSW: 'Linux emulates it',
  STR: 'Linux emulates it',
  XRSTOR: 'could load PKRU',
  XRSTOR64: 'could load PKRU',
};

/** SDM Vol. 2A 2.1.1 "Instruction Prefixes" and 2.2.1 "REX Prefixes". */
function isPrefix(byte: number): boolean {
  return (byte & 0xf0) === 0x40 || [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte);
}

const LINUX_EMULATES = 'Linux emulates it where CR4.UMIP is set';

/** The reasons within group 7, `0F 01`. */
function refusalOfGroup7(modrm: number): string | undefined {
  switch (modrm) {
    case 0xc1:
    case 0xd9:
      return 'VMCALL and VMMCALL call the hypervisor under Linux';
    case 0xd7:
      return 'ENCLU enters an enclave';
    case 0xef:
      return 'WRPKRU could take the harness its memory';
  }
  const extension = (modrm >> 3) & 7;
  if (extension === 4 || (modrm < 0xc0 && extension < 2)) return `SGDT, SIDT, SMSW: ${LINUX_EMULATES}`;
  return undefined;
}

/** Why the oracle does not run `bytes`; undefined if it does. */
export function refusal(bytes: Uint8Array): string | undefined {
  let at = 0;
  while (at < bytes.length && isPrefix(bytes[at]!)) at++;
  const [first = INT3, second = INT3, third = INT3] = bytes.subarray(at);
  if (first === 0xcd && second === 0x80) return 'INT 80h is a system call of Linux';
  if (first !== 0x0f) return undefined;
  switch (second) {
    case 0x05:
      return 'SYSCALL is a system call of Linux';
    case 0x34:
      return 'SYSENTER is a system call of Linux';
    case 0x00:
      return ((third >> 3) & 7) < 2 ? `SLDT, STR: ${LINUX_EMULATES}` : undefined;
    case 0x01:
      return refusalOfGroup7(third);
    case 0xae:
      return third < 0xc0 && ((third >> 3) & 7) === 5 ? 'XRSTOR could load PKRU' : undefined;
    default:
      return undefined;
  }
}
