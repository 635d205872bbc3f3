import { FS, GS } from '../../../cpu/state/layout.js';
import { isCanonical } from '../../../bits.js';
import { ENDED, type CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { put64 } from '../user-data.js';

const { EINVAL, EPERM } = LinuxErrno;

/* arch/x86/include/uapi/asm/prctl.h */
const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

function exitGroup({ kernel, process }: LinuxContext, code: bigint): CallResult {
  kernel.end(process, Number(code & 0xffn));
  return ENDED;
}

function exit({ kernel, thread }: LinuxContext, code: bigint): CallResult {
  kernel.endThread(thread, Number(code & 0xffn));
  return ENDED;
}

function archPrctl(context: LinuxContext, code: bigint, address: bigint): CallResult {
  const { registers } = context;
  switch (signed32(code)) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (!isCanonical(address) || address >> 47n) return failed(EPERM);
      registers.setSegmentBase(signed32(code) === ARCH_SET_FS ? FS : GS, address);
      return 0n;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
      return put64(context, address, registers.segmentBase(signed32(code) === ARCH_GET_FS ? FS : GS));
    default:
      return failed(EINVAL);
  }
}

export const PROCESS_CALLS: readonly LinuxCall[] = [
  { number: 60, name: 'exit', parameters: ['status'], perform: exit, state: 'whole', differs: '' },
  { number: 231, name: 'exit_group', parameters: ['status'], perform: exitGroup, state: 'whole', differs: '' },
  {
    ...{ number: 158, name: 'arch_prctl', parameters: ['code', 'address'], perform: archPrctl },
    ...{ state: 'part', differs: 'The bases of FS and GS alone.' },
  },
];
